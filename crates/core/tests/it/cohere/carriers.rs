//! State of other models over two turns of a Cohere client, which sends back what it keeps: all of the message, or only
//! its plan and its calls, as Cohere's own guides do.

use apex_core::dialect::{self, Dialect, ReplyContext, Target, encode_reply};
use apex_core::hub::Reply;
use apex_core::provider::Quirks;
use serde_json::{Value, json};

use super::{folded, json as parse, read, settings, streamed, whole};
use crate::harness::{Run, catalog, post};

const CLAUDE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"thinking","thinking":"t\u00e9","signature":"EqQBSIG"},{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}"#;
const GEMINI: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Both.","thoughtSignature":"dGV4dA=="},{"functionCall":{"id":"c1","name":"f","args":{"a":1}},"thoughtSignature":"Y2FsbA=="},{"functionCall":{"id":"c2","name":"f","args":{"a":2}}}]},"finishReason":"STOP"}],"responseId":"r","modelVersion":"gemini-3-pro"}"#;
const OPENAI: &str = r#"{"id":"resp_1","object":"response","status":"completed","model":"gpt-5.5","output":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAAstate"},{"type":"function_call","id":"fc_1","call_id":"call_1","name":"f","arguments":"{\"a\":1}","status":"completed"}],"usage":{"input_tokens":1,"output_tokens":1}}"#;

fn context(provider: &str, model: &str) -> ReplyContext {
    ReplyContext { provider: provider.into(), upstream_model: model.into(), ..super::context() }
}

/// The next request, with the message of `reply`, or with its calls alone.
fn next(message: &Value, only_calls: bool) -> String {
    let mut message = message.clone();
    if only_calls {
        message.as_object_mut().unwrap().remove("content");
    }
    let calls = message["tool_calls"].as_array().unwrap().clone();
    let mut messages = vec![json!({"role": "user", "content": "go"}), message];
    messages.extend(calls.iter().map(|c| json!({"role": "tool", "tool_call_id": c["id"], "content": "ok"})));
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}});
    json!({"model": "m", "messages": messages, "tools": [tool]}).to_string()
}

/// The message of a reply, whole, and as a client puts it together from a stream.
fn messages(reply: &Reply, context: &ReplyContext) -> Value {
    parse(encode_reply(Dialect::Cohere, reply, context))["message"].clone()
}

fn encode(to: Dialect, provider: &str, model: &str, body: &str) -> (Value, String) {
    let request = dialect::decode_request(Dialect::Cohere, body).unwrap();
    let target = Target { provider, model, quirks: &Quirks::OPENAI };
    let encoded = dialect::encode_request(to, &request, &target).unwrap();
    (parse(encoded.body), encoded.losses.header().unwrap_or_default())
}

#[test]
fn claude_gets_its_thinking_back() {
    let message = messages(&folded(whole(Dialect::Anthropic, CLAUDE)), &context("anthropic", "claude-x"));
    assert_eq!(message["content"], json!([{"type": "thinking", "thinking": "té"}]));
    for only_calls in [false, true] {
        let (body, losses) = encode(Dialect::Anthropic, "anthropic", "claude-x", &next(&message, only_calls));
        let thinking = json!({"type": "thinking", "thinking": "té", "signature": "EqQBSIG"});
        assert_eq!(body["messages"][1]["content"][0], thinking, "{body}");
        assert_eq!(losses, "");
    }
    // Another model gets none of it, and that is told.
    let (body, losses) = encode(Dialect::Anthropic, "anthropic", "claude-y", &next(&message, false));
    assert!(!body.to_string().contains("EqQBSIG"));
    assert_eq!(losses, "messages.thinking=drop");
}

#[test]
fn gemini_gets_its_signatures_back() {
    let message = messages(&folded(whole(Dialect::Gemini, GEMINI)), &context("google-ai-studio", "gemini-3-pro"));
    let signatures = |body: &Value| {
        let parts = body["contents"][1]["parts"].as_array().unwrap().clone();
        parts.iter().map(|p| p["thoughtSignature"].clone()).collect::<Vec<_>>()
    };
    let (body, _) = encode(Dialect::Gemini, "google-ai-studio", "gemini-3-pro", &next(&message, false));
    assert_eq!(signatures(&body), [json!("dGV4dA=="), json!("Y2FsbA=="), Value::Null]);
    let (body, _) = encode(Dialect::Gemini, "google-ai-studio", "gemini-3-pro", &next(&message, true));
    assert_eq!(signatures(&body), [json!("Y2FsbA=="), Value::Null]);
}

/// Reasoning that is only encrypted shows nothing: clients that read the first part find the text there.
#[test]
fn encrypted_reasoning_rides_on_what_follows() {
    let message = messages(&folded(whole(Dialect::OpenAiResponses, OPENAI)), &context("openai", "gpt-5.5"));
    assert!(message["content"].is_null(), "{message}");
    let (body, losses) = encode(Dialect::OpenAiResponses, "openai", "gpt-5.5", &next(&message, true));
    let item = &body["input"][1];
    assert_eq!((&item["type"], &item["encrypted_content"]), (&json!("reasoning"), &json!("gAAAstate")), "{body}");
    assert_eq!(losses, "");
}

/// In a stream the state stands on the event that opens the text or the call.
#[test]
fn a_stream_carries_the_same() {
    let stream = streamed(whole(Dialect::Anthropic, CLAUDE));
    let call = stream.lines().filter_map(|line| line.strip_prefix("data: ")).map(parse);
    let call = call.into_iter().find(|event| event["type"] == "tool-call-start").unwrap();
    assert!(call["delta"]["message"]["tool_calls"]["signature"].as_str().unwrap().starts_with("gw1."));
    assert!(stream.matches("gw1.").count() == 1, "{stream}");
    assert_eq!(folded(read(&stream)).blocks.len(), 2);
}

/// Cohere itself gets the request as the client wrote it, but for what is another model's.
#[test]
fn state_does_not_reach_cohere() {
    let message = messages(&folded(whole(Dialect::Anthropic, CLAUDE)), &context("anthropic", "claude-x"));
    let mut body: Value = parse(next(&message, false));
    body["model"] = json!("command-a#cohere");
    body["documents"] = json!([{"data": {"a": 1.0}}]);
    let run = Run::begin(&catalog(&settings()), post("/v2/chat", &[]), &body.to_string());
    let sent = parse(run.sent_body());
    assert!(!sent.to_string().contains("gw1."), "{sent}");
    body["model"] = json!("command-a");
    body["messages"][1]["tool_calls"][0].as_object_mut().unwrap().remove("signature");
    assert_eq!(sent, body);
    let mut run = run;
    run.json().chunk(r#"{"id":"1","message":{"role":"assistant","content":[]},"finish_reason":"COMPLETE"}"#).close();
    assert_eq!(run.header("x-apex-adjustments"), "messages.signature=drop");
}
