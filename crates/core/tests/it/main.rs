//! The black-box tests of core: golden files, tables and properties.

mod anthropic;
mod openai_chat;
mod upstream_error;
