//! The dialects on the wire, one folder each, and the one place that picks between them.
//!
//! A dialect folder has `wire.rs` (names and spec links), `request.rs`, `response.rs`, `stream.rs` and `error.rs`. No
//! dialect imports another: what two need is in the hub.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use http::StatusCode;

use crate::hub::{Aliases, Event, Failure, Losses, Reply, Request, Untranslatable, arguments};
use crate::json::{Members, WireError};
use crate::provider::Quirks;

pub mod anthropic;
pub mod cohere;
pub mod gemini;
pub mod openai_chat;
pub mod openai_responses;

/// A wire dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// Anthropic Messages.
    Anthropic,
    /// Cohere v2 chat.
    Cohere,
    /// Google Gemini `generateContent`.
    Gemini,
    /// OpenAI Chat Completions.
    OpenAiChat,
    /// OpenAI Responses.
    OpenAiResponses,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 5] = [Self::Anthropic, Self::Cohere, Self::Gemini, Self::OpenAiChat, Self::OpenAiResponses];

    /// Its name in configuration, headers and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Cohere => "cohere",
            Self::Gemini => "gemini",
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
        Self::ALL.into_iter().find(|d| d.as_str() == s).ok_or(())
    }
}

/// What an encoder of requests needs to know of the target.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The provider's id: opaque state only goes back to the one that made it.
    pub provider: &'a str,
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
#[derive(Clone, Debug, Default)]
pub struct ReplyContext {
    /// The model name the client asked for, echoed in the reply.
    pub client_model: String,
    /// Token for minted ids (24 characters); the dialect adds its prefix (`msg_`, `chatcmpl-`).
    pub id: String,
    /// Seconds since the Unix epoch.
    pub created: u64,
    /// A streaming Chat client asked for the usage chunk.
    pub include_usage: bool,
    /// A Gemini client wants to see thoughts.
    pub show_thoughts: bool,
    /// A Gemini client asked for a stream as one JSON array, not as server-sent events.
    pub json_array: bool,
    /// Our request id, for Anthropic error bodies.
    pub request_id: String,
    /// The provider's id, written into envelopes of opaque state.
    pub provider: String,
    /// The model's name there, for the same.
    pub upstream_model: String,
    /// What a Responses reply repeats of its request.
    pub echo: Arc<openai_responses::Echo>,
}

impl ReplyContext {
    /// The media type of a stream for the client.
    pub const fn stream_type(&self) -> &'static str {
        stream_type(self.json_array)
    }
}

/// The media type of a stream that we write: events, or the one JSON array that Gemini clients may ask for.
pub(crate) const fn stream_type(json_array: bool) -> &'static str {
    if json_array { "application/json" } else { "text/event-stream; charset=utf-8" }
}

/// Decodes a request of `dialect`.
pub fn decode_request(dialect: Dialect, body: &str) -> Result<Request<'_>, WireError> {
    match dialect {
        Dialect::Anthropic => anthropic::decode_request(body),
        Dialect::Cohere => cohere::decode_request(body),
        Dialect::Gemini => gemini::decode_request(body),
        Dialect::OpenAiChat => openai_chat::decode_request(body),
        Dialect::OpenAiResponses => openai_responses::decode_request(body),
    }
}

/// Decodes a request of `dialect` that was taken apart already: `m` is what [`decode_request`] begins with.
pub fn decode_members(dialect: Dialect, m: Members<'_>) -> Result<Request<'_>, WireError> {
    match dialect {
        Dialect::Anthropic => anthropic::decode_members(m),
        Dialect::Cohere => cohere::decode_members(m),
        Dialect::Gemini => gemini::decode_members(m),
        Dialect::OpenAiChat => openai_chat::decode_members(m),
        Dialect::OpenAiResponses => openai_responses::decode_members(m),
    }
}

/// Encodes a request for an upstream of `dialect`.
pub fn encode_request(dialect: Dialect, request: &Request<'_>, target: &Target<'_>) -> Result<Encoded, Untranslatable> {
    match dialect {
        Dialect::Anthropic => anthropic::encode_request(request, target),
        Dialect::Cohere => cohere::encode_request(request, target),
        Dialect::Gemini => gemini::encode_request(request, target),
        Dialect::OpenAiChat => openai_chat::encode_request(request, target),
        Dialect::OpenAiResponses => openai_responses::encode_request(request, target),
    }
}

/// Writes a request anew in its own dialect, without the state in it that is not the target's. Fails as its decoder or
/// its encoder does.
pub fn rewrite_request(
    dialect: Dialect,
    body: &str,
    target: &Target<'_>,
) -> Result<Result<Encoded, Untranslatable>, WireError> {
    match dialect {
        // Its items are kept as they are, not gathered into turns.
        Dialect::OpenAiResponses => openai_responses::rewrite_request(body, target).map(Ok),
        // Its documents stay beside the conversation.
        Dialect::Cohere => cohere::rewrite_request(body, target).map(Ok),
        // The hub has no words for much of what only Google has.
        Dialect::Gemini => gemini::rewrite_request(body, target).map(Ok),
        Dialect::Anthropic | Dialect::OpenAiChat => {
            decode_request(dialect, body).map(|request| encode_request(dialect, &request, target))
        }
    }
}

/// Encoders name places as Chat and Messages do; a caller of another dialect hears them in its own terms.
pub fn in_terms_of(request: &Request<'_>, mut error: Untranslatable) -> Untranslatable {
    if let Some(name) = own_name(request, &error.param) {
        error.param = name.into_owned();
    }
    error
}

/// The same for adjustments, those of the decoder included.
pub fn losses_in_terms_of(request: &Request<'_>, losses: &Losses) -> Losses {
    let mut all = request.losses.clone();
    for loss in losses.iter() {
        let mut loss = loss.clone();
        if let Some(name) = own_name(request, &loss.name) {
            loss.name = name;
        }
        all.add(loss);
    }
    all.count(losses);
    all
}

/// What the caller calls what encoders call `name`, if that is something else.
fn own_name(request: &Request<'_>, name: &str) -> Option<Cow<'static, str>> {
    match request.origin {
        Dialect::Cohere => cohere::own_terms(name).map(Cow::Borrowed),
        Dialect::OpenAiResponses => Some(Cow::Owned(openai_responses::own_terms(name, &request.places))),
        Dialect::Anthropic | Dialect::Gemini | Dialect::OpenAiChat => None,
    }
}

/// Can requests be translated to and from `dialect`, and replies back?
pub const fn is_translated(dialect: Dialect) -> bool {
    match dialect {
        Dialect::Anthropic | Dialect::Cohere | Dialect::OpenAiChat | Dialect::OpenAiResponses => true,
        Dialect::Gemini => gemini::TRANSLATED,
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
        Dialect::Cohere => cohere::decode_reply(body, quirks, aliases),
        Dialect::Gemini => gemini::decode_reply(body, quirks, aliases),
        Dialect::OpenAiChat => openai_chat::decode_reply(body, quirks, aliases),
        Dialect::OpenAiResponses => openai_responses::decode_reply(body, quirks, aliases),
    }
}

/// Encodes a whole reply for a client of `dialect`.
pub fn encode_reply(dialect: Dialect, reply: &Reply, context: &ReplyContext) -> Vec<u8> {
    match dialect {
        Dialect::Anthropic => anthropic::encode_reply(reply, context),
        Dialect::Cohere => cohere::encode_reply(reply, context),
        Dialect::Gemini => gemini::encode_reply(reply, context),
        Dialect::OpenAiChat => openai_chat::encode_reply(reply, context),
        Dialect::OpenAiResponses => openai_responses::encode_reply(reply, context),
    }
}

/// Why a whole reply cannot be told in `dialect`, if it cannot: a tool call whose arguments are no JSON object.
pub fn unsound(dialect: Dialect, reply: &Reply) -> Option<Failure> {
    match dialect {
        Dialect::Anthropic | Dialect::Gemini => arguments::unsound_call(reply),
        // Arguments are text there.
        Dialect::Cohere | Dialect::OpenAiChat | Dialect::OpenAiResponses => None,
    }
}

/// Status and body of a failure for a client of `dialect`. All of OpenAI's dialects share one envelope.
pub fn encode_error(dialect: Dialect, failure: &Failure, request_id: &str) -> (StatusCode, Vec<u8>) {
    match dialect {
        Dialect::Anthropic => anthropic::encode_error(failure, request_id),
        Dialect::Cohere => cohere::encode_error(failure, request_id),
        Dialect::Gemini => gemini::encode_error(failure, request_id),
        Dialect::OpenAiChat | Dialect::OpenAiResponses => openai_chat::encode_error(failure, request_id),
    }
}

/// Is `body` an error that the SDKs of `dialect` understand?
pub fn has_error_envelope(dialect: Dialect, body: &[u8]) -> bool {
    match dialect {
        Dialect::Anthropic => anthropic::has_error_envelope(body),
        Dialect::Cohere => cohere::has_error_envelope(body),
        Dialect::Gemini => gemini::has_error_envelope(body),
        Dialect::OpenAiChat | Dialect::OpenAiResponses => openai_chat::has_error_envelope(body),
    }
}

/// A failure in the middle of a relayed stream, as its last event.
pub fn encode_stream_error(dialect: Dialect, failure: &Failure, request_id: &str) -> Vec<u8> {
    match dialect {
        Dialect::Anthropic => anthropic::encode_stream_error(failure, request_id),
        Dialect::Cohere => cohere::encode_stream_error(failure, request_id),
        Dialect::Gemini => gemini::encode_stream_error(failure, request_id),
        Dialect::OpenAiChat => openai_chat::encode_stream_error(failure, request_id),
        Dialect::OpenAiResponses => openai_responses::encode_stream_error(failure),
    }
}

/// A sign of life in a relayed stream of `dialect`, between two events.
pub const fn keep_alive(dialect: Dialect) -> &'static [u8] {
    match dialect {
        Dialect::Anthropic => b"event: ping\ndata: {\"type\":\"ping\"}\n\n",
        // Google's SDKs fail on comments: an empty line is all they take.
        Dialect::Gemini => b"\n",
        Dialect::Cohere | Dialect::OpenAiChat | Dialect::OpenAiResponses => b": keep-alive\n\n",
    }
}

/// Turns an upstream's stream into events.
#[derive(Debug)]
pub enum StreamDecoder {
    Anthropic(anthropic::StreamDecoder),
    Cohere(cohere::StreamDecoder),
    Gemini(gemini::StreamDecoder),
    OpenAiChat(openai_chat::StreamDecoder),
    OpenAiResponses(openai_responses::StreamDecoder),
}

impl StreamDecoder {
    /// A decoder for a stream of `dialect`.
    pub fn new(dialect: Dialect, quirks: &Quirks, aliases: Aliases) -> Self {
        match dialect {
            Dialect::Anthropic => Self::Anthropic(anthropic::StreamDecoder::new(quirks, aliases)),
            Dialect::Cohere => Self::Cohere(cohere::StreamDecoder::new(quirks, aliases)),
            Dialect::Gemini => Self::Gemini(gemini::StreamDecoder::new(quirks, aliases)),
            Dialect::OpenAiChat => Self::OpenAiChat(openai_chat::StreamDecoder::new(quirks, aliases)),
            Dialect::OpenAiResponses => Self::OpenAiResponses(openai_responses::StreamDecoder::new(quirks, aliases)),
        }
    }

    /// Takes one event of the stream and appends what it means.
    pub fn push<'f>(&mut self, name: Option<&str>, data: &'f str, out: &mut Vec<Event<'f>>) {
        match self {
            Self::Anthropic(d) => d.push(name, data, out),
            Self::Cohere(d) => d.push(name, data, out),
            Self::Gemini(d) => d.push(name, data, out),
            Self::OpenAiChat(d) => d.push(name, data, out),
            Self::OpenAiResponses(d) => d.push(name, data, out),
        }
    }

    /// The upstream closed: appends `End` if the reply was complete.
    pub fn finish(&mut self, out: &mut Vec<Event<'static>>) {
        match self {
            Self::Anthropic(d) => d.finish(out),
            Self::Cohere(d) => d.finish(out),
            Self::Gemini(d) => d.finish(out),
            Self::OpenAiChat(d) => d.finish(out),
            Self::OpenAiResponses(d) => d.finish(out),
        }
    }
}

/// Turns events into a client's stream.
#[derive(Debug)]
pub enum StreamEncoder {
    Anthropic(anthropic::StreamEncoder),
    Cohere(cohere::StreamEncoder),
    Gemini(gemini::StreamEncoder),
    OpenAiChat(openai_chat::StreamEncoder),
    OpenAiResponses(openai_responses::StreamEncoder),
}

impl StreamEncoder {
    /// An encoder for clients of `dialect`.
    pub fn new(dialect: Dialect, context: ReplyContext) -> Self {
        match dialect {
            Dialect::Anthropic => Self::Anthropic(anthropic::StreamEncoder::new(context)),
            Dialect::Cohere => Self::Cohere(cohere::StreamEncoder::new(context)),
            Dialect::Gemini => Self::Gemini(gemini::StreamEncoder::new(context)),
            Dialect::OpenAiChat => Self::OpenAiChat(openai_chat::StreamEncoder::new(context)),
            Dialect::OpenAiResponses => Self::OpenAiResponses(openai_responses::StreamEncoder::new(context)),
        }
    }

    /// Takes one sequenced event and appends the stream's bytes.
    pub fn push(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Anthropic(e) => e.push(event, out),
            Self::Cohere(e) => e.push(event, out),
            Self::Gemini(e) => e.push(event, out),
            Self::OpenAiChat(e) => e.push(event, out),
            Self::OpenAiResponses(e) => e.push(event, out),
        }
    }

    /// The whole reply of a stream that is over, where this dialect's replies can be kept and named.
    pub fn response(&self) -> Option<Vec<u8>> {
        match self {
            Self::OpenAiResponses(e) => Some(e.response()),
            Self::Anthropic(_) | Self::Cohere(_) | Self::Gemini(_) | Self::OpenAiChat(_) => None,
        }
    }

    /// Appends an in-band error, the last thing written.
    pub fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        match self {
            Self::Anthropic(e) => e.fail(failure, out),
            Self::Cohere(e) => e.fail(failure, out),
            Self::Gemini(e) => e.fail(failure, out),
            Self::OpenAiChat(e) => e.fail(failure, out),
            Self::OpenAiResponses(e) => e.fail(failure, out),
        }
    }

    /// Appends a keep-alive.
    pub fn keep_alive(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Anthropic(e) => e.keep_alive(out),
            Self::Cohere(e) => e.keep_alive(out),
            Self::Gemini(e) => e.keep_alive(out),
            Self::OpenAiChat(e) => e.keep_alive(out),
            Self::OpenAiResponses(e) => e.keep_alive(out),
        }
    }
}
