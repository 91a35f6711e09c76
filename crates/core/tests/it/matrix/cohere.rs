//! Cohere v2 chat (<https://docs.cohere.com/v2/reference/chat>).

use serde_json::{Value, json};

use super::Feature::{self, *};
use super::{ARGUMENTS, Answer, PDF, PNG, Question, Side, Stop, must, pieces, schema, value};

pub(super) const SIDE: Side = Side {
    name: "cohere",
    ask,
    asks,
    reply,
    stream,
    error_event: |message| {
        event(&json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": message,
            "usage": {"tokens": {"input_tokens": 1, "output_tokens": 1}}}}))
    },
    error_body: |message| json!({"message": message}).to_string(),
    read,
    read_stream,
    read_error: |body| body["message"].as_str().map(str::to_owned),
};

fn ask(feature: Feature, model: &str) -> Option<Question> {
    let user = |content: Value| json!({"role": "user", "content": content});
    let mut body =
        json!({"model": format!("{model}#only"), "stream": feature.streamed(), "messages": [user(json!("hi"))]});
    match feature {
        // Results are text here, and so are documents.
        ToolResultImage | Document => return None,
        ToolResults => {
            body["messages"] = json!([
                user(json!("hi")),
                {"role": "assistant", "tool_plan": "I look it up.", "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "lookup", "arguments": ARGUMENTS}}
                ]},
                {"role": "tool", "tool_call_id": "call_1", "content": [
                    {"type": "document", "document": {"data": {"weather": "sunny"}}}
                ]},
            ]);
        }
        Image => {
            let url = format!("data:image/png;base64,{PNG}");
            body["messages"] = json!([user(json!([
                {"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": url, "detail": "auto"}}
            ]))]);
        }
        Reasoning => body["thinking"] = json!({"type": "enabled", "token_budget": 16384}),
        Structured => body["response_format"] = json!({"type": "json_object", "json_schema": schema()}),
        _ => {}
    }
    if feature.has_tools() {
        body["strict_tools"] = json!(true);
        body["tools"] = json!([{"type": "function",
            "function": {"name": "lookup", "description": "d", "parameters": schema()}}]);
    }
    Some(Question { path: "/v2/chat".into(), headers: vec![("x-fern-sdk-name", "cohere")], body: body.to_string() })
}

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

fn stop(word: &Value) -> Stop {
    match word.as_str() {
        Some("MAX_TOKENS") => Stop::Length,
        Some("ERROR_TOXIC") => Stop::Refused,
        Some("TOOL_CALL") => Stop::Tools,
        _ => Stop::End,
    }
}

fn read_usage(usage: &Value) -> super::Usage {
    let number = |at: &str| usage.pointer(at).and_then(Value::as_u64);
    let needed = |at: &str| number(at).unwrap_or(u64::MAX);
    (needed("/tokens/input_tokens"), number("/cached_tokens").unwrap_or(0), needed("/tokens/output_tokens"))
}

fn read(body: &Value) -> Answer {
    let message = &body["message"];
    let mut answer = Answer {
        stop: stop(&body["finish_reason"]),
        usage: read_usage(&body["usage"]),
        ended: body["finish_reason"].is_string(),
        ..Answer::default()
    };
    for part in message["content"].as_array().into_iter().flatten() {
        answer.text.push_str(part["text"].as_str().unwrap_or(""));
        answer.thought.push_str(part["thinking"].as_str().unwrap_or(""));
    }
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let function = &call["function"];
        let arguments = value(function["arguments"].as_str().unwrap_or(""));
        answer.calls.push((function["name"].as_str().unwrap_or("").to_owned(), arguments));
    }
    answer
}

fn read_stream(events: &[(String, Value)]) -> Answer {
    let mut answer = Answer::default();
    let mut calls: Vec<(String, String)> = Vec::new();
    for (name, data) in events {
        assert_eq!(data["type"], name.as_str(), "named twice");
        let message = &data["delta"]["message"];
        match name.as_str() {
            "content-start" | "content-delta" => {
                answer.text.push_str(message["content"]["text"].as_str().unwrap_or(""));
                answer.thought.push_str(message["content"]["thinking"].as_str().unwrap_or(""));
            }
            "tool-call-start" => {
                let function = &message["tool_calls"]["function"];
                calls.push((function["name"].as_str().unwrap_or("").to_owned(), String::new()));
            }
            "tool-call-delta" => {
                let at = data["index"].as_u64().and_then(|at| usize::try_from(at).ok()).unwrap_or(99);
                calls[at].1.push_str(message["tool_calls"]["function"]["arguments"].as_str().unwrap_or(""));
            }
            "message-end" => {
                answer.error = data["delta"]["error"].as_str().map(str::to_owned);
                answer.ended = data["delta"]["finish_reason"] != "ERROR";
                answer.stop = stop(&data["delta"]["finish_reason"]);
                answer.usage = read_usage(&data["delta"]["usage"]);
            }
            _ => {}
        }
    }
    answer.calls = calls.into_iter().map(|(name, text)| (name, value(&text))).collect();
    answer
}
