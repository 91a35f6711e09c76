use std::time::{Duration, Instant};

use apex_testkit::{Outcome, Upstream};
use serde_json::{Value, json};

use crate::peer::{Got, Peer, ask, events, stream, with};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

fn hello(model: &str, streamed: bool) -> String {
    json!({"model": model, "stream": streamed, "max_tokens": 100, "messages": [{"role": "user", "content": "hello you"}]})
        .to_string()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap_or_default()).collect()
}

#[test]
fn any_prefix_is_the_provider_and_cloudflare_adds_its_headers() {
    let upstream = Upstream::start();
    for prefix in ["", "/v1", "/openai/v1", "/api/v1", "/v1/acct/gw/openai"] {
        let (status, head, reply) = ask(&upstream, &format!("{prefix}/chat/completions"), &hello("gpt-5.5", false));
        assert_eq!((status, &reply["choices"][0]["message"]["content"]), (200, &json!("Echo: hello you")), "{prefix}");
        assert!(head.contains("x-request-id: req_") && head.contains("Set-Cookie: "));
        assert_eq!(head.contains("cf-aig-log-id: "), prefix.contains("acct"), "{prefix}");
    }
    let (_, head, reply) = ask(&upstream, "/v1/acct/gw/anthropic/v1/messages", &hello("claude-sonnet-4-6", false));
    assert_eq!(reply["content"], json!([{"type": "text", "text": "Echo: hello you"}]));
    assert!(
        head.contains("request-id: req_") && head.contains("anthropic-ratelimit-") && head.contains("cf-aig-log-id")
    );
}

#[test]
fn the_model_may_be_in_an_azure_path() {
    let upstream = Upstream::start();
    let body = r#"{"messages":[]}"#;
    for path in
        ["/openai/deployments/x-404/chat/completions?api-version=1", "/v1/a/g/azure-openai/res/x-404/chat/completions"]
    {
        assert_eq!(ask(&upstream, path, body).0, 404, "{path}");
    }
}

#[test]
fn a_chat_stream_has_the_real_grammar() {
    let upstream = Upstream::start();
    let mut body: Value = serde_json::from_str(&hello("gpt-5.5", true)).unwrap();
    let plain = stream(&upstream, CHAT, &body.to_string());
    assert!(plain.iter().all(|chunk| chunk.get("usage").is_none()));
    body["stream_options"] = json!({"include_usage": true});
    let all = stream(&upstream, CHAT, &body.to_string());
    assert_eq!(all.last().unwrap(), "[DONE]");
    let usage = &all[all.len() - 2];
    assert_eq!((&usage["choices"], &usage["usage"]["prompt_tokens_details"]["cached_tokens"]), (&json!([]), &json!(4)));
    assert_eq!(all[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(all[all.len() - 3]["choices"][0]["finish_reason"], "stop");
    assert!(all[..all.len() - 2].iter().all(|chunk| chunk["usage"].is_null() && chunk["id"] == all[0]["id"]));
}

#[test]
fn a_messages_stream_has_the_real_grammar() {
    let upstream = Upstream::start();
    let mut body: Value = serde_json::from_str(&hello("claude-sonnet-4-6", true)).unwrap();
    body["thinking"] = json!({"type": "adaptive"});
    body["tools"] = json!([{"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}]);
    body["messages"][0]["content"] = json!("weather in both London and Tokyo?");
    let all = stream(&upstream, MESSAGES, &body.to_string());
    let mut order = types(&all);
    order.dedup();
    let block = ["content_block_start", "content_block_delta", "content_block_stop"];
    let mut want = vec!["message_start", "content_block_start", "ping", "content_block_delta", "content_block_stop"];
    want.extend(block.iter().chain(&block));
    want.extend(["message_delta", "message_stop"]);
    assert_eq!(order, want);
    let fragments = |index: u64| -> String {
        let own = all.iter().filter(|event| event["index"] == index);
        own.filter_map(|event| event["delta"]["partial_json"].as_str()).collect()
    };
    assert_eq!((fragments(1), fragments(2)), (r#"{"city":"London"}"#.into(), r#"{"city":"Tokyo"}"#.into()));
    assert_eq!(all[all.len() - 2]["delta"]["stop_reason"], "tool_use");
}

#[test]
fn a_responses_stream_has_the_real_grammar() {
    let upstream = Upstream::start();
    let all = stream(&upstream, "/v1/responses", r#"{"model":"gpt-5.5","stream":true,"input":"hello you"}"#);
    let mut order = types(&all);
    order.dedup();
    assert_eq!(
        order[..4],
        ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"]
    );
    let done = all.last().unwrap();
    assert_eq!(done["type"], "response.completed");
    assert_eq!(done["response"]["output"][0]["content"][0]["text"], "Echo: hello you");
}

#[test]
fn directives_call_tools_and_results_are_told() {
    let upstream = Upstream::start();
    let tools = json!([{"type": "function", "function": {"name": "Read", "parameters": {"type": "object"}}}]);
    let said = r#"please CALL Read {"path": "a", "n": 123456789012345678901234567890}"#;
    let mut messages = json!([{"role": "user", "content": said}]);
    let body = json!({"model": "gpt-5.5", "messages": messages, "tools": tools});
    let (_, _, reply) = ask(&upstream, CHAT, &body.to_string());
    let call = &reply["choices"][0]["message"];
    assert_eq!(call["tool_calls"][0]["function"]["arguments"], r#"{"path": "a", "n": 123456789012345678901234567890}"#);
    messages.as_array_mut().unwrap().extend([
        call.clone(),
        json!({"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": "42"}),
        // What coding agents add on their own account does not end the round trip.
        json!({"role": "system", "content": "<system-reminder>be good</system-reminder>"}),
        json!({"role": "user", "content": "<system-reminder>be good</system-reminder>"}),
    ]);
    let body = json!({"model": "gpt-5.5", "messages": messages, "tools": tools});
    let (_, _, reply) = ask(&upstream, CHAT, &body.to_string());
    assert_eq!(reply["choices"][0]["message"]["content"], "The tool said: 42");
    let body = json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": said}]});
    let (_, _, reply) = ask(&upstream, CHAT, &body.to_string());
    assert!(reply["choices"][0]["message"].get("tool_calls").is_none(), "a tool that is not offered is not called");
}

#[test]
fn images_schemas_and_stop_sequences_shape_the_answer() {
    let upstream = Upstream::start();
    let said = |body: Value| ask(&upstream, CHAT, &body.to_string()).2["choices"][0].clone();
    let image = json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]);
    let choice = said(json!({"model": "m", "messages": [{"role": "user", "content": image}]}));
    assert_eq!(choice["message"]["content"], "I see an image (image/png, 8 bytes)");
    let schema = json!({"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    let choice = said(json!({"model": "m", "response_format": format, "messages": [{"role": "user", "content": "x"}]}));
    assert_eq!(choice["message"]["content"], r#"{"city":"Paris"}"#);
    let choice = said(json!({"model": "m", "stop": ["two"], "messages": [{"role": "user", "content": "SAY one two"}]}));
    assert_eq!(choice["message"]["content"], "one ");
    let choice = said(json!({"model": "m-length", "messages": [{"role": "user", "content": "SAY a b c d"}]}));
    assert_eq!((&choice["message"]["content"], &choice["finish_reason"]), (&json!("a b "), &json!("length")));
}

#[test]
fn status_words_answer_in_the_envelope_of_the_path() {
    let upstream = Upstream::start();
    for status in [400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 503, 504, 529] {
        let (got, head, reply) = ask(&upstream, CHAT, &hello(&format!("gpt-5.5-{status}"), true));
        assert_eq!(got, status);
        assert!(reply["error"]["message"].is_string() && reply.get("type").is_none());
        assert_eq!(head.contains("retry-after: 2"), status == 429);
        let (got, _, reply) = ask(&upstream, MESSAGES, &hello(&format!("claude-{status}"), false));
        assert_eq!((got, &reply["type"]), (status, &json!("error")));
        assert!(reply["error"]["type"].is_string() && reply["request_id"].is_string());
    }
}

#[test]
fn streams_fail_as_the_name_says() {
    let upstream = Upstream::start();
    for path in [CHAT, MESSAGES] {
        let first = &stream(&upstream, path, &hello("x-err200", true))[0];
        assert!(first["error"]["message"].is_string());
        let all = stream(&upstream, path, &hello("x-err-mid", true));
        assert!(all.last().unwrap()["error"].is_object() && all.len() > 2);
        let all = stream(&upstream, path, &hello("x-truncate", true));
        assert!(all.len() > 1 && all.iter().all(|event| event != "[DONE]" && event["type"] != "message_stop"));
    }
    let raw = |model: &str| {
        let mut peer = Peer::of(&upstream);
        peer.post(CHAT, &hello(model, true));
        peer.read_all()
    };
    let (answer, end) = raw("x-cut-20");
    assert!(answer.ends_with("14\r\ndata: {\"id\":\"chatcmp\r\n") && end == Got::Fin, "{answer}");
    assert_eq!(raw("x-rst-20").1, Got::Rst);
    assert!(raw("x-badhttp").0.starts_with("this is no HTTP"));
    let (answer, _) = raw("x-close");
    assert!(answer.contains("connection: close") && answer.ends_with("data: [DONE]\n\n"));
    assert_eq!(ask(&upstream, CHAT, &hello("x-redirect", false)).0, 302);
    assert_eq!(ask(&upstream, CHAT, &hello("x-empty", false)).0, 200);
    assert_eq!(ask(&upstream, CHAT, &hello("x-html502", false)).0, 502);
}

#[test]
fn silence_lasts_until_the_client_leaves() {
    let upstream = Upstream::start();
    let mut peer = Peer::of(&upstream);
    peer.post(CHAT, &hello("x-silent", true));
    peer.read_to("\r\n\r\n");
    drop(peer);
    let mut peer = Peer::of(&upstream);
    peer.post(CHAT, &hello("x-hang", true));
    upstream.wait_for(2, Duration::from_secs(5));
    drop(peer);
    for request in upstream.wait_for_outcomes(2, Duration::from_secs(5)) {
        assert!(matches!(request.outcome, Outcome::ClientGone { .. }), "{:?}", request.outcome);
    }
}

#[test]
fn pace_and_shape_follow_the_name() {
    let upstream = Upstream::start();
    let start = Instant::now();
    let all = stream(&upstream, CHAT, &hello("x-stream-5-4", true));
    assert!(start.elapsed() >= Duration::from_millis(20));
    assert_eq!(all.iter().filter(|chunk| chunk["choices"][0]["delta"]["content"].is_string()).count(), 6);
    let start = Instant::now();
    ask(&upstream, CHAT, &hello("x-slow-20", false));
    assert!(start.elapsed() >= Duration::from_millis(20));
    assert_eq!(stream(&upstream, MESSAGES, &hello("x-burst-200", true)).len(), 206);
    let mut peer = Peer::of(&upstream);
    peer.post(CHAT, &hello("x-crlf-comments", true));
    let answer = peer.read_to("\r\n0\r\n\r\n");
    assert!(answer.contains(": a comment\r\n\r\ndata: {") && events(&answer).len() > 3);
}

#[test]
fn the_small_endpoints_answer() {
    let upstream = Upstream::start();
    let (_, _, reply) = ask(&upstream, "/v1/embeddings", r#"{"model":"e","input":["a","b"],"dimensions":3}"#);
    assert_eq!(reply["data"][1]["embedding"].as_array().unwrap().len(), 3);
    let (_, _, reply) = ask(&upstream, "/v1/messages/count_tokens", &hello("claude", false));
    assert!(reply["input_tokens"].as_u64().unwrap() > 16);
    let (_, _, reply) = ask(&upstream, "/v1/completions", r#"{"model":"i","prompt":"x"}"#);
    assert_eq!(reply["choices"][0]["text"], "Echo: x");
    let (_, _, reply) = ask(&upstream, "/v1/moderations", r#"{"input":"violence"}"#);
    assert_eq!(reply["results"][0]["flagged"], true);
    let mut peer = Peer::of(&upstream);
    peer.send("GET /v1/models/gpt-5.5 HTTP/1.1\r\n\r\n");
    assert_eq!(peer.read_json().2["id"], "gpt-5.5");
    peer.send("GET /v1/models HTTP/1.1\r\nanthropic-version: 2023-06-01\r\n\r\n");
    assert_eq!(peer.read_json().2["data"][0]["type"], "model");
    peer.send("DELETE /some/file?x=1 HTTP/1.1\r\nX-A: b\r\n\r\n");
    let (_, _, reply) = peer.read_json();
    assert_eq!(
        (&reply["method"], &reply["target"], &reply["headers"][0]),
        (&json!("DELETE"), &json!("/some/file?x=1"), &json!(["X-A", "b"]))
    );
}

#[test]
fn a_strict_chat_refuses_what_the_provider_refuses() {
    let upstream = Upstream::start();
    let base = json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": "hi"}]});
    let call = json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let called = json!([{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}]);
    let cases = [
        base.clone(),
        with(base.clone(), "cache_control", json!({})),
        with(base.clone(), "max_tokens", json!(5)),
        with(base.clone(), "tools", json!([])),
        with(base.clone(), "parallel_tool_calls", json!(true)),
        with(base.clone(), "stream_options", json!({})),
        with(base.clone(), "messages", called),
        with(base.clone(), "messages", json!([{"role": "tool", "tool_call_id": "c1", "content": "x"}])),
        with(base.clone(), "messages", json!([{"role": "assistant", "content": null}])),
    ];
    for (at, body) in cases.into_iter().enumerate() {
        let mut peer = Peer::of(&upstream);
        let body = body.to_string();
        let length = body.len();
        peer.send(format!("POST /strict/v1/chat/completions HTTP/1.1\r\nauthorization: Bearer k\r\ncontent-length: {length}\r\n\r\n{body}"));
        let (status, _, reply) = peer.read_json();
        assert_eq!(status, if at == 0 { 200 } else { 400 }, "{body} {reply}");
    }
    assert_eq!(ask(&upstream, "/strict/v1/chat/completions", &base.to_string()).0, 401);
}

#[test]
fn a_strict_messages_refuses_what_the_provider_refuses() {
    let upstream = Upstream::start();
    let base = json!({"model": "claude-sonnet-4-6", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]});
    let user = |content: Value| json!([{"role": "user", "content": content}]);
    let result = json!([{"type": "tool_result", "tool_use_id": "t1", "content": "x"}]);
    let forged = json!([{"type": "thinking", "thinking": "x", "signature": "forged"}]);
    let turns = json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": forged}, {"role": "user", "content": "x"}]);
    let cases = [
        base.clone(),
        with(base.clone(), "max_tokens", Value::Null),
        with(base.clone(), "n", json!(1)),
        with(base.clone(), "temperature", json!(0.5)),
        with(base.clone(), "context_management", json!({})),
        with(base.clone(), "messages", user(json!(""))),
        with(base.clone(), "messages", user(json!([{"type": "text", "text": ""}]))),
        with(base.clone(), "messages", user(result)),
        with(base.clone(), "messages", json!([{"role": "assistant", "content": "x"}])),
        with(base.clone(), "messages", turns),
        with(base.clone(), "system", json!("")),
    ];
    for (at, body) in cases.into_iter().enumerate() {
        let mut peer = Peer::of(&upstream);
        let body = body.to_string();
        let length = body.len();
        peer.send(format!("POST /strict/v1/messages HTTP/1.1\r\nx-api-key: k\r\nanthropic-version: 2026-10-21\r\ncontent-length: {length}\r\n\r\n{body}"));
        let (status, _, reply) = peer.read_json();
        assert_eq!(status, if at == 0 { 200 } else { 400 }, "{body} {reply}");
    }
    let lax = with(base, "model", json!("claude-lax")).to_string();
    assert_eq!(ask(&upstream, "/strict/v1/messages", &lax).0, 200);
}
