//! Cohere v2: as an upstream and as a client's dialect.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails should fail loudly, in its helpers too"
)]

mod carriers;
mod client;
mod props;
mod routes;
mod upstream;
mod writing;

use apex_core::dialect::{self, Dialect, ReplyContext};
use apex_core::hub::{Aliases, Event, Fold, Reply, Sequencer};
use apex_core::provider::Quirks;
use apex_core::settings::{Provider, Settings};
use serde_json::Value;

use crate::harness;

fn settings() -> Settings {
    let mut settings = harness::settings();
    settings.providers.insert("cohere".into(), Provider { api_key: Some("co-key".into()), ..Provider::default() });
    settings
}

fn json(bytes: impl AsRef<[u8]>) -> Value {
    let bytes = bytes.as_ref();
    serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(bytes)))
}

fn context() -> ReplyContext {
    ReplyContext {
        client_model: "m".into(),
        id: "r1".into(),
        request_id: "req_1".into(),
        provider: "p".into(),
        upstream_model: "um".into(),
        ..ReplyContext::default()
    }
}

/// A whole reply of an upstream.
fn whole(dialect: Dialect, body: &str) -> Vec<Event<'static>> {
    let events = dialect::decode_reply(dialect, body, &Quirks::OPENAI, &Aliases::default()).unwrap();
    events.into_iter().map(Event::into_owned).collect()
}

/// The events of a Cohere stream of ours.
fn read(stream: &str) -> Vec<Event<'static>> {
    let mut decoder = dialect::StreamDecoder::new(Dialect::Cohere, &Quirks::OPENAI, Aliases::default());
    let mut events = Vec::new();
    for data in stream.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let mut now = Vec::new();
        decoder.push(None, data, &mut now);
        events.extend(now.into_iter().map(Event::into_owned));
    }
    decoder.finish(&mut events);
    events
}

fn sequenced(events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    let (mut sequencer, mut out) = (Sequencer::default(), Vec::new());
    events.into_iter().for_each(|e| sequencer.push(e, &mut out));
    out
}

fn folded(events: Vec<Event<'_>>) -> Reply {
    let mut fold = Fold::default();
    sequenced(events).iter().for_each(|e| fold.push(e));
    fold.finish()
}

/// What a Cohere client gets for the events of a reply, streamed.
fn streamed(events: Vec<Event<'_>>) -> String {
    let mut encoder = dialect::StreamEncoder::new(Dialect::Cohere, context());
    let mut out = Vec::new();
    sequenced(events).iter().for_each(|e| encoder.push(e, &mut out));
    String::from_utf8(out).unwrap()
}
