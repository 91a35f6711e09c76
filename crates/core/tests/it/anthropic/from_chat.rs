//! Chat clients at an Anthropic upstream: requests there, replies and streams back.

mod back;
mod members;
mod tools;
mod turns;

use apex_core::dialect::{Encoded, Target, anthropic, openai_chat};
use apex_core::provider::Quirks;
use proptest::prelude::*;
use serde_json::Value;

use super::{json, recorded};

const NEW: &str = "claude-opus-5-5";
const OLD: &str = "claude-sonnet-4-5";
const HI: &str = r#""messages":[{"role":"user","content":"Hi"}]"#;
const HI_OUT: &str = r#"[{"role":"user","content":[{"type":"text","text":"Hi"}]}]"#;

fn encode(body: &str, model: &str) -> Result<Encoded, String> {
    let request = openai_chat::decode_request(body).unwrap_or_else(|e| panic!("{e}: {body}"));
    let target = Target { provider: "p", model, quirks: &Quirks::OPENAI };
    anthropic::encode_request(&request, &target).map_err(|e| e.param)
}

/// `members` beside one user message, encoded for `model`: the members of the result besides model, limit and messages,
/// and the losses.
fn members(members: &str, model: &str) -> (Value, String) {
    let encoded = encode(&format!("{{{HI},{members}}}"), model).unwrap_or_else(|e| panic!("{e}: {members}"));
    let mut out = json(&encoded.body);
    let map = out.as_object_mut().unwrap();
    for key in ["model", "max_tokens"] {
        map.remove(key);
    }
    if map["messages"] == json(HI_OUT) {
        map.remove("messages");
    }
    (out, encoded.losses.header().unwrap_or_default())
}

fn check(given: &str, model: &str, want: &str, losses: &str) {
    let (got, header) = members(given, model);
    assert_eq!(got, json(want), "{given} {model}");
    assert_eq!(header, losses, "{given} {model}");
}

/// The messages (with `system`, if any) of a conversation.
fn conversation(messages: &str, model: &str) -> (Value, String) {
    let tool = r#""tools":[{"type":"function","function":{"name":"f"}}]"#;
    let encoded =
        encode(&format!(r#"{{"messages":{messages},{tool}}}"#), model).unwrap_or_else(|e| panic!("{e}: {messages}"));
    let mut out = json(&encoded.body);
    let mut list = out["messages"].take();
    if out["system"] != Value::Null {
        list.as_array_mut().unwrap().insert(0, out["system"].take());
    }
    (list, encoded.losses.header().unwrap_or_default())
}

fn check_turns(messages: &str, model: &str, want: &str, losses: &str) {
    let (got, header) = conversation(messages, model);
    assert_eq!(got, json(want), "{messages}\n{got}");
    assert_eq!(header, losses, "{messages}");
}

const CALL_A: &str = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"n\":1}"}}]}"#;

#[test]
fn recorded_chat_requests_translate() {
    let mut seen = 0;
    for api in ["openai.chat", "openrouter.chat", "deepseek.chat", "groq.chat", "mistral.chat"] {
        for (path, exchange) in recorded(api) {
            let body = exchange["request"]["body"].to_string();
            let Ok(request) = openai_chat::decode_request(&body) else { continue };
            for model in [NEW, OLD] {
                let target = Target { provider: "p", model, quirks: &Quirks::OPENAI };
                let Ok(encoded) = anthropic::encode_request(&request, &target) else { continue };
                seen += 1;
                check_rules(&json(&encoded.body), &path);
                // What we send is what we read.
                let text = String::from_utf8(encoded.body).unwrap();
                anthropic::decode_request(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
            }
        }
    }
    println!("{seen} requests");
}

/// What Anthropic checks in every request.
fn check_rules(body: &Value, what: &str) {
    let messages = body["messages"].as_array().unwrap();
    assert_eq!(messages[0]["role"], "user", "{what}");
    let mut open: Vec<String> = Vec::new();
    let mut tools_used = false;
    for message in messages {
        let blocks = message["content"].as_array().unwrap();
        assert!(!blocks.is_empty(), "{what}");
        if message["role"] == "user" && !open.is_empty() {
            let ids: Vec<_> =
                blocks.iter().take(open.len()).map(|b| b["tool_use_id"].as_str().unwrap_or("-").to_owned()).collect();
            assert_eq!(ids, open, "{what}");
            open.clear();
        } else if message["role"] == "system" {
            assert!(open.is_empty(), "{what}");
        }
        for block in blocks {
            assert!(block["type"] != "text" || !block["text"].as_str().unwrap().trim().is_empty(), "{what}");
            if block["type"] == "tool_use" {
                tools_used = true;
                assert!(block["input"].is_object(), "{what}");
                open.push(block["id"].as_str().unwrap().to_owned());
            }
        }
    }
    assert!(open.is_empty(), "{what}");
    assert!(!tools_used || body["tools"].is_array(), "{what}");
    assert!(body["max_tokens"].as_u64().is_some_and(|m| m > 0), "{what}");
    if let Some(budget) = body["thinking"]["budget_tokens"].as_u64() {
        assert!((1024..body["max_tokens"].as_u64().unwrap()).contains(&budget), "{what}");
    }
}

proptest! {
    /// Any order of turns becomes a conversation that Anthropic takes.
    #[test]
    fn any_history_is_mended(picks in proptest::collection::vec(0usize..9, 1..14), new in any::<bool>()) {
        let turns = [
            r#"{"role":"user","content":"x"}"#,
            r#"{"role":"assistant","content":"a"}"#,
            r#"{"role":"system","content":"s"}"#,
            CALL_A,
            r#"{"role":"assistant","content":"","tool_calls":[{"id":"b:1","type":"function","function":{"name":"g","arguments":""}},{"id":"a","type":"function","function":{"name":"f","arguments":"oops"}}]}"#,
            r#"{"role":"tool","tool_call_id":"a","content":"1"}"#,
            r#"{"role":"tool","tool_call_id":"b:1","content":[{"type":"text","text":""}]}"#,
            r#"{"role":"assistant","content":null}"#,
            r#"{"role":"developer","content":[{"type":"text","text":"d","prompt_cache_breakpoint":{"mode":"explicit"}}]}"#,
        ];
        let messages: Vec<_> = picks.iter().map(|p| turns[*p]).collect();
        let body = format!(r#"{{"messages":[{}]}}"#, messages.join(","));
        if let Ok(encoded) = encode(&body, if new { NEW } else { OLD }) {
            check_rules(&json(&encoded.body), &body);
        }
    }
}
