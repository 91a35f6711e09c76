//! Streams to and from Responses, one event at a time.

use std::fmt::Write;

use apex_core::dialect::Dialect;
use apex_core::hub::Aliases;
use serde_json::{Value, json};

use super::{context, data, restream};
use crate::corpus::responses;

const THINKING: &str = include_str!("../../golden/anthropic/reply.sse");

fn to_responses(stream: &str, request: &str) -> String {
    restream(Dialect::Anthropic, Dialect::OpenAiResponses, stream, context(request), Aliases::default())
}

fn messages(events: &[&str]) -> String {
    let mut all = String::from(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":0}}}\n\n",
    );
    for event in events {
        let kind: Value = serde_json::from_str(event).unwrap();
        writeln!(all, "event: {}\ndata: {event}\n", kind["type"].as_str().unwrap()).unwrap();
    }
    all
}

/// A recorded kind of reply obeys the grammar that SDK helpers check, and the terminal event repeats its items.
#[test]
fn the_whole_grammar() {
    let out = to_responses(THINKING, r#"{"instructions":"I","metadata":{"a":"b"},"tools":[]}"#);
    let seen = responses::stream(&out).unwrap();
    assert_eq!(seen.stop, "completed");
    let first = &data(&out)[0];
    assert_eq!((&first["type"], &first["sequence_number"]), (&json!("response.created"), &json!(0)));
    assert_eq!((&first["response"]["instructions"], &first["response"]["metadata"]), (&json!("I"), &json!({"a":"b"})));
    assert!(!out.contains("[DONE]"));
}

/// Calls come back as the items the client knows (pitfalls 31 and 33).
#[test]
fn calls_are_raised_again() {
    let request = r#"{"tools":[{"type":"namespace","name":"agents","tools":[{"type":"function","name":"spawn"}]},
        {"type":"local_shell"},{"type":"apply_patch"},{"type":"tool_search","execution":"client"}]}"#;
    let call = |index: u32, name: &str, input: &str| {
        [
            format!(r#"{{"type":"content_block_start","index":{index},"content_block":{{"type":"tool_use","id":"c{index}","name":"{name}","input":{{}}}}}}"#),
            json!({"type":"content_block_delta","index":index,"delta":{"type":"input_json_delta","partial_json":input}}).to_string(),
            format!(r#"{{"type":"content_block_stop","index":{index}}}"#),
        ]
    };
    let mut events: Vec<String> = Vec::new();
    events.extend(call(0, "agents__spawn", "{}"));
    events.extend(call(1, "local_shell", r#"{"command":["ls"]}"#));
    events.extend(call(2, "apply_patch", r#"{"type":"delete_file","path":"a"}"#));
    events.extend(call(3, "tool_search", r#"{"query":"q"}"#));
    events.extend(call(4, "patch", r#"{"input":"a\n\"b\""}"#));
    events.push(r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":5}}"#.into());
    events.push(r#"{"type":"message_stop"}"#.into());
    let mut aliases = Aliases::default();
    aliases.lower("patch");
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let out = restream(Dialect::Anthropic, Dialect::OpenAiResponses, &messages(&events), context(request), aliases);
    let items = data(&out).last().unwrap()["response"]["output"].clone();
    assert!(items.is_array(), "{out}");
    assert_eq!((&items[0]["name"], &items[0]["namespace"]), (&json!("spawn"), &json!("agents")));
    assert_eq!(items[1]["type"], "local_shell_call");
    assert_eq!(items[1]["action"], json!({"type":"exec","command":["ls"],"env":{}}));
    assert_eq!(items[2]["operation"], json!({"type":"delete_file","path":"a"}));
    assert_eq!((&items[3]["execution"], &items[3]["arguments"]), (&json!("client"), &json!({"query":"q"})));
    assert_eq!((&items[4]["type"], &items[4]["input"]), (&json!("custom_tool_call"), &json!("a\n\"b\"")));
    let done: Vec<Value> = data(&out)
        .into_iter()
        .filter(|e| e["type"] == "response.output_item.done")
        .map(|e| e["item"].clone())
        .collect();
    assert_eq!(items, Value::Array(done));
}

/// What the token limit cut is not complete, and the reply says why.
#[test]
fn the_limit() {
    let out = to_responses(
        &messages(&[
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"c","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":5}}"#,
            r#"{"type":"message_stop"}"#,
        ]),
        "{}",
    );
    let last = data(&out).pop().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["incomplete_details"], json!({"reason":"max_output_tokens"}));
    assert_eq!(last["response"]["output"][0]["status"], "incomplete");
}

/// A failure in the middle is `response.failed` under the same id, and no open item is closed (pitfalls 51, 148, 152).
#[test]
fn a_failure() {
    let failing = |error: &str| {
        let out = to_responses(
            &messages(&[
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"c","name":"f","input":{}}}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}"#,
                error,
            ]),
            "{}",
        );
        let events = data(&out);
        assert!(events.iter().all(|e| e["type"] != "response.output_item.done"), "{out}");
        let last = events.last().unwrap().clone();
        assert_eq!((&last["type"], &last["response"]["id"]), (&json!("response.failed"), &events[0]["response"]["id"]));
        last["response"]["error"].clone()
    };
    let error = failing(r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#);
    assert_eq!(error, json!({"code":"server_error","message":"busy"}));
    let error = failing(r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow. Try again in 1.5s"}}"#);
    assert_eq!(error["code"], "rate_limit_exceeded");
}

fn from_responses(events: &[&str], to: Dialect) -> String {
    let stream = format!("data: {}\n\n", events.join("\n\ndata: "));
    restream(Dialect::OpenAiResponses, to, &stream, context("{}"), Aliases::default())
}

/// Look-alikes leave out events, deltas, names and the final list: nothing of the reply is lost, or told twice.
#[test]
fn gaps_are_filled() {
    let want = "Hello";
    let added = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"m"}}"#;
    let delta = r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Hel"}"#;
    let text_done = r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"Hello"}"#;
    let done = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":[{"type":"output_text","text":"Hello"}]}}"#;
    let end = r#"{"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":1,"output_tokens":1}}}"#;
    let full = r#"{"type":"response.completed","response":{"status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"Hello"}]}]}}"#;
    for events in [
        &[added, delta, text_done, done, end][..],
        &[added, delta, done, full],
        &[delta, text_done, full],
        &[done, end],
        &[full],
        &[r#"{"type":"response.output_item.added","item":null}"#, done, done, end],
    ] {
        for to in [Dialect::OpenAiChat, Dialect::Anthropic] {
            let out = from_responses(events, to);
            let text: String = data(&out)
                .iter()
                .filter_map(|e| {
                    e["choices"][0]["delta"]["content"].as_str().or(e["delta"]["text"].as_str()).map(str::to_owned)
                })
                .collect();
            assert_eq!(text, want, "{events:?}");
            let ended = out.contains("[DONE]") || out.contains("message_stop");
            assert!(ended, "{out}");
        }
    }
    // Without a terminal event it is not whole.
    let out = from_responses(&[added, delta], Dialect::OpenAiChat);
    assert!(!out.contains("[DONE]") && !out.contains("\"stop\""), "{out}");
}

#[test]
fn calls_without_pieces_and_reasons() {
    let call = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"c","name":"f","arguments":{"a":1}}}"#;
    let end = r#"{"type":"response.completed","response":{"status":"completed"}}"#;
    let out = from_responses(&[call, end], Dialect::OpenAiChat);
    assert!(out.contains(r#""finish_reason":"tool_calls""#) && out.contains(r#"{\"a\":1}"#), "{out}");
    let cut = r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"content_filter"}}}"#;
    assert!(from_responses(&[cut], Dialect::OpenAiChat).contains(r#""finish_reason":"content_filter""#));
}
