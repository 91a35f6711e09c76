//! Cohere v2 chat: whatever a client or an upstream sends, reading it neither fails badly nor makes broken output.
#![no_main]

#[path = "shared/dialect.rs"]
mod dialect;

use apex_core::dialect::Dialect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| dialect::check(Dialect::Cohere, input));
