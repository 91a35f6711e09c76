//! Replies to Cohere clients, whole and streamed.

use apex_core::dialect::{self, Dialect};
use apex_core::hub::{BlockStart, Citation, Delta, ErrorKind, Event, Failure, Stop, StopReason, ToolKind, Usage};
use apex_core::json::JsonStr;
use http::StatusCode;
use serde_json::json;

use super::{context, folded, json as parse, read, sequenced, streamed, whole};
use crate::harness::golden;

/// Thinking, two texts, sources, two calls of which one has no arguments.
const MESSAGES: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[
 {"type":"thinking","thinking":"Hm \ud83d\ude00.","signature":"EqQB"},
 {"type":"text","text":"Gr\u00fc\u00dfe. "},
 {"type":"text","text":"It rains.","citations":[
   {"type":"web_search_result_location","url":"https://a.example/","title":"A","cited_text":"rain","encrypted_index":"x"},
   {"type":"web_search_result_location","url":"https://b.example/","title":"B","cited_text":"rain","encrypted_index":"y"}]},
 {"type":"tool_use","id":"toolu_1","name":"f","input":{"n":123456789012345678901234567890}},
 {"type":"tool_use","id":"toolu_2","name":"g","input":{}}],
 "stop_reason":"tool_use","stop_sequence":null,
 "usage":{"input_tokens":10,"cache_read_input_tokens":90,"output_tokens":25,"output_tokens_details":{"thinking_tokens":8}}}"#;

#[test]
fn everything_a_reply_can_say() {
    let reply = folded(whole(Dialect::Anthropic, MESSAGES));
    let body = dialect::encode_reply(Dialect::Cohere, &reply, &context());
    let text = String::from_utf8(body).unwrap();
    assert!(text.contains(r#"{\"n\":123456789012345678901234567890}"#), "{text}");
    golden("cohere/reply.json", &format!("{}\n", serde_json::to_string_pretty(&parse(&text)).unwrap()));
    golden("cohere/reply.sse", &streamed(whole(Dialect::Anthropic, MESSAGES)));
}

/// What clients put together from a stream is the whole reply.
#[test]
fn a_stream_reads_back() {
    let events = whole(Dialect::Anthropic, MESSAGES);
    let (want, got) = (folded(events.clone()), folded(read(&streamed(events))));
    let words = |reply: &apex_core::hub::Reply| format!("{:?}", reply.blocks).replace("\\\"", "\"");
    assert_eq!(got.usage, want.usage);
    assert_eq!(got.stop.as_ref().unwrap().reason, want.stop.as_ref().unwrap().reason);
    assert_eq!(got.blocks.len(), want.blocks.len(), "{}\n{}", words(&got), words(&want));
    let body = |reply| String::from_utf8(dialect::encode_reply(Dialect::Cohere, reply, &context())).unwrap();
    let stateless = |text: String| {
        let mut value = parse(text);
        for list in ["content", "tool_calls"] {
            for item in value["message"][list].as_array_mut().unwrap() {
                item.as_object_mut().unwrap().remove("signature");
            }
        }
        value
    };
    assert_eq!(stateless(body(&got)), stateless(body(&want)));
}

#[test]
fn stop_reasons() {
    for (reason, want) in [
        (StopReason::EndTurn, "COMPLETE"),
        (StopReason::Pause, "COMPLETE"),
        (StopReason::StopSequence, "STOP_SEQUENCE"),
        (StopReason::MaxTokens, "MAX_TOKENS"),
        (StopReason::ContextWindow, "MAX_TOKENS"),
        (StopReason::ToolCalls, "TOOL_CALL"),
        (StopReason::ContentFilter, "ERROR_TOXIC"),
        (StopReason::Refusal, "ERROR_TOXIC"),
    ] {
        let mut stop = Stop::plain(reason, JsonStr::default());
        stop.explanation = Some(JsonStr::written("because"));
        let events = vec![Event::Stop(stop), Event::End];
        let reply = folded(events.clone());
        let body = parse(dialect::encode_reply(Dialect::Cohere, &reply, &context()));
        assert_eq!(body["finish_reason"], want);
        // A reply that says nothing tells why.
        assert_eq!(body["message"]["content"], json!([{"type": "text", "text": "because"}]));
        assert!(body["usage"].is_null(), "unknown is not zero: {body}");
        let stream = streamed(events);
        assert!(
            stream.contains(r#"{"text":"because"}"#)
                && stream.ends_with(&format!(
                    "data: {{\"type\":\"message-end\",\"delta\":{{\"finish_reason\":\"{want}\"}}}}\n\n"
                )),
            "{stream}"
        );
    }
    let nothing = parse(dialect::encode_reply(Dialect::Cohere, &apex_core::hub::Reply::default(), &context()));
    assert_eq!(
        nothing,
        json!({"id": "r1", "message": {"role": "assistant", "content": []}, "finish_reason": "COMPLETE"})
    );
}

/// Sources that come late are told before their text ends; ranges count from the beginning of the answer.
#[test]
fn sources_count_in_their_own_text() {
    let text = |key, words: &str| {
        [
            Event::BlockStart { key, block: BlockStart::Text },
            Event::Delta { key, delta: Delta::Text(JsonStr::owned(words)) },
        ]
    };
    let citation =
        Citation { url: JsonStr::written("https://a.example/"), title: None, cited_text: None, range: Some((6, 10)) };
    let mut events: Vec<Event<'static>> = text(0, "Größe.").into();
    events.push(Event::BlockStop { key: 0 });
    events.extend(text(1, "Füße."));
    events.extend([
        Event::Stop(Stop::plain(StopReason::EndTurn, JsonStr::default())),
        Event::Citation { key: 1, citation },
        Event::End,
    ]);
    let want = json!({"start": 0, "end": 4, "text": "Füße", "content_index": 1, "type": "TEXT_CONTENT", "sources": [
        {"type": "document", "id": "web:0", "document": {"id": "web:0", "url": "https://a.example/"}}]});
    let body = parse(dialect::encode_reply(Dialect::Cohere, &folded(events.clone()), &context()));
    assert_eq!(body["message"]["citations"], json!([want]));
    let stream = streamed(events);
    let at = |what: &str| stream.find(what).unwrap_or_else(|| panic!("{what} in {stream}"));
    let told = stream.lines().find(|line| line.contains("citation-start\"")).unwrap();
    assert_eq!(parse(&told["data: ".len()..])["delta"]["message"]["citations"], want);
    assert!(at("Füße.") < at("event: citation-start") && at("citation-end") < at("\"content-end\",\"index\":1"));
}

/// Free text stands for an object with one member, whole and streamed.
#[test]
fn free_text_calls_are_functions_here() {
    let call = BlockStart::ToolCall {
        id: JsonStr::default(),
        name: JsonStr::written("patch"),
        kind: ToolKind::Custom,
        opaque: None,
    };
    let piece = |text| Event::Delta { key: 0, delta: Delta::Arguments(JsonStr::owned(text)) };
    let events = vec![
        Event::BlockStart { key: 0, block: call },
        piece("a\n\""),
        piece("é"),
        Event::BlockStop { key: 0 },
        Event::End,
    ];
    let body = parse(dialect::encode_reply(Dialect::Cohere, &folded(events.clone()), &context()));
    let call = &body["message"]["tool_calls"][0];
    assert_eq!(parse(call["function"]["arguments"].as_str().unwrap()), json!({"input": "a\n\"é"}));
    assert_eq!((&body["finish_reason"], call["id"].as_str().unwrap().is_empty()), (&json!("TOOL_CALL"), false));
    let back = folded(read(&streamed(events)));
    let apex_core::hub::Block::ToolCall { arguments, .. } = &back.blocks[0] else { panic!("{back:?}") };
    assert_eq!(parse(arguments.text().as_ref()), json!({"input": "a\n\"é"}));
}

#[test]
fn a_failure_is_the_last_thing() {
    let usage = Usage { input_uncached: Some(1), ..Usage::default() };
    let failure = Failure::upstream(ErrorKind::Overloaded, StatusCode::from_u16(529).unwrap(), "over\"loaded");
    let events = vec![
        Event::Start { id: JsonStr::default(), model: JsonStr::default(), usage },
        Event::BlockStart { key: 0, block: BlockStart::Text },
        Event::Delta { key: 0, delta: Delta::Text(JsonStr::written("half")) },
    ];
    let mut encoder = dialect::StreamEncoder::new(Dialect::Cohere, context());
    let mut out = Vec::new();
    sequenced(events).iter().for_each(|e| encoder.push(e, &mut out));
    encoder.keep_alive(&mut out);
    encoder.fail(&failure, &mut out);
    let length = out.len();
    encoder.push(&Event::End, &mut out);
    encoder.fail(&failure, &mut out);
    encoder.keep_alive(&mut out);
    assert_eq!(out.len(), length);
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("\n\n: keep-alive\n\nevent: message-end\n"), "{text}");
    assert!(text.ends_with("\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"over\\\"loaded\"}}\n\n"), "{text}");
    assert!(!text.contains("content-end"), "{text}");
}
