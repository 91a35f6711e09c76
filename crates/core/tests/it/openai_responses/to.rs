//! Other clients, Responses upstreams.

use apex_core::dialect::Dialect;
use serde_json::{Value, json};

use super::translate;

fn messages(members: &str) -> (Value, String) {
    translate(Dialect::Anthropic, Dialect::OpenAiResponses, &format!("{{{members}}}"), "gpt-5.5").unwrap()
}

/// The worked example of a Messages client: thinking of another model goes, everything else stands where it stood.
#[test]
fn a_whole_conversation() {
    let (body, lost) = messages(
        r#""model":"claude-x","max_tokens":4096,"thinking":{"type":"adaptive"},"output_config":{"effort":"medium"},
        "system":[{"type":"text","text":"x-anthropic-billing-header: v=1"},{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],
        "messages":[
        {"role":"user","content":[{"type":"text","text":"What is in a.txt and b.png?"}]},
        {"role":"assistant","content":[{"type":"thinking","thinking":"Read both.","signature":"SIG1"},{"type":"text","text":"Reading."},
            {"type":"tool_use","id":"toolu_1","name":"read_file","input":{"path":"a.txt"}},{"type":"tool_use","id":"toolu_2","name":"read_file","input":{"path":"b.png","limit":1}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"no such file","is_error":true},
            {"type":"tool_result","tool_use_id":"toolu_2","content":[{"type":"text","text":"ok"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}]},{"type":"text","text":"Go on."}]}],
        "tools":[{"name":"read_file","description":"Read","input_schema":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}}],
        "tool_choice":{"type":"auto","disable_parallel_tool_use":true},"stop_sequences":["END"],"metadata":{"user_id":"u-1"},"stream":true"#,
    );
    assert_eq!(
        body,
        json!({
            "model":"gpt-5.5","store":false,"include":["reasoning.encrypted_content"],"max_output_tokens":4096,
            "reasoning":{"effort":"medium","summary":"auto"},"safety_identifier":"u-1","stream":true,
            "tools":[{"type":"function","name":"read_file","description":"Read","parameters":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]},"strict":false}],
            "tool_choice":"auto","parallel_tool_calls":false,"instructions":"Be brief.",
            "input":[
                {"type":"message","role":"user","content":[{"type":"input_text","text":"What is in a.txt and b.png?"}]},
                {"type":"message","role":"assistant","content":"Reading."},
                {"type":"function_call","call_id":"toolu_1","name":"read_file","arguments":"{\"path\":\"a.txt\"}"},
                {"type":"function_call","call_id":"toolu_2","name":"read_file","arguments":"{\"path\":\"b.png\",\"limit\":1}"},
                {"type":"function_call_output","call_id":"toolu_1","output":"Error: no such file"},
                {"type":"function_call_output","call_id":"toolu_2","output":[{"type":"input_text","text":"ok"},
                    {"type":"input_image","image_url":"data:image/png;base64,iVBORw0KGgo=","detail":"auto"}]},
                {"type":"message","role":"user","content":[{"type":"input_text","text":"Go on."}]}]
        })
    );
    assert_eq!(
        lost,
        "stop_sequences=drop,metadata.user_id=approx,system[0]=drop,cache_control=drop,messages.thinking=drop,\
         messages.tool_result.is_error=approx"
    );
}

#[test]
fn settings() {
    let turn = r#""messages":[{"role":"user","content":"x"}]"#;
    let chat = |members: &str, model: &str| {
        translate(Dialect::OpenAiChat, Dialect::OpenAiResponses, &format!("{{{turn},{members}}}"), model)
    };
    // A model that does not think is not asked for encrypted thoughts: it would refuse.
    let (body, _) = chat(r#""temperature":0.5,"max_tokens":5"#, "gpt-4o").unwrap();
    assert_eq!(
        (body.get("include"), &body["temperature"], &body["max_output_tokens"]),
        (None, &json!(0.5), &json!(16))
    );
    let (body, lost) = chat(r#""temperature":0.5,"reasoning_effort":"high","seed":1,"n":1"#, "gpt-5.5").unwrap();
    assert_eq!((body.get("temperature"), &body["reasoning"]["effort"]), (None, &json!("high")));
    assert_eq!(lost, "temperature=drop,seed=drop");
    assert!(chat(r#""n":2"#, "m").unwrap_err().starts_with("n: "));
    // Strict is said aloud, and only where the schema allows it.
    let (body, lost) = chat(
        r#""tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{"a":{"type":"string"}}}}},
        {"type":"custom","custom":{"name":"p","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"d"}}}}],
        "tool_choice":{"type":"custom","custom":{"name":"p"}},"response_format":{"type":"json_object"},"verbosity":"low","web_search_options":{}"#,
        "gpt-5.5",
    )
    .unwrap();
    assert_eq!(body["tools"][0]["strict"], false);
    assert_eq!(
        body["tools"][1],
        json!({"type":"custom","name":"p","format":{"type":"grammar","syntax":"lark","definition":"d"}})
    );
    assert_eq!(body["tools"][2], json!({"type":"web_search"}));
    assert_eq!(body["tool_choice"], json!({"type":"custom","name":"p"}));
    assert_eq!(body["text"], json!({"format":{"type":"json_object"},"verbosity":"low"}));
    // The mode wants its own name in the prompt.
    assert_eq!(body["instructions"], "Answer with one JSON object only, no other text.");
    assert_eq!(lost, "web_search_options=approx,tools.strict=approx,response_format=approx");
}

/// Responses refuses a call without its output, and an output without its call.
#[test]
fn every_call_has_one_output() {
    let (body, lost) = messages(
        r#""max_tokens":99,"messages":[{"role":"user","content":"x"},
        {"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"zzz","content":"who asked"},{"type":"text","text":"y"}]},
        {"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"a"}]}]"#,
    );
    let items = body["input"].as_array().unwrap();
    let kinds: Vec<_> = items.iter().map(|i| i["type"].as_str().unwrap()).collect();
    let want = ["message", "function_call", "function_call_output", "message", "function_call", "function_call_output"];
    assert_eq!(kinds, want);
    assert_eq!(items[2]["output"], "(no result was provided)");
    // The same id again is another call.
    assert_eq!((&items[4]["call_id"], &items[5]["output"]), (&items[5]["call_id"], &json!("")));
    assert_ne!(items[1]["call_id"], items[4]["call_id"]);
    assert_eq!(lost, "messages.tool_result=approx");
}

/// A mixed body: what Cursor posts to the Chat endpoint.
#[test]
fn a_mixed_body() {
    let body = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"user":"u","max_tokens":50,
        "input":[{"role":"system","content":"S"},{"role":"user","content":[{"type":"text","text":"hi"}]}],
        "tools":[{"type":"function","name":"flat","parameters":{"type":"object","properties":{}}},
            {"type":"function","function":{"name":"nested","parameters":{"type":"object","properties":{}}}}]}"#;
    let (chat, _) = translate(Dialect::OpenAiResponses, Dialect::OpenAiChat, body, "m").unwrap();
    assert_eq!(chat["messages"], json!([{"role":"system","content":"S"},{"role":"user","content":"hi"}]));
    let names: Vec<_> = chat["tools"].as_array().unwrap().iter().map(|t| &t["function"]["name"]).collect();
    assert_eq!(names, ["flat", "nested"]);
    let (own, _) = translate(Dialect::OpenAiResponses, Dialect::OpenAiResponses, body, "m").unwrap();
    assert_eq!((&own["instructions"], &own["input"][0]["content"][0]["type"]), (&json!("S"), &json!("input_text")));
}
