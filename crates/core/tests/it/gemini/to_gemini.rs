//! Requests of other dialects for Gemini.

use apex_core::dialect::Dialect;
use serde_json::json;

use super::{check, encode, to_gemini};
use crate::harness::golden;

const ANTHROPIC: Dialect = Dialect::Anthropic;
const CHAT: Dialect = Dialect::OpenAiChat;

/// The conversation of the golden examples, for each generation.
#[test]
fn the_example_in_every_generation() {
    let body = include_str!("../../golden/openai_chat/example_request_anthropic.json");
    for model in ["gemini-3-flash", "gemini-2.5-flash", "gemini-2.0-flash"] {
        let encoded = encode(ANTHROPIC, Dialect::Gemini, model, body).unwrap();
        let parsed: serde_json::Value = serde_json::from_slice(&encoded.body).unwrap();
        check(&parsed).unwrap();
        let pretty = serde_json::to_string_pretty(&parsed).unwrap();
        let losses = encoded.losses.header().unwrap_or_default();
        golden(&format!("gemini/example_request.{model}.txt"), &format!("{pretty}\n\nadjustments: {losses}\n"));
    }
}

/// One message, and the part of the request that something was made into.
fn config(model: &str, members: &str) -> (serde_json::Value, String) {
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{members}}}"#);
    let (body, losses) = to_gemini(CHAT, model, &body);
    (body["generationConfig"].clone(), losses)
}

#[test]
fn settings() {
    for (model, members, want, losses) in [
        (
            "gemini-3-pro",
            r#""max_tokens":5,"temperature":0.5,"top_p":0.9,"top_k":3,"seed":7,"stop":"END""#,
            json!({"maxOutputTokens":5,"temperature":0.5,"topP":0.9,"topK":3,"seed":7,"stopSequences":["END"]}),
            "",
        ),
        (
            "gemini-3-pro",
            r#""seed":3000000000,"presence_penalty":1,"logit_bias":{"1":2},"user":"u","store":true"#,
            json!(null),
            "logit_bias=drop,store=drop,presence_penalty=drop,seed=drop,user=drop",
        ),
        (
            "gemini-2.0-flash",
            r#""presence_penalty":1,"frequency_penalty":0.5,"max_tokens":99999"#,
            json!({"maxOutputTokens":8192,"presencePenalty":1,"frequencyPenalty":0.5}),
            "max_completion_tokens=approx",
        ),
        // Reasoning: a level for the third generation, a budget for 2.5, nothing before (C-5).
        (
            "gemini-3-flash",
            r#""reasoning_effort":"minimal""#,
            json!({"thinkingConfig":{"thinkingLevel":"MINIMAL","includeThoughts":true}}),
            "",
        ),
        (
            "gemini-3-pro",
            r#""reasoning_effort":"medium""#,
            json!({"thinkingConfig":{"thinkingLevel":"LOW","includeThoughts":true}}),
            "reasoning_effort=approx",
        ),
        // pitfall 89: what the model has no word for is told.
        (
            "gemini-3-pro",
            r#""reasoning_effort":"xhigh""#,
            json!({"thinkingConfig":{"thinkingLevel":"HIGH","includeThoughts":true}}),
            "reasoning_effort=approx",
        ),
        (
            "gemini-3-pro",
            r#""reasoning_effort":"none""#,
            json!({"thinkingConfig":{"thinkingLevel":"LOW","includeThoughts":false}}),
            "reasoning_effort=approx",
        ),
        ("gemini-2.5-flash", r#""reasoning_effort":"none""#, json!({"thinkingConfig":{"thinkingBudget":0}}), ""),
        (
            "gemini-2.5-pro",
            r#""reasoning_effort":"none""#,
            json!({"thinkingConfig":{"thinkingBudget":128,"includeThoughts":false}}),
            "reasoning_effort=approx",
        ),
        (
            "gemini-2.5-flash",
            r#""reasoning_effort":"high""#,
            json!({"thinkingConfig":{"thinkingBudget":16384,"includeThoughts":true}}),
            "reasoning_effort=approx",
        ),
        ("gemini-2.0-flash", r#""reasoning_effort":"high""#, json!(null), "reasoning_effort=drop"),
        (
            "gemini-2.5-flash",
            r#""extra_body":{"google":{"thinking_config":{"thinking_budget":9,"include_thoughts":false}}}"#,
            json!({"thinkingConfig":{"thinkingBudget":9,"includeThoughts":false}}),
            "",
        ),
        // Structured output.
        (
            "gemini-2.5-flash",
            r#""response_format":{"type":"json_object"}"#,
            json!({"responseMimeType":"application/json"}),
            "",
        ),
        (
            "gemini-2.5-flash",
            r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"a":{"type":"string"}}}}}"#,
            json!({"responseMimeType":"application/json","responseJsonSchema":{"type":"object","properties":{"a":{"type":"string"}}}}),
            "",
        ),
        (
            "gemini-2.0-flash",
            r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"a":{"type":["string","null"]}}}}}"#,
            json!({"responseMimeType":"application/json","responseSchema":{"type":"object","properties":{"a":{"type":"string","nullable":true}}}}),
            "response_format=approx",
        ),
    ] {
        let (found, said) = config(model, members);
        assert_eq!(found, want, "{model} {members}");
        assert_eq!(said, losses, "{model} {members}");
    }
}

#[test]
fn what_cannot_be_said_is_refused() {
    let body = |members: &str| format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{members}}}"#);
    for (members, param) in [
        (r#""n":2"#, "n"),
        (r#""logprobs":true"#, "logprobs"),
        (r#""modalities":["text","audio"]"#, "modalities"),
        (r#""stop":["1","2","3","4","5","6"]"#, "stop"),
        (
            r#""reasoning_effort":"low","extra_body":{"google":{"thinking_config":{"thinking_budget":1}}}"#,
            "reasoning_effort",
        ),
    ] {
        let refused = encode(CHAT, Dialect::Gemini, "gemini-3-pro", &body(members)).unwrap_err();
        assert_eq!(refused.param, param, "{members}");
    }
    for (messages, param) in [
        (
            r#"[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]"#,
            "messages[0].content[0].file_id",
        ),
        (r#"[{"role":"user","content":[]}]"#, "messages[0].content"),
        (r#"[{"role":"user","content":"a"},{"role":"assistant","content":"go on"}]"#, "messages[1]"),
        // pitfall 126: never dropped in silence.
        (
            r#"[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://h/x.png"}}]}]"#,
            "messages[0].content[0].source",
        ),
    ] {
        let body = format!(r#"{{"model":"m","messages":{messages}}}"#);
        assert_eq!(encode(CHAT, Dialect::Gemini, "gemini-3-pro", &body).unwrap_err().param, param, "{messages}");
    }
}

#[test]
fn tools_and_choices() {
    let tools = r#""tools":[{"type":"function","function":{"name":"9.lives","parameters":{"$schema":"s","type":"object","properties":{"a":{"const":1}}}}},{"type":"function","function":{"name":"b","description":"B","parameters":{"type":"object","properties":{}}}}]"#;
    for (choice, want) in [
        (r#""auto""#, json!({"mode":"AUTO"})),
        (r#""none""#, json!({"mode":"NONE"})),
        (r#""required""#, json!({"mode":"ANY"})),
        (r#"{"type":"function","function":{"name":"b"}}"#, json!({"mode":"ANY","allowedFunctionNames":["b"]})),
        (
            r#"{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"b"}}]}}"#,
            json!({"mode":"VALIDATED","allowedFunctionNames":["b"]}),
        ),
    ] {
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{tools},"tool_choice":{choice},"parallel_tool_calls":false}}"#
        );
        let (body, losses) = to_gemini(CHAT, "gemini-3-pro", &body);
        assert_eq!(body["toolConfig"]["functionCallingConfig"], want, "{choice}");
        let functions = &body["tools"][0]["functionDeclarations"];
        // pitfalls 17, 29 and 106: legal names, a description, a schema it knows.
        let name = functions[0]["name"].as_str().unwrap();
        assert!(name.starts_with("_9_lives_") && name.len() < 64, "{name}");
        assert_eq!(functions[0]["description"], "9.lives");
        assert_eq!(functions[0]["parametersJsonSchema"], json!({"type":"object","properties":{"a":{"enum":[1]}}}));
        assert_eq!(functions[1], json!({"name":"b","description":"B"}));
        assert_eq!(losses, "tools.schema=approx,parallel_tool_calls=drop");
    }
    // pitfall 25: no choice without functions.
    let (body, losses) = to_gemini(
        CHAT,
        "gemini-3-pro",
        r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"tool_choice":"required"}"#,
    );
    assert!(body.get("toolConfig").is_none() && losses == "tool_choice=drop", "{body} {losses}");
}

#[test]
fn hosted_tools() {
    let body = |tools: &str| {
        format!(r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"hi"}}],"tools":{tools}}}"#)
    };
    let search = r#"{"type":"web_search_20250305","name":"web_search"}"#;
    let function = r#"{"name":"f","input_schema":{"type":"object","properties":{"a":{"type":"string"}}}}"#;
    let (found, _) = to_gemini(ANTHROPIC, "gemini-2.5-flash", &body(&format!("[{search}]")));
    assert_eq!(found["tools"], json!([{"googleSearch":{}}]));
    let (found, losses) = to_gemini(ANTHROPIC, "gemini-2.5-flash", &body(&format!("[{search},{function}]")));
    assert_eq!(found["tools"].as_array().unwrap().len(), 1);
    assert!(losses.contains("tools.googleSearch=drop"), "{losses}");
    let (found, _) = to_gemini(ANTHROPIC, "gemini-3-pro", &body(&format!("[{search},{function}]")));
    assert_eq!(found["tools"][1], json!({"googleSearch":{}}));
    assert_eq!(found["toolConfig"], json!({"includeServerSideToolInvocations":true}));
    let (found, losses) = to_gemini(ANTHROPIC, "gemini-3-pro", &body(r#"[{"type":"bash_20250124","name":"bash"}]"#));
    assert_eq!(found["tools"][0]["functionDeclarations"][0]["name"], "bash");
    assert_eq!(losses, "tools.bash_20250124=approx");
    // pitfall 130: the tools count more than the shape where a model takes only one of them.
    let shaped = body(&format!("[{function}]")).replace(
        r#""max_tokens":9"#,
        r#""max_tokens":9,"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}"#,
    );
    let (found, losses) = to_gemini(ANTHROPIC, "gemini-2.5-flash", &shaped);
    assert!(found["systemInstruction"]["parts"][0]["text"].as_str().unwrap().contains(r#"{"type":"object"}"#));
    assert!(losses.contains("output_config.format=approx") && found["generationConfig"]["responseMimeType"].is_null());
    let (found, _) = to_gemini(ANTHROPIC, "gemini-3-pro", &shaped);
    assert_eq!(found["generationConfig"]["responseMimeType"], "application/json");
}

/// Whatever the history looks like, it comes out in the order Google demands.
#[test]
fn histories() {
    let call = |id: &str| format!(r#"{{"type":"tool_use","id":"{id}","name":"f","input":{{}}}}"#);
    let result = |id: &str, text: &str| format!(r#"{{"type":"tool_result","tool_use_id":"{id}","content":"{text}"}}"#);
    let user = |parts: &str| format!(r#"{{"role":"user","content":[{parts}]}}"#);
    let model = |parts: &str| format!(r#"{{"role":"assistant","content":[{parts}]}}"#);
    let text = |t: &str| format!(r#"{{"type":"text","text":"{t}"}}"#);
    for (turns, losses) in [
        // pitfall 21: every call answered, in one content.
        (
            vec![
                user(&text("a")),
                model(&format!("{},{}", call("1"), call("2"))),
                user(&result("2", "x")),
                user(&text("b")),
            ],
            "messages.tool_result=approx",
        ),
        // pitfall 2: responses directly behind the calls, whatever stood between.
        (vec![user(&text("a")), model(&call("1")), user(&text("b")), user(&result("1", "x"))], ""),
        // pitfall 4: ids may restart.
        (
            vec![
                user(&text("a")),
                model(&call("1")),
                user(&result("1", "x")),
                model(&call("1")),
                user(&result("1", "y")),
            ],
            "",
        ),
        // A result nobody asked for.
        (vec![user(&text("a")), user(&result("9", "x"))], "messages.tool_result=approx"),
        // It begins with the assistant, and two of a kind follow each other.
        (vec![model(&text("a")), model(&text("b")), user(&text("c")), user(&text("d"))], "messages=approx"),
        (vec![user(&text("a")), model(&text("(no content)"))], "messages=drop"),
    ] {
        let body = format!(r#"{{"model":"m","max_tokens":9,"messages":[{}]}}"#, turns.join(","));
        for target in ["gemini-3-pro", "gemini-2.5-flash"] {
            let (found, said) = to_gemini(ANTHROPIC, target, &body);
            check(&found).unwrap_or_else(|e| panic!("{e}\n{body}\n{found}"));
            assert_eq!(said, losses, "{body}");
        }
    }
}

#[test]
fn notes_in_the_middle_stay_there() {
    // pitfalls 119 and 149
    let body = r#"{"model":"m","messages":[{"role":"system","content":"S"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"system","content":"N"}]}"#;
    let (found, losses) = to_gemini(CHAT, "gemini-3-pro", body);
    check(&found).unwrap();
    assert_eq!(found["systemInstruction"], json!({"parts":[{"text":"S"}]}));
    assert_eq!(found["contents"][2]["parts"], json!([{"text":"c"},{"text":"<system-note>N</system-note>"}]));
    assert_eq!(losses, "messages.role=approx");
    // pitfall 120: the billing line of a coding client is nobody else's.
    let body = r#"{"model":"m","max_tokens":1,"system":[{"type":"text","text":"x-anthropic-billing-header: a"},{"type":"text","text":"S"}],"messages":[{"role":"user","content":"a"}]}"#;
    let (found, losses) = to_gemini(ANTHROPIC, "gemini-3-pro", body);
    assert_eq!(found["systemInstruction"], json!({"parts":[{"text":"S"}]}));
    assert_eq!(losses, "system.billing=drop");
}

#[test]
fn media() {
    let png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB";
    for (part, want, losses) in [
        // pitfall 127: what the bytes are counts.
        (
            format!(r#"{{"type":"image_url","image_url":{{"url":"data:image/jpeg;base64,{png}","detail":"low"}}}}"#),
            json!([{"inlineData":{"mimeType":"image/png","data":png},"mediaResolution":{"level":"MEDIA_RESOLUTION_LOW"}}]),
            "image_url.detail=approx",
        ),
        (
            r#"{"type":"image_url","image_url":{"url":"https://h/x.webp?y=1"}}"#.into(),
            json!([{"fileData":{"mimeType":"image/webp","fileUri":"https://h/x.webp?y=1"}}]),
            "",
        ),
        (
            r#"{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERi0xLjQK"}}"#
                .into(),
            json!([{"text":"Document: a.pdf"},{"inlineData":{"mimeType":"application/pdf","data":"JVBERi0xLjQK"}}]),
            "document.title=approx",
        ),
        (
            r#"{"type":"input_audio","input_audio":{"data":"UklGRg==","format":"wav"}}"#.into(),
            json!([{"inlineData":{"mimeType":"audio/wav","data":"UklGRg=="}}]),
            "",
        ),
    ] {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{part}]}}]}}"#);
        let (found, said) = to_gemini(CHAT, "gemini-3-pro", &body);
        assert_eq!(found["contents"][0]["parts"], want, "{part}");
        assert_eq!(said, losses, "{part}");
    }
    // pitfall 20: images of a result, inside it where the model takes them, else right behind all results.
    let body = format!(
        r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"a"}},{{"role":"assistant","content":[{{"type":"tool_use","id":"1","name":"f","input":{{}}}},{{"type":"tool_use","id":"2","name":"g","input":{{}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"1","content":[{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{png}"}}}}]}},{{"type":"tool_result","tool_use_id":"2","is_error":true,"content":"bad"}}]}}]}}"#
    );
    let (found, _) = to_gemini(ANTHROPIC, "gemini-3-pro", &body);
    let parts = &found["contents"][2]["parts"];
    assert_eq!(parts[0]["functionResponse"]["parts"][0]["inlineData"]["data"], png);
    // pitfall 23: the model must know that the tool failed.
    assert_eq!(parts[1]["functionResponse"]["response"], json!({"error":"bad"}));
    let (found, losses) = to_gemini(ANTHROPIC, "gemini-2.5-flash", &body);
    check(&found).unwrap();
    let parts = &found["contents"][2]["parts"];
    assert_eq!(parts[2], json!({"text":"[media from tool call f]"}));
    assert_eq!(parts[3]["inlineData"]["data"], png);
    assert!(losses.contains("messages.tool_result.media=approx"), "{losses}");
}

/// Arguments keep their text: big numbers, duplicates, odd escapes, order (pitfall 18).
#[test]
fn arguments_keep_their_text() {
    let args = r#"{"z": 123456789012345678901234567890, "a" : 1e2,"z":1.0, "e\u0073c": "\u00e9\/"}"#;
    let body = format!(
        r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"a"}},{{"role":"assistant","content":[{{"type":"tool_use","id":"1","name":"f","input":{args}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"1","content":""}}]}}]}}"#
    );
    let encoded = encode(ANTHROPIC, Dialect::Gemini, "gemini-3-pro", &body).unwrap();
    let text = String::from_utf8(encoded.body).unwrap();
    assert!(text.contains(&format!(r#""args":{args}"#)), "{text}");
    assert!(text.contains(r#""response":{"output":""}"#), "{text}");
}
