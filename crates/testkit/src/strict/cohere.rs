//! What Cohere refuses: <https://docs.cohere.com/v2/reference/chat>.
#![expect(clippy::indexing_slicing, reason = "a missing member of a `Value` is null")]

use serde_json::Value;

use super::{Checked, Refusal, is_name, refuse, unauthorized};
use crate::ask::{array, text};
use crate::upstream::Recorded;

const MEMBERS: [&str; 21] = [
    "citation_options",
    "documents",
    "frequency_penalty",
    "k",
    "logprobs",
    "max_tokens",
    "messages",
    "model",
    "p",
    "presence_penalty",
    "priority",
    "response_format",
    "safety_mode",
    "seed",
    "stop_sequences",
    "stream",
    "strict_tools",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
];

pub(crate) fn check(request: &Recorded, body: &Value) -> Checked {
    if !request.header("authorization").is_some_and(|value| value.starts_with("Bearer ") && value.len() > 7) {
        return unauthorized("no api key supplied");
    }
    known(body, &MEMBERS)?;
    if text(&body["model"]).is_empty() {
        return refuse("model", "model is required");
    }
    messages(array(&body["messages"]))?;
    tools(body)?;
    numbers(body)?;
    let format = &body["response_format"];
    if format["type"] == "json_object" && !array(&body["tools"]).is_empty() {
        return refuse("response_format", "response_format is not supported with tools");
    }
    let thinking = &body["thinking"];
    if !thinking.is_null() {
        known(thinking, &["token_budget", "type"])?;
        if !["command-a-reasoning", "command-a-plus"].iter().any(|name| text(&body["model"]).starts_with(name)) {
            return refuse("thinking", "thinking is not supported by this model");
        }
        if !matches!(text(&thinking["type"]), "disabled" | "enabled") {
            return refuse("thinking", "thinking.type must be one of: enabled, disabled");
        }
    }
    Ok(())
}

/// An unknown member is no valid request, which is another status than a bad one.
fn known(object: &Value, members: &[&str]) -> Checked {
    let odd = object.as_object().and_then(|object| object.keys().find(|name| !members.contains(&name.as_str())));
    match odd {
        Some(name) => {
            let message = format!("unknown field: parameter '{name}' is not a valid field");
            Err(Refusal { status: 422, message, param: Some(name.clone()) })
        }
        None => Ok(()),
    }
}

fn messages(messages: &[Value]) -> Checked {
    if messages.is_empty() {
        return refuse("messages", "messages must not be empty");
    }
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        let role = text(&message["role"]);
        if role != "tool" && !open.is_empty() {
            return refuse("messages", format!("missing tool results for tool calls: {open:?}"));
        }
        match role {
            "system" => content(message, &["text"])?,
            "user" => {
                content(message, &["image_url", "text"])?;
                if text(&message["content"]).is_empty() && array(&message["content"]).is_empty() {
                    return refuse("messages", "all user messages must have content");
                }
            }
            "assistant" => {
                known(message, &["citations", "content", "role", "tool_calls", "tool_plan"])?;
                content(message, &["text", "thinking"])?;
                for call in array(&message["tool_calls"]) {
                    known(call, &["function", "id", "type"])?;
                    if !call["function"]["arguments"].is_string() || !is_name(&call["function"]["name"], 64) {
                        return refuse("messages", "tool_calls need a function with a name and arguments as a string");
                    }
                    open.push(text(&call["id"]));
                }
                if message["content"].is_null() && open.is_empty() {
                    return refuse("messages", "an assistant message must have content or tool_calls");
                }
            }
            "tool" => {
                known(message, &["content", "role", "tool_call_id"])?;
                content(message, &["document", "text"])?;
                let id = text(&message["tool_call_id"]);
                let Some(at) = open.iter().position(|call| *call == id) else {
                    return refuse("messages", format!("tool call id {id} not found in the previous message"));
                };
                open.remove(at);
            }
            other => return refuse("messages", format!("invalid role: {other}")),
        }
    }
    if open.is_empty() { Ok(()) } else { refuse("messages", "the last tool calls have no results") }
}

/// Text, or parts of these kinds.
fn content(message: &Value, kinds: &[&str]) -> Checked {
    for part in array(&message["content"]) {
        let kind = text(&part["type"]);
        if !kinds.contains(&kind) {
            return refuse("messages", format!("invalid content type `{kind}` for role {}", message["role"]));
        }
        known(part, &["type", kind])?;
        let missing =
            if matches!(kind, "document" | "image_url") { !part[kind].is_object() } else { !part[kind].is_string() };
        if missing {
            return refuse("messages", format!("content of type {kind} needs a member {kind}"));
        }
        if kind == "image_url"
            && !["data:image/", "http"].iter().any(|start| text(&part[kind]["url"]).starts_with(start))
        {
            return refuse("messages", "invalid image url");
        }
    }
    Ok(())
}

fn tools(body: &Value) -> Checked {
    for tool in array(&body["tools"]) {
        known(tool, &["function", "type"])?;
        let function = &tool["function"];
        known(function, &["description", "name", "parameters"])?;
        if tool["type"] != "function" || !is_name(&function["name"], 64) || !function["parameters"].is_object() {
            return refuse("tools", "tools need the type function, a name and parameters");
        }
    }
    let choice = &body["tool_choice"];
    if !choice.is_null() && !matches!(text(choice), "NONE" | "REQUIRED") {
        return refuse("tool_choice", "tool_choice must be one of: REQUIRED, NONE");
    }
    if choice == "REQUIRED" && array(&body["tools"]).is_empty() {
        return refuse("tool_choice", "tool_choice REQUIRED needs tools");
    }
    Ok(())
}

fn numbers(body: &Value) -> Checked {
    for (name, least, most) in [
        ("frequency_penalty", 0.0, 1.0),
        ("k", 0.0, 500.0),
        ("p", 0.01, 0.99),
        ("presence_penalty", 0.0, 1.0),
        ("seed", 0.0, 1.8e19),
        ("temperature", 0.0, 2.0),
    ] {
        if body[name].as_f64().is_some_and(|value| value < least || value > most) {
            return refuse(name, format!("{name} must be between {least} and {most}"));
        }
    }
    if array(&body["stop_sequences"]).len() > 5 {
        return refuse("stop_sequences", "too many stop sequences: at most 5 are allowed");
    }
    Ok(())
}
