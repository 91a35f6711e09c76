//! One request from its body to its record, as a state machine: news goes in, instructions come out.

mod input;

pub use input::{Body, Input, Outgoing, Reach, Step, TransportError, TransportErrorKind};
