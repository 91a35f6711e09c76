//! Requests of Anthropic clients for Chat upstreams: every member beside the messages.

use apex_core::provider::Quirks;
use serde_json::{Value, json};

use super::{foreign, json, losses};

#[test]
fn tools() {
    let case = |tools: &str, more: &str, quirks: &Quirks| {
        let body =
            format!(r#"{{"max_tokens":99,"messages":[{{"role":"user","content":"x"}}],"tools":[{tools}]{more}}}"#);
        foreign(&body, quirks).map(|e| (json(&e.body), losses(&e)))
    };
    let openai = &Quirks::OPENAI;
    let f = r#"{"name":"f","input_schema":{"type":"object"}}"#;
    let (out, lost) = case(
        r#"{"type":"custom","name":"f","description":"d","input_schema":{"type":"object"},"input_examples":[{"a":1}],"defer_loading":true,"cache_control":{"type":"ephemeral"}}"#,
        "",
        openai,
    )
    .unwrap();
    assert_eq!(out["tools"][0]["function"]["description"], "d\n\nExamples of the input:\n{\"a\":1}");
    assert_eq!(lost, "cache_control=drop,tools.input_examples=approx,tools.defer_loading=drop");
    // Strict only where strict mode would take the schema.
    let strict = |schema: &str, quirks: &Quirks| {
        let tool = format!(r#"{{"name":"f","strict":true,"input_schema":{schema}}}"#);
        let (out, lost) = case(&tool, "", quirks).unwrap();
        (out["tools"][0]["function"]["strict"].clone(), lost)
    };
    let closed = r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"string"}}},"required":["a"],"additionalProperties":false}"#;
    let open = r#"{"type":"object","properties":{"a":{"type":"object","properties":{}}},"required":["a"],"additionalProperties":false}"#;
    let deep = r#"{"type":"array","items":{"type":"object","properties":{"a":{}}}}"#;
    let optional = r#"{"type":"object","properties":{"a":{},"b":{}},"required":["a"],"additionalProperties":false}"#;
    let nullable = r#"{"anyOf":[{"type":["object","null"],"properties":{}}]}"#;
    assert_eq!(strict(closed, openai), (true.into(), String::new()));
    for schema in [open, deep, optional, nullable] {
        assert_eq!(strict(schema, openai), (false.into(), "tools.strict=approx".into()), "{schema}");
    }
    assert_eq!(strict(closed, &Quirks::GOOGLE_COMPAT), (Value::Null, "tools.strict=drop".into()));
    // Documented client tools become functions, under the names the client listens to.
    let (out, lost) = case(r#"{"type":"bash_20250124","name":"bash"}"#, "", openai).unwrap();
    assert_eq!(out["tools"][0]["function"]["name"], "bash");
    assert!(out["tools"][0]["function"]["parameters"]["properties"]["command"].is_object());
    assert_eq!(lost, "tools.bash_20250124=approx");
    // A server's tool is dropped beside others, refused when the answer hangs on it.
    let search = r#"{"type":"web_search_20250305","name":"web_search"}"#;
    let (out, lost) = case(&format!("{f},{search}"), "", openai).unwrap();
    assert_eq!((out["tools"].as_array().unwrap().len(), lost.as_str()), (1, "tools.web_search_20250305=drop"));
    assert_eq!(case(search, "", openai).unwrap_err().param, "tools[0]");
    let forced = r#","tool_choice":{"type":"any"}"#;
    assert_eq!(case(&format!("{f},{search}"), forced, openai).unwrap_err().param, "tools[1]");
    // Pitfall 30: the caller's order.
    let (out, _) = case(
        r#"{"name":"z","input_schema":{"type":"object"}},{"name":"a","input_schema":{"type":"object"}}"#,
        "",
        openai,
    )
    .unwrap();
    assert_eq!(out["tools"][0]["function"]["name"], "z");
}

#[test]
fn tool_choice() {
    let case = |choice: &str, quirks: &Quirks| {
        let body = format!(
            r#"{{"max_tokens":99,"messages":[{{"role":"user","content":"x"}}],"tools":[{{"name":"f","input_schema":{{"type":"object"}}}}],"tool_choice":{choice}}}"#
        );
        let encoded = foreign(&body, quirks).unwrap();
        let out = json(&encoded.body);
        (out["tool_choice"].clone(), out["parallel_tool_calls"].clone(), losses(&encoded))
    };
    let plain = |choice: Value| (choice, Value::Null, String::new());
    let openai = &Quirks::OPENAI;
    assert_eq!(case(r#"{"type":"auto"}"#, openai), plain("auto".into()));
    assert_eq!(case(r#"{"type":"none"}"#, openai), plain("none".into()));
    // Pitfall 26.
    assert_eq!(case(r#"{"type":"any"}"#, openai), plain("required".into()));
    assert_eq!(case(r#"{"type":"any"}"#, &Quirks::MISTRAL), plain("any".into()));
    assert_eq!(
        case(r#"{"type":"tool","name":"f"}"#, openai),
        plain(json!({"type":"function","function":{"name":"f"}}))
    );
    assert_eq!(case(r#"{"type":"auto","disable_parallel_tool_use":true}"#, openai).1, false);
    assert_eq!(case(r#"{"type":"auto","disable_parallel_tool_use":false}"#, openai).1, Value::Null);
    assert_eq!(
        case(r#"{"type":"auto","disable_parallel_tool_use":true}"#, &Quirks::COHERE_COMPAT).2,
        "tool_choice.disable_parallel_tool_use=drop"
    );
    // Pitfalls 27 and 28: asked for in words where it would be a 400.
    let (choice, _, lost) = case(r#"{"type":"tool","name":"f"}"#, &Quirks::DEEPSEEK);
    assert_eq!((choice, lost.as_str()), ("auto".into(), "tool_choice=approx"));
    // Pitfall 25: no tools, no choice.
    let body = r#"{"max_tokens":99,"messages":[{"role":"user","content":"x"}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}"#;
    let out = json(&foreign(body, openai).unwrap().body);
    assert!(out.get("tool_choice").is_none() && out.get("parallel_tool_calls").is_none() && out.get("tools").is_none());
}

#[test]
fn reasoning() {
    let case = |members: &str, quirks: &Quirks| {
        let body = format!(r#"{{"max_tokens":32000,"messages":[{{"role":"user","content":"x"}}]{members}}}"#);
        let encoded = foreign(&body, quirks).unwrap();
        (json(&encoded.body)["reasoning_effort"].clone(), losses(&encoded))
    };
    let budget = |n: u32| format!(r#","thinking":{{"type":"enabled","budget_tokens":{n}}}"#);
    let openai = &Quirks::OPENAI;
    for (n, effort) in [
        (1, "minimal"),
        (1024, "low"),
        (4095, "low"),
        (4096, "medium"),
        (12288, "high"),
        (24576, "xhigh"),
        (31998, "xhigh"),
        // Pitfall 153: Claude Code's default, not a wish.
        (31999, "high"),
    ] {
        assert_eq!(case(&budget(n), openai), (effort.into(), "thinking=approx".into()), "{n}");
    }
    // Nothing said, nothing sent; adaptive says nothing of effort.
    assert_eq!(case("", openai), (Value::Null, String::new()));
    assert_eq!(case(r#","thinking":{"type":"adaptive"}"#, openai), (Value::Null, String::new()));
    // Pitfall 89: each word is kept as far as it goes.
    let effort = |word: &str| format!(r#","output_config":{{"effort":"{word}"}}"#);
    for word in ["low", "medium", "high", "xhigh", "max"] {
        assert_eq!(case(&effort(word), openai), (word.into(), String::new()));
    }
    assert_eq!(case(&effort("max"), &Quirks::GROQ), ("high".into(), "output_config.effort=approx".into()));
    assert_eq!(case(&format!("{}{}", effort("low"), budget(9000)), openai).0, "low");
    assert_eq!(case(r#","thinking":{"type":"disabled"}"#, openai).0, "none");
}

#[test]
fn limits_and_sampling() {
    let case = |members: &str, quirks: &Quirks| {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"x"}}],{members}}}"#);
        foreign(&body, quirks).map(|e| (json(&e.body), losses(&e)))
    };
    let openai = &Quirks::OPENAI;
    // Pitfall 114: the limit under the name the provider reads.
    assert_eq!(case(r#""max_tokens":99"#, openai).unwrap().0["max_completion_tokens"], 99);
    assert_eq!(case(r#""max_tokens":99"#, &Quirks::WORKERS_AI).unwrap().0["max_tokens"], 99);
    for few in [r#""max_tokens":1"#, r#""max_tokens":15"#] {
        let (out, lost) = case(few, openai).unwrap();
        assert_eq!((out["max_completion_tokens"].clone(), lost.as_str()), (16.into(), "max_tokens=approx"));
    }
    assert_eq!(case(r#""max_tokens":1"#, &Quirks::COMPATIBLE).unwrap().0["max_tokens"], 1);
    assert_eq!(case(r#""max_tokens":0"#, openai).unwrap_err().param, "max_tokens");
    // Spelled as the caller spelled it; clamped only where it is too much.
    let body = r#"{"max_tokens":99,"messages":[{"role":"user","content":"x"}],"temperature":1.0,"top_p":0.10}"#;
    let text = String::from_utf8(foreign(body, openai).unwrap().body).unwrap();
    assert!(text.contains(r#""temperature":1.0,"top_p":0.10"#), "{text}");
    assert_eq!(case(r#""max_tokens":99,"top_k":5"#, openai).unwrap().1, "top_k=drop");
    assert_eq!(case(r#""max_tokens":99,"top_k":5"#, &Quirks::OPENROUTER).unwrap().0["top_k"], 5);
    // Too many stop sequences are refused: cutting them would change the answer.
    assert_eq!(
        case(r#""max_tokens":99,"stop_sequences":["1","2","3","4"]"#, openai).unwrap().0["stop"],
        json!(["1", "2", "3", "4"])
    );
    let five = r#""max_tokens":99,"stop_sequences":["1","2","3","4","5"]"#;
    assert_eq!(case(five, openai).unwrap_err().param, "stop_sequences");
    assert!(case(five, &Quirks::DEEPSEEK).is_ok());
    assert!(case(r#""max_tokens":99,"stop_sequences":[]"#, openai).unwrap().0.get("stop").is_none());
}

#[test]
fn output_and_identity() {
    let case = |members: &str, quirks: &Quirks| {
        let body = format!(r#"{{"max_tokens":99,"messages":[{{"role":"user","content":"x"}}],{members}}}"#);
        let encoded = foreign(&body, quirks).unwrap();
        (json(&encoded.body), losses(&encoded))
    };
    let openai = &Quirks::OPENAI;
    let schema =
        json!({"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false});
    let format = format!(r#""output_config":{{"format":{{"type":"json_schema","schema":{schema}}}}}"#);
    let (out, lost) = case(&format, openai);
    let expected = json!({"type":"json_schema","json_schema":{"name":"response","schema":schema,"strict":true}});
    assert_eq!((out["response_format"].clone(), lost.as_str()), (expected, ""));
    let (out, lost) = case(&format, &Quirks::DEEPSEEK);
    assert_eq!(
        (out["response_format"].clone(), lost.as_str()),
        (json!({"type":"json_object"}), "output_config.format=approx")
    );
    assert!(out["messages"][0]["content"].as_str().unwrap().contains("JSON schema"));
    // Identity: kept, hashed where too long or of the wrong kind, dropped where there is no place.
    let user = |id: &str, quirks: &Quirks, field: &str| {
        case(&format!(r#""metadata":{{"user_id":"{id}"}}"#), quirks).0[field].clone()
    };
    assert_eq!(user("u-1", openai, "safety_identifier"), "u-1");
    let long = "x".repeat(150);
    assert_eq!(user(&long, openai, "safety_identifier").as_str().unwrap().len(), 64);
    assert_eq!(user("a@b", &Quirks::DEEPSEEK, "user_id").as_str().unwrap().len(), 64);
    assert_eq!(user("u-1", &Quirks::COMPATIBLE, "user"), "u-1");
    assert_eq!(case(r#""metadata":{"user_id":"u"}"#, &Quirks::MISTRAL).1, "metadata.user_id=drop");
    // Tiers by name.
    let tier = |members: &str, quirks: &Quirks| {
        let (out, lost) = case(members, quirks);
        (out["service_tier"].clone(), lost)
    };
    assert_eq!(tier(r#""service_tier":"standard_only""#, openai), ("default".into(), "service_tier=approx".into()));
    assert_eq!(tier(r#""service_tier":"auto""#, openai), ("auto".into(), String::new()));
    assert_eq!(tier(r#""service_tier":"auto""#, &Quirks::COMPATIBLE), (Value::Null, "service_tier=drop".into()));
    assert_eq!(tier(r#""speed":"fast""#, openai), ("priority".into(), "speed=approx".into()));
}

#[test]
fn everything_else_is_named_or_refused() {
    let body = |members: &str| format!(r#"{{"max_tokens":99,"messages":[{{"role":"user","content":"x"}}],{members}}}"#);
    let encoded = foreign(
        &body(r#""context_management":{"edits":[]},"container":"c","thinking":{"type":"adaptive","display":"omitted"},"mcp_servers":[],"brand_new":1"#),
        &Quirks::OPENAI,
    )
    .unwrap();
    for name in ["context_management", "container", "thinking.display", "mcp_servers", "brand_new"] {
        assert!(losses(&encoded).contains(&format!("{name}=drop")), "{}", losses(&encoded));
    }
    let sent: Vec<_> = json(&encoded.body).as_object().unwrap().keys().cloned().collect();
    assert_eq!(sent, ["max_completion_tokens", "messages", "model"]);
    let thread = body(r#""thread":{"type":"continue","id":"t"}"#);
    assert!(foreign(&thread, &Quirks::OPENAI).unwrap_err().to_string().starts_with("thread: "));
}

#[test]
fn streams_ask_for_usage() {
    let body = r#"{"max_tokens":99,"stream":true,"messages":[{"role":"user","content":"x"}]}"#;
    let out = json(&foreign(body, &Quirks::OPENAI).unwrap().body);
    assert_eq!((out["stream"].clone(), out["stream_options"].clone()), (true.into(), json!({"include_usage":true})));
    // Pitfall 116: not where it is a 422.
    assert!(json(&foreign(body, &Quirks::MISTRAL).unwrap().body).get("stream_options").is_none());
    // Pitfall 151: the same request without a stream.
    let whole = r#"{"max_tokens":99,"messages":[{"role":"user","content":"x"}]}"#;
    assert!(json(&foreign(whole, &Quirks::OPENAI).unwrap().body).get("stream").is_none());
}
