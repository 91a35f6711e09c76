//! OpenAI Responses (<https://platform.openai.com/docs/api-reference/responses>).

use serde_json::{Value, json};

use super::Feature::{self, *};
use super::{ARGUMENTS, Answer, PDF, PNG, Question, Side, Stop, must, pieces, schema, value};

pub(super) const SIDE: Side = Side {
    name: "openai-responses",
    ask,
    asks,
    reply: |answer| whole(answer, "completed").to_string(),
    stream,
    error_event: |message| {
        let mut failed = whole(&Answer::default(), "failed");
        failed["error"] = json!({"code": "server_error", "message": message});
        event(99, json!({"type": "response.failed", "response": failed}))
    },
    error_body: |message| {
        json!({"error": {"message": message, "type": "rate_limit_error", "param": null, "code": "rate_limit_exceeded"}})
            .to_string()
    },
    read,
    read_stream,
    read_error: |body| body["error"]["message"].as_str().map(str::to_owned),
};

fn ask(feature: Feature, model: &str) -> Option<Question> {
    let user = |content: Value| json!({"type": "message", "role": "user", "content": content});
    let image = json!({"type": "input_image", "detail": "auto", "image_url": format!("data:image/png;base64,{PNG}")});
    let call = json!({"type": "function_call", "call_id": "call_1", "name": "lookup", "arguments": ARGUMENTS});
    let result = |output: Value| json!({"type": "function_call_output", "call_id": "call_1", "output": output});
    let mut body = json!({"model": format!("{model}#only"), "input": "hi", "store": false});
    match feature {
        ToolResults => body["input"] = json!([user(json!("hi")), call, result(json!("sunny"))]),
        ToolResultImage => {
            let output = json!([{"type": "input_text", "text": "sunny"}, image]);
            body["input"] = json!([user(json!("hi")), call, result(output)]);
        }
        Image => body["input"] = json!([user(json!([{"type": "input_text", "text": "what?"}, image]))]),
        Document => {
            let data = format!("data:application/pdf;base64,{PDF}");
            body["input"] = json!([user(json!([
                {"type": "input_text", "text": "what?"},
                {"type": "input_file", "filename": "a.pdf", "file_data": data}
            ]))]);
        }
        Reasoning => body["reasoning"] = json!({"effort": "high", "summary": "auto"}),
        Structured => {
            body["text"] = json!({"format":
                {"type": "json_schema", "name": "place", "schema": schema(), "strict": true}});
        }
        _ => {}
    }
    if feature.has_tools() {
        body["tools"] = json!([{"type": "function", "name": "lookup", "description": "d", "parameters": schema(),
            "strict": false}]);
    }
    if feature.streamed() {
        body["stream"] = json!(true);
    }
    Some(Question { path: "/v1/responses".into(), headers: vec![], body: body.to_string() })
}

fn asks(feature: Feature, body: &Value) -> Result<(), String> {
    let text = body.to_string();
    must((body["stream"] == true) == feature.streamed(), "stream")?;
    if feature.has_tools() {
        let tool = &body["tools"][0];
        must(tool["name"] == "lookup" && tool["parameters"]["properties"]["city"]["type"] == "string", "tools")?;
    }
    match feature {
        ToolResults | ToolResultImage => {
            let items = body["input"].as_array().cloned().unwrap_or_default();
            let find = |kind: &str| items.iter().find(|i| i["type"] == kind).cloned().unwrap_or_default();
            let (call, result) = (find("function_call"), find("function_call_output"));
            must(call["arguments"].as_str().is_some_and(|a| value(a) == value(ARGUMENTS)), "arguments")?;
            must(!call["call_id"].is_null() && call["call_id"] == result["call_id"], "pairing")?;
            must(result["output"].to_string().contains("sunny"), "result")?;
            must(feature == ToolResults || result.to_string().contains(PNG), "image")
        }
        Image => must(text.contains(PNG) && text.contains("input_image"), "image"),
        Document => must(text.contains(PDF) && text.contains("input_file"), "document"),
        Reasoning => must(body["reasoning"]["effort"] == "high", "effort"),
        Structured => must(body["text"]["format"]["schema"]["properties"]["city"]["type"] == "string", "schema"),
        _ => must(text.contains("hi"), "prompt"),
    }
}

fn output(answer: &Answer) -> Vec<Value> {
    let mut items = Vec::new();
    if !answer.thought.is_empty() {
        items.push(json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAAAB",
            "summary": [{"type": "summary_text", "text": answer.thought}]}));
    }
    if !answer.text.is_empty() {
        let part = if answer.stop == Stop::Refused {
            json!({"type": "refusal", "refusal": answer.text})
        } else {
            json!({"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []})
        };
        items.push(json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [part]}));
    }
    for (at, raw) in answer.raw_arguments.iter().enumerate() {
        items.push(json!({"type": "function_call", "id": format!("fc_{at}"), "call_id": format!("call_{at}"),
            "name": "lookup", "arguments": raw, "status": "completed"}));
    }
    items
}

fn whole(answer: &Answer, status: &str) -> Value {
    let (input, cached, out) = answer.usage;
    let (status, details) = match (status, answer.stop) {
        ("completed", Stop::Length) => ("incomplete", json!({"reason": "max_output_tokens"})),
        _ => (status, Value::Null),
    };
    json!({"id": "resp_1", "object": "response", "created_at": 1, "status": status, "error": null,
        "incomplete_details": details, "instructions": null, "max_output_tokens": null, "model": "m",
        "output": output(answer), "parallel_tool_calls": true, "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null}, "store": false, "temperature": 1.0,
        "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "truncation": "disabled", "metadata": {},
        "usage": {"input_tokens": input, "input_tokens_details": {"cached_tokens": cached}, "output_tokens": out,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": input + out}})
}

fn event(number: usize, mut data: Value) -> String {
    data["sequence_number"] = json!(number);
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default())
}

fn stream(answer: &Answer) -> Vec<String> {
    let mut empty = whole(&Answer::default(), "in_progress");
    empty["usage"] = Value::Null;
    let mut events = vec![
        json!({"type": "response.created", "response": empty}),
        json!({"type": "response.in_progress", "response": empty}),
    ];
    for (at, item) in output(answer).into_iter().enumerate() {
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        let id = item["id"].clone();
        let at_item = |mut data: Value| {
            data["item_id"] = id.clone();
            data["output_index"] = json!(at);
            data
        };
        if item["type"] == "message" {
            begun["content"] = json!([]);
            events.push(json!({"type": "response.output_item.added", "output_index": at, "item": begun}));
            let part = &item["content"][0];
            let text = part["text"].as_str().unwrap_or_default();
            events.push(at_item(json!({"type": "response.content_part.added", "content_index": 0,
                "part": {"type": "output_text", "text": "", "annotations": []}})));
            for piece in pieces(text) {
                events.push(at_item(json!({"type": "response.output_text.delta", "content_index": 0, "delta": piece,
                    "logprobs": []})));
            }
            events.push(at_item(json!({"type": "response.output_text.done", "content_index": 0, "text": text,
                "logprobs": []})));
            events.push(at_item(json!({"type": "response.content_part.done", "content_index": 0, "part": part})));
        } else {
            begun["arguments"] = json!("");
            events.push(json!({"type": "response.output_item.added", "output_index": at, "item": begun}));
            let text = item["arguments"].as_str().unwrap_or_default();
            for piece in pieces(text) {
                events.push(at_item(json!({"type": "response.function_call_arguments.delta", "delta": piece})));
            }
            events.push(at_item(json!({"type": "response.function_call_arguments.done", "arguments": text})));
        }
        events.push(json!({"type": "response.output_item.done", "output_index": at, "item": item}));
    }
    events.push(json!({"type": "response.completed", "response": whole(answer, "completed")}));
    events.into_iter().enumerate().map(|(number, data)| event(number, data)).collect()
}

fn read(body: &Value) -> Answer {
    let usage = &body["usage"];
    let number = |at: &str| usage.pointer(at).and_then(Value::as_u64).unwrap_or(u64::MAX);
    let mut answer = Answer {
        usage: (number("/input_tokens"), number("/input_tokens_details/cached_tokens"), number("/output_tokens")),
        ended: matches!(body["status"].as_str(), Some("completed" | "incomplete")),
        error: body["error"]["message"].as_str().map(str::to_owned),
        ..Answer::default()
    };
    for item in body["output"].as_array().into_iter().flatten() {
        let text = |key: &str| item[key].as_str().unwrap_or_default();
        match item["type"].as_str() {
            Some("message") => {
                for part in item["content"].as_array().into_iter().flatten() {
                    answer.text.push_str(part["text"].as_str().unwrap_or(""));
                    if let Some(refusal) = part["refusal"].as_str() {
                        answer.text.push_str(refusal);
                        answer.stop = Stop::Refused;
                    }
                }
            }
            Some("reasoning") => {
                for part in ["summary", "content"].into_iter().filter_map(|key| item[key].as_array()).flatten() {
                    answer.thought.push_str(part["text"].as_str().unwrap_or(""));
                }
            }
            Some("function_call") => {
                answer.calls.push((text("name").to_owned(), value(text("arguments"))));
                answer.stop = Stop::Tools;
            }
            _ => {}
        }
    }
    match body["incomplete_details"]["reason"].as_str() {
        Some("max_output_tokens") => answer.stop = Stop::Length,
        Some("content_filter") => answer.stop = Stop::Refused,
        _ => {}
    }
    answer
}

/// The deltas, the finished items and the terminal object must tell the same.
fn read_stream(events: &[(String, Value)]) -> Answer {
    let (mut text, mut arguments) = (String::new(), Vec::<String>::new());
    let mut done = Vec::new();
    let mut answer = Answer::default();
    let mut wrong = None;
    for (number, (name, data)) in events.iter().enumerate() {
        if *name != data["type"].as_str().unwrap_or_default() || data["sequence_number"] != json!(number) {
            wrong = Some(format!("event {number} is {name}: {data}"));
        }
        let delta = data["delta"].as_str().unwrap_or_default();
        match name.as_str() {
            "response.output_text.delta" | "response.refusal.delta" => text.push_str(delta),
            "response.output_item.added" if data["item"]["type"] == "function_call" => arguments.push(String::new()),
            "response.function_call_arguments.delta" => {
                if let Some(last) = arguments.last_mut() {
                    last.push_str(delta);
                }
            }
            "response.output_item.done" => done.push(data["item"].clone()),
            "response.completed" | "response.incomplete" | "response.failed" => {
                answer = read(&data["response"]);
                if name != "response.failed" && data["response"]["output"] != json!(done) {
                    wrong = Some(format!("the finished items are not the output: {done:?}"));
                }
            }
            _ => {}
        }
    }
    if answer.ended {
        let told: Vec<Value> = arguments.iter().map(|a| value(a)).collect();
        let calls: Vec<Value> = answer.calls.iter().map(|(_, a)| a.clone()).collect();
        if text != answer.text || told != calls {
            wrong = Some(format!("deltas {text:?} {told:?}"));
        }
    }
    if wrong.is_some() {
        answer.error = wrong;
    }
    answer
}
