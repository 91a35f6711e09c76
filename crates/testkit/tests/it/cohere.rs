//! Cohere v2 as it is played.

use apex_testkit::Upstream;
use serde_json::{Value, json};

use crate::peer::{Peer, ask, stream};

const CHAT: &str = "/v2/chat";
const STRICT: &str = "/strict/v2/chat";

fn body(content: &str) -> Value {
    let tool = json!({"type": "function", "function": {"name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}});
    json!({"model": "command-a-reasoning-08-2025", "messages": [{"role": "user", "content": content}], "tools": [tool]})
}

#[test]
fn a_stream_has_the_real_grammar() {
    let upstream = Upstream::start();
    let mut asked = body("weather in both London and Tokyo?");
    asked["stream"] = json!(true);
    let all = stream(&upstream, CHAT, &asked.to_string());
    let kinds: Vec<&str> = all.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!((kinds[0], kinds[1]), ("message-start", "tool-plan-delta"));
    assert_eq!(kinds.iter().filter(|kind| **kind == "tool-call-end").count(), 2);
    let end = &all.last().unwrap()["delta"];
    assert_eq!((&end["finish_reason"], &end["usage"]["cached_tokens"]), (&json!("TOOL_CALL"), &json!(4)));
    asked["thinking"] = json!({"type": "enabled"});
    asked["documents"] = json!([{"id": "d", "data": {"url": "https://a.example/"}}]);
    asked["messages"][0]["content"] = json!("hello");
    let all = stream(&upstream, CHAT, &asked.to_string());
    let kinds: Vec<&str> = all.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(&kinds[kinds.len() - 4..], ["citation-start", "citation-end", "content-end", "message-end"]);
    assert_eq!(all[1]["delta"]["message"]["content"]["type"], "thinking");
}

#[test]
fn a_reply_says_what_was_asked() {
    let upstream = Upstream::start();
    let (_, _, reply) = ask(&upstream, CHAT, &body("weather in Paris?").to_string());
    let message = &reply["message"];
    assert_eq!(message["tool_calls"][0]["function"]["arguments"], r#"{"city":"Paris"}"#);
    let mut next = body("weather in Paris?");
    let id = message["tool_calls"][0]["id"].clone();
    let result = json!({"type": "document", "document": {"data": {"sky": "clear"}}});
    for message in [message.clone(), json!({"role": "tool", "tool_call_id": id, "content": [result]})] {
        next["messages"].as_array_mut().unwrap().push(message);
    }
    let (_, _, reply) = ask(&upstream, STRICT.trim_start_matches("/strict"), &next.to_string());
    assert_eq!(reply["message"]["content"][0]["text"], r#"The tool said: {"sky":"clear"}"#);
    let (_, _, reply) = ask(&upstream, "/v2/rerank", r#"{"model":"r","query":"q","documents":["a","abc"]}"#);
    assert_eq!(reply["results"][0]["index"], 1);
    let (_, _, reply) = ask(&upstream, "/v2/embed", r#"{"model":"e","texts":["a"]}"#);
    assert_eq!(reply["embeddings"]["float"][0].as_array().unwrap().len(), 8);
    let (status, _, reply) = ask(&upstream, CHAT, r#"{"model":"x-429","messages":[]}"#);
    assert!(status == 429 && reply["message"].is_string() && reply["error"].is_null(), "{reply}");
}

/// Asks with a key.
fn strictly(upstream: &Upstream, body: &str) -> (u16, String, Value) {
    let mut peer = Peer::of(upstream);
    let length = body.len();
    peer.send(format!("POST {STRICT} HTTP/1.1\r\nauthorization: Bearer k\r\ncontent-length: {length}\r\n\r\n{body}"));
    peer.read_json()
}

#[test]
fn a_strict_one_refuses_what_the_provider_refuses() {
    let upstream = Upstream::start();
    assert_eq!(ask(&upstream, STRICT, &body("x").to_string()).0, 401);
    assert_eq!(strictly(&upstream, &body("x").to_string()).0, 200);
    let cases: &[(&str, Value, u16)] = &[
        ("/unheard_of", json!(1), 422),
        ("/messages", json!([]), 400),
        ("/messages", json!([{"role": "user", "content": ""}]), 400),
        ("/messages", json!([{"role": "developer", "content": "x"}]), 400),
        (
            "/messages",
            json!([{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "data:image/"}}]}]),
            400,
        ),
        (
            "/messages",
            json!([{"role": "assistant", "content": [{"type": "text", "text": "x", "signature": "s"}]}]),
            422,
        ),
        ("/messages", json!([{"role": "tool", "tool_call_id": "a", "content": "x"}]), 400),
        (
            "/messages",
            json!([{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}]),
            400,
        ),
        (
            "/messages",
            json!([{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}]}]),
            400,
        ),
        ("/tools/0/function/parameters", Value::Null, 400),
        ("/tools/0/function/strict", json!(true), 422),
        ("/tool_choice", json!("auto"), 400),
        ("/response_format", json!({"type": "json_object"}), 400),
        ("/thinking", json!({"type": "on"}), 400),
        ("/p", json!(1), 400),
        ("/frequency_penalty", json!(-1), 400),
        ("/stop_sequences", json!(["1", "2", "3", "4", "5", "6"]), 400),
    ];
    for (place, value, want) in cases {
        let mut broken = body("x");
        let (parent, name) = place.rsplit_once('/').unwrap();
        broken.pointer_mut(parent).unwrap()[name] = value.clone();
        let (status, _, reply) = strictly(&upstream, &broken.to_string());
        assert_eq!(status, *want, "{place} {value}: {reply}");
    }
}
