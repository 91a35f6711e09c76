//! Anthropic Messages (<https://docs.anthropic.com/en/api/messages>).

use serde_json::{Value, json};

use super::Feature::{self, *};
use super::{ARGUMENTS, Answer, PDF, PNG, Question, Side, Stop, filled, must, pieces, schema, value};

pub(super) const SIDE: Side = Side {
    name: "anthropic",
    ask,
    asks,
    reply,
    stream,
    error_event: |message| event(&json!({"type": "error", "error": {"type": "api_error", "message": message}})),
    error_body: |message| {
        json!({"type": "error", "error": {"type": "rate_limit_error", "message": message}}).to_string()
    },
    read,
    read_stream,
    read_error: |body| {
        (body["type"] == "error").then(|| body["error"]["message"].as_str().map(str::to_owned)).flatten()
    },
};

fn ask(feature: Feature, model: &str) -> Option<Question> {
    let user = |content: Value| json!({"role": "user", "content": content});
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}});
    let mut body = json!({"model": format!("{model}#only"), "max_tokens": 4000, "messages": [user(json!("hi"))]});
    let call = json!({"role": "assistant", "content": [
        {"type": "tool_use", "id": "call_1", "name": "lookup", "input": "@0"}
    ]});
    let result = |content: Value| user(json!([{"type": "tool_result", "tool_use_id": "call_1", "content": content}]));
    match feature {
        ToolResults => body["messages"] = json!([user(json!("hi")), call, result(json!("sunny"))]),
        ToolResultImage => {
            let content = json!([{"type": "text", "text": "sunny"}, image]);
            body["messages"] = json!([user(json!("hi")), call, result(content)]);
        }
        Image => body["messages"] = json!([user(json!([{"type": "text", "text": "what?"}, image]))]),
        Document => {
            let source = json!({"type": "base64", "media_type": "application/pdf", "data": PDF});
            body["messages"] = json!([user(json!([
                {"type": "document", "source": source}, {"type": "text", "text": "what?"}
            ]))]);
        }
        Reasoning => {
            body["thinking"] = json!({"type": "adaptive", "display": "summarized"});
            body["output_config"] = json!({"effort": "high"});
        }
        Structured => body["output_config"] = json!({"format": {"type": "json_schema", "schema": schema()}}),
        _ => {}
    }
    if feature.has_tools() {
        body["tools"] = json!([{"name": "lookup", "description": "d", "input_schema": schema()}]);
    }
    if feature.streamed() {
        body["stream"] = json!(true);
    }
    Some(Question {
        path: "/v1/messages".into(),
        headers: vec![("anthropic-version", "2023-06-01")],
        body: filled(&body, &[ARGUMENTS]),
    })
}

fn asks(feature: Feature, body: &Value) -> Result<(), String> {
    let text = body.to_string();
    must((body["stream"] == true) == feature.streamed(), "stream")?;
    must(body["max_tokens"].is_u64(), "max_tokens")?;
    if feature.has_tools() {
        let tool = &body["tools"][0];
        must(tool["name"] == "lookup" && tool["input_schema"]["properties"]["city"]["type"] == "string", "tools")?;
    }
    match feature {
        ToolResults | ToolResultImage => {
            let messages = body["messages"].as_array().cloned().unwrap_or_default();
            let blocks: Vec<Value> =
                messages.iter().filter_map(|m| m["content"].as_array()).flatten().cloned().collect();
            let find = |kind: &str| blocks.iter().find(|b| b["type"] == kind).cloned().unwrap_or_default();
            let (call, result) = (find("tool_use"), find("tool_result"));
            must(call["input"] == value(ARGUMENTS), "arguments")?;
            must(!call["id"].is_null() && call["id"] == result["tool_use_id"], "pairing")?;
            must(result["content"].to_string().contains("sunny"), "result")?;
            must(feature == ToolResults || result.to_string().contains(PNG), "image")
        }
        Image => must(text.contains(PNG) && text.contains("image/png"), "image"),
        Document => must(text.contains(PDF) && text.contains("\"document\""), "document"),
        Reasoning => must(body["output_config"]["effort"] == "high" || body["thinking"]["type"] == "enabled", "effort"),
        Structured => {
            must(body["output_config"]["format"]["schema"]["properties"]["city"]["type"] == "string", "schema")
        }
        _ => must(text.contains("hi"), "prompt"),
    }
}

fn stop_word(answer: &Answer) -> &'static str {
    match answer.stop {
        Stop::End => "end_turn",
        Stop::Length => "max_tokens",
        Stop::Refused => "refusal",
        Stop::Tools => "tool_use",
    }
}

fn usage(answer: &Answer) -> Value {
    let (input, cached, output) = answer.usage;
    json!({"input_tokens": input - cached, "cache_read_input_tokens": cached, "cache_creation_input_tokens": 0,
        "output_tokens": output})
}

fn blocks(answer: &Answer) -> Vec<Value> {
    let mut blocks = Vec::new();
    if !answer.thought.is_empty() {
        blocks.push(json!({"type": "thinking", "thinking": answer.thought, "signature": "EqQBCgIYAg=="}));
    }
    if !answer.text.is_empty() {
        blocks.push(json!({"type": "text", "text": answer.text}));
    }
    for at in 0..answer.raw_arguments.len() {
        blocks.push(
            json!({"type": "tool_use", "id": format!("toolu_{at}"), "name": "lookup", "input": format!("@{at}")}),
        );
    }
    blocks
}

fn reply(answer: &Answer) -> String {
    let body = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": blocks(answer),
        "stop_reason": stop_word(answer), "stop_sequence": null, "usage": usage(answer)});
    filled(&body, &answer.raw_arguments)
}

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default())
}

fn stream(answer: &Answer) -> Vec<String> {
    let mut start = usage(answer);
    start["output_tokens"] = json!(1);
    let mut out = vec![event(&json!({"type": "message_start", "message": {"id": "msg_1", "type": "message",
        "role": "assistant", "model": "m", "content": [], "stop_reason": null, "stop_sequence": null, "usage": start}}))];
    for (index, block) in blocks(answer).into_iter().enumerate() {
        let delta = |delta: Value| event(&json!({"type": "content_block_delta", "index": index, "delta": delta}));
        let (empty, deltas) = match block["type"].as_str() {
            Some("text") => {
                let text = block["text"].as_str().unwrap_or_default();
                let deltas = pieces(text).map(|p| delta(json!({"type": "text_delta", "text": p})));
                (json!({"type": "text", "text": ""}), deltas.to_vec())
            }
            Some("thinking") => (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                vec![
                    delta(json!({"type": "thinking_delta", "thinking": block["thinking"]})),
                    delta(json!({"type": "signature_delta", "signature": block["signature"]})),
                ],
            ),
            _ => {
                let at: usize = block["id"].as_str().and_then(|id| id[6..].parse().ok()).unwrap_or(0);
                let deltas = pieces(answer.raw_arguments[at])
                    .map(|p| delta(json!({"type": "input_json_delta", "partial_json": p})));
                (json!({"type": "tool_use", "id": block["id"], "name": "lookup", "input": {}}), deltas.to_vec())
            }
        };
        out.push(event(&json!({"type": "content_block_start", "index": index, "content_block": empty})));
        out.extend(deltas);
        out.push(event(&json!({"type": "content_block_stop", "index": index})));
    }
    out.push(event(
        &json!({"type": "message_delta", "delta": {"stop_reason": stop_word(answer), "stop_sequence": null},
        "usage": {"output_tokens": answer.usage.2}}),
    ));
    out.push(event(&json!({"type": "message_stop"})));
    out
}

fn stop(word: &Value) -> Stop {
    match word.as_str() {
        Some("max_tokens") => Stop::Length,
        Some("refusal") => Stop::Refused,
        Some("tool_use") => Stop::Tools,
        _ => Stop::End,
    }
}

fn read_usage(usage: &Value) -> super::Usage {
    let number = |key: &str| usage[key].as_u64().unwrap_or(0);
    let cached = number("cache_read_input_tokens");
    (number("input_tokens") + cached + number("cache_creation_input_tokens"), cached, number("output_tokens"))
}

fn read(body: &Value) -> Answer {
    let mut answer = Answer {
        stop: stop(&body["stop_reason"]),
        usage: read_usage(&body["usage"]),
        ended: !body["stop_reason"].is_null(),
        ..Answer::default()
    };
    for block in body["content"].as_array().into_iter().flatten() {
        let text = |key: &str| block[key].as_str().unwrap_or_default().to_owned();
        match block["type"].as_str() {
            Some("text") => answer.text.push_str(&text("text")),
            Some("thinking") => answer.thought.push_str(&text("thinking")),
            Some("tool_use") => answer.calls.push((text("name"), block["input"].clone())),
            _ => {}
        }
    }
    answer
}

fn read_stream(events: &[(String, Value)]) -> Answer {
    let mut answer = Answer::default();
    let mut usage = json!({});
    let mut arguments: Vec<(u64, String, String)> = Vec::new();
    let merge = |usage: &mut Value, more: &Value| {
        for (key, value) in more.as_object().into_iter().flatten() {
            usage[key.as_str()] = value.clone();
        }
    };
    for (name, data) in events {
        if *name != data["type"].as_str().unwrap_or_default() {
            answer.error = Some(format!("event {name} holds {}", data["type"]));
        }
        let text = |at: &str| data.pointer(at).and_then(Value::as_str).unwrap_or_default();
        match name.as_str() {
            "message_start" => merge(&mut usage, &data["message"]["usage"]),
            "content_block_start" if data["content_block"]["type"] == "tool_use" => {
                let name = text("/content_block/name").to_owned();
                arguments.push((data["index"].as_u64().unwrap_or(99), name, String::new()));
            }
            "content_block_delta" => {
                answer.text.push_str(text("/delta/text"));
                answer.thought.push_str(text("/delta/thinking"));
                if let Some(call) = arguments.iter_mut().find(|(at, _, _)| Some(*at) == data["index"].as_u64()) {
                    call.2.push_str(text("/delta/partial_json"));
                }
            }
            "message_delta" => {
                merge(&mut usage, &data["usage"]);
                answer.stop = stop(&data["delta"]["stop_reason"]);
            }
            "message_stop" => answer.ended = true,
            "error" => answer.error = Some(text("/error/message").to_owned()),
            _ => {}
        }
    }
    answer.usage = read_usage(&usage);
    answer.calls = arguments.into_iter().map(|(_, name, text)| (name, value(&text))).collect();
    answer
}
