//! Requests of Chat clients: read, and written back to Chat without loss.

use apex_core::dialect::openai_chat;
use apex_core::hub::{Arguments, Effort, Form, MediaSource, OutputFormat, Part, Role, Tool, ToolChoice};
use apex_core::provider::Quirks;

use super::{json, losses, own};

/// What comes in goes out, in the same spelling; only `null` members and defaults go missing.
#[test]
fn a_request_comes_back_as_it_was() {
    // A provider that takes everything under the names of the body.
    let quirks = Quirks { user_field: Some("user"), ..Quirks::OPENAI };
    let cases = [
        include_str!("../../golden/openai_chat/full.json"),
        include_str!("../../golden/openai_chat/arguments.json"),
        include_str!("../../golden/openai_chat/parts.json"),
        include_str!("../../golden/openai_chat/tools.json"),
    ];
    for body in cases {
        let encoded = own(body, &quirks);
        assert_eq!(losses(&encoded), "", "{body}");
        assert_eq!(exact(std::str::from_utf8(&encoded.body).unwrap()), exact(body), "{body}");
        // A second pass changes nothing.
        assert_eq!(own(std::str::from_utf8(&encoded.body).unwrap(), &quirks).body, encoded.body);
    }
}

/// Members sorted, everything inside a value as spelled: numbers, escapes and duplicate keys count.
fn exact(text: &str) -> String {
    fn walk(raw: &apex_core::json::RawValue, out: &mut String) {
        use apex_core::json::{Kind, Members, elements, kind};
        match kind(raw) {
            Kind::Object => {
                let members = Members::of(raw).unwrap();
                let mut list: Vec<_> = members.iter().collect();
                list.sort_by_key(|(k, _)| (*k).to_owned());
                out.push('{');
                for (key, value) in list {
                    out.push_str(key);
                    out.push(':');
                    walk(value, out);
                    out.push('\n');
                }
                out.push('}');
            }
            Kind::Array => {
                out.push('[');
                for value in elements(raw).unwrap() {
                    walk(value, out);
                    out.push(',');
                }
                out.push(']');
            }
            _ => out.push_str(raw.get()),
        }
    }
    let mut out = String::new();
    walk(serde_json::from_str(text).unwrap(), &mut out);
    out
}

#[test]
fn errors_name_the_place() {
    let cases = [
        (r#"{"model":"m"}"#, "messages: missing required member"),
        (r#"{"messages":{}}"#, "messages: expected an array"),
        (r#"{"messages":[3]}"#, "messages[0]: expected an object"),
        (r#"{"messages":[{"content":"x"}]}"#, "messages[0].role: missing required member"),
        (r#"{"messages":[{"role":"boss","content":"x"}]}"#, "messages[0].role: unknown role `boss`"),
        (r#"{"messages":[{"role":"user"}]}"#, "messages[0].content: missing required member"),
        (
            r#"{"messages":[{"role":"user","content":5}]}"#,
            "messages[0].content: expected a string or an array of parts",
        ),
        (
            r#"{"messages":[{"role":"user","content":"a"},{"role":"user","content":[{"type":"text","text":"b"},{"text":"c"}]}]}"#,
            "messages[1].content[1].type: missing required member",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}"#,
            "messages[0].content[0].image_url.url: missing required member",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_data":1}}]}]}"#,
            "messages[0].content[0].file.file_data: expected a string",
        ),
        (r#"{"messages":[{"role":"tool","content":"x"}]}"#, "messages[0].tool_call_id: missing required member"),
        (
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"1","type":"function"}]}]}"#,
            "messages[0].tool_calls[0].function: missing required member",
        ),
        (
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"1","function":{}}]}]}"#,
            "messages[0].tool_calls[0].function.name: missing required member",
        ),
        (r#"{"messages":[],"tools":[{"type":"function"}]}"#, "tools[0].function: missing required member"),
        (
            r#"{"messages":[],"tools":[{"type":"function","function":{"name":"f","parameters":[]}}]}"#,
            "tools[0].function.parameters: expected an object",
        ),
        (r#"{"messages":[],"max_tokens":"9"}"#, "max_tokens: expected a non-negative integer"),
        (r#"{"messages":[],"stop":["a",1]}"#, "stop[1]: expected a string"),
        (
            r#"{"messages":[],"stream_options":{"include_usage":1}}"#,
            "stream_options.include_usage: expected true or false",
        ),
        (
            r#"{"messages":[],"response_format":{"type":"json_schema"}}"#,
            "response_format.json_schema: missing required member",
        ),
        (
            r#"{"messages":[],"tool_choice":{"type":"function","function":{}}}"#,
            "tool_choice.function.name: missing required member",
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(openai_chat::decode_request(body).unwrap_err().to_string(), expected, "{body}");
    }
    // Cut short, the error tells where.
    assert!(openai_chat::decode_request(r#"{"messages":["#).unwrap_err().to_string().contains("at byte 13"));
}

#[test]
fn scalars_land_in_the_hub() {
    let request = openai_chat::decode_request(
        r#"{"model":"x","messages":[],"max_tokens":5,"max_completion_tokens":1e2,"stop":"END","reasoning_effort":"xhigh",
        "safety_identifier":"s","user":"u","n":2,"temperature":1.0,"top_k":40,"seed":123456789012345678901234567890,
        "stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false},"store":null,"verbosity":"low",
        "parallel_tool_calls":false,"service_tier":"flex","response_format":{"type":"json_object"}}"#,
    )
    .unwrap();
    assert_eq!(request.max_tokens, Some(100));
    assert_eq!(request.stop[0].text(), "END");
    assert_eq!(request.reasoning.effort, Some(Effort::Xhigh));
    assert_eq!(request.user.as_ref().unwrap().text(), "s");
    assert_eq!(request.n, Some(2));
    assert_eq!(request.sampling.seed.unwrap().get(), "123456789012345678901234567890");
    assert!(request.stream && request.include_usage);
    assert_eq!(request.parallel_tool_calls, Some(false));
    assert!(matches!(request.output, OutputFormat::JsonObject));
    let kept: Vec<_> = request.ext.iter().map(|(k, _)| k.as_ref()).collect();
    assert_eq!(kept, ["user", "verbosity", "stream_options.include_obfuscation"]);
}

/// Pitfall 89: an effort nobody knows goes through the same dialect.
#[test]
fn an_unknown_effort_passes() {
    let body = r#"{"messages":[],"reasoning_effort":"default"}"#;
    assert_eq!(json(&own(body, &Quirks::OPENAI).body)["reasoning_effort"], "default");
}

#[test]
fn messages_land_in_the_hub() {
    let request = openai_chat::decode_request(
        r#"{"messages":[
        {"role":"developer","content":"d","name":"n"},
        {"role":"user","content":[{"type":"text","text":"t","prompt_cache_breakpoint":{"mode":"explicit"}},
            {"type":"image_url","image_url":{"url":"data:image\/png;charset=x;base64, iVBO\/w==","detail":"low"}},
            {"type":"image_url","image_url":"https://e.x/a.png"},
            {"type":"file","file":{"file_data":"data:application/pdf;base64,JVBE","filename":"a.pdf"}},
            {"type":"input_audio","input_audio":{"data":"","format":"wav"}}]},
        {"role":"assistant","content":null,"reasoning_content":"r","audio":{"id":"a1"},"annotations":[],
            "tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}},
                {"id":"c2","function":{"name":"g","arguments":{"a":1}}},
                {"id":"c3","type":"custom","custom":{"name":"h","input":"free"}},
                {"id":"c4","type":"mcp","x":1}]},
        {"role":"tool","tool_call_id":"c1","content":""},
        {"role":"assistant","refusal":"no"}]}"#,
    )
    .unwrap();
    let roles: Vec<_> = request.turns.iter().map(|t| t.role).collect();
    assert_eq!(roles, [Role::Developer, Role::User, Role::Assistant, Role::Tool, Role::Assistant]);
    let [Part::Text(text), Part::Image(data), Part::Image(url), Part::Document(pdf), Part::Other { kind, .. }] =
        request.turns[1].parts.as_slice()
    else {
        panic!("{:?}", request.turns[1].parts)
    };
    assert!(text.cache.is_some());
    assert!(
        matches!(&data.source, MediaSource::Base64 { media_type, data } if media_type == "image/png" && data.as_escaped() == r"iVBO\/w==")
    );
    assert!(matches!(&url.source, MediaSource::Url(u) if *u == "https://e.x/a.png"));
    assert!(matches!(&pdf.source, MediaSource::Base64 { media_type, .. } if media_type == "application/pdf"));
    assert_eq!(kind, "input_audio");
    let assistant = &request.turns[2];
    assert_eq!(assistant.form, Form::Null);
    assert!(assistant.ext.is_empty(), "empty lists carry nothing: {:?}", assistant.ext);
    let calls: Vec<_> =
        assistant.parts.iter().filter_map(|p| if let Part::ToolCall(c) = p { Some(c) } else { None }).collect();
    assert_eq!(calls.len(), 3);
    assert!(matches!(calls[1].arguments, Arguments::Json(raw) if raw.get() == r#"{"a":1}"#)); // pitfall 19
    assert_eq!(calls[2].arguments.text(), "free");
    assert!(matches!(assistant.parts.last(), Some(Part::Other { kind, .. }) if kind == "tool_calls.mcp"));
    assert!(matches!(&request.turns[4].parts[0], Part::Refusal(r) if *r == "no"));
}

/// The deprecated members become what replaced them.
#[test]
fn functions_become_tools() {
    let body = r#"{"messages":[
        {"role":"user","content":"x"},
        {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{\"a\":1}"}},
        {"role":"function","name":"f","content":"1"},
        {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
        {"role":"function","name":"f","content":"2"}],
        "functions":[{"name":"f","description":"d","parameters":{"type":"object"}}],"function_call":{"name":"f"}}"#;
    let request = openai_chat::decode_request(body).unwrap();
    assert!(matches!(&request.tools[0], Tool::Function { name, schema: Some(_), .. } if *name == "f"));
    assert!(matches!(&request.tool_choice, Some(ToolChoice::Named { name, .. }) if *name == "f"));
    let out = json(&own(body, &Quirks::OPENAI).body);
    let ids = [1, 3].map(|at| out["messages"][at]["tool_calls"][0]["id"].clone());
    assert_eq!(ids, [2, 4].map(|at| out["messages"][at]["tool_call_id"].clone()));
    assert_ne!(ids[0], ids[1]);
    assert_eq!(out["tools"][0]["function"]["name"], "f");
}

#[test]
fn choices_land_in_the_hub() {
    let choice = |raw: &str| {
        let body = format!(r#"{{"messages":[],"tool_choice":{raw}}}"#);
        let request = openai_chat::decode_request(&body).unwrap();
        let kept = request.ext.iter().any(|(k, _)| k == "tool_choice");
        match request.tool_choice {
            None if kept => "raw".to_owned(),
            None => "none given".to_owned(),
            Some(ToolChoice::Allowed { required, names, .. }) => format!("allowed {required} {}", names.len()),
            Some(ToolChoice::Any) => "any".to_owned(),
            Some(ToolChoice::Auto) => "auto".to_owned(),
            Some(ToolChoice::Named { name, kind }) => format!("{kind:?} {}", name.text()),
            Some(ToolChoice::None) => "none".to_owned(),
        }
    };
    for (raw, expected) in [
        ("null", "none given"),
        (r#""auto""#, "auto"),
        (r#""none""#, "none"),
        (r#""required""#, "any"),
        (r#""any""#, "any"),
        (r#""validated""#, "raw"),
        (r#"{"type":"function","function":{"name":"f"}}"#, "Function f"),
        (r#"{"type":"custom","custom":{"name":"f"}}"#, "Custom f"),
        (
            r#"{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}}]}}"#,
            "allowed true 1",
        ),
        (r#"{"type":"future"}"#, "raw"),
    ] {
        assert_eq!(choice(raw), expected, "{raw}");
    }
}

#[test]
fn a_prefix_of_the_conversation_is_a_prefix_of_the_body() {
    let turns = [
        r#"{"role":"user","content":"a"}"#,
        r#"{"role":"assistant","content":"b"}"#,
        r#"{"role":"user","content":"c"}"#,
    ];
    let body = |n: usize| {
        let body = format!(
            r#"{{"messages":[{}],"temperature":0,"tools":[{{"type":"function","function":{{"name":"f"}}}}]}}"#,
            turns[..n].join(",")
        );
        own(&body, &Quirks::OPENAI).body
    };
    let (short, long) = (body(1), body(3));
    assert!(long.starts_with(short.strip_suffix(b"]}").unwrap()));
}
