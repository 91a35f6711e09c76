//! What of an earlier reply goes to the next upstream, and what must not.

use apex_core::dialect::Dialect;
use apex_core::settings::Provider;
use serde_json::{Value, json};

use crate::harness::{Run, catalog, post, settings};
use crate::openai_responses::translate;

fn gateway() -> std::sync::Arc<apex_core::catalog::Catalog> {
    let mut settings = settings();
    let openai = settings.providers.entry("openai".into()).or_default();
    openai.dialects = Some(vec!["openai-responses".into(), "openai-chat".into()]);
    for id in ["google-ai-studio", "cohere"] {
        settings
            .providers
            .insert(id.into(), Provider { api_key: Some("stored-key-0001".into()), ..Provider::default() });
    }
    catalog(&settings)
}

fn ask(path: &str, body: &Value) -> Run {
    Run::begin(&gateway(), post(path, &[]), &body.to_string())
}

fn sent(run: &Run) -> Value {
    serde_json::from_slice(run.sent_body()).unwrap()
}

/// All keys of a value, at any depth.
fn keys(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Array(all) => all.iter().for_each(|v| keys(v, out)),
        Value::Object(all) => all.iter().for_each(|(key, v)| {
            out.push(key.clone());
            keys(v, out);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Encrypted reasoning, and the call it led to.
const FIRST: &str = r#"{"id":"resp_1","object":"response","status":"completed","model":"gpt-5.5","output":[
    {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"ENC"},
    {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}","status":"completed"}],
    "usage":{"input_tokens":1,"output_tokens":1}}"#;

fn messages_body(model: &str, turns: &Value) -> Value {
    json!({"model":model,"max_tokens":99,"thinking":{"type":"adaptive"},"messages":turns,
        "tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}]})
}

/// The blocks that a Messages client got of [`FIRST`].
fn first_blocks() -> Vec<Value> {
    let mut run = ask("/v1/messages", &messages_body("gpt-5.5#openai", &json!([{"role":"user","content":"go"}])));
    assert_eq!(sent(&run)["store"], false, "state is not kept there, so ids name nothing");
    run.json().chunk(FIRST).close();
    serde_json::from_str::<Value>(run.text()).unwrap()["content"].as_array().unwrap().clone()
}

#[test]
fn reasoning_comes_back_without_ids() {
    // pitfalls 83, 125: encrypted content without the id of an item nobody keeps; calls and outputs with their own
    // members only
    let turns = json!([{"role":"user","content":"go"},{"role":"assistant","content":first_blocks()},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"r"}]}]);
    let run = ask("/v1/messages", &messages_body("gpt-5.5#openai", &turns));
    let body = sent(&run);
    let items = body["input"].as_array().unwrap();
    let members = |at: usize| items[at].as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(members(1), ["encrypted_content", "summary", "type"]);
    assert_eq!(members(2), ["arguments", "call_id", "name", "type"]);
    assert_eq!(members(3), ["call_id", "output", "type"]);
}

#[test]
fn reasoning_and_what_it_led_to_stay_together() {
    // pitfall 84: reasoning whose item is gone goes, too; an item whose reasoning is another model's stands alone,
    // without the id that would ask for it
    let blocks = first_blocks();
    let reasoning: Vec<_> = blocks.iter().filter(|b| b["type"] == "thinking").cloned().collect();
    assert!(!reasoning.is_empty() && reasoning.len() < blocks.len());
    let kinds = |model: &str, content: &[Value]| {
        let mut turns = json!([{"role":"user","content":"go"},{"role":"assistant","content":content},
            {"role":"user","content":[{"type":"text","text":"and?"}]}]);
        if content.iter().any(|b| b["type"] == "tool_use") {
            turns[2]["content"] = json!([{"type":"tool_result","tool_use_id":"c1","content":"r"}]);
        }
        let run = ask("/v1/messages", &messages_body(model, &turns));
        let body = sent(&run);
        let mut found = Vec::new();
        keys(&body["input"], &mut found);
        assert!(!found.contains(&"id".to_owned()), "{body}");
        body["input"].as_array().unwrap().iter().map(|i| i["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        kinds("gpt-5.5#openai", &blocks),
        ["message", "reasoning", "function_call", "function_call_output"],
        "adjacent, in order"
    );
    assert_eq!(kinds("gpt-5.5#openai", &reasoning), ["message", "message"]);
    assert_eq!(kinds("gpt-6#openai", &blocks), ["message", "function_call", "function_call_output"]);
}

#[test]
fn what_one_provider_made_is_nothing_to_the_next() {
    // pitfall 85: a conversation with Gemini goes on at OpenAI, for clients of each kind; nothing the gateway or Gemini
    // put into the history goes along
    let reply = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hm.","thought":true},
        {"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"U0lH"}]},"finishReason":"STOP"}],"responseId":"r"}"#;
    let foreign =
        ["status", "thought_signature", "thoughtSignature", "extra_content", "reasoning_details", "annotations"];
    let clean = |run: &Run, what: &str| {
        let body = sent(run);
        let mut found = Vec::new();
        keys(&body, &mut found);
        assert!(foreign.iter().all(|f| !found.iter().any(|k| k == f)), "{what}: {body}");
        let text = body.to_string();
        assert!(!text.contains("U0lH") && !text.contains("gw1."), "{what}: {body}");
    };

    let tool = json!({"name":"f","input_schema":{"type":"object","properties":{}}});
    let ask_messages = |model: &str, turns: Value| {
        ask("/v1/messages", &json!({"model":model,"max_tokens":99,"messages":turns,"tools":[tool]}))
    };
    let mut run = ask_messages("gemini-3-pro#google-ai-studio", json!([{"role":"user","content":"go"}]));
    run.json().chunk(reply).close();
    let message: Value = serde_json::from_str(run.text()).unwrap();
    let id = message["content"].as_array().unwrap().iter().find_map(|b| b["id"].as_str()).unwrap().to_owned();
    let turns = json!([{"role":"user","content":"go"},{"role":"assistant","content":message["content"]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":id,"content":"r"}]}]);
    clean(&ask_messages("gpt-5.5#openai", turns.clone()), "Messages, Responses");
    clean(&ask_messages("m#mistral", turns), "Messages, Chat");

    let ask_responses = |model: &str, input: Value| ask("/v1/responses", &json!({"model":model,"input":input}));
    let mut run = ask_responses("gemini-3-pro#google-ai-studio", json!("go"));
    run.json().chunk(reply).close();
    let whole: Value = serde_json::from_str(run.text()).unwrap();
    let mut items = whole["output"].as_array().unwrap().clone();
    let id = items.iter().find_map(|i| i["call_id"].as_str()).unwrap().to_owned();
    items.insert(0, json!({"role":"user","content":"go"}));
    items.push(json!({"type":"function_call_output","call_id":id,"output":"r"}));
    clean(&ask_responses("m#mistral", Value::Array(items)), "Responses, Chat");

    let ask_chat = |model: &str, turns: Value| ask("/v1/chat/completions", &json!({"model":model,"messages":turns}));
    let mut run = ask_chat("gemini-3-pro#google-ai-studio", json!([{"role":"user","content":"go"}]));
    run.json().chunk(reply).close();
    let whole: Value = serde_json::from_str(run.text()).unwrap();
    let message = whole["choices"][0]["message"].clone();
    assert!(message.to_string().contains("U0lH"), "{message}");
    let turns = json!([{"role":"user","content":"go"}, message,
        {"role":"tool","tool_call_id":message["tool_calls"][0]["id"],"content":"r"}]);
    clean(&ask_chat("claude-x#anthropic", turns), "Chat, Messages");
}

#[test]
fn coheres_tools_are_its_own_and_keep_their_ids() {
    // pitfall 146: v2 shapes both ways, and the ids that Cohere made
    let body = r#"{"model":"m","messages":[{"role":"user","content":"go"},
        {"role":"assistant","content":null,"tool_calls":[{"id":"weather_x1y2","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Oslo\"}"}}]},
        {"role":"tool","tool_call_id":"weather_x1y2","content":"4 C"}],
        "tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]}"#;
    let (sent, _) = translate(Dialect::OpenAiChat, Dialect::Cohere, body, "command-a").unwrap();
    assert_eq!(sent["tools"][0]["function"]["parameters"]["properties"]["city"]["type"], "string");
    assert!(sent["tools"][0].get("parameter_definitions").is_none() && sent.get("chat_history").is_none());
    assert_eq!(sent["messages"][1]["tool_calls"][0]["id"], "weather_x1y2");
    assert_eq!(
        (&sent["messages"][2]["role"], &sent["messages"][2]["tool_call_id"]),
        (&json!("tool"), &json!("weather_x1y2"))
    );
    // And a reply's ids reach the client as they came.
    let messages = json!({"model":"command-a#cohere","max_tokens":99,"messages":[{"role":"user","content":"go"}],
        "tools":[{"name":"weather","input_schema":{"type":"object","properties":{}}}]});
    let mut run = ask("/v1/messages", &messages);
    run.json()
        .chunk(
            r#"{"id":"x","finish_reason":"TOOL_CALL","message":{"role":"assistant","tool_calls":[{"id":"weather_x1y2","type":"function",
            "function":{"name":"weather","arguments":"{\"city\":\"Oslo\"}"}}]},"usage":{"tokens":{"input_tokens":1,"output_tokens":1}}}"#,
        )
        .close();
    let reply: Value = serde_json::from_str(run.text()).unwrap();
    let call = json!({"type":"tool_use","id":"weather_x1y2","name":"weather","input":{"city":"Oslo"}});
    let told = reply["content"].as_array().unwrap().iter().find(|b| b["type"] == "tool_use").unwrap();
    assert!(call.as_object().unwrap().iter().all(|(key, value)| told[key] == *value), "{reply}");
    assert_eq!(reply["stop_reason"], "tool_use");
}
