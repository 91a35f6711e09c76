//! The OpenAI Responses dialect: requests and replies in both directions, and the state that travels between them.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails should fail loudly, in its helpers too"
)]

mod carriers;
mod from;
mod perplexity;
mod props;
mod replies;
mod streams;
mod to;

use apex_core::dialect::{
    Dialect, Encoded, ReplyContext, StreamDecoder, StreamEncoder, Target, decode_request, encode_request,
    losses_in_terms_of, openai_responses,
};
use apex_core::hub::{Aliases, Event, Sequencer};
use apex_core::provider::Quirks;
use serde_json::Value;

/// A request of a `from` client for an upstream of `to`.
pub(crate) fn translate(from: Dialect, to: Dialect, body: &str, model: &str) -> Result<(Value, String), String> {
    encoded(from, to, body, model).map(|e| {
        let body = serde_json::from_slice(&e.body).unwrap();
        (body, e.losses.header().unwrap_or_default())
    })
}

pub(crate) fn encoded(from: Dialect, to: Dialect, body: &str, model: &str) -> Result<Encoded, String> {
    let request = decode_request(from, body).map_err(|e| e.to_string())?;
    let provider = if to == Dialect::Anthropic { "anthropic" } else { "openai" };
    let target = Target { provider, model, quirks: &Quirks::OPENAI };
    let mut encoded =
        encode_request(to, &request, &target).map_err(|e| apex_core::dialect::in_terms_of(&request, e).to_string())?;
    encoded.losses = losses_in_terms_of(&request, &encoded.losses);
    Ok(encoded)
}

pub(crate) fn context(request: &str) -> ReplyContext {
    ReplyContext {
        client_model: "client-model".into(),
        id: "1".into(),
        created: 1_790_000_000,
        include_usage: true,
        request_id: "req_1".into(),
        provider: "anthropic".into(),
        upstream_model: "claude-x".into(),
        echo: openai_responses::Echo::of(request).into(),
        ..ReplyContext::default()
    }
}

/// A stream of one dialect as a stream of another.
pub(crate) fn restream(from: Dialect, to: Dialect, stream: &str, context: ReplyContext, aliases: Aliases) -> String {
    let mut decoder = StreamDecoder::new(from, &Quirks::OPENAI, aliases);
    let (mut sequencer, mut encoder) = (Sequencer::default(), StreamEncoder::new(to, context));
    let mut out = Vec::new();
    let mut take = |events: Vec<Event<'_>>| {
        let mut ordered = Vec::new();
        events.into_iter().for_each(|e| sequencer.push(e, &mut ordered));
        ordered.iter().for_each(|e| encoder.push(e, &mut out));
    };
    for event in stream.split_terminator("\n\n") {
        let name = event.lines().find_map(|l| l.strip_prefix("event: "));
        let Some(data) = event.lines().find_map(|l| l.strip_prefix("data: ")) else { continue };
        let mut events = Vec::new();
        decoder.push(name, data, &mut events);
        take(events);
    }
    let mut events = Vec::new();
    decoder.finish(&mut events);
    take(events);
    String::from_utf8(out).unwrap()
}

/// The data of a stream's events.
pub(crate) fn data(stream: &str) -> Vec<Value> {
    stream.lines().filter_map(|l| serde_json::from_str(l.strip_prefix("data: ")?).ok()).collect()
}
