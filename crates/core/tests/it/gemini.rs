//! The Gemini dialect: requests and replies in both directions, errors, and state that survives a change of dialect.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails should fail loudly, in its helpers too"
)]

mod carriers;
mod from_gemini;
mod props;
mod replies;
mod routes;
mod to_gemini;
mod writing;

use apex_core::dialect::{self, Dialect, Encoded, ReplyContext, Target, gemini};
use apex_core::hub::{Aliases, Event, Fold, Reply, Sequencer, Untranslatable};
use apex_core::provider::Quirks;
use serde_json::Value;

/// A request of a client of `from`, for `model` at an upstream of `to`.
pub(crate) fn encode(from: Dialect, to: Dialect, model: &str, body: &str) -> Result<Encoded, Untranslatable> {
    let request = dialect::decode_request(from, body).unwrap_or_else(|e| panic!("{e}: {body}"));
    let target = Target { provider: "google-ai-studio", model, quirks: &Quirks::OPENAI };
    dialect::encode_request(to, &request, &target)
}

/// The body and the losses of a request for Gemini.
pub(crate) fn to_gemini(from: Dialect, model: &str, body: &str) -> (Value, String) {
    let encoded = encode(from, Dialect::Gemini, model, body).unwrap();
    (json(&encoded.body), encoded.losses.header().unwrap_or_default())
}

pub(crate) fn json(bytes: impl AsRef<[u8]>) -> Value {
    let bytes = bytes.as_ref();
    serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(bytes)))
}

pub(crate) fn context() -> ReplyContext {
    ReplyContext {
        client_model: "m".into(),
        id: "r1".into(),
        created: 1_790_000_000,
        include_usage: true,
        show_thoughts: true,
        request_id: "req_1".into(),
        provider: "google-ai-studio".into(),
        upstream_model: "gemini-3-pro".into(),
        ..ReplyContext::default()
    }
}

/// The events of a stream given as the data of its events, closed at the end.
pub(crate) fn stream(data: &[&str]) -> Vec<Event<'static>> {
    let mut decoder = gemini::StreamDecoder::new(&Quirks::OPENAI, Aliases::default());
    let mut events = Vec::new();
    for data in data {
        let mut now = Vec::new();
        decoder.push(None, data, &mut now);
        events.extend(now.into_iter().map(Event::into_owned));
    }
    decoder.finish(&mut events);
    events
}

pub(crate) fn whole(body: &str) -> Vec<Event<'static>> {
    let events = gemini::decode_reply(body, &Quirks::OPENAI, &Aliases::default()).unwrap();
    events.into_iter().map(Event::into_owned).collect()
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

/// The bytes a client of `dialect` gets for the events of a reply, streamed.
pub(crate) fn streamed(dialect: Dialect, events: Vec<Event<'_>>, context: ReplyContext) -> String {
    let mut encoder = dialect::StreamEncoder::new(dialect, context);
    let mut out = Vec::new();
    sequenced(events).iter().for_each(|e| encoder.push(e, &mut out));
    String::from_utf8(out).unwrap()
}

/// The rules Google enforces on contents; the first one broken.
pub(crate) fn check(body: &Value) -> Result<(), String> {
    let contents = body["contents"].as_array().ok_or("no contents")?;
    let wrong = |at: usize, what: &str| Err(format!("contents[{at}]: {what}: {}", contents[at]));
    if contents.is_empty() || contents[0]["role"] != "user" {
        return Err("must begin with a user".into());
    }
    let names = |at: usize, member: &str| -> Vec<Value> {
        let parts = contents[at]["parts"].as_array().cloned().unwrap_or_default();
        parts.iter().filter(|p| !p[member].is_null()).map(|p| p[member]["name"].clone()).collect()
    };
    for at in 0..contents.len() {
        let parts = contents[at]["parts"].as_array().ok_or("no parts")?;
        if parts.is_empty() {
            return wrong(at, "no parts");
        }
        for part in parts {
            let data = ["text", "inlineData", "fileData", "functionCall", "functionResponse"];
            if data.iter().filter(|d| !part[**d].is_null()).count() != 1 {
                return wrong(at, "a part must have one data member");
            }
        }
        let calls = names(at, "functionCall");
        if !calls.is_empty() {
            if at + 1 == contents.len() {
                return wrong(at, "calls without responses");
            }
            // The number, the names and the order (pitfalls 21 and 22).
            if names(at + 1, "functionResponse") != calls {
                return wrong(at + 1, "responses do not match the calls");
            }
        } else if at > 0 && names(at - 1, "functionCall").is_empty() && !names(at, "functionResponse").is_empty() {
            return wrong(at, "responses without calls");
        }
        let responses = |p: &Value| !p["functionResponse"].is_null();
        if parts.iter().skip_while(|p| responses(p)).any(responses) {
            return wrong(at, "responses must come first, together");
        }
        if at > 0 && contents[at]["role"] == contents[at - 1]["role"] {
            return wrong(at, "two contents of one role");
        }
    }
    let config = &body["generationConfig"]["thinkingConfig"];
    if !config["thinkingBudget"].is_null() && !config["thinkingLevel"].is_null() {
        return Err("a budget and a level".into());
    }
    Ok(())
}
