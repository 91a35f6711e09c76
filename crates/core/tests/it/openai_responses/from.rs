//! Responses clients, other upstreams.

use apex_core::dialect::Dialect;
use serde_json::{Value, json};

use super::translate;

const AGENT: &str = include_str!("../../golden/openai_responses/agent.json");

fn to(dialect: Dialect, members: &str) -> Result<(Value, String), String> {
    translate(Dialect::OpenAiResponses, dialect, &format!("{{\"model\":\"m\",{members}}}"), "claude-sonnet-4-5")
}

/// Everything a coding agent sends, for Claude (pitfalls 31-33, 150).
#[test]
fn an_agent_on_messages() {
    let (body, lost) = translate(Dialect::OpenAiResponses, Dialect::Anthropic, AGENT, "claude-sonnet-4-5").unwrap();
    let text = |t: &str| json!({"type":"text","text":t});
    assert_eq!(body["system"], json!([text("Be brief."), text("Rules.")]));
    let names: Vec<_> = body["tools"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["run", "apply_patch", "agents__spawn", "tool_search", "local_shell", "agents__wait", "web_search"]
    );
    let patch = body["tools"][1]["description"].as_str().unwrap();
    assert!(patch.starts_with("Patch\n\n") && patch.ends_with("start: x"), "{patch}");
    let image = json!({"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}});
    let said = &body["messages"][1]["content"];
    assert_eq!(body["messages"][0]["content"], json!([text("Go"), image]));
    assert_eq!(said[0], text("Working."));
    assert_eq!(said[2]["input"], json!({"input":"*** \"Begin\"\n"}));
    assert_eq!(said[3]["name"], "agents__spawn");
    assert_eq!((&said[4]["name"], &said[4]["input"]), (&json!("tool_search"), &json!({"query":"x"})));
    let results = body["messages"][2]["content"].as_array().unwrap();
    let ids: Vec<_> = results.iter().filter_map(|r| r["tool_use_id"].as_str()).collect();
    assert_eq!(ids, ["c1", "c2", "c3", "c4"]);
    assert_eq!(results[1]["content"], json!([text("ok"), image]));
    assert_eq!(results[3]["content"], json!("Found tools: wait"));
    for name in ["input.thinking=drop", "tools.custom=approx", "tools.tool_search=approx", "text.verbosity=drop"] {
        assert!(lost.contains(name), "{name} in {lost}");
    }
}

/// Big numbers and doubled members of arguments are the caller's: they pass as they were written.
#[test]
fn arguments_are_text() {
    for to in [Dialect::Anthropic, Dialect::OpenAiChat] {
        let encoded = super::encoded(Dialect::OpenAiResponses, to, AGENT, "m").unwrap();
        let body = String::from_utf8(encoded.body).unwrap().replace("\\\"", "\"");
        assert!(body.contains(r#"{"n":123456789012345678901234567890,"n":1e2}"#), "{to}");
    }
}

/// The same for a Chat provider: one assistant message, every answer behind it.
#[test]
fn an_agent_on_chat() {
    let (body, lost) = translate(Dialect::OpenAiResponses, Dialect::OpenAiChat, AGENT, "gpt-5.5").unwrap();
    let messages = body["messages"].as_array().unwrap();
    let roles: Vec<_> = messages.iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "system", "user", "assistant", "tool", "tool", "tool", "tool", "user"]);
    let calls = messages[3]["tool_calls"].as_array().unwrap();
    assert_eq!(
        calls[1],
        json!({"id":"c2","type":"function","function":{
        "name":"apply_patch","arguments":"{\"input\":\"*** \\\"Begin\\\"\\n\"}"}})
    );
    assert!(calls.iter().all(|c| c["type"] == "function"));
    assert_eq!(body["tools"][1]["function"]["parameters"]["required"], json!(["input"]));
    assert_eq!((&body["reasoning_effort"], &body["max_completion_tokens"]), (&json!("medium"), &json!(4096)));
    assert!(lost.contains("tools.web_search=drop"), "{lost}");
    // The picture of a result stands behind the whole group.
    assert_eq!(messages[8]["content"][1]["type"], "image_url");
}

#[test]
fn settings_and_content() {
    let (body, lost) = to(
        Dialect::OpenAiChat,
        r#""input":"hi","temperature":0.5,"top_p":1,"text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object","properties":{},"additionalProperties":false,"required":[]},"strict":true}},
        "tools":[{"type":"function","name":"f","parameters":{"type":"object"}}],"tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"}]},
        "safety_identifier":"u","store":true,"metadata":{"a":"b"},"truncation":"auto""#,
    )
    .unwrap();
    assert_eq!(body["messages"], json!([{"role":"user","content":"hi"}]));
    assert_eq!(body["response_format"]["json_schema"]["strict"], true);
    let allowed = json!({"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}}]}});
    assert_eq!(body["tool_choice"], allowed);
    assert_eq!(lost, "store=drop,safety_identifier=approx,metadata=drop,truncation=drop");
    let (body, _) = to(
        Dialect::Anthropic,
        r#""input":[{"role":"user","content":[
            {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERi0="},
            {"type":"input_file","file_url":"https://e.x/a.pdf"},
            {"type":"input_image","image_url":"https://e.x/i.png"}]}]"#,
    )
    .unwrap();
    let kinds: Vec<_> =
        body["messages"][0]["content"].as_array().unwrap().iter().map(|b| b["source"]["type"].clone()).collect();
    assert_eq!(kinds, ["base64", "url", "url"]);
}

/// What another provider cannot look up is refused by name, in the caller's own terms.
#[test]
fn refused_by_name() {
    let user = r#"{"role":"user","content":"x"}"#;
    for (members, place) in [
        (r#""input":"x","previous_response_id":"resp_1""#.to_owned(), "previous_response_id"),
        (r#""input":"x","conversation":"conv_1""#.to_owned(), "conversation"),
        (r#""input":"x","prompt":{"id":"p"}"#.to_owned(), "prompt"),
        (r#""input":"x","background":true"#.to_owned(), "background"),
        (format!(r#""input":[{user},{{"type":"item_reference","id":"msg_1"}}]"#), "input[1].id"),
        (format!(r#""input":[{user},{{"type":"compaction","encrypted_content":"x"}}]"#), "input[1].encrypted_content"),
        (format!(r#""input":[{user},{{"type":"quantum_call","id":"q"}}]"#), "input[1].type"),
        (
            r#""input":"x","tools":[{"type":"file_search"}],"tool_choice":{"type":"file_search"}"#.to_owned(),
            "tool_choice",
        ),
        (
            r#""input":[{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}]"#.to_owned(),
            "input[0].content[0].file.file_id",
        ),
        (r#""input":[{"role":"wizard","content":"x"}]"#.to_owned(), "input[0].role"),
        (r#""tools":[]"#.to_owned(), "input"),
    ] {
        let error = to(Dialect::Anthropic, &members).unwrap_err();
        assert!(error.starts_with(&format!("{place}: ")), "{members}: {error}");
    }
}

/// A flattened name that is another tool's would send calls astray (pitfall 33); a tool that is listed again is the same.
#[test]
fn namespaces_do_not_collide() {
    let spaced = |ns: &str, name: &str| {
        format!(r#"{{"type":"namespace","name":"{ns}","tools":[{{"type":"function","name":"{name}"}}]}}"#)
    };
    let plain = r#"{"type":"function","name":"agents__spawn"}"#;
    let ask = |tools: &str, more: &str| {
        to(Dialect::OpenAiChat, &format!(r#""tools":[{tools}],"input":[{{"role":"user","content":"x"}}{more}]"#))
    };
    for (tools, place) in [
        (format!("{plain},{}", spaced("agents", "spawn")), "tools[1].tools[0].name"),
        (format!("{},{plain}", spaced("agents", "spawn")), "tools[1].name"),
        (format!("{},{}", spaced("a", "b__c"), spaced("a__b", "c")), "tools[1].tools[0].name"),
    ] {
        let error = ask(&tools, "").unwrap_err();
        assert!(error.starts_with(&format!("{place}: ")), "{error}");
    }
    let later = format!(r#",{{"type":"additional_tools","tools":[{}]}}"#, spaced("agents", "spawn"));
    assert!(ask(plain, &later).unwrap_err().starts_with("input[1].tools[0].tools[0].name: "));
    let (body, _) = ask(&spaced("agents", "spawn"), &later).unwrap();
    assert_eq!(body["tools"].as_array().unwrap().len(), 1);
}

/// The AI SDK leaves storing to the provider, and then names reasoning instead of sending it.
#[test]
fn named_reasoning_is_lost_and_named() {
    let items = r#""input":[{"role":"user","content":"x"},{"type":"item_reference","id":"rs_1"},
        {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
        {"type":"function_call_output","call_id":"c","output":"y"}],"tools":[{"type":"function","name":"f"}]"#;
    let (body, lost) = to(Dialect::Anthropic, items).unwrap();
    assert!(lost.contains("input.item_reference=drop"), "{lost}");
    assert_eq!(body["messages"][1]["content"][0]["type"], "tool_use");
}

/// A result that names no call belongs to the nearest open one of that name; one without its half is text.
#[test]
fn odd_pairs() {
    let (body, _) = to(
        Dialect::Anthropic,
        r#""input":[{"role":"user","content":"x"},{"type":"function_call","call_id":"c","name":"f","arguments":{"a":1}},
            {"type":"function_call_output","name":"f","output":"r"},{"type":"function_call_output","call_id":"z","output":"lost"}]"#,
    )
    .unwrap();
    assert_eq!(body["messages"][1]["content"][0]["input"], json!({"a":1}));
    let results = body["messages"][2]["content"].as_array().unwrap();
    assert_eq!(results[0]["tool_use_id"], "c");
    assert!(results.iter().any(|b| b["text"] == "lost"), "{results:?}");
}
