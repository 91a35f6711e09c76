//! OpenAI Responses: <https://platform.openai.com/docs/api-reference/responses>.
//!
//! Not translated yet: the functions below refuse, and nothing routes here while [`TRANSLATED`] is false.

use crate::dialect::{Encoded, ReplyContext, Target};
use crate::hub::{Aliases, Event, Failure, Reply, Request, Untranslatable};
use crate::json::WireError;
use crate::provider::Quirks;

/// May a request be translated to and from this dialect?
pub const TRANSLATED: bool = false;

/// Decodes a request.
pub fn decode_request(_body: &str) -> Result<Request<'_>, WireError> {
    Err(WireError::new("", "OpenAI Responses is relayed only, not translated"))
}

/// Encodes a request.
pub fn encode_request(_request: &Request<'_>, _target: &Target<'_>) -> Result<Encoded, Untranslatable> {
    Err(Untranslatable::new("model", "this provider speaks OpenAI Responses only, which is not translated"))
}

/// Decodes a whole reply.
pub fn decode_reply<'a>(_body: &'a str, _quirks: &Quirks, _aliases: &Aliases) -> Result<Vec<Event<'a>>, WireError> {
    Err(WireError::new("", "OpenAI Responses is relayed only, not translated"))
}

/// Encodes a whole reply.
pub fn encode_reply(_reply: &Reply, _context: &ReplyContext) -> Vec<u8> {
    Vec::new()
}

/// A failure in the middle of a relayed stream. Responses clients look for the nested member (SDKs) or `response.failed`
/// (Codex); a relay knows no response object to put into the latter, so it sends both forms that can stand alone
/// (<https://platform.openai.com/docs/api-reference/responses-streaming>).
pub fn encode_stream_error(failure: &Failure) -> Vec<u8> {
    let code = failure.code.as_deref().unwrap_or("server_error");
    let mut out = b"event: error\ndata: ".to_vec();
    crate::json::object(&mut out, |o| {
        o.text("type", "error");
        o.text("code", code);
        o.text("message", &failure.message);
        o.null("param");
        o.obj("error", |e| {
            e.text("type", "server_error");
            e.text("code", code);
            e.text("message", &failure.message);
        });
    });
    out.extend_from_slice(b"\n\n");
    out
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
