//! How each provider writes a reply, as one JSON document or as a stream.

pub(crate) mod anthropic;
pub(crate) mod chat;
pub(crate) mod cohere;
pub(crate) mod error;
pub(crate) mod gemini;
pub(crate) mod others;
pub(crate) mod responses;

/// One server-sent event, with its closing blank line.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) phase: Phase,
    pub(crate) text: String,
}

/// Where in the stream an event stands: damage is done among the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    Content,
    End,
}

/// The name Anthropic, Cohere and Responses put on every event.
fn named(phase: Phase, name: &str, data: &crate::json::Json) -> Event {
    Event { phase, text: format!("event: {name}\ndata: {}\n\n", data.as_str()) }
}

fn unnamed(phase: Phase, data: &str) -> Event {
    Event { phase, text: format!("data: {data}\n\n") }
}

/// 2026-09-21: the same in every run.
const CREATED: u64 = 1_790_000_000;
