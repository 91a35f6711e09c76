//! Whole replies.

use apex_core::dialect::{Dialect, decode_reply, encode_reply};
use apex_core::hub::{Aliases, Fold, Sequencer};
use apex_core::provider::Quirks;
use serde_json::{Value, json};

use super::context;
use crate::corpus::responses;

fn translate(from: Dialect, to: Dialect, body: &str) -> Value {
    let events = decode_reply(from, body, &Quirks::OPENAI, &Aliases::default()).unwrap();
    let (mut sequencer, mut ordered, mut fold) = (Sequencer::default(), Vec::new(), Fold::default());
    events.into_iter().for_each(|e| sequencer.push(e, &mut ordered));
    ordered.iter().for_each(|e| fold.push(e));
    serde_json::from_slice(&encode_reply(to, &fold.finish(), &context("{}"))).unwrap()
}

const REPLY: &str = r#"{"id":"resp_x","object":"response","status":"completed","model":"gpt","output":[
    {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"A"},{"type":"summary_text","text":"B"}],"encrypted_content":"ENC"},
    {"type":"web_search_call","id":"ws","status":"completed"},
    {"type":"message","role":"assistant","content":[{"type":"output_text","text":"See","annotations":[{"type":"url_citation","url":"https://e.x","title":"E","start_index":0,"end_index":3}]},{"type":"refusal","refusal":"no"}]},
    {"type":"function_call","call_id":"c","name":"f","arguments":"{}"}],
    "usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":80,"cache_write_tokens":5},"output_tokens":20,"output_tokens_details":{"reasoning_tokens":8}}}"#;

#[test]
fn to_messages() {
    let reply = translate(Dialect::OpenAiResponses, Dialect::Anthropic, REPLY);
    let kinds: Vec<_> = reply["content"].as_array().unwrap().iter().map(|b| b["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["thinking", "text", "text", "tool_use"]);
    assert_eq!(reply["content"][0]["thinking"], "A\n\nB");
    assert!(reply["content"][0]["signature"].as_str().unwrap().starts_with("gw1."));
    assert_eq!(reply["content"][1]["citations"][0]["url"], "https://e.x");
    assert_eq!(reply["stop_reason"], "tool_use");
    let usage = json!({"input_tokens":15,"cache_creation_input_tokens":5,"cache_read_input_tokens":80,"output_tokens":20,"output_tokens_details":{"thinking_tokens":8}});
    assert_eq!(reply["usage"], usage);
}

#[test]
fn to_chat() {
    let reply = translate(Dialect::OpenAiResponses, Dialect::OpenAiChat, REPLY);
    let message = &reply["choices"][0]["message"];
    assert_eq!((&message["content"], &message["refusal"]), (&json!("See"), &json!("no")));
    assert_eq!(message["reasoning_content"], "A\n\nB");
    assert_eq!(message["annotations"][0]["url_citation"]["end_index"], 3);
    assert_eq!(reply["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(reply["usage"]["prompt_tokens"], 100);
}

/// A refusal in words is a part of its own; one without words is a status.
#[test]
fn refusals() {
    let declined = |details: &str| {
        let body = format!(
            r#"{{"content":[],"stop_reason":"refusal","stop_details":{details},"usage":{{"output_tokens":1}}}}"#
        );
        let reply = translate(Dialect::Anthropic, Dialect::OpenAiResponses, &body);
        responses::whole(&reply.to_string()).unwrap();
        reply
    };
    let reply = declined(r#"{"explanation":"I may not."}"#);
    assert_eq!(reply["status"], "completed");
    assert_eq!(reply["output"][0]["content"], json!([{"type":"refusal","refusal":"I may not."}]));
    let reply = declined("null");
    assert_eq!(
        (&reply["status"], &reply["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("content_filter"))
    );
}

/// A 200 that holds an error, and a reply that says it failed.
#[test]
fn failures_are_errors() {
    for body in [
        r#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#,
        r#"{"status":"failed","output":[],"error":{"message":"m","code":"rate_limit_exceeded"}}"#,
    ] {
        let events = decode_reply(Dialect::OpenAiResponses, body, &Quirks::OPENAI, &Aliases::default()).unwrap();
        let failure = events.iter().find_map(|e| if let apex_core::hub::Event::Error(f) = e { Some(f) } else { None });
        assert_eq!(failure.unwrap().status.as_u16(), 429, "{body}");
    }
    assert!(decode_reply(Dialect::OpenAiResponses, "{}", &Quirks::OPENAI, &Aliases::default()).is_err());
}
