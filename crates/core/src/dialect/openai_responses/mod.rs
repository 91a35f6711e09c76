//! OpenAI Responses: <https://platform.openai.com/docs/api-reference/responses>.
//!
//! A reply is a list of items, not a message: reasoning, messages and calls each stand for themselves, and the stream tells
//! every step of every item. Other providers serve the same form with gaps; the readers take them.

mod echo;
mod emit;
mod encode;
mod error;
mod mend;
mod own;
mod past;
mod reply;
mod request;
mod stored;
mod wire;

pub use echo::Echo;
pub use emit::{StreamEncoder, encode_reply};
pub use encode::encode_request;
pub use error::encode_stream_error;
pub use mend::Mend;
pub use own::rewrite_request;
pub use past::{REFERENCE, continued, input_items, references, resolved};
pub use reply::{StreamDecoder, decode_reply};
pub use request::{decode_members, decode_request, own_terms};
pub use stored::{Page, deleted, input_page, item_ids};
