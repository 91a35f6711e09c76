//! The Anthropic Messages dialect.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests read recordings, and clippy takes only functions marked as tests for tests, not what they share"
)]

mod errors;
mod from_chat;
mod replies;
mod requests;
mod streams;

use apex_core::dialect::ReplyContext;
use apex_core::hub::{Event, Fold, Reply, Sequencer};
use serde_json::Value;

/// The context of a reply whose ids and model are known.
pub(crate) fn context() -> ReplyContext {
    ReplyContext {
        client_model: "claude-x".to_owned(),
        id: "0123456789abcdefghijklmn".to_owned(),
        created: 1_790_000_000,
        include_usage: true,
        request_id: "req_test".to_owned(),
        ..ReplyContext::default()
    }
}

/// The events of an SSE text: `(name, data)`. Small on purpose; the real reader has its own tests.
pub(crate) fn sse(text: &str) -> Vec<(Option<String>, String)> {
    let text = text.replace("\r\n", "\n");
    text.split("\n\n")
        .filter_map(|event| {
            let field = |name: &str| {
                let lines: Vec<_> = event.lines().filter_map(|l| l.strip_prefix(name)?.strip_prefix(':')).collect();
                (!lines.is_empty()).then(|| lines.iter().map(|l| l.trim_start()).collect::<Vec<_>>().join("\n"))
            };
            Some((field("event"), field("data")?))
        })
        .collect()
}

/// The reply that events fold to.
pub(crate) fn fold(events: &[Event<'_>]) -> Reply {
    let mut fold = Fold::default();
    for event in events {
        fold.push(event);
    }
    fold.finish()
}

/// Events in the order that encoders take.
pub(crate) fn sequenced(events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    let mut sequencer = Sequencer::default();
    let mut out = Vec::new();
    for event in events {
        sequencer.push(event, &mut out);
    }
    out
}

pub(crate) fn json(bytes: impl AsRef<[u8]>) -> Value {
    let bytes = bytes.as_ref();
    serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(bytes)))
}

/// Every recorded exchange of one interface, parsed.
pub(crate) fn recorded(api: &str) -> Vec<(String, Value)> {
    let Some(corpus) = crate::harness::corpus() else { return Vec::new() };
    let mut all: Vec<_> =
        std::fs::read_dir(corpus.join(api)).map(|dir| dir.flatten().map(|e| e.path()).collect()).unwrap_or_default();
    all.sort();
    all.into_iter().map(|path| (path.display().to_string(), json(std::fs::read(&path).unwrap()))).collect()
}
