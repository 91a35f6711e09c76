//! What a recording says, read from the specifications and from what providers really send, and not by the gateway's
//! readers: a mistake of the gateway's is not judged by itself.
#![expect(clippy::indexing_slicing, reason = "a missing member of a `Value` is null")]

use serde_json::{Map, Value};

use super::{Answer, Dialect, Stop, Usage};

/// The answer of a recorded reply: a stream, a whole one, or an array of partial ones.
pub fn answer(dialect: Dialect, text: &str, stream: bool) -> Answer {
    let pieces = if stream { events(text) } else { vec![serde_json::from_str(text).unwrap_or_default()] };
    match dialect {
        Dialect::Anthropic if stream => messages_stream(&pieces),
        Dialect::Anthropic => messages(&pieces[0]),
        Dialect::Cohere if stream => cohere_stream(&pieces),
        Dialect::Cohere => cohere(&pieces[0]),
        Dialect::Gemini => gemini(&pieces),
        Dialect::OpenAiChat => chat(&pieces, stream),
        Dialect::OpenAiResponses if stream => responses_stream(&pieces),
        Dialect::OpenAiResponses => responses(&pieces[0]),
    }
}

/// The data of a stream's events. Every recorded one is a single line.
pub(super) fn events(text: &str) -> Vec<Value> {
    text.lines().filter_map(|l| serde_json::from_str(l.strip_prefix("data:")?.trim()).ok()).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value, at: &str) -> Option<u64> {
    value.pointer(at).and_then(Value::as_u64)
}

/// Arguments as JSON; none at all are an empty object.
fn arguments(text: &str) -> Value {
    if text.trim().is_empty() { Value::Object(Map::new()) } else { serde_json::from_str(text).unwrap_or(Value::Null) }
}

/// Chat chunks, or one whole reply: they differ in `delta` and `message` only (Perplexity sends both).
fn chat(pieces: &[Value], stream: bool) -> Answer {
    let mut answer = Answer::default();
    let mut calls: Vec<(Value, String, String)> = Vec::new();
    let mut reason = String::new();
    for piece in pieces {
        for at in [&piece["usage"], &piece["x_groq"]["usage"], &piece["choices"][0]["usage"]] {
            if at.is_object() {
                answer.usage = chat_usage(at).or(answer.usage);
            }
        }
        let first = list(&piece["choices"]).find(|c| c["index"] == 0 || c["index"].is_null());
        let Some(choice) = first else { continue };
        let message = &choice[if stream { "delta" } else { "message" }];
        match &message["content"] {
            Value::String(text) => answer.text.push_str(text),
            Value::Array(parts) => parts.iter().for_each(|p| match word(&p["type"]) {
                "thinking" => {}
                _ => answer.text.push_str(word(&p["text"])),
            }),
            Value::Object(object) => answer.text.push_str(&Value::Object(object.clone()).to_string()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        answer.text.push_str(word(&message["audio"]["transcript"]));
        answer.refusal.push_str(word(&message["refusal"]));
        let legacy = [&message["function_call"]];
        for call in list(&message["tool_calls"]) {
            chat_call(call, &mut calls);
        }
        for call in legacy.into_iter().filter(|c| c["name"] != "" && c.is_object()) {
            if calls.is_empty() {
                calls.push((Value::Null, String::new(), String::new()));
            }
            calls[0].1.push_str(word(&call["name"]));
            calls[0].2.push_str(word(&call["arguments"]));
        }
        if let Some(now) = choice["finish_reason"].as_str().filter(|r| !r.is_empty()) {
            now.clone_into(&mut reason);
        }
    }
    answer.calls = calls.into_iter().map(|(_, name, text)| (name, arguments(&text))).collect();
    answer.stop = match reason.as_str() {
        "length" | "model_length" => Stop::Length,
        "content_filter" => Stop::Refused,
        _ if !answer.refusal.is_empty() => Stop::Refused,
        _ if !answer.calls.is_empty() => Stop::Tools,
        _ => Stop::End,
    };
    answer
}

/// A call, or a piece of one: by index, else by id, else it is a new one.
fn chat_call(call: &Value, calls: &mut Vec<(Value, String, String)>) {
    let key = if call["index"].is_u64() { call["index"].clone() } else { call["id"].clone() };
    let at = calls.iter().position(|c| !key.is_null() && c.0 == key).unwrap_or_else(|| {
        calls.push((key, String::new(), String::new()));
        calls.len() - 1
    });
    let inner = if call["custom"].is_object() { &call["custom"] } else { &call["function"] };
    // Some repeat the name in every piece, or send it as null.
    if calls[at].1.is_empty() {
        word(&inner["name"]).clone_into(&mut calls[at].1);
    }
    match &inner["arguments"] {
        Value::String(text) => calls[at].2.push_str(text),
        Value::Object(object) => calls[at].2.push_str(&Value::Object(object.clone()).to_string()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            calls[at].2.push_str(&inner["input"].as_str().map(quoted).unwrap_or_default());
        }
    }
}

/// Free text in place of arguments.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn chat_usage(usage: &Value) -> Option<Usage> {
    let (input, output) = (number(usage, "/prompt_tokens")?, number(usage, "/completion_tokens").unwrap_or(0));
    let names =
        ["/prompt_tokens_details/cached_tokens", "/prompt_cache_hit_tokens", "/num_cached_tokens", "/cached_tokens"];
    let cached = names.iter().find_map(|at| number(usage, at)).unwrap_or(0);
    // A part is not larger than the whole: then it stands beside it.
    let input = if cached > input { input + cached } else { input };
    let reasoning = number(usage, "/completion_tokens_details/reasoning_tokens").unwrap_or(0);
    // xAI counts reasoning beside the answer, and the total shows it.
    let outside = number(usage, "/total_tokens") == Some(input + output + reasoning);
    let output = if outside { output + reasoning } else { output };
    Some((input, cached, output))
}

fn messages(reply: &Value) -> Answer {
    let mut answer = Answer { usage: messages_usage(&reply["usage"]), ..Answer::default() };
    for block in list(&reply["content"]) {
        match word(&block["type"]) {
            "text" => answer.text.push_str(word(&block["text"])),
            "tool_use" => answer.calls.push((word(&block["name"]).to_owned(), block["input"].clone())),
            _ => {}
        }
    }
    answer.refusal.push_str(word(&reply["stop_details"]["explanation"]));
    answer.stop = messages_stop(&reply["stop_reason"]);
    answer
}

fn messages_stream(events: &[Value]) -> Answer {
    let mut answer = Answer::default();
    let mut usage = Map::new();
    let mut calls: Vec<(Value, String, String)> = Vec::new();
    for event in events {
        let counted = if event["type"] == "message_start" { &event["message"]["usage"] } else { &event["usage"] };
        usage.extend(counted.as_object().cloned().unwrap_or_default().into_iter().filter(|(_, v)| !v.is_null()));
        let block = &event["content_block"];
        match word(&event["type"]) {
            "content_block_start" if block["type"] == "tool_use" => {
                calls.push((event["index"].clone(), word(&block["name"]).to_owned(), String::new()));
            }
            "content_block_start" if block["type"] == "text" => answer.text.push_str(word(&block["text"])),
            "content_block_delta" => {
                answer.text.push_str(word(&event["delta"]["text"]));
                if let Some(call) = calls.iter_mut().find(|c| c.0 == event["index"]) {
                    call.2.push_str(word(&event["delta"]["partial_json"]));
                }
            }
            "message_delta" => {
                answer.stop = messages_stop(&event["delta"]["stop_reason"]);
                answer.refusal.push_str(word(&event["delta"]["stop_details"]["explanation"]));
            }
            _ => {}
        }
    }
    answer.usage = messages_usage(&Value::Object(usage));
    answer.calls = calls.into_iter().map(|(_, name, text)| (name, arguments(&text))).collect();
    answer
}

fn messages_stop(reason: &Value) -> Stop {
    match word(reason) {
        "max_tokens" | "model_context_window_exceeded" => Stop::Length,
        "refusal" => Stop::Refused,
        "tool_use" => Stop::Tools,
        _ => Stop::End,
    }
}

fn messages_usage(usage: &Value) -> Option<Usage> {
    let of = |at: &str| number(usage, at).unwrap_or(0);
    let cached = of("/cache_read_input_tokens");
    let input = number(usage, "/input_tokens")? + cached + of("/cache_creation_input_tokens");
    Some((input, cached, of("/output_tokens")))
}

/// A whole reply, the partial ones of a stream, or an array of them.
fn gemini(pieces: &[Value]) -> Answer {
    let mut answer = Answer::default();
    let mut reason = String::new();
    for piece in pieces.iter().flat_map(|p| p.as_array().map_or(std::slice::from_ref(p), Vec::as_slice)) {
        let of = |key: &str| piece["usageMetadata"][key].as_u64().unwrap_or(0);
        if piece["usageMetadata"].is_object() {
            let input = of("promptTokenCount") + of("toolUsePromptTokenCount");
            let output = of("candidatesTokenCount") + of("thoughtsTokenCount");
            answer.usage = Some((input, of("cachedContentTokenCount"), output));
        }
        if piece["promptFeedback"]["blockReason"].is_string() {
            "BLOCKED".clone_into(&mut reason);
        }
        let first = list(&piece["candidates"]).find(|c| c["index"] == 0 || c["index"].is_null());
        let Some(candidate) = first else { continue };
        for part in list(&candidate["content"]["parts"]).filter(|p| p["thought"] != true) {
            answer.text.push_str(word(&part["text"]));
            let call = &part["functionCall"];
            if call.is_object() {
                let args = if call["args"].is_null() { Value::Object(Map::new()) } else { call["args"].clone() };
                answer.calls.push((word(&call["name"]).to_owned(), args));
            }
        }
        if !candidate["finishReason"].is_null() {
            reason =
                candidate["finishReason"].as_str().map_or_else(|| candidate["finishReason"].to_string(), str::to_owned);
        }
    }
    answer.stop = match reason.as_str() {
        "MAX_TOKENS" | "2" => Stop::Length,
        _ if !answer.calls.is_empty() => Stop::Tools,
        "" | "STOP" | "1" => Stop::End,
        _ => Stop::Refused,
    };
    answer
}

fn responses(reply: &Value) -> Answer {
    let mut answer = Answer::default();
    for item in list(&reply["output"]) {
        let name = || word(&item["name"]).to_owned();
        match word(&item["type"]) {
            "message" => list(&item["content"]).for_each(|part| {
                answer.text.push_str(word(&part["text"]));
                answer.refusal.push_str(word(&part["refusal"]));
            }),
            "function_call" => answer.calls.push((name(), arguments(word(&item["arguments"])))),
            "custom_tool_call" => answer.calls.push((name(), item["input"].clone())),
            _ => {}
        }
    }
    let usage = &reply["usage"];
    answer.usage = number(usage, "/input_tokens").map(|input| {
        let cached = number(usage, "/input_tokens_details/cached_tokens").unwrap_or(0);
        (input, cached, number(usage, "/output_tokens").unwrap_or(0))
    });
    answer.stop = match word(&reply["incomplete_details"]["reason"]) {
        "max_output_tokens" => Stop::Length,
        "content_filter" => Stop::Refused,
        _ if !answer.refusal.is_empty() => Stop::Refused,
        _ if !answer.calls.is_empty() => Stop::Tools,
        _ => Stop::End,
    };
    answer
}

/// The terminal object, with the items that were finished on the way where it has none of its own.
fn responses_stream(events: &[Value]) -> Answer {
    let done: Vec<Value> =
        events.iter().filter(|e| e["type"] == "response.output_item.done").map(|e| e["item"].clone()).collect();
    let end = events.iter().rfind(|e| e["response"]["status"].is_string());
    let mut reply = end.map(|e| e["response"].clone()).unwrap_or_default();
    if reply["output"].as_array().is_none_or(Vec::is_empty) {
        reply["output"] = Value::Array(done);
    }
    responses(&reply)
}

fn cohere(reply: &Value) -> Answer {
    let mut answer = Answer { usage: cohere_usage(&reply["usage"]), ..Answer::default() };
    let message = &reply["message"];
    list(&message["content"]).for_each(|part| answer.text.push_str(word(&part["text"])));
    for call in list(&message["tool_calls"]) {
        let function = &call["function"];
        answer.calls.push((word(&function["name"]).to_owned(), arguments(word(&function["arguments"]))));
    }
    answer.stop = cohere_stop(&reply["finish_reason"]);
    answer
}

fn cohere_stream(events: &[Value]) -> Answer {
    let mut answer = Answer::default();
    let mut calls: Vec<(Value, String, String)> = Vec::new();
    for event in events {
        let message = &event["delta"]["message"];
        answer.text.push_str(word(&message["content"]["text"]));
        let function = &message["tool_calls"]["function"];
        if event["type"] == "tool-call-start" {
            calls.push((event["index"].clone(), word(&function["name"]).to_owned(), String::new()));
        }
        if let Some(call) = calls.iter_mut().rfind(|c| c.0 == event["index"]) {
            call.2.push_str(word(&function["arguments"]));
        }
        if event["type"] == "message-end" {
            answer.usage = cohere_usage(&event["delta"]["usage"]);
            answer.stop = cohere_stop(&event["delta"]["finish_reason"]);
        }
    }
    answer.calls = calls.into_iter().map(|(_, name, text)| (name, arguments(&text))).collect();
    answer
}

fn cohere_stop(reason: &Value) -> Stop {
    match word(reason) {
        "MAX_TOKENS" => Stop::Length,
        "TOOL_CALL" => Stop::Tools,
        "ERROR_TOXIC" => Stop::Refused,
        _ => Stop::End,
    }
}

fn cohere_usage(usage: &Value) -> Option<Usage> {
    let input = number(usage, "/tokens/input_tokens")?;
    Some((input, number(usage, "/cached_tokens").unwrap_or(0), number(usage, "/tokens/output_tokens")?))
}
