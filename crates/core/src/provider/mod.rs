//! Providers as data.

mod quirks;

pub use quirks::{ContentForm, LimitField, Patch, Quirks, ReasoningField, StreamUsage, ToolId};
