//! Replies that are read whole: errors, and translated JSON.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue};
use http::{StatusCode, response};

use super::failure::bad_answer;
use super::replying::{Dressing, Progressed, failed};
use super::start::Planned;
use crate::catalog::Catalog;
use crate::count;
use crate::credentials;
use crate::dialect::{self, Dialect, ReplyContext, StreamDecoder, StreamEncoder};
use crate::hub::{Aliases, ErrorKind, Event, Failure, Fold, Named, Sequencer, StopReason, Usage};
use crate::json::Members;
use crate::provider::Quirks;
use crate::record::Outcome;
use crate::reply::Whole;
use crate::secret::Secret;
use crate::sse::Batch;
use crate::time::Timestamp;
use crate::upstream_error;

/// An error of the upstream (status 400 and up).
#[derive(Debug)]
pub(super) struct Refusing {
    dialect: Dialect,
    translated: bool,
    status: StatusCode,
    headers: HeaderMap,
    own_key: Option<Secret>,
    catalog: Arc<Catalog>,
    request_id: String,
}

impl Refusing {
    pub(super) fn new(upstream: &response::Parts, planned: &Planned, dressing: &Dressing<'_>) -> Self {
        Self {
            dialect: planned.client,
            translated: planned.translation.is_some(),
            status: upstream.status,
            headers: upstream.headers.clone(),
            own_key: planned.own_key.clone(),
            catalog: Arc::clone(&planned.catalog),
            request_id: dressing.record.request_id.clone(),
        }
    }

    /// In the client's own dialect, with an envelope its SDK knows and no key of ours in it: as it came. Else rewritten.
    pub(super) fn reply(&self, body: &Bytes, head: &response::Parts, now: Timestamp) -> Progressed {
        let echoes = credentials::echoes_secret(body, &self.catalog, self.own_key.as_ref());
        if !self.translated && !echoes && dialect::has_error_envelope(self.dialect, body) {
            let mut whole = Whole { parts: head.clone(), body: body.clone() };
            self.advise(&mut whole.parts.headers);
            return Progressed { whole: Some(whole), done: Some(Outcome::UpstreamError), ..Progressed::default() };
        }
        let mut failure = upstream_error::decode(self.status, &self.headers, if echoes { b"" } else { body }, now);
        if !self.translated {
            // The same dialect: only the envelope is repaired, the status says what the upstream said.
            let (_, body) = dialect::encode_error(self.dialect, &failure, &self.request_id);
            let mut whole = Whole::json(self.status, body);
            for (name, value) in &head.headers {
                if !matches!(name.as_str(), "content-type" | "content-length" | "content-encoding") {
                    whole.parts.headers.append(name, value.clone());
                }
            }
            self.advise(&mut whole.parts.headers);
            return Progressed { whole: Some(whole), done: Some(Outcome::UpstreamError), ..Progressed::default() };
        }
        // A key that the gateway holds was refused: not the client's fault, and nothing it could mend.
        if matches!(failure.kind, ErrorKind::Auth | ErrorKind::Permission)
            && self.own_key.is_none()
            && (failure.kind == ErrorKind::Auth || matches!(self.status.as_u16(), 401 | 403))
        {
            let message = format!(
                "the provider refused the gateway's key for it ({}): {}",
                self.status.as_u16(),
                failure.message
            );
            failure = Failure::gateway(ErrorKind::BadAnswer, StatusCode::BAD_GATEWAY, "upstream_auth_error", message);
            failure.should_retry = Some(false);
        }
        failed(failure, Outcome::UpstreamError)
    }
}

impl Refusing {
    /// Tells SDKs what the upstream left out: how long to wait after a 429 (Codex gives up without it), and that asking
    /// again does not mend a key of the gateway (Claude Code asks six times).
    fn advise(&self, headers: &mut HeaderMap) {
        if self.status == StatusCode::TOO_MANY_REQUESTS && !headers.contains_key(http::header::RETRY_AFTER) {
            headers.insert(http::header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        let ours = self.own_key.is_none() && matches!(self.status.as_u16(), 401 | 403);
        if ours && !headers.contains_key("x-should-retry") {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
    }
}

/// A whole reply of another dialect.
#[derive(Debug)]
pub(super) struct Translating {
    client: Dialect,
    upstream: Dialect,
    quirks: &'static Quirks,
    aliases: Aliases,
    context: ReplyContext,
    /// The client asked for a stream: the upstream's JSON becomes one.
    stream: bool,
    /// The reply is a number of tokens.
    counts: bool,
    named: Option<Named>,
    usage: Usage,
    stop: Option<StopReason>,
    /// The reply is kept; then, what it is.
    keeps: bool,
    response: Option<String>,
}

impl Translating {
    pub(super) fn new(planned: &Planned, aliases: Aliases, context: ReplyContext) -> Self {
        Self {
            client: planned.client,
            upstream: planned.upstream,
            quirks: planned.quirks,
            aliases,
            context,
            stream: planned.stream,
            counts: planned.operation.counts(),
            named: None,
            usage: Usage::default(),
            stop: None,
            keeps: planned.keep.is_some(),
            response: None,
        }
    }

    /// What the upstream calls its reply, once.
    pub(super) const fn take_named(&mut self) -> Option<Named> {
        self.named.take()
    }

    pub(super) fn take_response(&mut self) -> Option<String> {
        self.response.take()
    }

    pub(super) const fn facts(&self) -> (Usage, Option<StopReason>) {
        (self.usage, self.stop)
    }

    pub(super) fn reply(&mut self, body: &Bytes, head: &response::Parts, now: Timestamp) -> Progressed {
        let text = String::from_utf8_lossy(body);
        if self.counts {
            return counted(self.client, &text);
        }
        let Ok(events) = self.events(&text) else {
            // HTTP 200 with an error in it, HTML, or nothing: never a success.
            if !is_error(&text) {
                return failed(
                    bad_answer("the upstream's reply is not whole, or not what its dialect says"),
                    Outcome::BadAnswer,
                );
            }
            let failure = upstream_error::decode(StatusCode::BAD_GATEWAY, &HeaderMap::new(), body, now);
            return failed(failure, Outcome::UpstreamError);
        };
        let mut ordered = Vec::with_capacity(events.len() + 2);
        let mut sequencer = Sequencer::default();
        events.into_iter().for_each(|e| sequencer.push(e, &mut ordered));
        if let Some(Event::Error(failure)) = ordered.iter().find(|e| matches!(e, Event::Error(_))) {
            return failed(failure.clone(), Outcome::UpstreamError);
        }
        if !sequencer.ended() {
            return failed(bad_answer("the upstream's reply broke off before it was complete"), Outcome::Truncated);
        }
        self.named = ordered.iter().find_map(Event::named);
        let mut fold = Fold::default();
        ordered.iter().for_each(|e| fold.push(e));
        let reply = fold.finish();
        self.usage = reply.usage;
        self.stop = reply.stop.as_ref().map(|s| s.reason);
        if let Some(failure) = dialect::unsound(self.client, &reply) {
            return failed(failure, Outcome::BadAnswer);
        }
        let mut whole = if self.stream {
            let mut encoder = StreamEncoder::new(self.client, self.context.clone());
            let mut out = Vec::new();
            ordered.iter().for_each(|e| encoder.push(e, &mut out));
            let response = if self.keeps { encoder.response() } else { None };
            self.response = response.and_then(|response| String::from_utf8(response).ok());
            Whole::new(StatusCode::OK, self.context.stream_type(), out)
        } else {
            let body = dialect::encode_reply(self.client, &reply, &self.context);
            self.response = if self.keeps { String::from_utf8(body.clone()).ok() } else { None };
            Whole::json(StatusCode::OK, body)
        };
        for (name, value) in &head.headers {
            if name != "content-type" {
                whole.parts.headers.append(name, value.clone());
            }
        }
        whole.parts.headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(whole.body.len()));
        Progressed { whole: Some(whole), done: Some(Outcome::Completed), ..Progressed::default() }
    }

    /// A JSON reply, or a stream where none was asked for.
    fn events<'a>(&self, text: &'a str) -> Result<Vec<Event<'a>>, ()> {
        if matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'[')) {
            return dialect::decode_reply(self.upstream, text, self.quirks, &self.aliases).map_err(|_| ());
        }
        let whole = Batch::whole(Bytes::copy_from_slice(text.as_bytes()));
        let mut decoder = StreamDecoder::new(self.upstream, self.quirks, self.aliases.clone());
        let mut all: Vec<Event<'static>> = Vec::new();
        for frame in whole.frames() {
            Self::frame(&frame, &mut decoder, &mut all);
        }
        decoder.finish(&mut all);
        if all.is_empty() { Err(()) } else { Ok(all) }
    }

    fn frame(frame: &crate::sse::Frame<'_>, decoder: &mut StreamDecoder, all: &mut Vec<Event<'static>>) {
        if let Some((name, data)) = frame.parse() {
            let mut events = Vec::new();
            decoder.push(name.as_deref(), &data, &mut events);
            all.extend(events.into_iter().map(Event::into_owned));
        }
    }
}

/// A provider's count, for a client of another dialect.
fn counted(client: Dialect, body: &str) -> Progressed {
    let Some(tokens) = count::read(body) else {
        return failed(bad_answer("the upstream's answer holds no count of tokens"), Outcome::BadAnswer);
    };
    let whole = Whole::json(StatusCode::OK, count::write(client, tokens));
    Progressed { whole: Some(whole), done: Some(Outcome::Completed), ..Progressed::default() }
}

/// Does a body that came with a good status tell of an error?
fn is_error(body: &str) -> bool {
    let Ok(members) = Members::parse(body) else { return false };
    ["error", "errors", "detail", "message"].iter().any(|key| members.get(key).is_some())
}
