//! OpenAI Chat Completions (<https://platform.openai.com/docs/api-reference/chat>).

use serde_json::{Value, json};

use super::Feature::{self, *};
use super::{ARGUMENTS, Answer, PDF, PNG, Question, Side, Stop, must, pieces, schema, value};

pub(super) const SIDE: Side = Side {
    name: "openai-chat",
    ask,
    asks,
    reply,
    stream,
    error_event: |message| event(&json!({"error": {"message": message, "type": "server_error", "code": null}})),
    error_body: |message| {
        json!({"error": {"message": message, "type": "rate_limit_error", "param": null, "code": "rate_limit_exceeded"}})
            .to_string()
    },
    read,
    read_stream,
    read_error: |body| body["error"]["message"].as_str().map(str::to_owned),
};

fn ask(feature: Feature, model: &str) -> Option<Question> {
    let user = |content: Value| json!({"role": "user", "content": content});
    let mut body = json!({"model": format!("{model}#only"), "messages": [user(json!("hi"))]});
    match feature {
        ToolResultImage => return None,
        ToolResults => {
            body["messages"] = json!([
                user(json!("hi")),
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "lookup", "arguments": ARGUMENTS}}
                ]},
                {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
            ]);
        }
        Image => {
            let url = format!("data:image/png;base64,{PNG}");
            body["messages"] = json!([user(json!([
                {"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": url}}
            ]))]);
        }
        Document => {
            let data = format!("data:application/pdf;base64,{PDF}");
            body["messages"] = json!([user(json!([
                {"type": "text", "text": "what?"}, {"type": "file", "file": {"filename": "a.pdf", "file_data": data}}
            ]))]);
        }
        Reasoning => body["reasoning_effort"] = json!("high"),
        Structured => {
            body["response_format"] = json!({"type": "json_schema",
                "json_schema": {"name": "place", "schema": schema(), "strict": true}});
        }
        _ => {}
    }
    if feature.has_tools() {
        body["tools"] = json!([{"type": "function",
            "function": {"name": "lookup", "description": "d", "parameters": schema()}}]);
    }
    if feature.streamed() {
        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
    }
    Some(Question { path: "/v1/chat/completions".into(), headers: vec![], body: body.to_string() })
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
        Document => must(text.contains(PDF) && text.contains("file_data"), "document"),
        Reasoning => must(body["reasoning_effort"] == "high", "effort"),
        Structured => {
            must(body["response_format"]["json_schema"]["schema"]["properties"]["city"]["type"] == "string", "schema")
        }
        _ => must(text.contains("hi"), "prompt"),
    }
}

fn finish(answer: &Answer) -> &'static str {
    match answer.stop {
        Stop::End | Stop::Refused => "stop",
        Stop::Length => "length",
        Stop::Tools => "tool_calls",
    }
}

fn usage(answer: &Answer) -> Value {
    let (input, cached, output) = answer.usage;
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": cached}, "completion_tokens_details": {"reasoning_tokens": 0}})
}

fn calls(answer: &Answer) -> Vec<Value> {
    let call = |(at, raw): (usize, &&str)| json!({"id": format!("call_{at}"), "type": "function", "function": {"name": "lookup", "arguments": raw}});
    answer.raw_arguments.iter().enumerate().map(call).collect()
}

fn reply(answer: &Answer) -> String {
    let mut message = json!({"role": "assistant", "content": answer.text, "refusal": null});
    if answer.stop == Stop::Refused {
        message["content"] = Value::Null;
        message["refusal"] = json!(answer.text);
    }
    if !answer.thought.is_empty() {
        message["reasoning_content"] = json!(answer.thought);
    }
    if !answer.raw_arguments.is_empty() {
        message["content"] = Value::Null;
        message["tool_calls"] = json!(calls(answer));
    }
    json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "usage": usage(answer),
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish(answer)}]})
    .to_string()
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn stream(answer: &Answer) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| {
        event(&json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))
    };
    let mut out = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    for piece in pieces(&answer.text) {
        out.push(chunk(json!({"content": piece}), Value::Null));
    }
    for (at, call) in calls(answer).into_iter().enumerate() {
        let arguments = call["function"]["arguments"].as_str().unwrap_or_default().to_owned();
        let mut start = call;
        start["index"] = json!(at);
        start["function"]["arguments"] = json!("");
        out.push(chunk(json!({"tool_calls": [start]}), Value::Null));
        for piece in pieces(&arguments) {
            out.push(chunk(json!({"tool_calls": [{"index": at, "function": {"arguments": piece}}]}), Value::Null));
        }
    }
    out.push(chunk(json!({}), json!(finish(answer))));
    out.push(event(&json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [], "usage": usage(answer)})));
    out.push("data: [DONE]\n\n".to_owned());
    out
}

fn read_usage(usage: &Value) -> super::Usage {
    let number = |at: &str| usage.pointer(at).and_then(Value::as_u64).unwrap_or(u64::MAX);
    (number("/prompt_tokens"), number("/prompt_tokens_details/cached_tokens"), number("/completion_tokens"))
}

fn stop(word: &Value, refusal: &str) -> Stop {
    match word.as_str() {
        Some("content_filter") => Stop::Refused,
        Some("stop") if !refusal.is_empty() => Stop::Refused,
        Some("length") => Stop::Length,
        Some("tool_calls") => Stop::Tools,
        _ => Stop::End,
    }
}

fn read(body: &Value) -> Answer {
    let choice = &body["choices"][0];
    let message = &choice["message"];
    let text = |key: &str| message[key].as_str().unwrap_or_default().to_owned();
    let calls = message["tool_calls"].as_array().cloned().unwrap_or_default();
    Answer {
        text: text("content"),
        thought: text("reasoning_content"),
        calls: calls
            .iter()
            .map(|c| {
                let function = &c["function"];
                (
                    function["name"].as_str().unwrap_or("").to_owned(),
                    value(function["arguments"].as_str().unwrap_or("")),
                )
            })
            .collect(),
        stop: stop(&choice["finish_reason"], &text("refusal")),
        usage: read_usage(&body["usage"]),
        ended: !choice["finish_reason"].is_null(),
        ..Answer::default()
    }
}

fn read_stream(events: &[(String, Value)]) -> Answer {
    let mut answer = Answer::default();
    let mut arguments: Vec<(String, String)> = Vec::new();
    let mut refusal = String::new();
    for (_, data) in events {
        answer.ended |= *data == json!("[DONE]");
        if let Some(message) = data["error"]["message"].as_str() {
            answer.error = Some(message.to_owned());
        }
        if data["usage"].is_object() {
            answer.usage = read_usage(&data["usage"]);
        }
        let choice = &data["choices"][0];
        let delta = &choice["delta"];
        answer.text.push_str(delta["content"].as_str().unwrap_or(""));
        answer.thought.push_str(delta["reasoning_content"].as_str().unwrap_or(""));
        refusal.push_str(delta["refusal"].as_str().unwrap_or(""));
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let at = call["index"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(99);
            if arguments.len() <= at {
                arguments.resize(at + 1, (String::new(), String::new()));
            }
            arguments[at].0.push_str(call["function"]["name"].as_str().unwrap_or(""));
            arguments[at].1.push_str(call["function"]["arguments"].as_str().unwrap_or(""));
        }
        if !choice["finish_reason"].is_null() {
            answer.stop = stop(&choice["finish_reason"], &refusal);
        }
    }
    answer.calls = arguments.into_iter().map(|(name, text)| (name, value(&text))).collect();
    answer
}
