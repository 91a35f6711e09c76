//! Thought signatures and foreign state over two turns (pitfalls 74-77).

use apex_core::dialect::{self, Dialect, Target, encode_reply};
use apex_core::hub::Reply;
use apex_core::provider::Quirks;
use base64::Engine;
use serde_json::{Value, json};

use super::{check, context, encode, folded, json as parse, stream, to_gemini, whole};

const SKIP: &str = "skip_thought_signature_validator";

/// Thinking, text, and two parallel calls of which the first is signed, as Gemini 3 sends them.
const FIRST: &str = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hm.","thought":true},{"text":"Both.","thoughtSignature":"dGV4dA=="},{"functionCall":{"id":"c1","name":"f","args":{"a":1}},"thoughtSignature":"Y2FsbA=="},{"functionCall":{"id":"c2","name":"f","args":{"a":2}}}]},"finishReason":"STOP"}],"responseId":"r","modelVersion":"gemini-3-pro"}"#;

/// What an Anthropic client sends after `reply`: its blocks as they came, and the results of its calls.
fn anthropic_turn(reply: &Reply, drop_thinking: bool) -> String {
    let message = parse(encode_reply(Dialect::Anthropic, reply, &context()));
    let blocks: Vec<Value> = message["content"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|b| !(drop_thinking && b["type"] == "thinking"))
        .cloned()
        .collect();
    let results: Vec<Value> = blocks
        .iter()
        .filter(|b| b["type"] == "tool_use")
        .map(|b| json!({"type":"tool_result","tool_use_id":b["id"],"content":"ok"}))
        .collect();
    json!({"model":"m","max_tokens":99,"messages":[
        {"role":"user","content":"go"},{"role":"assistant","content":blocks},{"role":"user","content":results}]})
    .to_string()
}

fn signatures(body: &Value) -> Vec<Value> {
    body["contents"][1]["parts"].as_array().unwrap().iter().map(|p| p["thoughtSignature"].clone()).collect()
}

#[test]
fn an_anthropic_client_brings_signatures_back() {
    for reply in [folded(whole(FIRST)), folded(stream(&[FIRST]))] {
        let body = anthropic_turn(&reply, false);
        let (found, losses) = to_gemini(Dialect::Anthropic, "gemini-3-pro", &body);
        check(&found).unwrap();
        let parts = &found["contents"][1]["parts"];
        assert_eq!(parts[0], json!({"text":"Both.","thoughtSignature":"dGV4dA=="}));
        assert_eq!(signatures(&found), [json!("dGV4dA=="), json!("Y2FsbA=="), Value::Null], "{found}");
        assert_eq!(parts[1]["functionCall"]["id"], "c1");
        // The thought's words are not sent: Gemini does not read them.
        assert_eq!(losses, "messages.thinking=drop");
        // A client that drops thinking, and another generation that needs none.
        let (found, _) = to_gemini(Dialect::Anthropic, "gemini-3-pro", &anthropic_turn(&reply, true));
        assert_eq!(signatures(&found), [Value::Null, json!(SKIP), Value::Null], "{found}");
        let (found, _) = to_gemini(Dialect::Anthropic, "gemini-2.5-flash", &anthropic_turn(&reply, true));
        assert_eq!(signatures(&found), [Value::Null, Value::Null, Value::Null]);
    }
}

/// A switch of model: state of one is nothing to another, and that is told.
#[test]
fn another_model_gets_none_of_it() {
    let body = anthropic_turn(&folded(whole(FIRST)), false);
    let (found, losses) = to_gemini(Dialect::Anthropic, "gemini-4-pro", &body);
    assert_eq!(signatures(&found), [Value::Null, json!(SKIP), Value::Null]);
    assert!(losses.contains("messages.thinking=drop"), "{losses}");
    // pitfalls 77 and 142: Anthropic must never see it.
    let encoded = encode(Dialect::Anthropic, Dialect::Anthropic, "claude-sonnet-4-6", &body).unwrap();
    let text = String::from_utf8(encoded.body).unwrap();
    assert!(!text.contains("gw1.") && !text.contains("Y2FsbA"), "{text}");
    // A real signature of Anthropic's is nothing to Gemini.
    let body = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"EqQB"},{"type":"tool_use","id":"1","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"x"}]}]}"#;
    let (found, losses) = to_gemini(Dialect::Anthropic, "gemini-3-pro", body);
    assert_eq!(signatures(&found), [json!(SKIP)]);
    assert_eq!(losses, "messages.thinking=drop");
}

/// A Gemini client keeps Anthropic's signature for it, and the way back restores it.
#[test]
fn a_gemini_client_carries_state_of_others() {
    let message = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"thinking","thinking":"t","signature":"EqQBSIG"},{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}"#;
    let events =
        dialect::decode_reply(Dialect::Anthropic, message, &Quirks::OPENAI, &apex_core::hub::Aliases::default());
    let reply = folded(events.unwrap());
    let context =
        dialect::ReplyContext { provider: "google-ai-studio".into(), upstream_model: "claude-x".into(), ..context() };
    let told = parse(encode_reply(Dialect::Gemini, &reply, &context));
    let content = told["candidates"][0]["content"].clone();
    let signature = content["parts"][1]["thoughtSignature"].as_str().unwrap().to_owned();
    assert!(signature.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b)), "{signature}");
    let body = json!({"contents":[{"role":"user","parts":[{"text":"go"}]}, content,
        {"role":"user","parts":[{"functionResponse":{"id":"toolu_1","name":"f","response":{"output":"ok"}}}]}]})
    .to_string();
    let encoded = encode(Dialect::Gemini, Dialect::Anthropic, "claude-x", &body).unwrap();
    let found = parse(&encoded.body);
    assert_eq!(
        found["messages"][1]["content"][0],
        json!({"type":"thinking","thinking":"t","signature":"EqQBSIG"}),
        "{found}"
    );
    // Back at Gemini it is nobody's: the documented word stands in.
    let encoded = encode(Dialect::Gemini, Dialect::Gemini, "gemini-3-pro", &body).unwrap();
    let found = parse(&encoded.body);
    assert_eq!(found["contents"][1]["parts"][0]["thoughtSignature"], SKIP, "{found}");
    // The same for a request that stays in its dialect; the thought is its own part, and harmless.
    let (found, losses) = rewritten("gemini-3-pro", &body);
    assert_eq!(signatures(&found), [Value::Null, json!(SKIP)], "{found}");
    assert_eq!(losses, "contents.thoughtSignature=drop");
    assert_eq!(found["contents"][2]["parts"][0]["functionResponse"]["id"], "toolu_1");
    // An older model takes neither signatures nor ids.
    let (found, _) = rewritten("gemini-2.5-flash", &body);
    assert_eq!(signatures(&found), [Value::Null, Value::Null], "{found}");
    assert!(!found.to_string().contains("toolu_1"), "{found}");
}

/// A request of a Gemini client for a Gemini upstream that holds state of others.
fn rewritten(model: &str, body: &str) -> (Value, String) {
    let target = Target { provider: "google-ai-studio", model, quirks: &Quirks::OPENAI };
    let encoded = dialect::rewrite_request(Dialect::Gemini, body, &target).unwrap().unwrap();
    (parse(&encoded.body), encoded.losses.header().unwrap_or_default())
}

/// What is written anew loses nothing but that: what only Google has stays, byte for byte.
#[test]
fn the_rest_of_a_rewritten_request_stays() {
    let seal = |text: &str| base64::prelude::BASE64_STANDARD.encode(text);
    let foreign = seal("gw1.eyJrIjoib3BlbmFpLmVuY3J5cHRlZF9jb250ZW50IiwicCI6Im9wZW5haSIsIm0iOiJtIiwiZCI6ImcifQ");
    let own = "gw1.eyJrIjoiZ2VtaW5pLnRob3VnaHRfc2lnbmF0dXJlIiwicCI6Imdvb2dsZS1haS1zdHVkaW8iLCJtIjoiZ2VtaW5pLTMtcHJvIiwiZCI6ImMybG4ifQ";
    let own = seal(own);
    let body = |first: &str, second: &str, alone: &str| {
        format!(
            r#"{{"cachedContent":"cachedContents/x","tools":[{{"googleSearch":{{}}}},{{"codeExecution":{{}}}}],"contents":[{{"role":"user","parts":[{{"text":"\u0061"}}]}},{{"role":"model","parts":[{{"text":"a"{second}}},{{"functionCall":{{"name":"f","args":{{"n":1e2}}}}{first}}},{{"functionCall":{{"name":"g"}}{first}}},{{"executableCode":{{"code":"1"}}}}]}},{alone}{{"role":"function","parts":[{{"functionResponse":{{"name":"f","response":{{"result":[1]}}}}}}]}}],"generationConfig":{{"responseLogprobs":true}}}}"#
        )
    };
    let alone = format!(r#"{{"role":"model","parts":[{{"text":"","thought_signature":"{foreign}"}}]}},"#);
    let sealed =
        body(&format!(r#","thoughtSignature":"{foreign}""#), &format!(r#","thoughtSignature":"{own}""#), &alone);
    let target = Target { provider: "google-ai-studio", model: "gemini-3-pro", quirks: &Quirks::OPENAI };
    let encoded = dialect::rewrite_request(Dialect::Gemini, &sealed, &target).unwrap().unwrap();
    let text = String::from_utf8(encoded.body).unwrap();
    let signed = format!(r#","thoughtSignature":"{SKIP}""#);
    let want = body("", r#","thoughtSignature":"c2ln""#, "").replacen(
        r#"{"n":1e2}}"#,
        &format!(r#"{{"n":1e2}}}}{signed}"#),
        1,
    );
    assert_eq!(text, want);
    assert_eq!(encoded.losses.header().unwrap(), "contents.thoughtSignature=drop");
}

/// Chat clients have no field of their own: Google's is used, and read in every place it was seen in.
#[test]
fn a_chat_client_brings_signatures_back() {
    let message = parse(encode_reply(Dialect::OpenAiChat, &folded(whole(FIRST)), &context()));
    let message = message["choices"][0]["message"].clone();
    assert_eq!(message["tool_calls"][0]["extra_content"]["google"]["thought_signature"], "Y2FsbA==");
    let turn = |message: &Value| {
        json!({"model":"m","messages":[{"role":"user","content":"go"}, message,
            {"role":"tool","tool_call_id":"c1","content":"ok"},{"role":"tool","tool_call_id":"c2","content":"ok"}]})
        .to_string()
    };
    let (found, losses) = to_gemini(Dialect::OpenAiChat, "gemini-3-pro", &turn(&message));
    check(&found).unwrap();
    assert_eq!(signatures(&found), [Value::Null, json!("Y2FsbA=="), Value::Null], "{found}");
    assert!(!losses.contains("extra_content"), "{losses}");
    // A client that knows only OpenAI's members loses it (pitfall 74).
    let mut bare = message;
    bare["tool_calls"][0].as_object_mut().unwrap().remove("extra_content");
    bare.as_object_mut().unwrap().retain(|key, _| matches!(key.as_str(), "role" | "content" | "tool_calls"));
    let (found, _) = to_gemini(Dialect::OpenAiChat, "gemini-3-pro", &turn(&bare));
    assert_eq!(signatures(&found), [Value::Null, json!(SKIP), Value::Null]);
    // Streamed, it comes with the start of the call.
    let text = super::streamed(Dialect::OpenAiChat, stream(&[FIRST]), context());
    assert!(text.contains(r#""extra_content":{"google":{"thought_signature":"Y2FsbA=="}}"#), "{text}");
}
