//! OpenAI Chat Completions: <https://platform.openai.com/docs/api-reference/chat>.
//!
//! Not one dialect but a family: what a provider refuses or spells otherwise is data ([`crate::provider::Quirks`]), and
//! the readers take every shape seen in the wild.

mod encode;
mod error;
mod reply;
mod request;
mod wire;
mod write;

pub use encode::encode_request;
pub use error::{encode_error, encode_stream_error, has_error_envelope};
pub use reply::{StreamDecoder, decode_reply};
pub use request::{decode_members, decode_request};
pub use write::{StreamEncoder, encode_reply};
