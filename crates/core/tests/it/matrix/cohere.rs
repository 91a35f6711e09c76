//! Cohere v2 chat, as an upstream speaks it (<https://docs.cohere.com/reference/chat>).

use serde_json::{Value, json};

use super::Feature::{self, *};
use super::{ARGUMENTS, Answer, PDF, PNG, Side, Stop, must, pieces, value};

pub(super) const SIDE: Side = Side {
    name: "cohere",
    ask: |_, _| None,
    asks,
    reply,
    stream,
    error_event: |message| {
        event(&json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": message,
            "usage": {"tokens": {"input_tokens": 1, "output_tokens": 1}}}}))
    },
    error_body: |message| json!({"message": message}).to_string(),
    read: |_| Answer::default(),
    read_stream: |_| Answer::default(),
    read_error: |body| body["message"].as_str().map(str::to_owned),
};

fn asks(feature: Feature, body: &Value) -> Result<(), String> {
    let text = body.to_string();
    must((body["stream"] == true) == feature.streamed(), "stream")?;
    if feature.has_tools() {
        let tool = &body["tools"][0]["function"];
        must(tool["name"] == "lookup" && tool["parameters"]["properties"]["city"]["type"] == "string", "tools")?;
    }
    match feature {
        ToolResults | ToolResultImage => {
            let messages = body["messages"].as_array().cloned().unwrap_or_default();
            let call = messages.iter().find_map(|m| m["tool_calls"].get(0)).cloned().unwrap_or_default();
            let result = messages.iter().find(|m| m["role"] == "tool").cloned().unwrap_or_default();
            must(call["function"]["arguments"].as_str().is_some_and(|a| value(a) == value(ARGUMENTS)), "arguments")?;
            must(!call["id"].is_null() && call["id"] == result["tool_call_id"], "pairing")?;
            must(result["content"].to_string().contains("sunny"), "result")?;
            must(feature == ToolResults || text.contains(PNG), "image")
        }
        Image => must(text.contains(PNG) && text.contains("image_url"), "image"),
        Document => must(text.contains(PDF), "document"),
        Reasoning => must(body["thinking"]["type"] == "enabled", "effort"),
        Structured => must(body["response_format"].to_string().contains("city"), "schema"),
        _ => must(text.contains("hi"), "prompt"),
    }
}

fn finish(answer: &Answer) -> &'static str {
    match answer.stop {
        Stop::End => "COMPLETE",
        Stop::Length => "MAX_TOKENS",
        Stop::Refused => "ERROR_TOXIC",
        Stop::Tools => "TOOL_CALL",
    }
}

fn usage(answer: &Answer) -> Value {
    let (input, cached, output) = answer.usage;
    json!({"billed_units": {"input_tokens": input, "output_tokens": output},
        "tokens": {"input_tokens": input, "output_tokens": output}, "cached_tokens": cached})
}

fn reply(answer: &Answer) -> String {
    let mut message = json!({"role": "assistant"});
    let mut content = Vec::new();
    if !answer.thought.is_empty() {
        content.push(json!({"type": "thinking", "thinking": answer.thought}));
    }
    if !answer.text.is_empty() {
        content.push(json!({"type": "text", "text": answer.text}));
    }
    if !content.is_empty() {
        message["content"] = json!(content);
    }
    let call = |(at, raw): (usize, &&str)| json!({"id": format!("call_{at}"), "type": "function", "function": {"name": "lookup", "arguments": raw}});
    if !answer.raw_arguments.is_empty() {
        message["tool_calls"] = json!(answer.raw_arguments.iter().enumerate().map(call).collect::<Vec<_>>());
    }
    json!({"id": "c1", "finish_reason": finish(answer), "message": message, "usage": usage(answer)}).to_string()
}

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default())
}

fn stream(answer: &Answer) -> Vec<String> {
    let mut out =
        vec![event(&json!({"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant"}}}))];
    if answer.raw_arguments.is_empty() {
        out.push(event(&json!({"type": "content-start", "index": 0,
            "delta": {"message": {"content": {"type": "text", "text": ""}}}})));
        for piece in pieces(&answer.text) {
            out.push(event(
                &json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": piece}}}}),
            ));
        }
        out.push(event(&json!({"type": "content-end", "index": 0})));
    }
    for (at, raw) in answer.raw_arguments.iter().enumerate() {
        let call = |function: Value| json!({"message": {"tool_calls": {"id": format!("call_{at}"), "type": "function", "function": function}}});
        out.push(event(&json!({"type": "tool-call-start", "index": at,
            "delta": call(json!({"name": "lookup", "arguments": ""}))})));
        for piece in pieces(raw) {
            out.push(event(&json!({"type": "tool-call-delta", "index": at,
                "delta": {"message": {"tool_calls": {"function": {"arguments": piece}}}}})));
        }
        out.push(event(&json!({"type": "tool-call-end", "index": at})));
    }
    out.push(event(
        &json!({"type": "message-end", "delta": {"finish_reason": finish(answer), "usage": usage(answer)}}),
    ));
    out
}
