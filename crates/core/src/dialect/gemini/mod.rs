//! Google Gemini: <https://ai.google.dev/api/generate-content>.
//!
//! `request` reads requests, `encode` writes them, fitted to the model's generation (`models`, `schema`), `own` leaves other
//! models' state out of one of its own; `reply` reads
//! replies, `write` writes them, `error` says what went wrong. The model and the wish for a stream stand in the path.

mod encode;
mod error;
mod models;
mod own;
mod reply;
mod request;
mod schema;
mod wire;
mod write;

pub use encode::encode_request;
pub use error::{encode_error, encode_stream_error, has_error_envelope};
pub use own::rewrite_request;
pub use reply::{StreamDecoder, decode_reply};
pub use request::{decode_members, decode_request};
pub use write::{StreamEncoder, encode_reply};

/// May a request be translated to and from this dialect?
pub const TRANSLATED: bool = true;
