//! The built-in provider: no network, no key, every translated dialect, streamed or not.
//!
//! `echo#mock` answers with the last user text (or tool result). `script#mock` follows directives, one a line, in the
//! last user text; lines that are none of them are said as they are:
//!
//! | line | what it does |
//! |---|---|
//! | `say TEXT` | says TEXT |
//! | `think TEXT` | thinks TEXT |
//! | `tool NAME JSON` | calls a tool with these arguments |
//! | `chunks N` | cuts what is said into N pieces (1 to 10000) |
//! | `delay MS` | waits before each piece (0 to 60000 milliseconds) |
//! | `status CODE` | answers with this error (400 to 599) |
//! | `stop REASON` | ends with `length` or `content_filter` |
//! | `cut` | ends the stream before it is complete |

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{StatusCode, response};

use crate::dialect::{self, Dialect, ReplyContext, StreamEncoder};
use crate::exchange::Outgoing;
use crate::hub::{
    BlockStart, Delta, ErrorKind, Event, Failure, Fold, Part, Request, Role, Sequencer, Stop, StopReason, ToolKind,
    Usage,
};
use crate::json::{JsonStr, Members};
use crate::time::{Seed, Timestamp};

/// A reply to be played back.
#[derive(Debug)]
pub struct Playback {
    pub head: response::Parts,
    /// Each piece, and how long to wait before it.
    pub pieces: VecDeque<(Duration, Bytes)>,
}

/// Answers a request that the plan sent to the mock.
pub fn answer(outgoing: &Outgoing, body: &[u8], seed: Seed, now: Timestamp) -> Playback {
    let path = outgoing.head.uri.path();
    let dialect = if path.starts_with("/messages") { Dialect::Anthropic } else { Dialect::OpenAiChat };
    let refused = |status, message: &str| error(dialect, status, message, seed);
    let text = std::str::from_utf8(body).unwrap_or_default();
    if !matches!(path, "/messages" | "/chat/completions") {
        return refused(StatusCode::NOT_FOUND, "the mock serves /v1/chat/completions and /v1/messages only");
    }
    let request = match dialect::decode_request(dialect, text) {
        Ok(request) => request,
        Err(wire) => return refused(StatusCode::BAD_REQUEST, &wire.to_string()),
    };
    let model = Members::parse(text)
        .ok()
        .and_then(|mut m| m.take_text("model").ok().flatten())
        .unwrap_or_default()
        .into_owned();
    let said = last_said(&request);
    let script = match model.as_str() {
        "echo" => Script { lines: vec![Line::Say(said)], ..Script::default() },
        "script" => Script::parse(&said),
        _ => return refused(StatusCode::NOT_FOUND, "the mock has the models `echo` and `script`"),
    };
    if let Some(status) = script.status {
        return refused(status, "the script asked for this error");
    }
    play(&script, &request, dialect, &model, text.len(), seed, now)
}

/// What the last user turn says: its text, or the text of its tool results.
fn last_said(request: &Request<'_>) -> String {
    let last = request.turns.iter().rev().find(|t| matches!(t.role, Role::User | Role::Tool));
    let mut out = Vec::new();
    collect_text(last.map_or(&[], |t| t.parts.as_slice()), &mut out);
    out.join("\n")
}

fn collect_text(parts: &[Part<'_>], out: &mut Vec<String>) {
    for part in parts {
        match part {
            Part::Text(text) => out.push(text.text.text().into_owned()),
            Part::ToolResult(result) => collect_text(&result.parts, out),
            Part::Document(_)
            | Part::Image(_)
            | Part::Other { .. }
            | Part::Reasoning(_)
            | Part::Refusal(_)
            | Part::ToolCall(_) => {}
        }
    }
}

#[derive(Debug, Default)]
struct Script {
    lines: Vec<Line>,
    chunks: usize,
    delay: Duration,
    status: Option<StatusCode>,
    stop: Option<StopReason>,
    cut: bool,
}

#[derive(Debug)]
enum Line {
    Call { name: String, arguments: String },
    Say(String),
    Think(String),
}

impl Script {
    fn parse(text: &str) -> Self {
        let mut script = Self::default();
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let number = rest.trim().parse::<u64>().ok();
            match (word, number) {
                ("say", _) => script.lines.push(Line::Say(rest.to_owned())),
                ("think", _) => script.lines.push(Line::Think(rest.to_owned())),
                ("tool", _) if !rest.is_empty() => {
                    let (name, arguments) = rest.split_once(' ').unwrap_or((rest, "{}"));
                    script.lines.push(Line::Call { name: name.to_owned(), arguments: arguments.to_owned() });
                }
                ("chunks", Some(n)) => script.chunks = usize::try_from(n.clamp(1, 10_000)).unwrap_or(1),
                ("delay", Some(ms)) => script.delay = Duration::from_millis(ms.min(60_000)),
                ("status", Some(code @ 400..=599)) => {
                    script.status = u16::try_from(code).ok().and_then(|c| StatusCode::from_u16(c).ok());
                }
                ("stop", _) if rest == "length" => script.stop = Some(StopReason::MaxTokens),
                ("stop", _) if rest == "content_filter" => script.stop = Some(StopReason::ContentFilter),
                ("cut", _) => script.cut = true,
                _ => script.lines.push(Line::Say(line.to_owned())),
            }
        }
        script
    }

    fn events(&self, input: u64, seed: Seed, model: &str) -> Vec<Event<'static>> {
        let mut events = vec![Event::Start {
            id: JsonStr::default(),
            model: JsonStr::owned(model),
            usage: Usage { input_uncached: Some(input), ..Usage::default() },
        }];
        let (mut output, mut calls) = (0, false);
        for (key, line) in (0u32..).zip(&self.lines) {
            let (block, pieces): (_, Vec<Delta<'static>>) = match line {
                Line::Say(text) => (BlockStart::Text, pieces(text, self.chunks).map(Delta::Text).collect()),
                Line::Think(text) => (BlockStart::Reasoning, pieces(text, self.chunks).map(Delta::Reasoning).collect()),
                Line::Call { name, arguments } => {
                    calls = true;
                    let id = JsonStr::owned(&format!("call_{}", seed.token(100 + u64::from(key))));
                    (
                        BlockStart::ToolCall { id, name: JsonStr::owned(name), kind: ToolKind::Function, opaque: None },
                        pieces(arguments, self.chunks).map(Delta::Arguments).collect(),
                    )
                }
            };
            output += pieces.iter().map(|p| p.len() as u64 / 4 + 1).sum::<u64>();
            events.push(Event::BlockStart { key, block });
            events.extend(pieces.into_iter().map(|delta| Event::Delta { key, delta }));
            events.push(Event::BlockStop { key });
        }
        let natural = if calls { StopReason::ToolCalls } else { StopReason::EndTurn };
        events.push(Event::Stop(Stop::plain(self.stop.unwrap_or(natural), JsonStr::default())));
        events.push(Event::Usage(Usage { input_uncached: Some(input), output: Some(output), ..Usage::default() }));
        events.push(Event::End);
        events
    }
}

/// `text` in `chunks` pieces, or word by word if the script does not say.
fn pieces(text: &str, chunks: usize) -> impl Iterator<Item = JsonStr<'static>> {
    let characters: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    if chunks > 0 {
        let size = characters.len().div_ceil(chunks).max(1);
        out.extend(characters.chunks(size).map(|c| c.iter().collect::<String>()));
    } else {
        out.extend(text.split_inclusive(' ').map(str::to_owned));
    }
    out.into_iter().map(|piece| JsonStr::owned(&piece))
}

fn play(
    script: &Script,
    request: &Request<'_>,
    dialect: Dialect,
    model: &str,
    size: usize,
    seed: Seed,
    now: Timestamp,
) -> Playback {
    let context = ReplyContext {
        client_model: model.to_owned(),
        id: seed.token(2),
        created: now.as_secs(),
        include_usage: request.include_usage,
        ..ReplyContext::default()
    };
    let mut events = script.events(size as u64 / 4 + 1, seed, model);
    if script.cut {
        let end = events.len().saturating_sub(3);
        events.truncate(end);
    }
    if !request.stream {
        let mut fold = Fold::default();
        events.iter().for_each(|e| fold.push(e));
        let mut body = dialect::encode_reply(dialect, &fold.finish(), &context);
        let head = whole_head(StatusCode::OK, &body);
        if script.cut {
            body.truncate(body.len() / 2);
        }
        return Playback { head, pieces: [(script.delay, body.into())].into() };
    }
    let (mut sequencer, mut encoder) = (Sequencer::default(), StreamEncoder::new(dialect, context));
    let mut pieces = VecDeque::new();
    for event in events {
        let wait = if matches!(event, Event::Delta { .. }) { script.delay } else { Duration::ZERO };
        let (mut ordered, mut out) = (Vec::new(), Vec::new());
        sequencer.push(event, &mut ordered);
        ordered.iter().for_each(|e| encoder.push(e, &mut out));
        if !out.is_empty() {
            pieces.push_back((wait, out.into()));
        }
    }
    Playback { head: head(StatusCode::OK, "text/event-stream; charset=utf-8"), pieces }
}

fn error(dialect: Dialect, status: StatusCode, message: &str, seed: Seed) -> Playback {
    let kind = match status.as_u16() {
        401 => ErrorKind::Auth,
        403 => ErrorKind::Permission,
        404 => ErrorKind::NotFound,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::RateLimit,
        503 | 529 => ErrorKind::Overloaded,
        504 => ErrorKind::Timeout,
        500.. => ErrorKind::ServerError,
        _ => ErrorKind::InvalidRequest,
    };
    let id = format!("req_{}", seed.token(3));
    let (_, body) = dialect::encode_error(dialect, &Failure::upstream(kind, status, message), &id);
    let mut head = whole_head(status, &body);
    if let Ok(id) = HeaderValue::try_from(id) {
        head.headers.insert(if dialect == Dialect::Anthropic { "request-id" } else { "x-request-id" }, id);
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        head.headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    Playback { head, pieces: [(Duration::ZERO, body.into())].into() }
}

fn whole_head(status: StatusCode, body: &[u8]) -> response::Parts {
    let mut parts = head(status, "application/json");
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    parts
}

fn head(status: StatusCode, content_type: &'static str) -> response::Parts {
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = status;
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    parts
}
