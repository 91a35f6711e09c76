//! The black-box tests of core: golden files, tables and properties.

mod anthropic;
mod exchange;
mod harness;
mod openai_chat;
mod providers;
mod relay;
mod upstream_error;
