//! What `OpenAI` refuses of Responses: <https://platform.openai.com/docs/api-reference/responses/create>.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::{Checked, IMAGES, is_name, known_members, refuse, unauthorized};
use crate::ask::{array, text};
use crate::upstream::Recorded;

pub(crate) fn check(request: &Recorded, body: &Value) -> Checked {
    let bearer = request.header("authorization").is_some_and(|value| value.starts_with("Bearer ") && value.len() > 7);
    if !bearer && request.header("api-key").is_none() {
        return unauthorized("You didn't provide an API key.");
    }
    known_members(body, MEMBERS, |name| format!("Unknown parameter: '{name}'."))?;
    state(body)?;
    settings(body)?;
    tools(body)?;
    if body["input"].is_string() {
        return Ok(());
    }
    let items = array(&body["input"]);
    if items.is_empty() && body["previous_response_id"].is_null() {
        return refuse("input", "Missing required parameter: 'input'.");
    }
    for (at, item) in items.iter().enumerate() {
        self::item(&format!("input[{at}]"), item)?;
    }
    reasoning(body, items)?;
    pairs(body, items)
}

/// Only what this upstream gave out itself is known to it.
fn state(body: &Value) -> Checked {
    let previous = text(&body["previous_response_id"]);
    let own = previous.strip_prefix("resp_").is_some_and(|token| token.len() == 16);
    if !previous.is_empty() && !own {
        return refuse("previous_response_id", format!("Previous response with id '{previous}' not found."));
    }
    if !previous.is_empty() && !body["conversation"].is_null() {
        return refuse(
            "previous_response_id",
            "Mutually exclusive parameters: ['conversation', 'previous_response_id'].",
        );
    }
    Ok(())
}

fn settings(body: &Value) -> Checked {
    if body["max_output_tokens"].as_u64().is_some_and(|tokens| tokens < 16) {
        return refuse(
            "max_output_tokens",
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.",
        );
    }
    let options = &body["stream_options"];
    if !options.is_null() {
        if body["stream"] != true {
            return refuse(
                "stream_options",
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            );
        }
        known_members(options, &["include_obfuscation"], |name| {
            format!("Unknown parameter: 'stream_options.{name}'.")
        })?;
    }
    if let Some(other) = array(&body["include"]).iter().find(|wanted| !INCLUDE.contains(&text(wanted))) {
        return refuse("include", format!("Invalid value: {other}."));
    }
    let reasoning = &body["reasoning"];
    if !reasoning.is_null() {
        known_members(reasoning, &["context", "effort", "generate_summary", "mode", "summary"], |name| {
            format!("Unknown parameter: 'reasoning.{name}'.")
        })?;
        one_of(
            "reasoning.effort",
            &reasoning["effort"],
            &["none", "minimal", "low", "medium", "high", "xhigh", "max"],
        )?;
        one_of("reasoning.summary", &reasoning["summary"], &["auto", "concise", "detailed"])?;
    }
    let model = text(&body["model"]);
    let reasons = (model.starts_with("gpt-5") || model.starts_with('o')) && reasoning["effort"] != "none";
    for member in ["temperature", "top_p"] {
        if reasons && body[member].as_f64().is_some_and(|value| (value - 1.0).abs() > f64::EPSILON) {
            return refuse(member, format!("Unsupported parameter: '{member}' is not supported with this model."));
        }
    }
    one_of("truncation", &body["truncation"], &["auto", "disabled"])?;
    if array(&body["metadata"]).len() > 16 {
        return refuse("metadata", "Invalid 'metadata': too many properties.");
    }
    if text(&body["safety_identifier"]).len() > 64 {
        return refuse("safety_identifier", "Invalid 'safety_identifier': string too long.");
    }
    format(body)
}

fn format(body: &Value) -> Checked {
    let said = &body["text"];
    if said.is_null() {
        return Ok(());
    }
    known_members(said, &["format", "verbosity"], |name| format!("Unknown parameter: 'text.{name}'."))?;
    one_of("text.verbosity", &said["verbosity"], &["low", "medium", "high"])?;
    let format = &said["format"];
    if format["type"] != "json_schema" {
        return one_of("text.format.type", &format["type"], &["text", "json_object"]);
    }
    known_members(format, &["description", "name", "schema", "strict", "type"], |name| {
        format!("Unknown parameter: 'text.format.{name}'.")
    })?;
    if !is_name(&format["name"], 64) || !format["schema"].is_object() {
        return refuse("text.format", "Missing required parameter: 'text.format.name' and 'text.format.schema'.");
    }
    if format["strict"] == true {
        closed("text.format.schema", &format["schema"])?;
    }
    Ok(())
}

fn item(place: &str, item: &Value) -> Checked {
    let kind = if item["type"].is_null() { "message" } else { text(&item["type"]) };
    let Some((_, prefix, members)) = ITEMS.iter().find(|(name, ..)| *name == kind) else {
        return refuse(place, format!("Invalid value: '{kind}'."));
    };
    known_members(item, members, |name| format!("Unknown parameter: '{place}.{name}'."))?;
    let id = text(&item["id"]);
    if !item["id"].is_null() && !id.starts_with(prefix) {
        return refuse(
            &format!("{place}.id"),
            format!("Invalid '{place}.id': '{id}'. Expected an ID that begins with '{prefix}'."),
        );
    }
    one_of(&format!("{place}.status"), &item["status"], &["in_progress", "completed", "incomplete"])?;
    match kind {
        "message" => message(place, item),
        "function_call" | "custom_tool_call" => {
            let said = if kind == "function_call" { &item["arguments"] } else { &item["input"] };
            if !said.is_string() || !is_name(&item["name"], 128) {
                return refuse(place, format!("Missing required parameter: '{place}.arguments' or '{place}.name'."));
            }
            call_id(place, item)
        }
        "function_call_output" | "custom_tool_call_output" => {
            let output = &item["output"];
            if !output.is_string() && !output.is_array() {
                return refuse(place, format!("Missing required parameter: '{place}.output'."));
            }
            for part in array(output) {
                self::part(&format!("{place}.output"), part, INPUT_PARTS)?;
            }
            call_id(place, item)
        }
        _ => Ok(()),
    }
}

fn call_id(place: &str, item: &Value) -> Checked {
    let id = text(&item["call_id"]);
    if id.is_empty() || id.len() > 64 {
        return refuse(
            &format!("{place}.call_id"),
            format!("Invalid '{place}.call_id': a string of 1 to 64 characters is required."),
        );
    }
    Ok(())
}

fn message(place: &str, item: &Value) -> Checked {
    let role = text(&item["role"]);
    let parts = match role {
        "assistant" => OUTPUT_PARTS,
        "developer" | "system" | "user" => INPUT_PARTS,
        _ => return refuse(&format!("{place}.role"), format!("Invalid value: '{role}'.")),
    };
    let content = &item["content"];
    if content.is_string() {
        return Ok(());
    }
    if !content.is_array() {
        return refuse(&format!("{place}.content"), format!("Missing required parameter: '{place}.content'."));
    }
    for (at, part) in array(content).iter().enumerate() {
        self::part(&format!("{place}.content[{at}]"), part, parts)?;
    }
    Ok(())
}

fn part(place: &str, part: &Value, parts: &[(&str, &[&str])]) -> Checked {
    let kind = text(&part["type"]);
    let Some((_, members)) = parts.iter().find(|(name, _)| *name == kind) else {
        let known: Vec<String> = parts.iter().map(|(name, _)| format!("'{name}'")).collect();
        return refuse(place, format!("Invalid value: '{kind}'. Supported values are: {}.", known.join(", ")));
    };
    known_members(part, members, |name| format!("Unknown parameter: '{place}.{name}'."))?;
    let good = match kind {
        "input_text" | "output_text" => part["text"].is_string(),
        "refusal" => part["refusal"].is_string(),
        "input_image" => part["file_id"].is_string() || is_image_url(text(&part["image_url"])),
        "input_file" => ["file_data", "file_id", "file_url"].iter().any(|member| part[member].is_string()),
        _ => true,
    };
    if good { Ok(()) } else { refuse(place, format!("Invalid '{place}': this `{kind}` holds nothing.")) }
}

/// Reasoning comes with its state where nothing is stored, and goes before what it led to.
fn reasoning(body: &Value, items: &[Value]) -> Checked {
    for (at, item) in items.iter().enumerate().filter(|(_, item)| item["type"] == "reasoning") {
        let (place, id, state) = (format!("input[{at}]"), text(&item["id"]), text(&item["encrypted_content"]));
        if !state.is_empty() && state != STATE {
            return refuse(&place, format!("The encrypted content {state} could not be verified."));
        }
        if state.is_empty() && (body["store"] == false || id.is_empty()) {
            return refuse(
                &place,
                format!("Item with id '{id}' not found. Items are not persisted when `store` is set to false."),
            );
        }
        let follows = items.get(at + 1).is_some_and(|next| match text(&next["type"]) {
            "" | "message" => next["role"] == "assistant",
            kind => kind.ends_with("_call") || kind == "reasoning",
        });
        if !follows {
            return refuse(
                &place,
                format!("Item '{id}' of type 'reasoning' was provided without its required following item."),
            );
        }
    }
    Ok(())
}

/// Calls and their results, either way.
fn pairs(body: &Value, items: &[Value]) -> Checked {
    let mut open = BTreeSet::new();
    for item in items {
        let (kind, id) = (text(&item["type"]), text(&item["call_id"]));
        if kind.ends_with("_call_output") {
            if !open.remove(id) && body["previous_response_id"].is_null() {
                return refuse("input", format!("No tool call found for function call output with call_id {id}."));
            }
        } else if matches!(
            kind,
            "function_call" | "custom_tool_call" | "shell_call" | "local_shell_call" | "apply_patch_call"
        ) {
            open.insert(id);
        }
    }
    match open.first() {
        Some(id) => refuse("input", format!("No tool output found for function call {id}.")),
        None => Ok(()),
    }
}

fn tools(body: &Value) -> Checked {
    let tools = array(&body["tools"]);
    for (at, tool) in tools.iter().enumerate() {
        self::tool(&format!("tools[{at}]"), tool)?;
    }
    let choice = &body["tool_choice"];
    if let Some(word) = choice.as_str() {
        if word == "required" && tools.is_empty() {
            return refuse("tool_choice", "Tool choice 'required' must be specified with 'tools' parameter.");
        }
        return one_of("tool_choice", choice, &["auto", "none", "required"]);
    }
    if matches!(text(&choice["type"]), "function" | "custom")
        && !tools.iter().any(|tool| tool["type"] == choice["type"] && tool["name"] == choice["name"])
    {
        return refuse(
            "tool_choice",
            format!("Tool choice '{}' not found in 'tools' parameter.", text(&choice["name"])),
        );
    }
    Ok(())
}

fn tool(place: &str, tool: &Value) -> Checked {
    let kind = text(&tool["type"]);
    match kind {
        "function" => {
            known_members(tool, FUNCTION, |name| format!("Unknown parameter: '{place}.{name}'."))?;
            if !is_name(&tool["name"], 64) {
                return refuse(&format!("{place}.name"), format!("Missing required parameter: '{place}.name'."));
            }
            let schema = &tool["parameters"];
            if !schema.is_null() && schema["type"] != "object" {
                return refuse(
                    &format!("{place}.parameters"),
                    format!(
                        "Invalid schema for function '{}': schema must be a JSON Schema of 'type: \"object\"'.",
                        text(&tool["name"])
                    ),
                );
            }
            if tool["strict"] == true { closed(&format!("{place}.parameters"), schema) } else { Ok(()) }
        }
        "custom" => {
            known_members(tool, CUSTOM, |name| format!("Unknown parameter: '{place}.{name}'."))?;
            if is_name(&tool["name"], 64) { Ok(()) } else { refuse(place, "Missing required parameter: 'name'.") }
        }
        "namespace" => array(&tool["tools"]).iter().try_for_each(|inner| self::tool(place, inner)),
        _ if HOSTED.iter().any(|hosted| kind.starts_with(hosted)) => Ok(()),
        _ => refuse(place, format!("Invalid value: '{kind}'.")),
    }
}

/// What strict schemas must be.
fn closed(place: &str, schema: &Value) -> Checked {
    if schema["type"] == "object" {
        if schema["additionalProperties"] != false {
            return refuse(place, "Invalid schema: 'additionalProperties' is required to be supplied and to be false.");
        }
        let required = array(&schema["required"]);
        let named = schema["properties"].as_object().into_iter().flatten();
        if let Some((name, _)) = named.into_iter().find(|(name, _)| !required.iter().any(|r| r == name.as_str())) {
            return refuse(
                place,
                format!("Invalid schema: 'required' is required to include every key in properties. Missing '{name}'."),
            );
        }
    }
    for inner in schema.as_object().into_iter().flatten().map(|(_, inner)| inner).chain(array(schema)) {
        closed(place, inner)?;
    }
    Ok(())
}

fn one_of(place: &str, value: &Value, words: &[&str]) -> Checked {
    if value.is_null() || value.as_str().is_some_and(|word| words.contains(&word)) {
        Ok(())
    } else {
        refuse(place, format!("Invalid value: {value}. Supported values are: {}.", words.join(", ")))
    }
}

fn is_image_url(url: &str) -> bool {
    match url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
        Some((mime, data)) => IMAGES.contains(&mime) && BASE64_STANDARD.decode(data).is_ok(),
        None => url.starts_with("https://") || url.starts_with("http://"),
    }
}

/// The one state that this upstream's reasoning has.
const STATE: &str = "c2NyaXB0ZWQ=";

/// Kinds of input items: what their ids begin with, and their members.
const ITEMS: &[(&str, &str, &[&str])] = &[
    ("message", "msg", &["content", "id", "phase", "role", "status", "type"]),
    ("function_call", "fc", &["arguments", "async", "call_id", "caller", "id", "name", "namespace", "status", "type"]),
    ("function_call_output", "fc", &["call_id", "caller", "id", "name", "namespace", "output", "status", "type"]),
    ("custom_tool_call", "ctc", &["call_id", "id", "input", "name", "namespace", "status", "type"]),
    ("custom_tool_call_output", "ctc", &["call_id", "id", "output", "type"]),
    ("reasoning", "rs", &["content", "encrypted_content", "id", "status", "summary", "type"]),
    ("item_reference", "", &["id", "type"]),
    ("additional_tools", "", &["id", "role", "tools", "type"]),
    ("apply_patch_call", "", &["call_id", "id", "operation", "status", "type"]),
    ("apply_patch_call_output", "", &["call_id", "id", "output", "status", "type"]),
    ("local_shell_call", "", &["action", "call_id", "id", "status", "type"]),
    ("local_shell_call_output", "", &["call_id", "id", "output", "status", "type"]),
    ("shell_call", "", &["action", "call_id", "environment", "id", "status", "type"]),
    ("shell_call_output", "", &["call_id", "id", "max_output_length", "output", "status", "type"]),
    ("tool_search_call", "", &["arguments", "call_id", "execution", "id", "status", "type"]),
    ("tool_search_output", "", &["call_id", "execution", "id", "status", "tools", "type"]),
    ("web_search_call", "ws", &["action", "id", "status", "type"]),
];

const INPUT_PARTS: &[(&str, &[&str])] = &[
    ("input_text", &["prompt_cache_breakpoint", "text", "type"]),
    ("input_image", &["detail", "file_id", "image_url", "prompt_cache_breakpoint", "type"]),
    ("input_file", &["detail", "file_data", "file_id", "file_url", "filename", "prompt_cache_breakpoint", "type"]),
];

const OUTPUT_PARTS: &[(&str, &[&str])] =
    &[("output_text", &["annotations", "logprobs", "text", "type"]), ("refusal", &["refusal", "type"])];

const FUNCTION: &[&str] = &[
    "allowed_callers",
    "async",
    "defer_loading",
    "description",
    "name",
    "output_schema",
    "parameters",
    "prompt_cache_breakpoint",
    "strict",
    "type",
];

const CUSTOM: &[&str] = &["defer_loading", "description", "format", "name", "type"];

const HOSTED: [&str; 11] = [
    "apply_patch",
    "code_interpreter",
    "computer",
    "file_search",
    "image_generation",
    "local_shell",
    "mcp",
    "programmatic_tool_calling",
    "shell",
    "tool_search",
    "web_search",
];

const INCLUDE: &[&str] = &[
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
];

const MEMBERS: &[&str] = &[
    "access_programs",
    "background",
    "background_options",
    "client_metadata",
    "context_management",
    "conversation",
    "image",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];
