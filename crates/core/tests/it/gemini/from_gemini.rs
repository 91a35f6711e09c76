//! Requests of Gemini clients for other dialects, and for Gemini itself.

use apex_core::dialect::{Dialect, gemini};
use serde_json::{Value, json};

use super::{encode, json as parse};

fn to(dialect: Dialect, body: &str) -> (Value, String) {
    let encoded = encode(Dialect::Gemini, dialect, "claude-sonnet-4-6", body).unwrap();
    (parse(&encoded.body), encoded.losses.header().unwrap_or_default())
}

const TOOLS: &str = r#"{
 "system_instruction":{"parts":[{"text":"Be brief."}]},
 "contents":[
  {"role":"user","parts":[{"text":"What?"},{"inline_data":{"mime_type":"image/png","data":"iVBORw0KGgo="}}]},
  {"role":"model","parts":[{"text":"Thinking","thought":true},{"text":"Reading."},{"functionCall":{"name":"f","args":{"n":123456789012345678901234567890}}},{"functionCall":{"name":"f"}}]},
  {"role":"function","parts":[{"functionResponse":{"name":"f","response":{"output":"one"}}},{"functionResponse":{"name":"f","response":{"error":"two"}}}]},
  {"role":"user","parts":[{"text":"Go on."}]}],
 "tools":[{"functionDeclarations":[{"name":"f","description":"d","parameters":{"type":"OBJECT","properties":{"n":{"type":"INTEGER","nullable":true}}}}]}],
 "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
 "safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}],
 "generationConfig":{"maxOutputTokens":"99","temperature":0.5,"stopSequences":["END"]}}"#;

#[test]
fn a_conversation_with_tools() {
    let (found, losses) = to(Dialect::Anthropic, TOOLS);
    assert_eq!(found["system"], json!([{"type":"text","text":"Be brief."}]));
    let messages = &found["messages"];
    assert_eq!(
        messages[0]["content"][1]["source"],
        json!({"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="})
    );
    // Ids are made of the place, so call and response agree, on this turn and on every later one.
    let calls: Vec<_> = (1..3).map(|n| messages[1]["content"][n]["id"].clone()).collect();
    assert_ne!(calls[0], calls[1]);
    for (n, call) in calls.iter().enumerate() {
        assert_eq!(&messages[2]["content"][n]["tool_use_id"], call);
    }
    assert_eq!(messages[2]["content"][1]["is_error"], true);
    assert_eq!(
        found["tools"][0]["input_schema"],
        json!({"type":"object","properties":{"n":{"type":["integer","null"]}}})
    );
    assert_eq!(found["tool_choice"], json!({"type":"tool","name":"f"}));
    assert_eq!((&found["max_tokens"], &found["stop_sequences"]), (&json!(99), &json!(["END"])));
    assert!(losses.contains("safetySettings=drop"), "{losses}");
    let again = encode(Dialect::Gemini, Dialect::Anthropic, "claude-sonnet-4-6", TOOLS).unwrap();
    assert!(String::from_utf8(again.body).unwrap().contains("123456789012345678901234567890"));

    let (found, losses) = to(Dialect::OpenAiChat, TOOLS);
    let messages = found["messages"].as_array().unwrap();
    let roles: Vec<_> = messages.iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "tool", "user"]);
    assert_eq!(messages[2]["tool_calls"][0]["id"], messages[3]["tool_call_id"]);
    assert_eq!(messages[4]["content"], "Error: two");
    assert_eq!(found["tool_choice"], json!({"type":"function","function":{"name":"f"}}));
    assert!(losses.contains("safetySettings=drop"), "{losses}");
}

#[test]
fn settings() {
    for (config, dialect, member, want) in [
        (r#""thinkingConfig":{"thinkingLevel":"HIGH"}"#, Dialect::OpenAiChat, "reasoning_effort", json!("high")),
        (r#""thinkingConfig":{"thinkingBudget":0}"#, Dialect::OpenAiChat, "reasoning_effort", json!("none")),
        (r#""thinkingConfig":{"thinkingBudget":8192}"#, Dialect::OpenAiChat, "reasoning_effort", json!("medium")),
        (r#""thinkingConfig":{"thinkingBudget":-1}"#, Dialect::OpenAiChat, "reasoning_effort", json!(null)),
        (r#""thinkingConfig":{"thinkingBudget":-1}"#, Dialect::Anthropic, "thinking", json!({"type":"adaptive"})),
        (
            r#""responseMimeType":"application/json""#,
            Dialect::OpenAiChat,
            "response_format",
            json!({"type":"json_object"}),
        ),
        (
            r#""response_mime_type":"application/json","response_schema":{"type":"STRING"}"#,
            Dialect::OpenAiChat,
            "response_format",
            json!({"type":"json_schema","json_schema":{"name":"response","schema":{"type":"string"},"strict":false}}),
        ),
        (r#""topP":0.5"#, Dialect::OpenAiChat, "top_p", json!(0.5)),
    ] {
        let body = format!(r#"{{"contents":[{{"parts":[{{"text":"hi"}}]}}],"generationConfig":{{{config}}}}}"#);
        assert_eq!(to(dialect, &body).0[member], want, "{config}");
    }
}

#[test]
fn what_cannot_be_read_names_its_place() {
    for (body, place) in [
        ("{}", "contents"),
        (r#"{"contents":[]}"#, "contents"),
        (r#"{"contents":[{"role":"x","parts":[]}]}"#, "contents[0].role"),
        (r#"{"contents":[{"parts":[{"text":"a"},{"text":1}]}]}"#, "contents[0].parts[1].text"),
        (r#"{"contents":[{"parts":[{}]}]}"#, "contents[0].parts[0]"),
        (
            r#"{"contents":[{"parts":[{"functionCall":{"name":"f","args":[]}}]}]}"#,
            "contents[0].parts[0].functionCall.args",
        ),
        (r#"{"contents":[{"parts":[{"text":"a"}]}],"cachedContent":"cachedContents/x"}"#, "cachedContent"),
        (
            r#"{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"responseLogprobs":true}}"#,
            "generationConfig.responseLogprobs",
        ),
        (
            r#"{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"responseModalities":["IMAGE"]}}"#,
            "generationConfig.responseModalities",
        ),
        (
            r#"{"contents":[{"parts":[{"text":"a"}]}],"tools":[{"functionDeclarations":[{}]}]}"#,
            "tools[0].functionDeclarations[0].name",
        ),
    ] {
        assert_eq!(gemini::decode_request(body).unwrap_err().path, place, "{body}");
    }
    // Several choices are refused by whom they are asked of.
    let body = r#"{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"candidateCount":2}}"#;
    assert!(encode(Dialect::Gemini, Dialect::Anthropic, "claude-x", body).is_err());
}

/// Through the hub and back to its own dialect nothing of a request is lost.
#[test]
fn its_own_dialect_keeps_everything() {
    let body = r#"{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"user","parts":[{"text":"a"},{"inlineData":{"mimeType":"video/mp4","data":"AAAA"}}]}],"tools":[{"googleSearch":{}}],"safetySettings":[{"category":"c","threshold":"OFF"}],"labels":{"a":"b"},"generationConfig":{"temperature":1,"topK":40,"speechConfig":{"x":1},"thinkingConfig":{"thinkingLevel":"LOW","includeThoughts":true}}}"#;
    let encoded = encode(Dialect::Gemini, Dialect::Gemini, "gemini-3-pro", body).unwrap();
    assert_eq!(parse(&encoded.body), parse(body));
    assert!(encoded.losses.is_empty());
}
