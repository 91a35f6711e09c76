//! Replies and streams: through the exchange, as a client of the other dialect sees them.

use std::sync::Arc;

use apex_core::catalog::Catalog;
use apex_core::dialect::Dialect;
use apex_core::exchange::TransportErrorKind;
use apex_core::settings::Provider;
use apex_testkit::corpus::{Recording, fails};
use serde_json::Value;

use super::grammar::{self, Seen};
use super::{Api, CLIENTS, Tally, cohere, gemini, responses};
use crate::harness::{self, Run, catalog, post};

/// Most places a stream is cut at: long ones are cut at their ends and evenly between.
const MOST_CUTS: usize = 12;

/// The names of what is checked here.
pub(super) const CHECKS: &[&str] =
    &["chunks", "content", "cut", "error", "error in a stream", "grammar", "relay", "stream and whole", "translate"];

pub(super) fn check(api: &Api, recording: &Recording, tally: &mut Tally) {
    let (id, response) = (recording.id.as_str(), &recording.response);
    if response.status >= 400 {
        let body = response.body.as_ref().map_or("", |b| b.get());
        tally.errors += 1;
        let run = converse(api, api.other(), false, response.status, "application/json", &[body.as_bytes()]);
        let status = run.status().unwrap();
        if status < 400 {
            tally.fail(id, "error", format!("became {status}"));
        }
        if let Err(what) = grammar::error(run.text(), api.other()) {
            tally.fail(id, "error", what);
        }
        return;
    }
    let (kind, text) = match (&response.sse, &response.body) {
        (Some(sse), _) => {
            tally.streams += 1;
            ("text/event-stream", sse.as_str())
        }
        (None, Some(body)) => {
            tally.replies += 1;
            ("application/json", body.get())
        }
        (None, None) => return,
    };
    let stream = response.sse.is_some();
    if CLIENTS.contains(&api.dialect) {
        relayed(api, id, kind, text, stream, tally);
    }
    translated(api, id, kind, text, tally);
    if stream {
        chunked(api, id, text, tally);
        cut(api, id, text, tally);
    }
}

/// In its own dialect nothing changes.
fn relayed(api: &Api, id: &str, kind: &str, text: &str, stream: bool, tally: &mut Tally) {
    let run = converse(api, api.dialect, stream, 200, kind, &[text.as_bytes()]);
    if !fails(text) && (run.body != text.as_bytes() || run.ended() != ("completed", Some(200), false)) {
        tally.fail(id, "relay", format!("{:?}, {} of {} bytes", run.ended(), run.body.len(), text.len()));
    }
}

/// To the other dialect, as a stream and whole: both obey its grammar and say the same.
fn translated(api: &Api, id: &str, kind: &str, text: &str, tally: &mut Tally) {
    let (mut stream, mut whole) = (None, None);
    for streamed in [true, false] {
        let run = converse(api, api.other(), streamed, 200, kind, &[text.as_bytes()]);
        if fails(text) {
            // The recording holds an error: it must arrive as one.
            if run.ended().0 != "upstream_error" {
                tally.fail(id, "error in a stream", format!("{:?}", run.ended()));
            }
            continue;
        }
        if run.ended() != ("completed", Some(200), false) {
            tally.fail(id, "translate", format!("{:?}: {:.300}", run.ended(), run.text()));
            return;
        }
        let checked = match (api.other(), streamed) {
            (Dialect::OpenAiResponses, true) => responses::stream(run.text()),
            (Dialect::OpenAiResponses, false) => responses::whole(run.text()),
            (Dialect::Anthropic, true) => grammar::messages_stream(run.text()),
            (Dialect::Anthropic, false) => grammar::messages_whole(run.text()),
            (Dialect::Cohere, true) => cohere::stream(run.text()),
            (Dialect::Cohere, false) => cohere::whole(run.text()),
            (Dialect::Gemini, true) => gemini::stream(run.text()),
            (Dialect::Gemini, false) => gemini::whole(run.text()),
            (_, true) => grammar::chat_stream(run.text()),
            (_, false) => grammar::chat_whole(run.text()),
        };
        match checked {
            Err(what) => tally.fail(id, "grammar", format!("streamed {streamed}: {what}")),
            Ok(seen) if streamed => stream = Some(seen),
            Ok(seen) => whole = Some(seen),
        }
    }
    if let (Some(stream), Some(whole)) = (stream, whole) {
        if stream != whole {
            tally.fail(id, "stream and whole", differ(&stream, &whole));
        }
        if let Some(what) = missing(api, text, &whole) {
            tally.fail(id, "content", what);
        }
    }
}

fn differ(stream: &Seen, whole: &Seen) -> String {
    let block = stream.blocks.iter().zip(&whole.blocks).find(|(a, b)| a != b);
    match block {
        Some((a, b)) => format!("{a:.200?} and {b:.200?}"),
        None => format!(
            "{} and {} blocks, stop {} and {}, usage {:?} and {:?}",
            stream.blocks.len(),
            whole.blocks.len(),
            stream.stop,
            whole.stop,
            stream.usage,
            whole.usage
        ),
    }
}

/// Chunk borders have no meaning.
fn chunked(api: &Api, id: &str, text: &str, tally: &mut Tally) {
    let whole = converse(api, api.other(), true, 200, "text/event-stream", &[text.as_bytes()]);
    for size in [1, 7, 1021] {
        if size * 8_000 < text.len() {
            continue;
        }
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
        let run = converse(api, api.other(), true, 200, "text/event-stream", &pieces);
        // How much of a failing stream arrives with its error decides between a status and an event.
        let same = if fails(text) {
            run.ended().0 == whole.ended().0
        } else {
            run.body == whole.body && run.ended() == whole.ended()
        };
        if !same {
            tally.fail(
                id,
                "chunks",
                format!("pieces of {size} bytes: {:?} instead of {:?}", run.ended(), whole.ended()),
            );
        }
    }
}

/// Cut between any two events before its reason, a stream ends in an error and never in a forged end.
fn cut(api: &Api, id: &str, text: &str, tally: &mut Tally) {
    let ends = boundaries(text);
    let step = ends.len().div_ceil(MOST_CUTS).max(1);
    let near_the_end = ends.len().saturating_sub(4);
    let (mut from, mut whole, mut failed) = (0, false, false);
    for (i, end) in ends.iter().enumerate() {
        let part = &text[..*end];
        whole |= stopped(api, &text[from..*end]);
        failed |= fails(&text[from..*end]);
        from = *end;
        if i % step != 0 && i < near_the_end {
            continue;
        }
        for reset in [false, true] {
            let mut run = begin(api, api.other(), true);
            run.upstream_head(200, &[("content-type", "text/event-stream")]).chunk(part);
            if run.end.is_none() {
                if reset {
                    run.broken(TransportErrorKind::Reset, false)
                } else {
                    run.close()
                };
            }
            let (outcome, ..) = run.ended();
            if (outcome == "completed") != (whole && !failed) {
                tally.fail(id, "cut", format!("after {end} bytes: {:?}", run.ended()));
                return;
            }
            if outcome == "completed" || run.status() != Some(200) {
                continue;
            }
            let checked = match api.other() {
                Dialect::Anthropic => grammar::messages_stream(run.text()),
                Dialect::OpenAiResponses => responses::stream(run.text()),
                Dialect::Gemini => gemini::stream(run.text()),
                Dialect::Cohere => cohere::stream(run.text()),
                Dialect::OpenAiChat => grammar::chat_stream(run.text()),
            };
            match checked {
                Ok(seen) if seen.failed && run.aborted() => {}
                other => {
                    tally.fail(id, "cut", format!("after {end} bytes: {other:.300?}"));
                    return;
                }
            }
        }
    }
}

/// Where the events of a stream end.
fn boundaries(text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    for blank in ["\n\n", "\r\n\r\n"] {
        ends.extend(text.match_indices(blank).map(|(at, b)| at + b.len()));
    }
    ends.sort_unstable();
    ends
}

/// The data of a stream's events, read in the simplest way.
fn data(text: &str) -> impl Iterator<Item = Value> {
    text.lines().filter_map(|l| serde_json::from_str(l.strip_prefix("data:")?.trim()).ok())
}

/// Has the reason come?
fn stopped(api: &Api, text: &str) -> bool {
    text.contains("data: [DONE]")
        || data(text).any(|event| {
            if api.dialect == Dialect::Cohere {
                event["type"] == "message-end"
            } else if api.dialect == Dialect::Anthropic {
                event["delta"]["stop_reason"].is_string()
            } else if api.dialect == Dialect::OpenAiResponses {
                event["type"] == "response.completed" || event["type"] == "response.incomplete"
            } else if api.dialect == Dialect::Gemini {
                event["candidates"].as_array().is_some_and(|c| c.iter().any(|c| c["finishReason"].is_string()))
                    || event["promptFeedback"]["blockReason"].is_string()
            } else {
                event["choices"]
                    .as_array()
                    .is_some_and(|c| c.iter().any(|c| c["finish_reason"].as_str().is_some_and(|r| !r.is_empty())))
            }
        })
}

/// Text and calls of a recorded whole reply, which must all be in the translated one.
fn missing(api: &Api, text: &str, seen: &Seen) -> Option<String> {
    let reply: Value = serde_json::from_str(text).ok()?;
    let all = serde_json::to_string(&seen.blocks.iter().map(|b| &b.1).collect::<Vec<_>>()).unwrap();
    let lost = |what: &Value| {
        let text = what.as_str()?;
        let inside = serde_json::to_string(text.trim()).unwrap();
        (!all.contains(inside.trim_matches('"'))).then(|| format!("lost: {text:.120}"))
    };
    if api.dialect == Dialect::Anthropic {
        let blocks = reply["content"].as_array()?;
        return blocks.iter().find_map(|b| match b["type"].as_str()? {
            "text" => lost(&b["text"]),
            "tool_use" => lost(&b["name"]).or_else(|| lost(&b["id"])),
            _ => None,
        });
    }
    if api.dialect == Dialect::OpenAiResponses {
        let items = reply["output"].as_array()?;
        return items.iter().find_map(|i| match i["type"].as_str()? {
            "message" => i["content"].as_array()?.iter().find_map(|p| lost(&p["text"])),
            "function_call" | "custom_tool_call" => lost(&i["name"]).or_else(|| lost(&i["call_id"])),
            _ => None,
        });
    }
    if api.dialect == Dialect::Gemini {
        let parts = reply["candidates"][0]["content"]["parts"].as_array()?;
        return parts.iter().find_map(|p| {
            if p["thought"] == true { None } else { lost(&p["text"]).or_else(|| lost(&p["functionCall"]["name"])) }
        });
    }
    let message = &reply["choices"][0]["message"];
    let calls = message["tool_calls"].as_array().map_or(&[][..], Vec::as_slice);
    lost(&message["content"]).or_else(|| calls.iter().find_map(|c| lost(&c["function"]["name"])))
}

/// The gateway, with the recorded provider.
fn gateway(api: &Api) -> Arc<Catalog> {
    let mut settings = harness::settings();
    let mut provider = Provider { api_key: Some("stored-key-0001".into()), ..Provider::default() };
    match api.provider {
        "custom" => provider.base_url = Some("https://llm.example/v1".into()),
        "azure-openai" => provider.resource = Some("my-resource".into()),
        "workers-ai" => settings.cloudflare.account_id = Some("acc".into()),
        _ => {}
    }
    // The interface that was recorded, whatever the provider serves besides.
    provider.dialects = Some(vec![api.dialect.as_str().into()]);
    settings.providers.insert(api.provider.into(), provider);
    catalog(&settings)
}

fn begin(api: &Api, client: Dialect, stream: bool) -> Run {
    let catalog = api.catalog.get_or_init(|| gateway(api));
    if client == Dialect::Gemini {
        let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        let path = format!("/v1beta/models/m%23{}:{method}", api.provider);
        return Run::begin(catalog, post(&path, &[]), r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#);
    }
    let (path, more) = match client {
        Dialect::Cohere => ("/v2/chat", ""),
        Dialect::Anthropic => ("/v1/messages", r#","max_tokens":1000"#),
        Dialect::OpenAiResponses => ("/v1/responses", ""),
        _ if stream => ("/v1/chat/completions", r#","stream_options":{"include_usage":true}"#),
        Dialect::Gemini | Dialect::OpenAiChat => ("/v1/chat/completions", ""),
    };
    let list = if client == Dialect::OpenAiResponses { "input" } else { "messages" };
    let body = format!(
        r#"{{"model":"m#{}","{list}":[{{"role":"user","content":"hi"}}],"stream":{stream}{more}}}"#,
        api.provider
    );
    Run::begin(catalog, post(path, &[]), &body)
}

pub(super) fn converse(api: &Api, client: Dialect, stream: bool, status: u16, kind: &str, pieces: &[&[u8]]) -> Run {
    let mut run = begin(api, client, stream);
    assert_eq!(run.sent.len(), 1, "{}", run.text());
    run.upstream_head(status, &[("content-type", kind)]);
    for piece in pieces {
        run.chunk(piece);
    }
    if run.end.is_none() {
        run.close();
    }
    run
}
