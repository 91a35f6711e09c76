//! Coding agents reach every upstream, with everything they send.

use apex_core::dialect::{Dialect, Target, decode_request, encode_request};
use apex_core::provider::Quirks;
use apex_core::settings::Provider;
use serde_json::{Value, json};

use crate::harness::{Run, catalog, post, settings};
use crate::openai_responses::translate;

const AGENT: &str = include_str!("../../golden/openai_responses/agent.json");

fn ask(path: &str, body: &str) -> Run {
    let mut settings = settings();
    for id in ["google-ai-studio", "cohere"] {
        settings
            .providers
            .insert(id.into(), Provider { api_key: Some("stored-key-0001".into()), ..Provider::default() });
    }
    Run::begin(&catalog(&settings), post(path, &[]), body)
}

#[test]
fn tools_inside_items_keep_their_kinds() {
    // pitfall 34
    let body = r#"{"model":"MODEL","input":[{"role":"user","content":"go"},{"type":"additional_tools","role":"developer","tools":[
        {"type":"namespace","name":"ns","tools":[{"type":"custom","name":"patch","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},
            {"type":"function","name":"run","parameters":{"type":"object","properties":{}},"x-new":1e2}]},
        {"type":"mcp","server_label":"s","server_url":"https://e.x"}]}]}"#;
    let run = ask("/v1/responses", &body.replace("MODEL", "gpt-5.5#openai"));
    assert_eq!(run.sent_body(), body.replace("MODEL", "gpt-5.5").as_bytes());
    let (chat, lost) = translate(Dialect::OpenAiResponses, Dialect::OpenAiChat, body, "m").unwrap();
    let tools = chat["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|t| t["function"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ns__patch", "ns__run"]);
    assert_eq!(tools[0]["function"]["parameters"]["required"], json!(["input"]), "free text is still free text");
    assert!(lost.contains("tools.mcp=drop"), "{lost}");
}

#[test]
fn hosted_tools_keep_their_names() {
    // pitfall 35
    for (path, model, body) in [
        (
            "/v1/responses",
            "gpt-5.5#openai",
            r#"{"model":"MODEL","input":"go","tools":[{"type":"computer"},{"type":"computer_use_preview","display_width":1}]}"#,
        ),
        (
            "/v1/messages",
            "claude-x#anthropic",
            r#"{"model":"MODEL","max_tokens":9,"messages":[{"role":"user","content":"x"}],"tools":[{"type":"computer_20991231","name":"computer"}]}"#,
        ),
    ] {
        let run = ask(path, &body.replace("MODEL", model));
        assert_eq!(run.sent_body(), body.replace("MODEL", model.split('#').next().unwrap()).as_bytes());
    }
    // Nor where the body must be written anew, since it holds another model's state.
    let sealed = r#"{"model":"MODEL","input":[{"type":"reasoning","summary":[],"encrypted_content":"gw1.eyJrIjoidW5zaWduZWQifQ"},
        {"role":"user","content":"go"}],"tools":[{"type":"computer"},{"type":"computer_use_preview","display_width":1}]}"#;
    let run = ask("/v1/responses", &sealed.replace("MODEL", "gpt-5.5#openai"));
    let sent: Value = serde_json::from_slice(run.sent_body()).unwrap();
    assert_eq!(sent["tools"], json!([{"type":"computer"},{"type":"computer_use_preview","display_width":1}]));
    assert_eq!(sent["input"].as_array().unwrap().len(), 1);
}

/// What upstreams of each dialect answer: a call of `run`.
const CALLS: &[(&str, &str)] = &[
    (
        "claude-x#anthropic",
        r#"{"id":"m","type":"message","role":"assistant","content":[{"type":"tool_use","id":"c9","name":"run","input":{"n":1}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}"#,
    ),
    (
        "gemini-3-pro#google-ai-studio",
        r#"{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"id":"c9","name":"run","args":{"n":1}}}]},"finishReason":"STOP"}]}"#,
    ),
    (
        "m#mistral",
        r#"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c9","type":"function","function":{"name":"run","arguments":"{\"n\":1}"}}]},"finish_reason":"tool_calls"}]}"#,
    ),
    (
        "command-a#cohere",
        r#"{"id":"x","finish_reason":"TOOL_CALL","message":{"role":"assistant","tool_calls":[{"id":"c9","type":"function","function":{"name":"run","arguments":"{\"n\":1}"}}]}}"#,
    ),
    (
        "gpt-5.5#openai",
        r#"{"id":"r","object":"response","status":"completed","output":[{"type":"function_call","call_id":"c9","name":"run","arguments":"{\"n\":1}"}]}"#,
    ),
];

#[test]
fn responses_clients_reach_every_upstream() {
    // pitfalls 145, 150: an agent's whole request (client metadata, reasoning with `content: null`, ids of its own,
    // namespaces, hosted tools) is taken everywhere, and the call comes back as its item
    for (model, reply) in CALLS {
        let body = AGENT
            .replacen("\"model\":\"m\"", &format!("\"model\":\"{model}\""), 1)
            .replace("\"stream\":true", "\"stream\":false");
        let mut run = ask("/v1/responses", &body);
        assert_eq!(run.sent.len(), 1, "{model}: {}", run.text());
        let sent: Value = serde_json::from_slice(run.sent_body()).unwrap();
        if *model != "gpt-5.5#openai" {
            let text = sent.to_string();
            assert!(!text.contains("client_metadata") && !text.contains("foreign"), "{model}: {text}");
            assert!(!text.contains("msg_1") && !text.contains("rs_1") && !text.contains("fc_1"), "{model}: {text}");
            assert!(text.contains("agents__spawn"), "{model}: {text}");
        }
        run.json().chunk(reply).close();
        assert_eq!(run.ended(), ("completed", Some(200), false), "{model}: {}", run.text());
        let reply: Value = serde_json::from_str(run.text()).unwrap();
        let call = reply["output"].as_array().unwrap().iter().find(|i| i["type"] == "function_call").unwrap();
        assert_eq!((&call["call_id"], &call["name"]), (&json!("c9"), &json!("run")), "{model}");
        assert_eq!(
            serde_json::from_str::<Value>(call["arguments"].as_str().unwrap()).unwrap(),
            json!({"n":1}),
            "{model}"
        );
    }
}

#[test]
fn objects_without_properties_get_empty_ones_where_they_must() {
    // pitfall 109: OpenAI refuses them; everybody else gets the caller's bytes
    let body = r#"{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"x"}],"tools":[
        {"name":"bare","input_schema":{"type":"object" , "x":1e2 }},{"name":"full","input_schema":{"type":"object","properties":{"p":{"type":"object"}}}}]}"#;
    let schemas = |to: Dialect, quirks: &Quirks| {
        let request = decode_request(Dialect::Anthropic, body).unwrap();
        let encoded = encode_request(to, &request, &Target { provider: "p", model: "m", quirks }).unwrap();
        assert_eq!(encoded.losses.header(), None);
        let text = String::from_utf8(encoded.body).unwrap();
        assert!(text.contains(r#"{"type":"object","properties":{"p":{"type":"object"}}}"#), "{text}");
        let bare = text.split("\"parameters\":").nth(1).unwrap();
        bare[..=bare.find('}').unwrap()].to_owned()
    };
    let (filled, bare) = (r#"{"type":"object" , "x":1e2 ,"properties":{}"#, r#"{"type":"object" , "x":1e2 }"#);
    for quirks in [&Quirks::OPENAI, &Quirks::AZURE, &Quirks::OPENROUTER] {
        assert_eq!(schemas(Dialect::OpenAiChat, quirks), filled);
        assert_eq!(schemas(Dialect::OpenAiResponses, quirks), filled);
    }
    for quirks in [&Quirks::COMPATIBLE, &Quirks::MISTRAL, &Quirks::DEEPSEEK] {
        assert_eq!(schemas(Dialect::OpenAiChat, quirks), bare);
    }
}

#[test]
fn usage_is_found_by_dialect_not_by_address() {
    // pitfall 138: Messages under a path of another kind, as Vertex has it
    let mut settings = settings();
    let vertex = Provider {
        base_url: Some("https://vertex.example/v1/projects/p/locations/l/publishers/anthropic/models".into()),
        dialects: Some(vec!["anthropic".into()]),
        api_key: Some("k".into()),
        paths: [("messages".into(), "claude-x:streamRawPredict".into())].into(),
        ..Provider::default()
    };
    settings.providers.insert("vertex".into(), vertex);
    let body =
        r#"{"model":"claude-x#vertex","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut run = Run::begin(&catalog(&settings), post("/v1/messages", &[]), body);
    assert!(run.sent[0].head.uri.path().ends_with("/models/claude-x:streamRawPredict"), "{}", run.sent[0].head.uri);
    run.sse().chunk(include_str!("../../golden/anthropic/reply.sse")).close();
    let record = run.record();
    assert_eq!((record.usage.input_uncached, record.usage.cache_read), (Some(10), Some(90)));
    assert!(record.usage.output.is_some());
    assert_eq!(run.ended(), ("completed", Some(200), false));
    // Cut off, it is not taken for whole.
    let mut run = Run::begin(&catalog(&settings), post("/v1/messages", &[]), body);
    let cut = include_str!("../../golden/anthropic/reply.sse").split("event: message_stop").next().unwrap();
    run.sse().chunk(cut.split("event: message_delta").next().unwrap()).close();
    assert_eq!(run.ended(), ("truncated", Some(200), true));
}
