//! Google Gemini: <https://ai.google.dev/api/generate-content>.
//!
//! Not translated yet: the functions below refuse, and nothing routes here while [`TRANSLATED`] is false.

use http::StatusCode;

use crate::dialect::{Encoded, ReplyContext, Target};
use crate::hub::{Aliases, Event, Failure, Reply, Request, Untranslatable};
use crate::json::WireError;
use crate::provider::Quirks;

/// May a request be translated to and from this dialect?
pub const TRANSLATED: bool = false;

/// Decodes a request.
pub fn decode_request(_body: &str) -> Result<Request<'_>, WireError> {
    Err(WireError::new("", "Gemini is relayed only, not translated"))
}

/// Encodes a request.
pub fn encode_request(_request: &Request<'_>, _target: &Target<'_>) -> Result<Encoded, Untranslatable> {
    Err(Untranslatable::new("model", "this provider speaks Gemini only, which is not translated"))
}

/// Decodes a whole reply.
pub fn decode_reply<'a>(_body: &'a str, _quirks: &Quirks, _aliases: &Aliases) -> Result<Vec<Event<'a>>, WireError> {
    Err(WireError::new("", "Gemini is relayed only, not translated"))
}

/// Encodes a whole reply.
pub fn encode_reply(_reply: &Reply, _context: &ReplyContext) -> Vec<u8> {
    Vec::new()
}

/// Why a reply cannot be told in this dialect, if it cannot.
pub const fn unsound_call(_reply: &Reply) -> Option<Failure> {
    None
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

/// Turns a stream into events.
#[derive(Debug)]
pub struct StreamDecoder;

impl StreamDecoder {
    pub fn new(_quirks: &Quirks, _aliases: Aliases) -> Self {
        Self
    }

    pub fn push<'f>(&mut self, _name: Option<&str>, _data: &'f str, _out: &mut Vec<Event<'f>>) {}

    pub fn finish(&mut self, _out: &mut Vec<Event<'static>>) {}
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
