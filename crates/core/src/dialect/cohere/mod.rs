//! Cohere v2 chat: <https://docs.cohere.com/v2/reference/chat>.
//!
//! An upstream's dialect only: `encode` and `turns` write requests, `reply` reads replies and streams. No route takes
//! requests in it; what a client of it would need refuses.

mod encode;
mod reply;
mod turns;

pub use encode::encode_request;
pub use reply::{StreamDecoder, decode_reply};

use http::StatusCode;

use crate::dialect::ReplyContext;
use crate::hub::{Event, Failure, Reply, Request};
use crate::json::WireError;

/// May a request be translated to and from this dialect?
pub const TRANSLATED: bool = true;

/// Decodes a request.
pub fn decode_request(_body: &str) -> Result<Request<'_>, WireError> {
    Err(WireError::new("", "requests in the Cohere dialect are not taken"))
}

/// Encodes a whole reply.
pub fn encode_reply(_reply: &Reply, _context: &ReplyContext) -> Vec<u8> {
    Vec::new()
}

/// Status and body of a failure.
pub fn encode_error(failure: &Failure, _request_id: &str) -> (StatusCode, Vec<u8>) {
    (failure.status, Vec::new())
}

/// Is `body` an error that this dialect's SDKs understand?
pub const fn has_error_envelope(_body: &[u8]) -> bool {
    true
}

/// A failure in the middle of a relayed stream.
pub const fn encode_stream_error(_failure: &Failure, _request_id: &str) -> Vec<u8> {
    Vec::new()
}

/// Turns events into a stream.
#[derive(Debug)]
pub struct StreamEncoder;

impl StreamEncoder {
    pub fn new(_context: ReplyContext) -> Self {
        Self
    }

    pub fn push(&mut self, _event: &Event<'_>, _out: &mut Vec<u8>) {}

    pub fn fail(&mut self, _failure: &Failure, _out: &mut Vec<u8>) {}

    pub fn keep_alive(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b": keep-alive\n\n");
    }
}
