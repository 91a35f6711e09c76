//! The hub: the one form every dialect is translated to and from.
//!
//! Each dialect is a spoke with four halves: requests and replies, in and out. A JSON reply is the `fold` of the
//! stream events, so streamed and whole replies share one translation. Hub types borrow the caller's text and do not
//! derive serde: a serialized type is a promise to somebody outside.

mod alias;
pub mod arguments;
pub mod base64;
mod calls;
mod documented;
mod event;
mod failure;
mod fold;
pub mod free_text;
pub mod history;
mod loss;
pub mod media;
mod names;
pub mod opaque;
mod request;
pub mod schema;
mod sequence;
mod unwrap;
mod usage;

pub use alias::{Aliases, digest};
pub use calls::Calls;
pub use documented::{Documented, described};
pub use event::{BlockStart, Citation, Delta, Event, Named, Stop, StopReason};
pub use failure::{ErrorKind, Failure, Origin};
pub use fold::{Block, Fold, Reply};
pub use loss::{Action, Loss, Losses, Untranslatable};
pub use names::Names;
pub use opaque::{Opaque, OpaqueKind, Place};
pub use request::{
    Arguments, CacheMark, Document, Effort, Form, Image, MediaSource, OutputFormat, Part, Reasoning, ReasoningMode,
    ReasoningWish, Request, Role, Sampling, Text, Tool, ToolCall, ToolChoice, ToolKind, ToolResult, Turn,
};
pub use sequence::Sequencer;
pub use unwrap::Unwrap;
pub use usage::{Tier, Usage, is_other_service, reported_cost};
