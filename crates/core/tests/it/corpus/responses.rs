//! What the SDK helpers and Codex take of a Responses reply, and what they make of it. Stricter than any one of them.

use serde_json::{Value, json};

use super::grammar::{Checked, Seen, events, must, number, parse, text};

/// Events of a Responses stream, checked step by step as the SDKs' accumulators do it.
pub(crate) fn stream(stream: &str) -> Checked {
    let mut state = State::default();
    for (name, data) in events(stream, true)? {
        let event = parse(&data)?;
        must!(event["type"] == name.as_str(), "event {name} says {}", event["type"]);
        must!(event["sequence_number"] == state.next, "number {} instead of {}", event["sequence_number"], state.next);
        state.next += 1;
        must!(state.end.is_none(), "something follows the end: {data:.80}");
        state.event(name.strip_prefix("response.").unwrap_or(&name), &event)?;
    }
    let end = state.end.ok_or("no terminal event")?;
    if end["status"] != "failed" {
        must!(state.items.iter().all(|i| i.done), "an item without its end");
        let told: Vec<_> = state.items.iter().map(|i| i.told.clone()).collect();
        must!(end["output"] == Value::Array(told), "the terminal event holds other items");
    }
    object(&end)
}

/// A whole Responses reply.
pub(crate) fn whole(body: &str) -> Checked {
    object(&parse(body)?)
}

#[derive(Default)]
struct State {
    next: u64,
    id: Option<Value>,
    items: Vec<Item>,
    end: Option<Value>,
}

#[derive(Default)]
struct Item {
    told: Value,
    /// Parts of a message or a summary: the kind, the text so far, done.
    parts: Vec<(String, String, bool)>,
    arguments: String,
    arguments_done: bool,
    done: bool,
}

impl State {
    fn event(&mut self, name: &str, event: &Value) -> Result<(), String> {
        match name {
            "created" | "in_progress" => {
                let expected = if self.id.is_none() { "created" } else { "in_progress" };
                must!(name == expected && self.items.is_empty(), "{name} at the wrong place");
                must!(event["response"]["status"] == "in_progress", "status {}", event["response"]["status"]);
                self.same_id(event)
            }
            "completed" | "incomplete" | "failed" => {
                self.same_id(event)?;
                must!(event["response"]["status"] == name, "status {}", event["response"]["status"]);
                self.end = Some(event["response"].clone());
                Ok(())
            }
            _ => {
                must!(self.id.is_some(), "{name} before response.created");
                let at = usize::try_from(event["output_index"].as_u64().ok_or("no output_index")?).unwrap();
                if name == "output_item.added" {
                    must!(at == self.items.len(), "item {at} is added at {}", self.items.len());
                    must!(self.items.iter().all(|i| i.done), "an item opens inside another");
                    must!(!text(&event["item"], "id")?.is_empty(), "an item without id");
                    self.items.push(Item { told: event["item"].clone(), ..Item::default() });
                    return Ok(());
                }
                let item = self.items.get_mut(at).ok_or(format!("{name} for an item that was not added"))?;
                must!(!item.done, "{name} after the item's end");
                item.event(name, event)
            }
        }
    }

    fn same_id(&mut self, event: &Value) -> Result<(), String> {
        let id = &event["response"]["id"];
        must!(id.as_str().is_some_and(|i| i.starts_with("resp_")), "id {id}");
        must!(self.id.get_or_insert(id.clone()) == id, "the id changes");
        Ok(())
    }
}

impl Item {
    fn event(&mut self, name: &str, event: &Value) -> Result<(), String> {
        if name == "output_item.done" {
            return self.finish(&event["item"]);
        }
        must!(event["item_id"] == self.told["id"], "another item's id in {event}");
        let (at, last) = match (&event["content_index"], &event["summary_index"]) {
            (Value::Null, index) | (index, Value::Null) => {
                (usize::try_from(index.as_u64().unwrap_or(0)).unwrap(), self.parts.len().saturating_sub(1))
            }
            _ => return Err("two indices".into()),
        };
        match name {
            "content_part.added" | "reasoning_summary_part.added" => {
                must!(at == self.parts.len() && self.parts.iter().all(|p| p.2), "part {at} opens inside another");
                self.parts.push((text(&event["part"], "type")?.to_owned(), String::new(), false));
            }
            "content_part.done" | "reasoning_summary_part.done" => {
                let part = self.parts.get_mut(at).ok_or("a part that was not added")?;
                let key = if part.0 == "refusal" { "refusal" } else { "text" };
                must!(
                    event["part"]["type"] == part.0.as_str() && event["part"][key] == part.1.as_str(),
                    "part {event}"
                );
                part.2 = true;
            }
            "output_text.delta" | "refusal.delta" | "reasoning_summary_text.delta" => {
                must!(at == last && !self.parts.is_empty(), "text for part {at} of {}", self.parts.len());
                must!(name != "output_text.delta" || event["logprobs"].is_array(), "no logprobs");
                self.parts[at].1.push_str(text(event, "delta")?);
            }
            "output_text.done" | "refusal.done" | "reasoning_summary_text.done" => {
                let key = if name == "refusal.done" { "refusal" } else { "text" };
                must!(event[key] == self.parts[at].1.as_str(), "the text differs from its pieces: {event}");
            }
            "output_text.annotation.added" => must!(event["annotation"]["type"] == "url_citation", "{event}"),
            "function_call_arguments.delta" | "custom_tool_call_input.delta" => {
                must!(!self.arguments_done, "arguments after their end");
                self.arguments.push_str(text(event, "delta")?);
            }
            "function_call_arguments.done" | "custom_tool_call_input.done" => {
                let key = if name == "custom_tool_call_input.done" { "input" } else { "arguments" };
                let whole = text(event, key)?;
                must!(self.arguments.is_empty() || whole == self.arguments, "arguments differ from their pieces");
                whole.clone_into(&mut self.arguments);
                self.arguments_done = true;
            }
            // The TypeScript helper throws.
            other => return Err(format!("an event of type {other}")),
        }
        Ok(())
    }

    fn finish(&mut self, item: &Value) -> Result<(), String> {
        for key in ["id", "type", "call_id", "name", "namespace"] {
            must!(item[key] == self.told[key], "{key} changes from {} to {}", self.told[key], item[key]);
        }
        must!(self.parts.iter().all(|p| p.2), "a part without its end");
        let (key, at) = if item["type"] == "reasoning" { ("summary", "text") } else { ("content", "text") };
        let parts = item[key].as_array().map_or(&[][..], Vec::as_slice);
        must!(parts.len() == self.parts.len(), "{} parts, {} were told", parts.len(), self.parts.len());
        for (part, told) in parts.iter().zip(&self.parts) {
            let at = if told.0 == "refusal" { "refusal" } else { at };
            must!(part[at] == told.1.as_str(), "part {part} was told as {told:?}");
        }
        if let Some(arguments) = item["arguments"].as_str().or(item["input"].as_str()) {
            must!(self.arguments_done && arguments == self.arguments, "arguments of {item}");
        }
        self.told = item.clone();
        self.done = true;
        Ok(())
    }
}

/// Members that a reader may look for: there, if only as `null`.
const MEMBERS: &[&str] = &[
    "background",
    "created_at",
    "error",
    "id",
    "incomplete_details",
    "instructions",
    "max_output_tokens",
    "metadata",
    "model",
    "object",
    "output",
    "parallel_tool_calls",
    "previous_response_id",
    "reasoning",
    "service_tier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "truncation",
    "usage",
    "user",
];

fn object(reply: &Value) -> Checked {
    let all = reply.as_object().ok_or("no object")?;
    if let Some(missing) = MEMBERS.iter().find(|m| !all.contains_key(**m)) {
        return Err(format!("no {missing}"));
    }
    must!(reply["object"] == "response" && reply["created_at"].is_u64(), "object or created_at");
    must!(reply["parallel_tool_calls"].is_boolean() && reply["tools"].is_array(), "echo");
    must!(reply["store"] == false && reply["previous_response_id"].is_null(), "nothing is stored here");
    let mut seen = Seen::default();
    match text(reply, "status")? {
        "failed" => {
            text(&reply["error"], "code")?;
            text(&reply["error"], "message")?;
            seen.failed = true;
        }
        "completed" => seen.stop = "completed".into(),
        "incomplete" => text(&reply["incomplete_details"], "reason")?.clone_into(&mut seen.stop),
        other => return Err(format!("status {other}")),
    }
    for item in reply["output"].as_array().ok_or("output is no list")? {
        block(item, &mut seen)?;
    }
    if !seen.failed {
        seen.usage = usage(&reply["usage"])?;
    }
    Ok(seen)
}

fn block(item: &Value, seen: &mut Seen) -> Result<(), String> {
    match text(item, "type")? {
        "message" => {
            must!(item["role"] == "assistant", "role {}", item["role"]);
            for part in item["content"].as_array().ok_or("no content")? {
                let (kind, key) = match text(part, "type")? {
                    "output_text" => ("text", "text"),
                    "refusal" => ("refusal", "refusal"),
                    other => return Err(format!("a part of type {other}")),
                };
                must!(kind != "text" || part["annotations"].is_array(), "no annotations");
                seen.blocks.push((kind.into(), text(part, key)?.into()));
            }
        }
        "reasoning" => {
            let summary = item["summary"].as_array().ok_or("no summary")?;
            let words: Vec<_> = summary.iter().map(|s| s["text"].as_str().unwrap_or_default()).collect();
            seen.blocks.push(("reasoning".into(), json!([words.join("\n\n"), item["encrypted_content"]])));
        }
        kind @ ("function_call" | "custom_tool_call") => {
            let key = if kind == "function_call" { "arguments" } else { "input" };
            let arguments = text(item, key)?;
            if kind == "function_call" && item["status"] == "completed" {
                parse(arguments).map_err(|e| format!("arguments: {e}"))?;
            }
            let id = text(item, "call_id")?;
            must!(!id.is_empty(), "a call without call_id");
            seen.blocks.push(("call".into(), json!([id, text(item, "name")?, arguments])));
        }
        "image_generation_call" => {
            must!(item["status"] == "completed" && !text(item, "id")?.is_empty(), "status {}", item["status"]);
            let picture = text(item, "result")?;
            must!(!picture.is_empty(), "no picture");
            seen.blocks.push(("image".into(), picture.into()));
        }
        other => return Err(format!("an item of type {other}")),
    }
    Ok(())
}

fn usage(usage: &Value) -> Result<Vec<Option<u64>>, String> {
    let of = |path: &[&str]| number(usage, path).ok_or(format!("no {} in {usage}", path.join(".")));
    let (input, output) = (of(&["input_tokens"])?, of(&["output_tokens"])?);
    must!(of(&["total_tokens"])? == input + output, "the total is no sum: {usage}");
    let cached = of(&["input_tokens_details", "cached_tokens"])?;
    must!(cached <= input, "more cached than asked: {usage}");
    let reasoning = of(&["output_tokens_details", "reasoning_tokens"])?;
    Ok(vec![Some(input), Some(output), Some(cached), Some(reasoning)])
}
