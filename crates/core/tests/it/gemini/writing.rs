//! Replies for Gemini clients.

use apex_core::dialect::{Dialect, ReplyContext, gemini};
use apex_core::hub::{BlockStart, Delta, ErrorKind, Event, Failure, ToolKind};
use apex_core::json::JsonStr;
use http::StatusCode;
use serde_json::json;

use super::{context, folded, json as parse, stream, streamed};
use crate::anthropic::sse;

fn anthropic_events(text: &str) -> Vec<Event<'static>> {
    let mut decoder = apex_core::dialect::anthropic::StreamDecoder::new(
        &apex_core::provider::Quirks::OPENAI,
        apex_core::hub::Aliases::default(),
    );
    let mut events = Vec::new();
    for (name, data) in sse(text) {
        let mut now = Vec::new();
        decoder.push(name.as_deref(), &data, &mut now);
        events.extend(now.into_iter().map(Event::into_owned));
    }
    decoder.finish(&mut events);
    events
}

fn claude() -> ReplyContext {
    ReplyContext { provider: "anthropic".into(), upstream_model: "claude-x".into(), ..context() }
}

/// Models like to break the lines of arguments; an event of ours is one line all the same.
#[test]
fn arguments_of_many_lines_are_one_event() {
    let name = JsonStr::owned("f");
    let arguments = JsonStr::owned("{\n  \"city\": \"a\\nb\"\r\n}");
    let block = BlockStart::ToolCall { id: name.clone(), name, kind: ToolKind::Function, opaque: None };
    let events = vec![
        Event::BlockStart { key: 0, block },
        Event::Delta { key: 0, delta: Delta::Arguments(arguments) },
        Event::BlockStop { key: 0 },
        Event::End,
    ];
    let text = streamed(Dialect::Gemini, events, context());
    assert!(text.lines().all(|l| l.is_empty() || l.starts_with("data: {")), "{text}");
    let first = parse(text.lines().next().unwrap().strip_prefix("data: ").unwrap());
    assert_eq!(first["candidates"][0]["content"]["parts"][0]["functionCall"]["args"], json!({"city": "a\nb"}));
}

/// The golden stream of an Anthropic upstream, as a Gemini client sees it, streamed and whole.
#[test]
fn the_example() {
    let events = anthropic_events(include_str!("../../golden/openai_chat/example_stream_anthropic.sse"));
    let text = streamed(Dialect::Gemini, events.clone(), claude());
    crate::harness::golden("gemini/example_stream.sse", &text);
    // pitfalls 61 and 154: `data: ` lines and blank ones, nothing else; the last has reason and usage.
    assert!(text.lines().all(|l| l.is_empty() || l.starts_with("data: {")), "{text}");
    let pieces: Vec<_> = text.lines().filter_map(|l| l.strip_prefix("data: ")).map(parse).collect();
    let last = pieces.last().unwrap();
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    assert_eq!(
        last["usageMetadata"],
        json!({"promptTokenCount":100,"cachedContentTokenCount":90,"candidatesTokenCount":25,"totalTokenCount":125})
    );
    let whole = parse(gemini::encode_reply(&folded(events), &claude()));
    let parts = &whole["candidates"][0]["content"]["parts"];
    assert_eq!(parts[0], json!({"text":"Look at c.","thought":true}));
    assert_eq!(parts[1]["text"], "Next file.");
    assert_eq!(parts[2]["functionCall"], json!({"id":"toolu_3","name":"read_file","args":{"path":"c"}}));
    // What streams folds to what is told whole.
    let streamed_back = folded(stream(&text.lines().filter_map(|l| l.strip_prefix("data: ")).collect::<Vec<_>>()));
    let whole_back = folded(super::whole(&whole.to_string()));
    assert_eq!(streamed_back.usage, whole_back.usage);
    assert_eq!(streamed_back.stop.map(|s| s.reason), whole_back.stop.map(|s| s.reason));
}

#[test]
fn hidden_thoughts_and_the_array() {
    let events = anthropic_events(include_str!("../../golden/openai_chat/example_stream_anthropic.sse"));
    let hidden = ReplyContext { show_thoughts: false, json_array: true, ..claude() };
    let text = streamed(Dialect::Gemini, events, hidden);
    let list = parse(&text);
    let list = list.as_array().unwrap();
    assert!(!text.contains("Look at c.") && list.len() >= 4, "{text}");
    assert!(list.last().unwrap()["candidates"][0]["finishReason"].is_string());
}

#[test]
fn a_failure_in_the_middle_is_the_last_word() {
    // pitfalls 49, 50 and 61
    let failure = Failure::upstream(ErrorKind::Unavailable, StatusCode::SERVICE_UNAVAILABLE, "gone");
    let part = r#"{"candidates":[{"content":{"parts":[{"text":"hi"}]}}]}"#;
    for json_array in [false, true] {
        let mut encoder = gemini::StreamEncoder::new(ReplyContext { json_array, ..context() });
        let mut out = Vec::new();
        super::sequenced(stream(&[part])).iter().for_each(|e| encoder.push(e, &mut out));
        encoder.keep_alive(&mut out);
        encoder.fail(&failure, &mut out);
        encoder.fail(&failure, &mut out);
        encoder.push(&Event::End, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains("finishReason") && !text.contains("DONE"), "{text}");
        assert_eq!(text.matches(r#""status":"UNAVAILABLE""#).count(), 1, "{text}");
        if json_array {
            assert_eq!(parse(&text).as_array().unwrap().len(), 2);
        }
    }
}

#[test]
fn calls_that_are_no_objects() {
    let chat = |finish: &str| {
        let body = format!(
            r#"{{"id":"c","choices":[{{"index":0,"message":{{"role":"assistant","tool_calls":[{{"id":"1","type":"function","function":{{"name":"f","arguments":"{{\"a\":"}}}}]}},"finish_reason":"{finish}"}}]}}"#
        );
        let events = apex_core::dialect::openai_chat::decode_reply(
            &body,
            &apex_core::provider::Quirks::OPENAI,
            &apex_core::hub::Aliases::default(),
        )
        .unwrap();
        events.into_iter().map(Event::into_owned).collect::<Vec<_>>()
    };
    assert!(apex_core::hub::arguments::unsound_call(&folded(chat("tool_calls"))).is_some());
    assert!(apex_core::hub::arguments::unsound_call(&folded(chat("length"))).is_none());
    assert!(streamed(Dialect::Gemini, chat("tool_calls"), context()).contains(r#""status":"INTERNAL""#));
    let cut = streamed(Dialect::Gemini, chat("length"), context());
    assert!(cut.contains("MAX_TOKENS") && !cut.contains("functionCall"), "{cut}");
}

#[test]
fn errors() {
    for (kind, status, want) in [
        (ErrorKind::InvalidRequest, 400, (400, "INVALID_ARGUMENT")),
        (ErrorKind::Auth, 401, (401, "UNAUTHENTICATED")),
        (ErrorKind::Permission, 403, (403, "PERMISSION_DENIED")),
        (ErrorKind::NotFound, 404, (404, "NOT_FOUND")),
        (ErrorKind::RateLimit, 429, (429, "RESOURCE_EXHAUSTED")),
        (ErrorKind::Billing, 402, (429, "RESOURCE_EXHAUSTED")),
        (ErrorKind::Unprocessable, 422, (400, "INVALID_ARGUMENT")),
        (ErrorKind::Overloaded, 529, (503, "UNAVAILABLE")),
        (ErrorKind::Timeout, 504, (504, "DEADLINE_EXCEEDED")),
        (ErrorKind::BadAnswer, 502, (500, "INTERNAL")),
    ] {
        let failure = Failure::upstream(kind, StatusCode::from_u16(status).unwrap(), "x");
        let (status, body) = gemini::encode_error(&failure, "req_1");
        let body = parse(&body);
        assert_eq!((status.as_u16(), body["error"]["status"].as_str().unwrap()), want, "{kind:?}");
        assert_eq!(body["error"]["code"], status.as_u16());
        assert!(gemini::has_error_envelope(body.to_string().as_bytes()));
    }
}
