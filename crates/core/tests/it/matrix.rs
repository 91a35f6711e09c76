//! Every client dialect with every upstream dialect, feature by feature: what was asked reaches the upstream, what it
//! answered reaches the client, or the loss is named. Each dialect has a small codec of its own here, written from the
//! specifications and not from the gateway's, so that a mistake of the gateway's is not judged by itself.
//!
//! `cargo test -p apex-core --test it matrix -- --nocapture` prints the table; `docs/matrix.md` is the same.

#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::unnecessary_wraps,
    reason = "most features ask for nothing of their own; every dialect has the same shape"
)]

mod chat;
mod cohere;
mod gemini;
mod known;
mod messages;
mod responses;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use apex_core::settings::Provider;
use serde_json::{Value, json};

use crate::harness::{Run, catalog, post, settings};

/// A number no double can hold: arguments are text, or they are wrong.
const BIG: &str = "123456789012345678901234567890";
/// What stands in for it where the test itself reads JSON.
const STAND_IN: &str = "987654321";
const ARGUMENTS: &str = r#"{"city":"Paris","n":123456789012345678901234567890}"#;
const MORE_ARGUMENTS: &str = r#"{"city":"Rom"}"#;
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PDF: &str = "JVBERi0xLjQKMSAwIG9iago8PD4+CmVuZG9iagp0cmFpbGVyCjw8Pj4K";
const TEXT: &str = "Grüße 😀 \"x\"\n";
const THOUGHT: &str = "Let me think.";
const SORRY: &str = "I cannot help with that.";

/// What is asked of a pair of dialects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Feature {
    Text,
    Stream,
    Tools,
    ParallelTools,
    StreamedTools,
    ToolResults,
    ToolResultImage,
    Image,
    Document,
    Reasoning,
    Structured,
    StopReason,
    Usage,
    Refusal,
    ProviderError,
    ErrorMidStream,
    Truncation,
}

use Feature::*;

const FEATURES: &[(Feature, &str)] = &[
    (Text, "text"),
    (Stream, "stream"),
    (Tools, "tools"),
    (ParallelTools, "parallel tools"),
    (StreamedTools, "streamed tools"),
    (ToolResults, "tool results"),
    (ToolResultImage, "image in a tool result"),
    (Image, "image"),
    (Document, "document"),
    (Reasoning, "reasoning"),
    (Structured, "structured output"),
    (StopReason, "stop reason"),
    (Usage, "usage"),
    (Refusal, "refusal"),
    (ProviderError, "provider error"),
    (ErrorMidStream, "error in mid-stream"),
    (Truncation, "truncation"),
];

impl Feature {
    const fn streamed(self) -> bool {
        matches!(self, Stream | StreamedTools | ErrorMidStream | Truncation)
    }

    const fn has_tools(self) -> bool {
        matches!(self, Tools | ParallelTools | StreamedTools | ToolResults | ToolResultImage)
    }

    /// What the upstream answers.
    fn answer(self) -> Answer {
        let mut answer = Answer::said(TEXT);
        match self {
            Tools | StreamedTools => answer.calls(&[ARGUMENTS]),
            ParallelTools => answer.calls(&[ARGUMENTS, MORE_ARGUMENTS]),
            Reasoning => THOUGHT.clone_into(&mut answer.thought),
            Structured => r#"{"city":"Paris"}"#.clone_into(&mut answer.text),
            StopReason => answer.stop = Stop::Length,
            Refusal => {
                SORRY.clone_into(&mut answer.text);
                answer.stop = Stop::Refused;
            }
            Text | Stream | ToolResults | ToolResultImage | Image | Document | Usage | ProviderError
            | ErrorMidStream | Truncation => {}
        }
        answer
    }
}

/// An answer, in no dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) thought: String,
    /// Names and arguments; the arguments as JSON.
    pub(crate) calls: Vec<(String, Value)>,
    /// As they are to be written.
    pub(crate) raw_arguments: Vec<&'static str>,
    pub(crate) stop: Stop,
    pub(crate) usage: Usage,
    /// A failure that was told in band.
    pub(crate) error: Option<String>,
    /// The terminal event came (always, in a whole reply).
    pub(crate) ended: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stop {
    #[default]
    End,
    Length,
    Refused,
    Tools,
}

/// All input, the part of it that was cached, all output.
pub(crate) type Usage = (u64, u64, u64);

const USAGE: Usage = (11, 4, 7);

impl Answer {
    fn said(text: &str) -> Self {
        Self { text: text.to_owned(), usage: USAGE, ended: true, ..Self::default() }
    }

    fn calls(&mut self, arguments: &[&'static str]) {
        self.text.clear();
        self.stop = Stop::Tools;
        self.raw_arguments = arguments.to_vec();
        self.calls = arguments.iter().map(|text| ("lookup".to_owned(), value(text))).collect();
    }
}

/// A client's request.
pub(crate) struct Question {
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: String,
}

/// One dialect, as a client speaks it and as an upstream does.
pub(crate) struct Side {
    /// Its name in configuration.
    pub(crate) name: &'static str,
    /// How a client asks for `feature`: path, headers, body. `None`: it cannot say that.
    pub(crate) ask: fn(Feature, &str) -> Option<Question>,
    /// Does this request of ours, in this dialect, ask for `feature`?
    pub(crate) asks: fn(Feature, &Value) -> Result<(), String>,
    pub(crate) reply: fn(&Answer) -> String,
    /// The events of a stream; the last one ends it.
    pub(crate) stream: fn(&Answer) -> Vec<String>,
    pub(crate) error_event: fn(&str) -> String,
    pub(crate) error_body: fn(&str) -> String,
    pub(crate) read: fn(&Value) -> Answer,
    pub(crate) read_stream: fn(&[(String, Value)]) -> Answer,
    /// The message of an error body.
    pub(crate) read_error: fn(&Value) -> Option<String>,
}

const CLIENTS: &[&Side] = &[&chat::SIDE, &messages::SIDE, &responses::SIDE, &gemini::SIDE, &cohere::SIDE];
const UPSTREAMS: &[&Side] = CLIENTS;

/// What came of one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cell {
    /// Everything arrived.
    Ok,
    /// It did not, and the caller was told: an adjustment, or a refusal that names the parameter.
    Named(String),
    /// It did not, for a reason that is known: a footnote.
    Noted(&'static str),
    /// The client's dialect has no words for it.
    Unsayable,
    Failed(String),
}

#[test]
fn every_feature_of_every_pair() {
    let mut cells = BTreeMap::new();
    for (c, client) in CLIENTS.iter().enumerate() {
        for (u, upstream) in UPSTREAMS.iter().enumerate() {
            for (f, (feature, _)) in FEATURES.iter().enumerate() {
                let mut cell = cell(client, upstream, *feature);
                if let (Cell::Failed(_), Some(why)) = (&cell, known::reason(client.name, upstream.name, *feature)) {
                    cell = Cell::Noted(why);
                } else if known::reason(client.name, upstream.name, *feature).is_some() {
                    cell = Cell::Failed("does not fail any more: take it off the list of known losses".to_owned());
                }
                cells.insert((f, c, u), cell);
            }
        }
    }
    let table = table(&cells);
    println!("{table}");
    let failed: Vec<_> = cells
        .iter()
        .filter_map(|((f, c, u), cell)| match cell {
            Cell::Failed(why) => {
                Some(format!("{} -> {}, {}: {why}", CLIENTS[*c].name, UPSTREAMS[*u].name, FEATURES[*f].1))
            }
            _ => None,
        })
        .collect();
    assert!(failed.is_empty(), "{} cells failed:\n{}", failed.len(), failed.join("\n"));
    documented(&table);
}

fn cell(client: &Side, upstream: &Side, feature: Feature) -> Cell {
    let mut settings = settings();
    let provider = Provider {
        api_key: Some("key".into()),
        base_url: Some("https://only.example/v1".into()),
        dialects: Some(vec![upstream.name.into()]),
        ..Provider::default()
    };
    settings.providers.insert("only".into(), provider);
    let model = model_of(upstream);
    let Some(Question { path, headers, body }) = (client.ask)(feature, model) else { return Cell::Unsayable };
    let mut run = Run::begin(&catalog(&settings), post(&path, &headers), &body);
    if run.sent.is_empty() {
        // A refusal that names what cannot be said.
        let told = serde_json::from_str::<Value>(run.text()).ok().and_then(|v| (client.read_error)(&v));
        return match (run.status(), told) {
            (Some(400), Some(message)) => Cell::Named(format!("refused: {message}")),
            (status, _) => Cell::Failed(format!("{status:?} {}", run.text())),
        };
    }
    let sent = String::from_utf8(run.sent_body().to_vec()).unwrap();
    let asked = (upstream.asks)(feature, &value(&sent));
    let answered = answer(client, upstream, feature, &mut run);
    let adjusted = run.header("x-apex-adjustments").to_owned();
    match (asked, answered) {
        (Ok(()), Ok(())) => Cell::Ok,
        (Err(_), Ok(())) if !adjusted.is_empty() => Cell::Named(adjusted),
        (Err(why), _) => Cell::Failed(format!("asked: {why}: {sent}")),
        (_, Err(why)) => Cell::Failed(format!("answered: {why}")),
    }
}

/// Lets the upstream answer, and compares what the client gets.
fn answer(client: &Side, upstream: &Side, feature: Feature, run: &mut Run) -> Result<(), String> {
    let mut want = feature.answer();
    match feature {
        ProviderError => {
            run.upstream_head(429, &[("content-type", "application/json"), ("retry-after", "7")]);
            run.chunk((upstream.error_body)("slow down")).close();
            let told = (client.read_error)(&value(run.text()));
            let good = run.status() == Some(429)
                && run.header("retry-after") == "7"
                && told.as_deref().is_some_and(|m| m.contains("slow down"));
            return good.then_some(()).ok_or_else(|| format!("{:?} {}", run.status(), run.text()));
        }
        ErrorMidStream | Truncation => {
            let events = (upstream.stream)(&want);
            run.sse().chunk(events[..events.len() / 2].concat());
            if feature == ErrorMidStream {
                run.chunk((upstream.error_event)("it broke"));
            }
            run.close();
            let got = (client.read_stream)(&events_of(run.text()));
            let told = got.error.as_deref().is_some_and(|m| feature == Truncation || m.contains("it broke"));
            let good = told && !got.ended && (run.aborted() || client.name == upstream.name);
            return good.then_some(()).ok_or_else(|| format!("{got:?} {}", run.text()));
        }
        _ if feature.streamed() => {
            run.sse().chunk((upstream.stream)(&want).concat()).close();
        }
        _ => {
            run.json().chunk((upstream.reply)(&want)).close();
        }
    }
    let mut got = if feature.streamed() {
        (client.read_stream)(&events_of(run.text()))
    } else {
        (client.read)(&value(run.text()))
    };
    want.raw_arguments.clear();
    if feature == Refusal && got.stop == Stop::Refused {
        // Some dialects tell that it was refused, some in which words.
        got.text.clone_from(&want.text);
    }
    let same = run.ended() == ("completed", Some(200), false) && got == want;
    same.then_some(())
        .ok_or_else(|| format!("want {want:?}\n    got {got:?}\n    in {:?} {}", run.status(), run.text()))
}

/// A model the upstream's dialect knows, so that nothing is left out for the model's sake.
fn model_of(upstream: &Side) -> &'static str {
    match upstream.name {
        "anthropic" => "claude-sonnet-4-6",
        "gemini" => "gemini-3.5-pro",
        "cohere" => "command-a-reasoning-08-2025",
        _ => "gpt-5.5",
    }
}

/// JSON as the test reads it.
fn value(text: &str) -> Value {
    serde_json::from_str(&text.replace(BIG, STAND_IN)).unwrap_or(Value::Null)
}

/// The events of a stream: name and data.
fn events_of(text: &str) -> Vec<(String, Value)> {
    let text = text.replace("\r\n", "\n");
    let event = |block: &str| {
        let field = |name: &str| block.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim_start().to_owned());
        let data = field("data:")?;
        let data = if data == "[DONE]" { json!("[DONE]") } else { value(&data) };
        Some((field("event:").unwrap_or_default(), data))
    };
    text.split("\n\n").filter_map(event).collect()
}

/// A body with the placeholders of `arguments` filled in, which `Value` could not hold.
pub(crate) fn filled(body: &Value, arguments: &[&str]) -> String {
    let mut text = body.to_string();
    for (at, raw) in arguments.iter().enumerate() {
        text = text.replace(&format!("\"@{at}\""), raw);
    }
    text
}

/// `text` in two pieces, neither of which cuts the big number.
pub(crate) fn pieces(text: &str) -> [&str; 2] {
    let at = text.char_indices().nth(6).map_or(text.len(), |(at, _)| at);
    [&text[..at], &text[at..]]
}

pub(crate) fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false})
}

/// `Ok` if `yes`.
pub(crate) fn must(yes: bool, what: &str) -> Result<(), String> {
    if yes { Ok(()) } else { Err(what.to_owned()) }
}

fn table(cells: &BTreeMap<(usize, usize, usize), Cell>) -> String {
    let mut out = String::new();
    let mut notes: Vec<String> = Vec::new();
    let mut note = |text: &str| {
        let at = notes.iter().position(|n| n == text).unwrap_or_else(|| {
            notes.push(text.to_owned());
            notes.len() - 1
        });
        at + 1
    };
    for (c, client) in CLIENTS.iter().enumerate() {
        let _ = write!(out, "### Client: {}\n\n| feature |", client.name);
        UPSTREAMS.iter().for_each(|u| _ = write!(out, " {} |", u.name));
        out.push_str("\n|---|");
        UPSTREAMS.iter().for_each(|_| out.push_str("---|"));
        out.push('\n');
        for (f, (_, name)) in FEATURES.iter().enumerate() {
            let _ = write!(out, "| {name} |");
            for u in 0..UPSTREAMS.len() {
                let _ = match cells.get(&(f, c, u)) {
                    Some(Cell::Ok) => write!(out, " yes |"),
                    Some(Cell::Named(what)) => write!(out, " named ({}) |", note(what)),
                    Some(Cell::Noted(why)) => write!(out, " lost ({}) |", note(why)),
                    Some(Cell::Unsayable) => write!(out, " - |"),
                    Some(Cell::Failed(_)) | None => write!(out, " FAILED |"),
                };
            }
            out.push('\n');
        }
        out.push('\n');
    }
    for (at, text) in notes.iter().enumerate() {
        let _ = writeln!(out, "{}. {}", at + 1, text.replace('\n', " "));
    }
    out
}

/// The document says what the test saw; `APEX_GOLDEN=write` writes it anew.
#[allow(clippy::disallowed_methods, reason = "a document that a test keeps honest")]
fn documented(table: &str) {
    const HEAD: &str = "# What survives a translation\n\n\
        Every client dialect with every upstream dialect, feature by feature, as the test `matrix` of `crates/core` sees it:\n\
        `yes`: what was asked reached the upstream, and what it answered reached the client, streamed where the row says so.\n\
        `named`: not in full, and the caller is told, by `x-apex-adjustments` or by a 400 that names the parameter.\n\
        `lost`: not in full, for the reason in the note. `-`: the client's dialect has no words for it.\n\n";
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/matrix.md");
    let text = format!("{HEAD}{table}");
    if std::env::var("APEX_GOLDEN").is_ok_and(|v| v == "write") {
        std::fs::write(&file, text).unwrap();
        return;
    }
    let has = std::fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        has == text,
        "docs/matrix.md is not what the test sees: run with APEX_GOLDEN=write and read the difference"
    );
}
