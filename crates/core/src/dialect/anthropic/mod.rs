//! Anthropic Messages: <https://docs.anthropic.com/en/api/messages>.
//!
//! `request` and `blocks` read requests, `encode` writes them (`own` for requests that came in this dialect, the rest for
//! all others), `reply` and `stream` read replies, `emit` writes them, `error` says what went wrong.

mod blocks;
mod emit;
mod encode;
mod error;
mod models;
mod reply;
mod request;
mod schema;
mod stream;

pub use emit::{StreamEncoder, encode_reply};
pub use encode::encode_request;
pub use error::{encode_error, encode_stream_error, has_error_envelope};
pub use reply::decode_reply;
pub use request::{decode_members, decode_request};
pub use stream::StreamDecoder;
