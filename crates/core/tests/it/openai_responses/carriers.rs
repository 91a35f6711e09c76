//! Opaque state: it survives a client of another dialect, goes back to its maker only, and is named when it is left out.

use serde_json::{Value, json};

use crate::harness::{Run, catalog, post, settings};

/// The upstream's first turn: encrypted reasoning, a commentary, a call.
const FIRST: &str = r#"{"id":"resp_1","object":"response","status":"completed","model":"gpt-5.5","output":[
    {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Think."}],"encrypted_content":"ENC+/=\"1"},
    {"type":"message","role":"assistant","phase":"commentary","content":[{"type":"output_text","text":"Looking."}]},
    {"type":"function_call","call_id":"c1","name":"f","arguments":"{\"a\":1}"}],
    "usage":{"input_tokens":1,"output_tokens":1}}"#;

fn gateway() -> std::sync::Arc<apex_core::catalog::Catalog> {
    let mut settings = settings();
    for id in ["openai", "grok"] {
        let provider = settings.providers.entry(id.into()).or_default();
        provider.api_key = Some("stored-key-0001".into());
        provider.dialects = Some(vec!["openai-responses".into()]);
    }
    catalog(&settings)
}

fn ask(path: &str, body: &Value) -> Run {
    Run::begin(&gateway(), post(path, &[("anthropic-version", "2023-06-01")]), &body.to_string())
}

fn sent(run: &Run) -> Value {
    serde_json::from_slice(run.sent_body()).unwrap()
}

/// The assistant's content after the first turn of a Messages client.
fn first_turn(stream: bool) -> Vec<Value> {
    let body = json!({"model":"gpt-5.5#openai","max_tokens":99,"stream":stream,"thinking":{"type":"adaptive"},
        "messages":[{"role":"user","content":"go"}],"tools":[{"name":"f","input_schema":{"type":"object"}}]});
    let mut run = ask("/v1/messages", &body);
    assert_eq!(sent(&run)["include"], json!(["reasoning.encrypted_content"]));
    run.upstream_head(200, &[("content-type", "application/json")]).chunk(FIRST).close();
    if !stream {
        let reply: Value = serde_json::from_str(run.text()).unwrap();
        return reply["content"].as_array().unwrap().clone();
    }
    let mut blocks: Vec<Value> = Vec::new();
    for event in super::data(run.text()) {
        match event["type"].as_str().unwrap() {
            "content_block_start" => blocks.push(event["content_block"].clone()),
            "content_block_delta" => {
                let (block, delta) = (blocks.last_mut().unwrap(), &event["delta"]);
                for key in ["thinking", "signature", "text"] {
                    if let Some(more) = delta[key].as_str() {
                        block[key] = json!(block[key].as_str().unwrap().to_owned() + more);
                    }
                }
                if let Some(json) = delta["partial_json"].as_str() {
                    block["input"] = serde_json::from_str(json).unwrap();
                }
            }
            _ => {}
        }
    }
    blocks
}

fn second_turn(model: &str, content: &[Value]) -> Run {
    ask(
        "/v1/messages",
        &json!({"model":model,"max_tokens":99,"thinking":{"type":"adaptive"},"tools":[{"name":"f","input_schema":{"type":"object"}}],
        "messages":[{"role":"user","content":"go"},{"role":"assistant","content":content},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"r"}]}]}),
    )
}

/// Messages client, Responses upstream, two turns: the state comes back as it was, before what it led to, with its phase.
#[test]
fn state_survives_a_messages_client() {
    for stream in [false, true] {
        let content = first_turn(stream);
        assert_eq!(content[0]["thinking"], "Think.");
        let run = second_turn("gpt-5.5#openai", &content);
        let input = &sent(&run)["input"];
        let reasoning = json!({"type":"reasoning","summary":[{"type":"summary_text","text":"Think."}],"encrypted_content":"ENC+/=\"1"});
        assert_eq!(input[1], reasoning, "{stream}");
        assert_eq!(input[2], json!({"type":"message","role":"assistant","content":"Looking.","phase":"commentary"}));
        assert_eq!(input[3]["call_id"], "c1");
    }
}

/// Another model, another provider, another dialect: the state is left out, cleanly, and the caller is told.
#[test]
fn a_switch_of_model_drops_it() {
    let content = first_turn(false);
    for (model, name) in [
        ("gpt-5.3#openai", "messages.thinking=drop"),
        ("gpt-5.5#grok", "messages.thinking=drop"),
        ("claude-sonnet-4-6#anthropic", "thinking=drop"),
    ] {
        let mut run = second_turn(model, &content);
        assert!(!String::from_utf8_lossy(run.sent_body()).contains("gw1."), "{model}");
        assert!(!String::from_utf8_lossy(run.sent_body()).contains("ENC"), "{model}");
        run.upstream_head(200, &[("content-type", "application/json")]).chunk("{}").close();
        let told = run.record().adjustments.clone().unwrap_or_default();
        assert!(told.contains(name), "{model}: {told}");
    }
    // A date in the name is the same model.
    let run = second_turn("gpt-5.5-2026-03-01#openai", &content);
    assert!(String::from_utf8_lossy(run.sent_body()).contains("ENC"));
}

/// Responses client, Anthropic upstream: thinking and its signature come back, word for word, whatever the client makes of
/// the summary (pitfall 79).
#[test]
fn state_survives_a_responses_client() {
    let ask_for = |input: Value| {
        let body = json!({"model":"claude-sonnet-4-6#anthropic","input":input,"reasoning":{"effort":"high"},
            "tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{}}}]});
        ask("/v1/responses", &body)
    };
    let mut run = ask_for(json!("go"));
    run.upstream_head(200, &[("content-type", "application/json")])
        .chunk(
            r#"{"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"thinking","thinking":"Deep","signature":"SIG"},
            {"type":"redacted_thinking","data":"RED"},{"type":"tool_use","id":"t1","name":"f","input":{}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}"#,
        )
        .close();
    let reply: Value = serde_json::from_str(run.text()).unwrap();
    let mut items = reply["output"].as_array().unwrap().clone();
    assert_eq!(items[0]["summary"][0]["text"], "Deep");
    items[0]["summary"] = json!([]);
    items.insert(0, json!({"role":"user","content":"go"}));
    items.push(json!({"type":"function_call_output","call_id":"t1","output":"r"}));
    let run = ask_for(Value::Array(items.clone()));
    let content = &sent(&run)["messages"][1]["content"];
    assert_eq!(content[0], json!({"type":"thinking","thinking":"Deep","signature":"SIG"}));
    assert_eq!(content[1], json!({"type":"redacted_thinking","data":"RED"}));
    assert_eq!(content[2]["type"], "tool_use");

    // On to a provider of its own dialect: relayed but for the envelopes.
    let body = json!({"model":"gpt-5.5#openai","input":items,"unknown":1e2});
    let run = ask("/v1/responses", &body);
    let relayed = sent(&run);
    let kinds: Vec<_> = relayed["input"].as_array().unwrap().iter().map(|i| i["type"].clone()).collect();
    assert_eq!(kinds, [Value::Null, json!("function_call"), json!("function_call_output")]);
    assert_eq!(relayed["unknown"], 1e2);
}

/// Chat client, Responses upstream: the state rides in `reasoning_details` (pitfall 88).
#[test]
fn state_survives_a_chat_client() {
    let body = json!({"model":"gpt-5.5#openai","messages":[{"role":"user","content":"go"}]});
    let mut run = ask("/v1/chat/completions", &body);
    run.upstream_head(200, &[("content-type", "application/json")]).chunk(FIRST).close();
    let reply: Value = serde_json::from_str(run.text()).unwrap();
    let message = reply["choices"][0]["message"].clone();
    let turns = json!([{"role":"user","content":"go"}, message, {"role":"tool","tool_call_id":"c1","content":"r"}]);
    let run = ask("/v1/chat/completions", &json!({"model":"gpt-5.5#openai","messages":turns}));
    assert_eq!(sent(&run)["input"][1]["encrypted_content"], "ENC+/=\"1");
    // A Chat provider gets the message without the envelope.
    let mut settings = settings();
    settings.providers.entry("openai".into()).or_default().dialects = Some(vec!["openai-chat".into()]);
    let body = json!({"model":"gpt-5.5#openai","messages":turns}).to_string();
    let run = Run::begin(&catalog(&settings), post("/v1/chat/completions", &[]), &body);
    assert_eq!(sent(&run)["messages"][1]["reasoning_details"], json!([]));
}

/// A Responses body on the Chat endpoint is answered in Chat, whatever the provider speaks (Cursor).
#[test]
fn a_mixed_body_is_answered_in_chat() {
    let body = json!({"model":"gpt-5.5#openai","input":[{"role":"user","content":"go"}],"stream":true,"stream_options":{"include_usage":true}});
    let mut run = ask("/v1/chat/completions", &body);
    assert_eq!(sent(&run)["input"][0]["role"], "user");
    run.upstream_head(200, &[("content-type", "application/json")]).chunk(FIRST).close();
    let chunks = super::data(run.text());
    assert!(chunks.iter().all(|c| c["object"] == "chat.completion.chunk"), "{}", run.text());
    assert_eq!(chunks.last().unwrap()["usage"]["completion_tokens"], 1);
    assert!(run.text().ends_with("data: [DONE]\n\n"));
}

/// The client's dialect where the provider serves it, else the one that carries reasoning; the operator's order wins.
#[test]
fn the_choice_of_dialect() {
    let messages = json!({"max_tokens":9,"messages":[{"role":"user","content":"x"}]});
    let chat = json!({"messages":[{"role":"user","content":"x"}]});
    let chosen = |path: &str, body: &Value, provider: &str, dialects: Option<Vec<String>>, form: Option<&str>| {
        let mut settings = settings();
        let entry = settings.providers.entry(provider.into()).or_default();
        *entry =
            apex_core::settings::Provider { api_key: Some("stored-key-0001".into()), dialects, ..Default::default() };
        entry.resource = Some("r".into()).filter(|_| provider == "azure-openai");
        entry.form = form.map(str::to_owned);
        let mut body = body.clone();
        body["model"] = json!(format!("m#{provider}"));
        let run = Run::begin(&catalog(&settings), post(path, &[]), &body.to_string());
        match run.sent[0].head.uri.path() {
            path if path.ends_with("/responses") => "openai-responses",
            path if path.ends_with("/chat/completions") => "openai-chat",
            _ => "anthropic",
        }
    };
    for (provider, want) in [
        ("openai", "openai-responses"),
        ("grok", "openai-responses"),
        ("perplexity-ai", "openai-responses"),
        ("groq", "openai-chat"),
        ("azure-openai", "openai-chat"),
        ("anthropic", "anthropic"),
    ] {
        assert_eq!(chosen("/v1/messages", &messages, provider, None, None), want, "{provider}");
    }
    assert_eq!(chosen("/v1/messages", &messages, "azure-openai", None, Some("v1")), "openai-responses");
    assert_eq!(chosen("/v1/chat/completions", &chat, "openai", None, None), "openai-chat");
    // Pinned.
    let pinned = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
    let order = pinned(&["openai-chat", "openai-responses"]);
    assert_eq!(chosen("/v1/messages", &messages, "openai", order, None), "openai-chat");
    let only = pinned(&["openai-responses"]);
    assert_eq!(chosen("/v1/chat/completions", &chat, "openai", only, None), "openai-responses");
}
