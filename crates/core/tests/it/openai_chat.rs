//! The OpenAI Chat dialect: requests and replies in both directions, the errors, and what each provider's quirks do.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails should fail loudly, in its helpers too"
)]

mod corpus;
mod errors;
mod from_anthropic;
mod from_anthropic_members;
mod props;
mod quirks;
mod replies;
mod requests;
mod streams;
mod writing;

use apex_core::dialect::{Encoded, ReplyContext, Target, anthropic, openai_chat};
use apex_core::hub::{Aliases, BlockStart, Delta, Event, Fold, Reply, Sequencer, ToolKind, Untranslatable};
use apex_core::provider::Quirks;
use serde_json::Value;

/// A request of a Chat client, for a Chat upstream.
pub(crate) fn own(body: &str, quirks: &Quirks) -> Encoded {
    let request = openai_chat::decode_request(body).unwrap();
    openai_chat::encode_request(&request, &Target { provider: "p", model: "m", quirks }).unwrap()
}

/// A request of an Anthropic client, for a Chat upstream.
pub(crate) fn foreign(body: &str, quirks: &Quirks) -> Result<Encoded, Untranslatable> {
    let request = anthropic::decode_request(body).unwrap();
    openai_chat::encode_request(&request, &Target { provider: "p", model: "m", quirks })
}

pub(crate) fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(bytes)))
}

/// `name=action` pairs, as the client sees them.
pub(crate) fn losses(encoded: &Encoded) -> String {
    encoded.losses.header().unwrap_or_default()
}

pub(crate) fn context() -> ReplyContext {
    ReplyContext {
        client_model: "client-model".into(),
        id: "1".into(),
        created: 1_790_000_000,
        include_usage: true,
        request_id: "req_1".into(),
        ..ReplyContext::default()
    }
}

/// The events of a stream given as the data of its events, closed at the end.
pub(crate) fn stream(quirks: &Quirks, data: &[&str]) -> Vec<Event<'static>> {
    stream_with(quirks, Aliases::default(), data)
}

pub(crate) fn stream_with(quirks: &Quirks, aliases: Aliases, data: &[&str]) -> Vec<Event<'static>> {
    let mut decoder = openai_chat::StreamDecoder::new(quirks, aliases);
    let mut events = Vec::new();
    for data in data {
        let mut now = Vec::new();
        decoder.push(None, data, &mut now);
        events.extend(now.into_iter().map(Event::into_owned));
    }
    decoder.finish(&mut events);
    events
}

pub(crate) fn sequenced(events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    let (mut sequencer, mut out) = (Sequencer::default(), Vec::new());
    events.into_iter().for_each(|e| sequencer.push(e, &mut out));
    out
}

pub(crate) fn folded(events: Vec<Event<'_>>) -> Reply {
    let mut fold = Fold::default();
    sequenced(events).iter().for_each(|e| fold.push(e));
    fold.finish()
}

/// The rules OpenAI enforces on messages; the first one broken.
pub(crate) fn check(body: &Value) -> Result<(), String> {
    let messages = body["messages"].as_array().unwrap();
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let wrong = |what: &str| Err(format!("messages[{at}]: {what}: {message}"));
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let Some(n) = open.iter().position(|o| *o == id) else { return wrong("answers no open call") };
            open.remove(n);
            if message["content"].to_string().contains("image_url") {
                return wrong("media in a tool message");
            }
            continue;
        }
        if !open.is_empty() {
            return wrong("comes before all calls are answered");
        }
        let calls = message["tool_calls"].as_array();
        open = calls.into_iter().flatten().filter_map(|c| c["id"].as_str()).collect();
        match &message["content"] {
            Value::Null if open.is_empty() => return wrong("says nothing"),
            Value::Array(parts) if parts.is_empty() => return wrong("has no parts"),
            Value::Array(parts) if parts.iter().any(|p| p["text"] == "") => return wrong("has an empty part"),
            _ => {}
        }
    }
    if !open.is_empty() {
        return Err(format!("unanswered: {open:?}"));
    }
    if body.get("tools").is_none() && (body.get("tool_choice").is_some() || body.get("parallel_tool_calls").is_some()) {
        return Err("a choice without tools".into());
    }
    Ok(())
}

/// Events in short, one word each: `+text` opens, `"a"` says, `-` closes.
pub(crate) fn short(events: &[Event<'_>]) -> String {
    let words: Vec<String> = events.iter().map(word).collect();
    words.join(" ")
}

fn word(event: &Event<'_>) -> String {
    match event {
        Event::Start { id, model, .. } => format!("start({},{})", id.text(), model.text()),
        Event::BlockStart { key, block } => match block {
            BlockStart::Image { media_type, data } => format!("+{key}image({},{})", media_type.text(), data.text()),
            BlockStart::Reasoning => format!("+{key}think"),
            BlockStart::Redacted { data } => format!("+{key}redacted({})", data.data.text()),
            BlockStart::Refusal => format!("+{key}refusal"),
            BlockStart::Text => format!("+{key}text"),
            BlockStart::ToolCall { id, name, kind, .. } => {
                let mark = if *kind == ToolKind::Custom { "custom" } else { "call" };
                format!("+{key}{mark}({},{})", id.text(), name.text())
            }
        },
        Event::Delta { key, delta } => match delta {
            Delta::Signature(s) => format!("{key}sig({})", s.data.text()),
            Delta::Arguments(s) | Delta::Reasoning(s) | Delta::Refusal(s) | Delta::Text(s) => {
                format!("{key}\"{}\"", s.as_escaped())
            }
        },
        Event::BlockStop { key } => format!("-{key}"),
        Event::Citation { key, citation } => format!("{key}cite({})", citation.url.text()),
        Event::Stop(stop) => format!("stop({:?})", stop.reason),
        Event::Usage(u) => format!(
            "usage({},{},{},{},{})",
            number(u.input_uncached),
            number(u.cache_read),
            number(u.cache_write),
            number(u.output),
            number(u.reasoning)
        ),
        Event::Ping => "ping".into(),
        Event::Error(f) => format!("error({:?},{})", f.kind, f.message),
        Event::End => "end".into(),
    }
}

fn number(n: Option<u64>) -> String {
    n.map_or_else(|| "-".into(), |n| n.to_string())
}
