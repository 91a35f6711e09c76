//! What Cohere clients ask, in every other dialect.

use apex_core::dialect::{self, Dialect};
use apex_core::settings::Provider;
use serde_json::{Value, json};

use super::json as parse;
use crate::harness::{self, Run, catalog, golden, post};

const EVERYTHING: &str = include_str!("../../golden/cohere/client.json");

/// A request to an upstream that speaks `dialect` only.
fn ask(dialect: Dialect, body: &str) -> Run {
    let mut settings = harness::settings();
    let provider = Provider {
        api_key: Some("key".into()),
        base_url: Some("https://only.example/v1".into()),
        dialects: Some(vec![dialect.as_str().into()]),
        ..Provider::default()
    };
    settings.providers.insert("only".into(), provider);
    Run::begin(&catalog(&settings), post("/v2/chat", &[]), body)
}

#[test]
fn everything_a_client_can_say() {
    for (dialect, model) in [
        (Dialect::Anthropic, "claude-sonnet-4-6"),
        (Dialect::Gemini, "gemini-3.5-pro"),
        (Dialect::OpenAiChat, "llama-4-70b"),
        (Dialect::OpenAiResponses, "llama-4-70b"),
    ] {
        let mut run = ask(dialect, &EVERYTHING.replace("command-a-03-2025", model));
        let record = run.exchange.abandoned(harness::START);
        let body = std::str::from_utf8(run.sent_body()).unwrap();
        assert!(body.contains("123456789012345678901234567890"), "{body}");
        let pretty = serde_json::to_string_pretty(&parse(body)).unwrap();
        let adjustments = record.adjustments.unwrap_or_default().replace(',', "\n  ");
        golden(&format!("cohere/client.{dialect}.txt"), &format!("adjustments:\n  {adjustments}\n\n{pretty}\n"));
    }
}

/// In its own dialect only the model changes.
#[test]
fn a_relay_is_untouched() {
    let run = ask(Dialect::Cohere, EVERYTHING);
    assert_eq!(run.sent[0].head.uri, "https://only.example/v1/v2/chat");
    assert_eq!(std::str::from_utf8(run.sent_body()).unwrap(), EVERYTHING.replace("#only", ""));
}

#[test]
fn what_is_wrong_is_named() {
    let user = json!({"role": "user", "content": "x"});
    for (body, place) in [
        (json!({"messages": "x"}), "messages"),
        (json!({"messages": [{"role": "robot", "content": "x"}]}), "messages[0].role"),
        (json!({"messages": [user, {"role": "user"}]}), "messages[1].content"),
        (json!({"messages": [user, {"role": "tool", "content": "x"}]}), "messages[1].tool_call_id"),
        (json!({"messages": [{"role": "user", "content": [{"type": "text"}]}]}), "messages[0].content[0].text"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}),
            "messages[0].content[0].image_url.url",
        ),
        (json!({"messages": [user], "tool_choice": "look"}), "tool_choice"),
        (json!({"messages": [user], "tools": [{"function": {}}]}), "tools[0].function.name"),
        (json!({"messages": [user], "stop_sequences": [1]}), "stop_sequences[0]"),
        (json!({"messages": [user], "thinking": {"type": "maybe"}}), "thinking.type"),
        (json!({"messages": [user], "documents": [{"id": "d"}]}), "documents[0].data"),
        (json!({"messages": [{"role": "system", "content": "x"}], "documents": ["d"]}), "documents"),
        (json!({"messages": [user], "response_format": {}}), "response_format.type"),
        (json!({"messages": [user], "k": "40"}), "k"),
    ] {
        let mut body: Value = body;
        body["model"] = json!("m#only");
        let run = ask(Dialect::OpenAiChat, &body.to_string());
        let said = parse(run.text());
        let told = said["message"].as_str().unwrap_or_default();
        assert!(run.status() == Some(400) && told.contains(place), "{place}: {:?} {}", run.status(), run.text());
    }
}

/// Adjustments are told by the client's own names.
#[test]
fn losses_have_their_own_names() {
    let body = r#"{"model":"gpt-5.5#only","messages":[{"role":"user","content":"x"}],"k":4,"stop_sequences":["a"],"thinking":{"type":"enabled","token_budget":1},"response_format":{"type":"json_object","json_schema":{"type":"object"}}}"#;
    let mut run = ask(Dialect::OpenAiResponses, body);
    let record = run.exchange.abandoned(harness::START);
    assert_eq!(record.adjustments.unwrap(), "k=drop,stop_sequences=drop,thinking=approx,response_format=approx");
    // What says nothing is nobody's loss.
    let plain = r#"{"model":"gpt-5.5#only","messages":[{"role":"user","content":"x"}],"k":0,"logprobs":false,"documents":[],"response_format":{"type":"text"},"tools":null}"#;
    let mut run = ask(Dialect::OpenAiChat, plain);
    assert_eq!(run.exchange.abandoned(harness::START).adjustments, None);
}

/// The dialect reads what it writes.
#[test]
fn a_request_reads_back() {
    let first = dialect::decode_request(Dialect::Cohere, EVERYTHING).unwrap();
    let quirks = &apex_core::provider::Quirks::OPENAI;
    let target = dialect::Target { provider: "cohere", model: "command-a-reasoning-08-2025", quirks };
    let once = dialect::encode_request(Dialect::Cohere, &first, &target).unwrap();
    let once = String::from_utf8(once.body).unwrap();
    let again = dialect::decode_request(Dialect::Cohere, &once).unwrap();
    let twice = dialect::encode_request(Dialect::Cohere, &again, &target).unwrap();
    assert_eq!(once, String::from_utf8(twice.body).unwrap());
}
