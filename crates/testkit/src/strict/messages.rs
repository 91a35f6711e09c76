//! Anthropic Messages and `count_tokens`.
#![expect(clippy::indexing_slicing, reason = "a missing member of a `Value` is null")]

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::{Checked, IMAGES, is_name, known_members, refuse, unauthorized};
use crate::ask::{array, text};
use crate::upstream::Recorded;

pub(crate) fn check(request: &Recorded, body: &Value) -> Checked {
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
    turns(array(&body["messages"]))?;
    tools(body)?;
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

fn turns(turns: &[Value]) -> Checked {
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
            check_block(&place, role, block)?;
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

fn check_block(place: &str, role: &str, block: &Value) -> Checked {
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

fn tools(body: &Value) -> Checked {
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

fn is_signature(signature: &str) -> bool {
    BASE64_STANDARD.decode(signature).is_ok_and(|plain| plain.starts_with(b"signed by "))
}

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
