//! The black-box tests of core: golden files, tables and properties.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_stack_arrays,
    clippy::too_many_lines,
    reason = "a test that cannot go on must stop where it is"
)]

mod anthropic;
mod cohere;
mod corpus;
mod endpoints;
mod exchange;
mod gemini;
mod harness;
mod images;
mod matrix;
mod openai_chat;
mod openai_responses;
mod pitfalls;
mod prices;
mod properties;
mod providers;
mod relay;
mod reply_headers;
mod settings;
mod stored;
mod upstream_error;
