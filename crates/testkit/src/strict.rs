//! What the real providers refuse. A translation that is almost right passes every lenient mock; these are the rules
//! that production requests fail on. Asked for by a `/strict/` in the path.
#![expect(clippy::indexing_slicing, reason = "a missing member of a `Value` is null")]

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::ask::{array, text};
use crate::upstream::Recorded;

/// Why a request is refused, in the provider's words, and the parameter at fault.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
}

type Checked = Result<(), Refusal>;

fn refuse(param: &str, message: impl Into<String>) -> Checked {
    Err(Refusal { status: 400, message: message.into(), param: Some(param.to_owned()) })
}

fn unauthorized(message: &str) -> Checked {
    Err(Refusal { status: 401, message: message.to_owned(), param: None })
}

/// `OpenAI` Chat.
pub(crate) fn chat(request: &Recorded, body: &Value) -> Checked {
    if !request.header("authorization").is_some_and(|value| value.starts_with("Bearer ") && value.len() > 7)
        && request.header("api-key").is_none()
    {
        return unauthorized("You didn't provide an API key.");
    }
    known_members(body, &CHAT_MEMBERS, |name| format!("Unrecognized request argument supplied: {name}"))?;
    if array(&body["messages"]).is_empty() {
        return refuse("messages", "[] is too short - 'messages'");
    }
    chat_messages(array(&body["messages"]))?;
    chat_tools(body)?;
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

fn chat_messages(messages: &[Value]) -> Checked {
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
        chat_content(&place, role, message)?;
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

fn chat_content(place: &str, role: &str, message: &Value) -> Checked {
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

fn chat_tools(body: &Value) -> Checked {
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

/// Anthropic Messages and `count_tokens`.
pub(crate) fn messages(request: &Recorded, body: &Value) -> Checked {
    if request.header("x-api-key").is_none() && request.header("authorization").is_none() {
        return unauthorized("x-api-key header is required");
    }
    let version = request.header("anthropic-version").unwrap_or_default();
    if !["2023-06-01", "2026-10-21"].contains(&version) {
        return refuse("anthropic-version", "anthropic-version: header is required");
    }
    let betas = request.header("anthropic-beta").unwrap_or_default();
    known_members(body, &MESSAGES_MEMBERS, |name| format!("{name}: Extra inputs are not permitted"))?;
    for (member, beta) in [("context_management", "context-management-"), ("mcp_servers", "mcp-client-")] {
        if !body[member].is_null() && !betas.contains(beta) {
            return refuse(member, format!("{member}: Extra inputs are not permitted"));
        }
    }
    sampling(version, body)?;
    let counting = request.path().ends_with("/count_tokens");
    if !counting && body["max_tokens"].as_u64().is_none() {
        return refuse("max_tokens", "max_tokens: Field required");
    }
    let system = &body["system"];
    if system == "" || array(system).iter().any(|block| text(&block["text"]).is_empty()) {
        return refuse("system", "system: text content blocks must be non-empty");
    }
    messages_turns(array(&body["messages"]))?;
    messages_tools(body)?;
    let thinking = &body["thinking"];
    if thinking["type"] == "enabled" {
        let budget = thinking["budget_tokens"].as_u64().unwrap_or_default();
        if budget < 1024 || body["max_tokens"].as_u64().is_some_and(|max| budget >= max) {
            return refuse(
                "thinking",
                "`max_tokens` must be greater than `thinking.budget_tokens`, which must be at least 1024.",
            );
        }
    }
    if array(&body["stop_sequences"]).iter().any(|stop| text(stop).trim().is_empty()) {
        return refuse("stop_sequences", "stop_sequences: each stop sequence must contain non-whitespace");
    }
    let format = &body["output_config"]["format"];
    if !format.is_null() && format["type"] != "json_schema" {
        return refuse("output_config.format", "output_config.format.type: Input should be 'json_schema'");
    }
    if let Some(schema) = format.get("schema") {
        closed_objects(schema)?;
    }
    if body.to_string().matches("\"cache_control\":{").count() > 4 {
        return refuse("cache_control", "A maximum of 4 blocks with cache_control may be provided.");
    }
    Ok(())
}

fn sampling(version: &str, body: &Value) -> Checked {
    for member in ["temperature", "top_p", "top_k"] {
        if version == "2026-10-21" && !body[member].is_null() {
            return refuse(member, format!("{member}: Extra inputs are not permitted"));
        }
    }
    if body["temperature"].as_f64().is_some_and(|value| !(0.0..=1.0).contains(&value)) {
        return refuse("temperature", "temperature: range: 0..1");
    }
    if !body["temperature"].is_null() && !body["top_p"].is_null() {
        return refuse(
            "top_p",
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        );
    }
    Ok(())
}

fn messages_turns(turns: &[Value]) -> Checked {
    let Some(first) = turns.first() else {
        return refuse("messages", "messages: at least one message is required");
    };
    if first["role"] != "user" {
        return refuse("messages", "messages: first message must use the \"user\" role");
    }
    if turns.last().is_some_and(|last| last["role"] == "assistant") {
        return refuse(
            "messages",
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        );
    }
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for (at, turn) in turns.iter().enumerate() {
        let place = format!("messages.{at}");
        let role = text(&turn["role"]);
        if !["user", "assistant", "system"].contains(&role) {
            return refuse(&place, format!("{place}.role: Input should be 'user', 'assistant' or 'system'"));
        }
        if turn["content"] == "" || (!turn["content"].is_string() && array(&turn["content"]).is_empty()) {
            return refuse(&place, format!("{place}: all messages must have non-empty content"));
        }
        let mut others = false;
        let mut calls = BTreeSet::new();
        for block in array(&turn["content"]) {
            messages_block(&place, role, block)?;
            match text(&block["type"]) {
                "tool_result" => {
                    let id = text(&block["tool_use_id"]);
                    if others || !open.remove(id) {
                        return refuse(
                            &place,
                            format!(
                                "{place}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must come first and have a corresponding `tool_use` block in the previous message."
                            ),
                        );
                    }
                }
                "tool_use" => {
                    calls.insert(text(&block["id"]));
                }
                _ => others = true,
            }
        }
        if !open.is_empty() {
            let missing: Vec<&str> = open.into_iter().collect();
            return refuse(
                &place,
                format!(
                    "{place}: `tool_use` ids were found without `tool_result` blocks immediately after: {}.",
                    missing.join(", ")
                ),
            );
        }
        open = calls;
    }
    if open.is_empty() {
        Ok(())
    } else {
        refuse("messages", "messages: `tool_use` ids were found without `tool_result` blocks immediately after")
    }
}

fn messages_block(place: &str, role: &str, block: &Value) -> Checked {
    let source = &block["source"];
    let good = match text(&block["type"]) {
        "text" => !text(&block["text"]).trim().is_empty(),
        "image" => match text(&source["type"]) {
            "base64" => {
                IMAGES.contains(&text(&source["media_type"])) && BASE64_STANDARD.decode(text(&source["data"])).is_ok()
            }
            "url" => text(&source["url"]).starts_with("http"),
            kind => kind == "file",
        },
        "tool_use" => {
            role == "assistant"
                && block["input"].is_object()
                && is_name(&block["name"], 128)
                && is_name(&block["id"], 512)
        }
        "tool_result" => role == "user" && block["tool_use_id"].is_string(),
        // Only what this upstream signed comes back to it.
        "thinking" => role == "assistant" && is_signature(text(&block["signature"])),
        kind => ["redacted_thinking", "document", "search_result"].contains(&kind),
    };
    if good {
        return Ok(());
    }
    refuse(place, format!("{place}.content: Invalid `{}` block", text(&block["type"])))
}

fn messages_tools(body: &Value) -> Checked {
    let tools = array(&body["tools"]);
    for (at, tool) in tools.iter().enumerate() {
        let server = tool["type"].as_str().is_some_and(|kind| kind != "custom");
        if !is_name(&tool["name"], 128) || (!server && tool["input_schema"]["type"] != "object") {
            return refuse("tools", format!("tools.{at}.custom.input_schema: name and an object schema are required"));
        }
    }
    let choice = &body["tool_choice"];
    if !choice.is_null() && tools.is_empty() {
        return refuse("tool_choice", "tool_choice: may only be specified while providing tools");
    }
    if choice["type"] == "tool" && !tools.iter().any(|tool| tool["name"] == choice["name"]) {
        return refuse("tool_choice", "tool_choice: Tool not found in provided tools");
    }
    let used = array(&body["messages"])
        .iter()
        .flat_map(|turn| array(&turn["content"]))
        .any(|block| block["type"] == "tool_use");
    if used && tools.is_empty() {
        return refuse("tools", "Requests which include `tool_use` or `tool_result` blocks must define tools");
    }
    Ok(())
}

/// Structured output takes closed objects only.
fn closed_objects(schema: &Value) -> Checked {
    if schema["type"] == "object" && schema["additionalProperties"] != false {
        return refuse(
            "output_config.format.schema",
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
        );
    }
    for inner in schema.as_object().into_iter().flatten().map(|(_, inner)| inner).chain(array(schema)) {
        closed_objects(inner)?;
    }
    Ok(())
}

fn known_members(body: &Value, known: &[&str], say: impl Fn(&str) -> String) -> Checked {
    let Some(members) = body.as_object() else {
        return refuse("", "We could not parse the JSON body of your request.");
    };
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => refuse(name, say(name)),
        None => Ok(()),
    }
}

fn is_name(name: &Value, longest: usize) -> bool {
    let name = text(name);
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    letters && !name.is_empty() && name.len() <= longest
}

fn is_image_url(url: &str) -> bool {
    match url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
        Some((mime, data)) => IMAGES.contains(&mime) && BASE64_STANDARD.decode(data).is_ok(),
        None => url.starts_with("https://") || url.starts_with("http://"),
    }
}

fn is_signature(signature: &str) -> bool {
    BASE64_STANDARD.decode(signature).is_ok_and(|plain| plain.starts_with(b"signed by "))
}

const IMAGES: [&str; 4] = ["image/gif", "image/jpeg", "image/png", "image/webp"];

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

const MESSAGES_MEMBERS: [&str; 28] = [
    "model",
    "max_tokens",
    "messages",
    "system",
    "cache_control",
    "container",
    "diagnostics",
    "inference_geo",
    "metadata",
    "output_config",
    "output_format",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
    "mcp_servers",
    "context_management",
    "compaction",
    "fallbacks",
    "thread",
    "billing_policy",
    "safeguards",
];
