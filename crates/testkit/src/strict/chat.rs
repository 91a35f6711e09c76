//! `OpenAI` Chat.
#![expect(clippy::indexing_slicing, reason = "a missing member of a `Value` is null")]

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::{Checked, IMAGES, is_name, known_members, refuse, unauthorized};
use crate::ask::{array, text};
use crate::upstream::Recorded;

pub(crate) fn check(request: &Recorded, body: &Value) -> Checked {
    if !request.header("authorization").is_some_and(|value| value.starts_with("Bearer ") && value.len() > 7)
        && request.header("api-key").is_none()
    {
        return unauthorized("You didn't provide an API key.");
    }
    known_members(body, &CHAT_MEMBERS, |name| format!("Unrecognized request argument supplied: {name}"))?;
    if array(&body["messages"]).is_empty() {
        return refuse("messages", "[] is too short - 'messages'");
    }
    messages(array(&body["messages"]))?;
    tools(body)?;
    if !body["stream_options"].is_null() && body["stream"] != true {
        return refuse("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
    }
    if array(&body["stop"]).len() > 4 {
        return refuse("stop", "Expected a maximum of 4 stop sequences.");
    }
    let model = text(&body["model"]);
    if model.starts_with("gpt-5") || model.starts_with('o') {
        if !body["max_tokens"].is_null() {
            return refuse(
                "max_tokens",
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            );
        }
        if body["temperature"].as_f64().is_some_and(|value| (value - 1.0).abs() > f64::EPSILON) {
            return refuse(
                "temperature",
                "Unsupported value: 'temperature' does not support this value with this model.",
            );
        }
    }
    let format = &body["response_format"];
    if format["type"] == "json_schema"
        && (!is_name(&format["json_schema"]["name"], 64) || !format["json_schema"]["schema"].is_object())
    {
        return refuse("response_format", "Invalid 'response_format.json_schema': name and schema are required.");
    }
    Ok(())
}

fn messages(messages: &[Value]) -> Checked {
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for (at, message) in messages.iter().enumerate() {
        let place = format!("messages.[{at}]");
        let role = text(&message["role"]);
        if role == "tool" {
            if !open.remove(text(&message["tool_call_id"])) {
                return refuse(
                    &place,
                    "Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
                );
            }
        } else if !open.is_empty() {
            let missing: Vec<&str> = open.into_iter().collect();
            return refuse(
                &place,
                format!(
                    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
                    missing.join(", ")
                ),
            );
        }
        if !["system", "developer", "user", "assistant", "tool", "function"].contains(&role) {
            return refuse(&place, format!("Invalid value: '{role}'."));
        }
        content(&place, role, message)?;
        for call in array(&message["tool_calls"]) {
            let good = match text(&call["type"]) {
                "function" => call["function"]["arguments"].is_string() && is_name(&call["function"]["name"], 64),
                "custom" => call["custom"]["input"].is_string(),
                _ => false,
            };
            if !good || text(&call["id"]).is_empty() || text(&call["id"]).len() > 64 {
                return refuse(
                    &format!("{place}.tool_calls"),
                    "Invalid tool call: id, type, name and arguments (a string) are required.",
                );
            }
            open.insert(text(&call["id"]));
        }
    }
    if open.is_empty() {
        Ok(())
    } else {
        refuse("messages", "An assistant message with 'tool_calls' must be followed by tool messages.")
    }
}

fn content(place: &str, role: &str, message: &Value) -> Checked {
    let place = format!("{place}.content");
    let content = &message["content"];
    if content.is_string() {
        return Ok(());
    }
    if content.is_null() {
        let calls = !array(&message["tool_calls"]).is_empty() || !message["refusal"].is_null();
        return if role == "assistant" && calls {
            Ok(())
        } else {
            refuse(&place, "Invalid value for 'content': expected a string, got null.")
        };
    }
    if array(content).is_empty() {
        return refuse(&place, "Invalid 'content': empty array.");
    }
    for part in array(content) {
        let kind = text(&part["type"]);
        let good = match kind {
            "text" => part["text"].is_string(),
            "refusal" => role == "assistant",
            "image_url" => role == "user" && is_image_url(text(&part["image_url"]["url"])),
            "input_audio" | "file" => role == "user",
            _ => false,
        };
        if !good {
            return refuse(&place, format!("Invalid content part '{kind}' in a message with role '{role}'."));
        }
    }
    Ok(())
}

fn tools(body: &Value) -> Checked {
    let tools = array(&body["tools"]);
    if tools.is_empty() {
        for param in ["tools", "tool_choice", "parallel_tool_calls"] {
            let harmless = body[param].is_null() || (param == "tool_choice" && body[param] == "none");
            if !harmless {
                return refuse(param, format!("Invalid value for '{param}': only allowed when 'tools' are specified."));
            }
        }
    }
    for tool in tools {
        let inner = match text(&tool["type"]) {
            "function" => &tool["function"],
            "custom" => &tool["custom"],
            kind => {
                return refuse(
                    "tools",
                    format!("Invalid value: '{kind}'. Supported values are: 'function' and 'custom'."),
                );
            }
        };
        if !is_name(&inner["name"], 64) {
            return refuse("tools", "Invalid 'tools[].function.name': string does not match pattern.");
        }
        let schema = &inner["parameters"];
        if !schema.is_null() && schema["type"] != "object" {
            return refuse("tools", "Invalid schema for function: schema must be of type 'object'.");
        }
    }
    if let Some(name) = body["tool_choice"]["function"]["name"].as_str()
        && !tools.iter().any(|tool| tool["function"]["name"] == name)
    {
        return refuse("tool_choice", format!("Tool choice '{name}' not found in 'tools' parameter."));
    }
    Ok(())
}

fn is_image_url(url: &str) -> bool {
    match url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
        Some((mime, data)) => IMAGES.contains(&mime) && BASE64_STANDARD.decode(data).is_ok(),
        None => url.starts_with("https://") || url.starts_with("http://"),
    }
}

const CHAT_MEMBERS: [&str; 37] = [
    "model",
    "messages",
    "audio",
    "frequency_penalty",
    "presence_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "modalities",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];
