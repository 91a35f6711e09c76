//! The dialects on the wire, one folder each, and the one place that picks between them.
//!
//! A dialect folder has `wire.rs` (names and spec links), `request.rs`, `response.rs`, `stream.rs` and `error.rs`. No
//! dialect imports another: what two need is in the hub.

use std::fmt;
use std::str::FromStr;

use http::StatusCode;

use crate::hub::{Aliases, Event, Failure, Losses, Reply, Request, Untranslatable};
use crate::json::WireError;
use crate::provider::Quirks;

pub mod anthropic;
pub mod openai_chat;

/// A wire dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Chat Completions.
    OpenAiChat,
    /// OpenAI Responses.
    OpenAiResponses,
}

impl Dialect {
    /// Its name in configuration, headers and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiResponses => "openai-responses",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Dialect {
    type Err = ();
    fn from_str(s: &str) -> Result<Self, ()> {
        [Self::Anthropic, Self::OpenAiChat, Self::OpenAiResponses].into_iter().find(|d| d.as_str() == s).ok_or(())
    }
}

/// What an encoder of requests needs to know of the target.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The upstream's model name, as it will be sent (without `#provider`).
    pub model: &'a str,
    /// What this provider takes and refuses.
    pub quirks: &'a Quirks,
}

/// An encoded request.
#[derive(Debug)]
pub struct Encoded {
    pub body: Vec<u8>,
    pub losses: Losses,
    pub aliases: Aliases,
    /// Headers the target needs (for example `anthropic-version`).
    pub headers: Vec<(&'static str, String)>,
}

/// What an encoder of replies needs to know of the request it answers.
#[derive(Clone, Debug)]
pub struct ReplyContext {
    /// The model name the client asked for, echoed in the reply.
    pub client_model: String,
    /// Token for minted ids (24 characters); the dialect adds its prefix (`msg_`, `chatcmpl-`).
    pub id: String,
    /// Seconds since the Unix epoch.
    pub created: u64,
    /// A streaming Chat client asked for the usage chunk.
    pub include_usage: bool,
    /// Our request id, for Anthropic error bodies.
    pub request_id: String,
}

/// Decodes a request of `dialect`.
pub fn decode_request(dialect: Dialect, body: &str) -> Result<Request<'_>, WireError> {
    match dialect {
        Dialect::Anthropic => anthropic::decode_request(body),
        Dialect::OpenAiChat => openai_chat::decode_request(body),
        Dialect::OpenAiResponses => Err(WireError::new("", "OpenAI Responses is relayed only, not translated")),
    }
}

/// Encodes a request for an upstream of `dialect`.
pub fn encode_request(dialect: Dialect, request: &Request<'_>, target: &Target<'_>) -> Result<Encoded, Untranslatable> {
    match dialect {
        Dialect::Anthropic => anthropic::encode_request(request, target),
        Dialect::OpenAiChat => openai_chat::encode_request(request, target),
        Dialect::OpenAiResponses => {
            Err(Untranslatable::new("model", "this provider speaks OpenAI Responses only; call /v1/responses"))
        }
    }
}

/// Decodes a whole reply of an upstream of `dialect`.
pub fn decode_reply<'a>(
    dialect: Dialect,
    body: &'a str,
    quirks: &Quirks,
    aliases: &Aliases,
) -> Result<Vec<Event<'a>>, WireError> {
    match dialect {
        Dialect::Anthropic => anthropic::decode_reply(body, quirks, aliases),
        Dialect::OpenAiChat => openai_chat::decode_reply(body, quirks, aliases),
        Dialect::OpenAiResponses => Err(WireError::new("", "OpenAI Responses is relayed only, not translated")),
    }
}

/// Encodes a whole reply for a client of `dialect`.
pub fn encode_reply(dialect: Dialect, reply: &Reply, context: &ReplyContext) -> Vec<u8> {
    match dialect {
        Dialect::Anthropic => anthropic::encode_reply(reply, context),
        Dialect::OpenAiChat | Dialect::OpenAiResponses => openai_chat::encode_reply(reply, context),
    }
}

/// Why a whole reply cannot be told in `dialect`, if it cannot: a tool call whose arguments are no JSON object.
pub fn unsound(dialect: Dialect, reply: &Reply) -> Option<Failure> {
    match dialect {
        Dialect::Anthropic => anthropic::unsound_call(reply),
        // Arguments are text there.
        Dialect::OpenAiChat | Dialect::OpenAiResponses => None,
    }
}

/// Status and body of a failure for a client of `dialect`. All of OpenAI's dialects share one envelope.
pub fn encode_error(dialect: Dialect, failure: &Failure, request_id: &str) -> (StatusCode, Vec<u8>) {
    match dialect {
        Dialect::Anthropic => anthropic::encode_error(failure, request_id),
        Dialect::OpenAiChat | Dialect::OpenAiResponses => openai_chat::encode_error(failure, request_id),
    }
}

/// Is `body` an error that the SDKs of `dialect` understand?
pub fn has_error_envelope(dialect: Dialect, body: &[u8]) -> bool {
    match dialect {
        Dialect::Anthropic => anthropic::has_error_envelope(body),
        Dialect::OpenAiChat | Dialect::OpenAiResponses => openai_chat::has_error_envelope(body),
    }
}

/// A failure in the middle of a relayed stream, as its last event.
pub fn encode_stream_error(dialect: Dialect, failure: &Failure, request_id: &str) -> Vec<u8> {
    match dialect {
        Dialect::Anthropic => anthropic::encode_stream_error(failure, request_id),
        Dialect::OpenAiChat => openai_chat::encode_stream_error(failure, request_id),
        Dialect::OpenAiResponses => responses_stream_error(failure),
    }
}

/// Responses clients look for the nested member (SDKs) or `response.failed` (Codex); a relay knows no response object to
/// put into the latter, so it sends both forms that can stand alone
/// (<https://platform.openai.com/docs/api-reference/responses-streaming>).
fn responses_stream_error(failure: &Failure) -> Vec<u8> {
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

/// Turns an upstream's stream into events.
#[derive(Debug)]
pub enum StreamDecoder {
    Anthropic(anthropic::StreamDecoder),
    OpenAiChat(openai_chat::StreamDecoder),
}

impl StreamDecoder {
    /// A decoder for a stream of `dialect`, which must be one that is translated.
    pub fn new(dialect: Dialect, quirks: &Quirks, aliases: Aliases) -> Self {
        match dialect {
            Dialect::Anthropic => Self::Anthropic(anthropic::StreamDecoder::new(quirks, aliases)),
            Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                Self::OpenAiChat(openai_chat::StreamDecoder::new(quirks, aliases))
            }
        }
    }

    /// Takes one event of the stream and appends what it means.
    pub fn push<'f>(&mut self, name: Option<&str>, data: &'f str, out: &mut Vec<Event<'f>>) {
        match self {
            Self::Anthropic(d) => d.push(name, data, out),
            Self::OpenAiChat(d) => d.push(name, data, out),
        }
    }

    /// The upstream closed: appends `End` if the reply was complete.
    pub fn finish(&mut self, out: &mut Vec<Event<'static>>) {
        match self {
            Self::Anthropic(d) => d.finish(out),
            Self::OpenAiChat(d) => d.finish(out),
        }
    }
}

/// Turns events into a client's stream.
#[derive(Debug)]
pub enum StreamEncoder {
    Anthropic(anthropic::StreamEncoder),
    OpenAiChat(openai_chat::StreamEncoder),
}

impl StreamEncoder {
    /// An encoder for clients of `dialect`, which must be one that is translated.
    pub fn new(dialect: Dialect, context: ReplyContext) -> Self {
        match dialect {
            Dialect::Anthropic => Self::Anthropic(anthropic::StreamEncoder::new(context)),
            Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                Self::OpenAiChat(openai_chat::StreamEncoder::new(context))
            }
        }
    }

    /// Takes one sequenced event and appends the stream's bytes.
    pub fn push(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Anthropic(e) => e.push(event, out),
            Self::OpenAiChat(e) => e.push(event, out),
        }
    }

    /// Appends an in-band error, the last thing written.
    pub fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        match self {
            Self::Anthropic(e) => e.fail(failure, out),
            Self::OpenAiChat(e) => e.fail(failure, out),
        }
    }

    /// Appends a keep-alive.
    pub fn keep_alive(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Anthropic(e) => e.keep_alive(out),
            Self::OpenAiChat(e) => e.keep_alive(out),
        }
    }
}
