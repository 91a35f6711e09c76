//! Cohere v2 as an upstream: what goes there, and what becomes of its answers.

use apex_core::dialect::{self, Dialect, StreamDecoder, Target};
use apex_core::hub::{Aliases, Event, Fold, Sequencer};
use apex_core::provider::Quirks;
use apex_testkit::corpus::recordings;
use serde_json::Value;

use super::settings;
use crate::harness::{self, Run, catalog, golden, post};

const EVERYTHING: &str = include_str!("../../golden/cohere/everything.json");

/// A Messages request to Cohere.
fn ask(body: &str) -> Run {
    Run::begin(&catalog(&settings()), post("/v1/messages", &[("anthropic-version", "2023-06-01")]), body)
}

fn plain(stream: bool) -> Run {
    ask(&format!(
        r#"{{"model":"command-a-03-2025#cohere","max_tokens":9,"stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#
    ))
}

#[test]
fn everything_a_client_can_say() {
    let mut run = ask(EVERYTHING);
    let record = run.exchange.abandoned(harness::START);
    let sent = &run.sent[0];
    assert_eq!(sent.head.uri, "https://api.cohere.com/v2/chat");
    assert_eq!(sent.head.headers["authorization"], "Bearer co-key");
    assert!(!sent.head.headers.contains_key("anthropic-version"));
    let body = std::str::from_utf8(run.sent_body()).unwrap();
    assert!(body.contains("123456789012345678901234567890") && body.contains("{\\\"at\\\": 1.0}"), "{body}");
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(body).unwrap()).unwrap();
    golden("cohere/everything.txt", &format!("adjustments: {}\n\n{pretty}\n", record.adjustments.unwrap_or_default()));
}

#[test]
fn what_cohere_cannot_do_is_refused() {
    let message = r#"{"role":"user","content":[PART]}"#;
    for (part, param) in [
        (
            r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0="}}"#,
            "documents",
        ),
        (r#"{"type":"image","source":{"type":"file","file_id":"f"}}"#, "images"),
    ] {
        let body = format!(r#"{{"model":"c#cohere","max_tokens":9,"messages":[{}]}}"#, message.replace("PART", part));
        let run = ask(&body);
        assert_eq!(run.status(), Some(400));
        assert!(run.text().contains(param), "{}", run.text());
    }
    let six = r#"{"model":"c#cohere","max_tokens":9,"stop_sequences":["1","2","3","4","5","6"],"messages":[{"role":"user","content":"x"}]}"#;
    assert_eq!(ask(six).status(), Some(400));
}

#[test]
fn the_way_depends_on_the_client() {
    let chat = harness::chat_body("command-a-03-2025#cohere", false);
    let run = Run::begin(&catalog(&settings()), post("/v1/chat/completions", &[]), &chat);
    assert_eq!(run.sent[0].head.uri, "https://api.cohere.com/compatibility/v1/chat/completions");
    let mut written = settings();
    let mirror = Some("http://127.0.0.1:9000/co/compatibility/v1/".to_owned());
    written.providers.get_mut("cohere").unwrap().base_url = mirror;
    let run = Run::begin(&catalog(&written), post("/v1/chat/completions", &[]), &chat);
    assert_eq!(run.sent[0].head.uri, "http://127.0.0.1:9000/co/compatibility/v1/chat/completions");
    let run = Run::begin(
        &catalog(&written),
        post("/v1/messages", &[]),
        r#"{"model":"c#cohere","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#,
    );
    assert_eq!(run.sent[0].head.uri, "http://127.0.0.1:9000/co/v2/chat");
}

/// What a reply says: text, thoughts, calls, stop reason, usage.
#[derive(Debug, Default, PartialEq)]
struct Said {
    text: String,
    thoughts: String,
    calls: Vec<(String, Value)>,
    stop: String,
    usage: (u64, u64),
}

/// Of Cohere's own JSON.
fn said_there(reply: &Value) -> Said {
    let message = &reply["message"];
    let mut said = Said { thoughts: message["tool_plan"].as_str().unwrap_or("").into(), ..Said::default() };
    for part in message["content"].as_array().into_iter().flatten() {
        said.text += part["text"].as_str().unwrap_or("");
        said.thoughts += part["thinking"].as_str().unwrap_or("");
    }
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let arguments = call["function"]["arguments"].as_str().unwrap();
        said.calls.push((call["function"]["name"].as_str().unwrap().into(), serde_json::from_str(arguments).unwrap()));
    }
    said.stop = match reply["finish_reason"].as_str().unwrap() {
        "MAX_TOKENS" => "max_tokens",
        "TOOL_CALL" => "tool_use",
        // Cohere does not say which sequence it was, and Messages clients are told none.
        _ => "end_turn",
    }
    .into();
    // Written as 12 or as 12.0.
    let whole = |n: &Value| n.as_f64().map_or(0, |f| format!("{f:.0}").parse().unwrap());
    let count = |name| whole(&reply["usage"]["tokens"][name]);
    let cached: u64 = whole(&reply["usage"]["cached_tokens"]);
    said.usage = (count("input_tokens").saturating_sub(cached), count("output_tokens"));
    said
}

/// Of the Messages reply that a client got.
fn said_here(reply: &Value) -> Said {
    let mut said = Said { stop: reply["stop_reason"].as_str().unwrap().into(), ..Said::default() };
    for block in reply["content"].as_array().unwrap() {
        said.text += block["text"].as_str().unwrap_or("");
        said.thoughts += block["thinking"].as_str().unwrap_or("");
        if block["type"] == "tool_use" {
            said.calls.push((block["name"].as_str().unwrap().into(), block["input"].clone()));
        }
    }
    let count = |name: &str| reply["usage"][name].as_u64().unwrap_or(0);
    said.usage = (count("input_tokens"), count("output_tokens"));
    said
}

/// A stream, put together as its documentation says.
fn assembled(sse: &str) -> Value {
    let mut reply = serde_json::json!({"message": {"content": [], "tool_calls": [], "tool_plan": ""}});
    for data in sse.lines().filter_map(|l| l.strip_prefix("data:")).filter(|d| d.trim() != "[DONE]") {
        let event: Value = serde_json::from_str(data).unwrap();
        let delta = &event["delta"]["message"];
        match event["type"].as_str().unwrap() {
            "content-start" | "content-delta" => {
                let content = reply["message"]["content"].as_array_mut().unwrap();
                content.push(delta["content"].clone());
            }
            "tool-plan-delta" => {
                let plan = reply["message"]["tool_plan"].as_str().unwrap().to_owned();
                reply["message"]["tool_plan"] = (plan + delta["tool_plan"].as_str().unwrap()).into();
            }
            "tool-call-start" => {
                reply["message"]["tool_calls"].as_array_mut().unwrap().push(delta["tool_calls"].clone());
            }
            "tool-call-delta" => {
                let call = reply["message"]["tool_calls"].as_array_mut().unwrap().last_mut().unwrap();
                let so_far = call["function"]["arguments"].as_str().unwrap().to_owned();
                let more = delta["tool_calls"]["function"]["arguments"].as_str().unwrap();
                call["function"]["arguments"] = (so_far + more).into();
            }
            "message-end" => {
                reply["finish_reason"] = event["delta"]["finish_reason"].clone();
                reply["usage"] = event["delta"]["usage"].clone();
            }
            _ => {}
        }
    }
    reply
}

#[test]
fn recorded_replies_say_the_same() {
    let Some(corpus) = harness::corpus() else { return };
    let (mut replies, mut streams) = (0, 0);
    for recording in recordings(&corpus.join("cohere.v2.chat")) {
        let ((body, is_stream), status, name) = (recording.reply(), recording.response.status, &recording.id);
        if is_stream {
            streams += 1;
            let want = said_there(&assembled(body));
            for size in [usize::MAX, 7] {
                let mut run = plain(true);
                run.sse();
                body.as_bytes().chunks(size.min(body.len())).for_each(|chunk| {
                    run.chunk(chunk);
                });
                run.close();
                assert_eq!(run.ended(), ("completed", Some(200), false), "{name}");
                assert_eq!(said_in_stream(run.text()), want, "{name}");
            }
            continue;
        }
        let mut run = plain(false);
        run.upstream_head(status, &[("content-type", "application/json")]).chunk(body).close();
        if status >= 400 {
            assert_eq!(run.status(), Some(if status == 401 { 502 } else { status }), "{name}: {}", run.text());
            continue;
        }
        replies += 1;
        assert_eq!(
            said_here(&serde_json::from_str(run.text()).unwrap()),
            said_there(&serde_json::from_str(body).unwrap()),
            "{name}"
        );
    }
    assert!(replies > 5 && streams > 5, "{replies} replies, {streams} streams");
}

/// Of a Messages stream.
fn said_in_stream(text: &str) -> Said {
    let (mut said, mut arguments) = (Said::default(), String::new());
    for data in text.lines().filter_map(|l| l.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(data).unwrap();
        match event["type"].as_str().unwrap() {
            "content_block_start" if event["content_block"]["type"] == "tool_use" => {
                arguments.clear();
                said.calls.push((event["content_block"]["name"].as_str().unwrap().into(), Value::Null));
            }
            "content_block_delta" => {
                said.text += event["delta"]["text"].as_str().unwrap_or("");
                said.thoughts += event["delta"]["thinking"].as_str().unwrap_or("");
                arguments += event["delta"]["partial_json"].as_str().unwrap_or("");
            }
            "content_block_stop" if !arguments.is_empty() => {
                said.calls.last_mut().unwrap().1 = serde_json::from_str(&arguments).unwrap();
                arguments.clear();
            }
            "message_delta" => {
                said.stop = event["delta"]["stop_reason"].as_str().unwrap().into();
                let count = |name: &str| event["usage"][name].as_u64().unwrap_or(0);
                said.usage = (count("input_tokens"), count("output_tokens"));
            }
            _ => {}
        }
    }
    said
}

/// The events of a stream in order, folded.
fn fold(frames: &[&str]) -> (String, bool) {
    let mut decoder = StreamDecoder::new(Dialect::Cohere, &Quirks::COMPATIBLE, Aliases::default());
    let (mut sequencer, mut events) = (Sequencer::default(), Vec::new());
    for frame in frames {
        let mut out = Vec::new();
        decoder.push(None, frame, &mut out);
        out.into_iter().for_each(|e| sequencer.push(e, &mut events));
    }
    let failed = events.iter().any(|e| matches!(e, Event::Error(_)));
    let mut fold = Fold::default();
    events.iter().for_each(|e| fold.push(e));
    (format!("{:?}", fold.finish().stop.map(|s| s.reason)), failed)
}

#[test]
fn every_end_means_something() {
    for (native, content, stop, failed) in [
        ("COMPLETE", true, "Some(EndTurn)", false),
        ("MAX_TOKENS", true, "Some(MaxTokens)", false),
        ("ERROR_TOXIC", false, "Some(ContentFilter)", false),
        ("TIMEOUT", true, "Some(MaxTokens)", false),
        ("TIMEOUT", false, "None", true),
        ("ERROR", false, "None", true),
        ("SOMETHING_NEW", true, "Some(EndTurn)", false),
    ] {
        let end = format!(r#"{{"type":"message-end","delta":{{"finish_reason":"{native}","error":"why"}}}}"#);
        let said = r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"x"}}}}"#;
        let frames = if content { vec![said, &end] } else { vec![end.as_str()] };
        assert_eq!(fold(&frames), (stop.to_owned(), failed), "{native}");
    }
}

/// Ranges count from the beginning of the part there, and of the answer in Chat.
#[test]
fn sources_arrive_whole_and_streamed() {
    let cited = |index: u64| {
        serde_json::json!({"start": 1, "end": 3, "text": "bc", "content_index": index, "type": "TEXT_CONTENT",
            "sources": [{"type": "tool", "id": "t", "tool_output": {"url": "https://a.example/", "title": "A"}}]})
    };
    let text = |text: &str| serde_json::json!({"type": "text", "text": text});
    let thought = serde_json::json!({"type": "thinking", "thinking": "hm"});
    let message = serde_json::json!({"role": "assistant", "content": [thought, text("é😀."), text("abcd")], "citations": [cited(2)]});
    let usage = serde_json::json!({"tokens": {"input_tokens": 1, "output_tokens": 1}});
    let body = serde_json::json!({"id": "1", "finish_reason": "COMPLETE", "message": message, "usage": usage});
    let mut pinned = settings();
    pinned.providers.get_mut("cohere").unwrap().dialects = Some(vec!["cohere".into()]);
    let ask = |stream| {
        Run::begin(&catalog(&pinned), post("/v1/chat/completions", &[]), &harness::chat_body("c#cohere", stream))
    };
    let want = serde_json::json!({"start_index": 4, "end_index": 6, "title": "A", "url": "https://a.example/"});
    let mut run = ask(false);
    run.json().chunk(body.to_string()).close();
    let reply: Value = serde_json::from_str(run.text()).unwrap();
    assert_eq!(reply["choices"][0]["message"]["annotations"][0]["url_citation"], want, "{reply}");
    let mut run = ask(true);
    run.sse();
    let event = |data: Value| format!("data: {data}\n\n");
    for (index, said) in [(1, "é😀."), (2, "abcd")] {
        let place = |kind: &str, content: Value| serde_json::json!({"type": kind, "index": index, "delta": {"message": {"content": content}}});
        run.chunk(event(place("content-start", text(""))))
            .chunk(event(place("content-delta", serde_json::json!({"text": said}))));
        if index == 2 {
            run.chunk(event(serde_json::json!({"type": "citation-start", "index": 0, "delta": {"message": {"citations": cited(2)}}})));
        }
        run.chunk(event(serde_json::json!({"type": "content-end", "index": index})));
    }
    run.chunk(event(
        serde_json::json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}}),
    ))
    .close();
    let told = run.text().lines().find(|line| line.contains("annotations")).unwrap();
    let told: Value = serde_json::from_str(&told["data: ".len()..]).unwrap();
    assert_eq!(told["choices"][0]["delta"]["annotations"][0]["url_citation"], want, "{told}");
}

#[test]
fn free_text_tools_are_functions_there() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"custom","custom":{"name":"patch"}}]}"#;
    let request = dialect::decode_request(Dialect::OpenAiChat, body).unwrap();
    let target = Target { provider: "cohere", model: "command-a", quirks: &Quirks::COMPATIBLE };
    let encoded = dialect::encode_request(Dialect::Cohere, &request, &target).unwrap();
    let reply = r#"{"id":"1","finish_reason":"TOOL_CALL","message":{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"patch","arguments":"{\"input\":\"a\\nb\"}"}}]}}"#;
    let events = dialect::decode_reply(Dialect::Cohere, reply, &Quirks::COMPATIBLE, &encoded.aliases).unwrap();
    assert!(format!("{events:?}").contains("Custom"), "{events:?}");
    assert!(String::from_utf8(encoded.body).unwrap().contains(r#""required":["input"]"#));
}
