use apex_testkit::Upstream;
use serde_json::{Value, json};

use crate::peer::Peer;

fn with(mut body: Value, member: &str, value: Value) -> Value {
    if let Some(object) = body.as_object_mut() {
        object.insert(member.to_owned(), value);
    }
    body
}

fn status(upstream: &Upstream, body: &Value) -> (u16, Value) {
    let mut peer = Peer::of(upstream);
    let body = body.to_string();
    let length = body.len();
    peer.send(format!(
        "POST /strict/v1/responses HTTP/1.1\r\nauthorization: Bearer k\r\ncontent-length: {length}\r\n\r\n{body}"
    ));
    let (status, _, reply) = peer.read_json();
    (status, reply)
}

#[test]
fn a_strict_responses_takes_what_the_provider_takes() {
    let upstream = Upstream::start();
    let base = json!({"model": "gpt-5.5", "input": "hi", "store": false});
    let schema = json!({"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"], "additionalProperties": false});
    for body in [
        base.clone(),
        with(base.clone(), "previous_response_id", json!("resp_0123456789abcdef")),
        with(base.clone(), "include", json!(["reasoning.encrypted_content"])),
        with(
            base.clone(),
            "text",
            json!({"format": {"type": "json_schema", "name": "n", "strict": true, "schema": schema}}),
        ),
        with(base.clone(), "tools", json!([{"type": "function", "name": "f", "strict": true, "parameters": schema}])),
        with(
            base.clone(),
            "input",
            json!([
                {"role": "developer", "content": "x"},
                {"role": "user", "content": [{"type": "input_text", "text": "x"}]},
                {"type": "reasoning", "summary": [], "encrypted_content": "c2NyaXB0ZWQ="},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"},
                {"type": "function_call_output", "call_id": "c", "output": "o"},
                {"role": "assistant", "content": [{"type": "output_text", "text": "x", "annotations": []}]},
            ]),
        ),
    ] {
        let (status, reply) = status(&upstream, &body);
        assert_eq!(status, 200, "{body} {reply}");
    }
}

#[test]
fn a_strict_responses_refuses_what_the_provider_refuses() {
    let upstream = Upstream::start();
    let base = json!({"model": "gpt-5.5", "input": "hi", "store": false});
    let input = |items: Value| with(json!({"model": "gpt-5.5", "store": false}), "input", items);
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    let output = json!({"type": "function_call_output", "call_id": "c", "output": "o"});
    let thought = json!({"type": "reasoning", "summary": [], "encrypted_content": "c2NyaXB0ZWQ="});
    let cases = [
        with(base.clone(), "messages", json!([])),
        with(base.clone(), "stop", json!("x")),
        with(base.clone(), "max_output_tokens", json!(5)),
        with(base.clone(), "temperature", json!(0.5)),
        with(base.clone(), "stream_options", json!({"include_usage": true})),
        with(base.clone(), "previous_response_id", json!("resp_somebody_elses")),
        with(base.clone(), "reasoning", json!({"effort": "extreme"})),
        with(base.clone(), "include", json!(["everything"])),
        with(base.clone(), "text", json!({"format": {"type": "json_schema", "json_schema": {}}})),
        with(base.clone(), "tools", json!([{"type": "function", "function": {"name": "f"}}])),
        with(
            base.clone(),
            "tools",
            json!([{"type": "function", "name": "f", "strict": true, "parameters": {"type": "object"}}]),
        ),
        with(base.clone(), "tool_choice", json!({"type": "function", "name": "f"})),
        input(json!([{"type": "reasoning", "id": "rs_1", "summary": []}, {"role": "assistant", "content": "x"}])),
        input(
            json!([with(thought.clone(), "encrypted_content", json!("somebody else's")), {"role": "assistant", "content": "x"}]),
        ),
        input(json!([thought, {"role": "user", "content": "x"}])),
        input(json!([with(call.clone(), "role", json!("assistant")), output])),
        input(json!([with(call.clone(), "id", json!("call_1")), output])),
        input(json!([with(call.clone(), "arguments", json!({})), output])),
        input(json!([call.clone()])),
        input(json!([call, with(output.clone(), "call_id", json!("d"))])),
        input(json!([output])),
        input(json!([{"role": "tool", "content": "x"}])),
        input(json!([{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}])),
        input(json!([{"role": "user", "content": [{"type": "output_text", "text": "x"}]}])),
        input(json!([{"role": "user", "content": [{"type": "text", "text": "x"}]}])),
        input(json!([{"role": "user", "content": [{"type": "input_image", "image_url": {"url": "https://x"}}]}])),
        input(json!([{"role": "user", "content": "x", "id": "item_1"}])),
        input(json!([{"type": "mystery"}])),
    ];
    for body in cases {
        let (status, reply) = status(&upstream, &body);
        assert_eq!(status, 400, "{body} {reply}");
        assert!(reply["error"]["param"].is_string(), "{reply}");
    }
}
