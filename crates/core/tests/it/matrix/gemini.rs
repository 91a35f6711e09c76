//! Gemini `generateContent` (<https://ai.google.dev/api/generate-content>).

use serde_json::{Value, json};

use super::Feature::{self, *};
use super::{ARGUMENTS, Answer, PDF, PNG, Question, Side, Stop, filled, must, pieces, schema, value};

pub(super) const SIDE: Side = Side {
    name: "gemini",
    ask,
    asks,
    reply: |answer| filled(&whole(&parts(answer), Some(answer)), &answer.raw_arguments),
    stream,
    error_event: |message| event(&json!({"error": {"code": 500, "message": message, "status": "INTERNAL"}})),
    error_body: |message| {
        json!({"error": {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED"}}).to_string()
    },
    read,
    read_stream,
    read_error: |body| {
        (body["error"]["status"].is_string()).then(|| body["error"]["message"].as_str().map(str::to_owned)).flatten()
    },
};

fn ask(feature: Feature, model: &str) -> Option<Question> {
    let user = |parts: Value| json!({"role": "user", "parts": parts});
    let image = json!({"inlineData": {"mimeType": "image/png", "data": PNG}});
    let call = json!({"role": "model", "parts": [{"functionCall": {"id": "call_1", "name": "lookup", "args": "@0"}}]});
    let result = |mut response: Value, parts: Value| {
        response["id"] = json!("call_1");
        response["name"] = json!("lookup");
        if !parts.is_null() {
            response["parts"] = parts;
        }
        user(json!([{"functionResponse": response}]))
    };
    let sunny = json!({"response": {"output": "sunny"}});
    let mut body = json!({"contents": [user(json!([{"text": "hi"}]))]});
    match feature {
        ToolResults => body["contents"] = json!([user(json!([{"text": "hi"}])), call, result(sunny, Value::Null)]),
        ToolResultImage => {
            body["contents"] = json!([user(json!([{"text": "hi"}])), call, result(sunny, json!([image]))]);
        }
        Image => body["contents"] = json!([user(json!([{"text": "what?"}, image]))]),
        Document => {
            let data = json!({"inlineData": {"mimeType": "application/pdf", "data": PDF}});
            body["contents"] = json!([user(json!([{"text": "what?"}, data]))]);
        }
        Reasoning => {
            body["generationConfig"] = json!({"thinkingConfig": {"thinkingLevel": "high", "includeThoughts": true}});
        }
        Structured => {
            body["generationConfig"] = json!({"responseMimeType": "application/json", "responseJsonSchema": schema()});
        }
        _ => {}
    }
    if feature.has_tools() {
        body["tools"] = json!([{"functionDeclarations": [
            {"name": "lookup", "description": "d", "parametersJsonSchema": schema()}
        ]}]);
    }
    let method = if feature.streamed() { "streamGenerateContent?alt=sse" } else { "generateContent" };
    Some(Question {
        path: format!("/v1beta/models/{model}%23only:{method}"),
        headers: vec![],
        body: filled(&body, &[ARGUMENTS]),
    })
}

fn asks(feature: Feature, body: &Value) -> Result<(), String> {
    let text = body.to_string();
    if feature.has_tools() {
        let tool = &body["tools"][0]["functionDeclarations"][0];
        let schema =
            if tool["parametersJsonSchema"].is_null() { &tool["parameters"] } else { &tool["parametersJsonSchema"] };
        let kind = schema["properties"]["city"]["type"].as_str().unwrap_or_default();
        must(tool["name"] == "lookup" && kind.eq_ignore_ascii_case("string"), "tools")?;
    }
    let config = &body["generationConfig"];
    match feature {
        ToolResults | ToolResultImage => {
            let contents = body["contents"].as_array().cloned().unwrap_or_default();
            let parts: Vec<Value> = contents.iter().filter_map(|c| c["parts"].as_array()).flatten().cloned().collect();
            let find =
                |kind: &str| parts.iter().find(|p| !p[kind].is_null()).map(|p| p[kind].clone()).unwrap_or_default();
            let (call, result) = (find("functionCall"), find("functionResponse"));
            must(call["args"] == value(ARGUMENTS), "arguments")?;
            must(call["name"] == "lookup" && result["name"] == "lookup" && call["id"] == result["id"], "pairing")?;
            must(result["response"].to_string().contains("sunny"), "result")?;
            must(feature == ToolResults || text.contains(PNG), "image")
        }
        Image => must(text.contains(PNG) && text.contains("image/png"), "image"),
        Document => must(text.contains(PDF) && text.contains("application/pdf"), "document"),
        Reasoning => must(
            config["thinkingConfig"]["thinkingLevel"].as_str().is_some_and(|l| l.eq_ignore_ascii_case("high")),
            "effort",
        ),
        Structured => {
            let schema = if config["responseJsonSchema"].is_null() {
                &config["responseSchema"]
            } else {
                &config["responseJsonSchema"]
            };
            must(config["responseMimeType"] == "application/json" && !schema["properties"]["city"].is_null(), "schema")
        }
        _ => must(text.contains("hi"), "prompt"),
    }
}

fn parts(answer: &Answer) -> Vec<Value> {
    let mut parts = Vec::new();
    if !answer.thought.is_empty() {
        parts.push(json!({"text": answer.thought, "thought": true}));
    }
    if !answer.text.is_empty() && answer.stop != Stop::Refused {
        parts.push(json!({"text": answer.text}));
    }
    for at in 0..answer.raw_arguments.len() {
        let mut part =
            json!({"functionCall": {"id": format!("call_{at}"), "name": "lookup", "args": format!("@{at}")}});
        if at == 0 {
            part["thoughtSignature"] = json!("Q2FsbA==");
        }
        parts.push(part);
    }
    parts
}

/// A reply, or a piece of one; with `last` it ends.
fn whole(parts: &[Value], last: Option<&Answer>) -> Value {
    let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
    let mut body = json!({"modelVersion": "m", "responseId": "r1"});
    if let Some(answer) = last {
        candidate["finishReason"] = json!(match answer.stop {
            Stop::End | Stop::Tools => "STOP",
            Stop::Length => "MAX_TOKENS",
            Stop::Refused => "SAFETY",
        });
        let (input, cached, output) = answer.usage;
        body["usageMetadata"] = json!({"promptTokenCount": input, "cachedContentTokenCount": cached,
            "candidatesTokenCount": output, "totalTokenCount": input + output});
    }
    body["candidates"] = json!([candidate]);
    body
}

fn event(data: &Value) -> String {
    format!("data: {data}\r\n\r\n")
}

fn stream(answer: &Answer) -> Vec<String> {
    let mut out = Vec::new();
    if answer.raw_arguments.is_empty() {
        for piece in pieces(&answer.text) {
            out.push(event(&whole(&[json!({"text": piece})], None)));
        }
    }
    let calls = if answer.raw_arguments.is_empty() { Vec::new() } else { parts(answer) };
    let last = filled(&whole(&calls, Some(answer)), &answer.raw_arguments);
    out.push(format!("data: {last}\r\n\r\n"));
    out
}

fn read(body: &Value) -> Answer {
    let mut answer = Answer::default();
    take(body, &mut answer);
    answer
}

fn take(body: &Value, answer: &mut Answer) {
    let usage = &body["usageMetadata"];
    if usage.is_object() {
        let number = |key: &str| usage[key].as_u64().unwrap_or(0);
        let output = number("candidatesTokenCount") + number("thoughtsTokenCount");
        answer.usage = (number("promptTokenCount"), number("cachedContentTokenCount"), output);
    }
    if let Some(message) = body["error"]["message"].as_str() {
        answer.error = Some(message.to_owned());
    }
    let candidate = &body["candidates"][0];
    for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
        let text = part["text"].as_str().unwrap_or("");
        if part["thought"] == true { &mut answer.thought } else { &mut answer.text }.push_str(text);
        let call = &part["functionCall"];
        if call.is_object() {
            answer.calls.push((call["name"].as_str().unwrap_or("").to_owned(), call["args"].clone()));
        }
    }
    match candidate["finishReason"].as_str() {
        None => {}
        Some("MAX_TOKENS") => (answer.stop, answer.ended) = (Stop::Length, true),
        Some("STOP") if !answer.calls.is_empty() => (answer.stop, answer.ended) = (Stop::Tools, true),
        Some("STOP") => answer.ended = true,
        Some(_) => (answer.stop, answer.ended) = (Stop::Refused, true),
    }
}

fn read_stream(events: &[(String, Value)]) -> Answer {
    let mut answer = Answer::default();
    events.iter().for_each(|(_, data)| take(data, &mut answer));
    answer
}
