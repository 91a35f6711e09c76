//! What the accumulators of the official SDKs take, and what they make of it. Stricter than any one of them.

use apex_core::dialect::Dialect;
use serde_json::{Map, Value, json};

/// A reply, whole or accumulated from a stream, in a form that can be compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) blocks: Vec<(String, Value)>,
    pub(crate) stop: String,
    pub(crate) usage: Vec<Option<u64>>,
    /// It ended in an error instead.
    pub(crate) failed: bool,
}

pub(crate) type Checked = Result<Seen, String>;

macro_rules! must {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err(format!($($what)+));
        }
    };
}

pub(crate) use must;

/// Events of a stream as we write it: LF, one `data: ` line, `event: ` before it or not at all.
pub(crate) fn events(stream: &str, named: bool) -> Result<Vec<(String, String)>, String> {
    must!(stream.is_empty() || stream.ends_with("\n\n"), "the stream does not end with a blank line");
    let mut all = Vec::new();
    for event in stream.split_terminator("\n\n") {
        let (name, rest) = match event.strip_prefix("event: ") {
            Some(rest) => rest.split_once('\n').ok_or("an event without data")?,
            None => ("", event),
        };
        must!(name.is_empty() != named, "event name {name:?} in {event:.80}");
        let data = rest.strip_prefix("data: ").ok_or(format!("no data line: {event:.80}"))?;
        must!(!data.contains(['\n', '\r']), "more than one line of data");
        all.push((name.to_owned(), data.to_owned()));
    }
    Ok(all)
}

pub(crate) fn parse(data: &str) -> Result<Value, String> {
    serde_json::from_str(data).map_err(|e| format!("{e}: {data:.80}"))
}

pub(crate) fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str, String> {
    value[key].as_str().ok_or(format!("{key} is not a string in {:.120}", value.to_string()))
}

pub(crate) fn number(value: &Value, path: &[&str]) -> Option<u64> {
    path.iter().fold(value, |v, key| &v[*key]).as_u64()
}

/// A stream of Chat chunks.
pub(crate) fn chat_stream(stream: &str) -> Checked {
    let (mut id, mut done, mut role, mut counted) = (None, false, false, false);
    let (mut content, mut refusal, mut reasoning) = (None::<String>, None::<String>, None::<String>);
    let mut calls: Vec<(String, String, String, String)> = Vec::new();
    let mut seen = Seen::default();
    for (_, data) in events(stream, false)? {
        must!(!done && !seen.failed, "something follows the end: {data:.80}");
        if data == "[DONE]" {
            must!(!seen.stop.is_empty(), "[DONE] without a finish_reason");
            done = true;
            continue;
        }
        let chunk = parse(&data)?;
        if !chunk["error"].is_null() {
            text(&chunk["error"], "message")?;
            text(&chunk["error"], "type")?;
            seen.failed = true;
            continue;
        }
        must!(text(&chunk, "object")? == "chat.completion.chunk", "object {}", chunk["object"]);
        must!(chunk["created"].is_u64(), "created {}", chunk["created"]);
        text(&chunk, "model")?;
        must!(*id.get_or_insert(text(&chunk, "id")?.to_owned()) == chunk["id"], "the id changes");
        must!(!counted, "a chunk after the usage");
        let choices = chunk["choices"].as_array().ok_or("no choices")?;
        if !chunk["usage"].is_null() {
            seen.usage = chat_usage(&chunk["usage"])?;
            counted = true;
        }
        let [choice] = choices.as_slice() else {
            must!(choices.is_empty() && counted, "{} choices without usage", choices.len());
            continue;
        };
        must!(choice["index"] == 0 && seen.stop.is_empty(), "a choice after the finish_reason: {data:.200}");
        let delta = choice["delta"].as_object().ok_or("no delta")?;
        for (key, value) in delta {
            match key.as_str() {
                "role" => {
                    must!(!role && value == "assistant", "a second role");
                    role = true;
                }
                "content" => push(&mut content, value)?,
                "refusal" => push(&mut refusal, value)?,
                "reasoning_content" => push(&mut reasoning, value)?,
                "tool_calls" => {
                    for call in value.as_array().ok_or("tool_calls is no list")? {
                        fragment(call, &mut calls)?;
                    }
                }
                // A list whose objects have no index breaks the Python accumulator when it comes twice.
                _ => must!(
                    !value.is_array()
                        || value
                            .as_array()
                            .is_some_and(|l| l.iter().all(|i| i["index"].is_u64() || key == "annotations")),
                    "{key} has no index"
                ),
            }
        }
        must!(role, "no role in the first chunk");
        if let Some(reason) = choice["finish_reason"].as_str() {
            seen.stop = finish(reason)?;
        }
    }
    must!(done || seen.failed, "neither [DONE] nor an error");
    for (kind, value) in [("reasoning", reasoning), ("text", content), ("refusal", refusal)] {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            seen.blocks.push((kind.to_owned(), value.into()));
        }
    }
    for (id, kind, name, arguments) in calls {
        if !seen.failed && seen.stop != "length" && kind == "function" {
            parse(&arguments).map_err(|e| format!("arguments of {name}: {e}"))?;
        }
        seen.blocks.push(("call".to_owned(), json!([id, name, arguments])));
    }
    Ok(seen)
}

fn finish(reason: &str) -> Result<String, String> {
    must!(
        matches!(reason, "stop" | "length" | "tool_calls" | "content_filter" | "function_call"),
        "finish_reason {reason}"
    );
    Ok(reason.to_owned())
}

fn push(all: &mut Option<String>, value: &Value) -> Result<(), String> {
    match value {
        Value::Null => Ok(()),
        Value::String(s) => {
            all.get_or_insert_default().push_str(s);
            Ok(())
        }
        Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Err(format!("not a string: {value}")),
    }
}

fn fragment(call: &Value, calls: &mut Vec<(String, String, String, String)>) -> Result<(), String> {
    let at = usize::try_from(call["index"].as_u64().ok_or("a call without index")?).unwrap();
    let kind = call["type"].as_str();
    let inner = if kind == Some("custom") || !call["custom"].is_null() { &call["custom"] } else { &call["function"] };
    if at == calls.len() {
        let id = text(call, "id")?;
        must!(!id.is_empty() && calls.iter().all(|c| c.0 != id), "id {id:?} of a call");
        let name = text(inner, "name")?;
        must!(!name.is_empty(), "a call without a name");
        calls.push((id.to_owned(), kind.ok_or("a call without type")?.to_owned(), name.to_owned(), String::new()));
    } else {
        must!(at < calls.len(), "call {at} comes before call {}", calls.len());
        must!(call["id"].is_null() && inner["name"].is_null(), "id or name repeated, the SDKs join them: {call}");
    }
    let piece = inner["arguments"].as_str().or(inner["input"].as_str());
    must!(piece.is_some(), "a fragment without arguments");
    calls[at].3.push_str(piece.unwrap_or_default());
    Ok(())
}

fn chat_usage(usage: &Value) -> Result<Vec<Option<u64>>, String> {
    let of = |path: &[&str]| number(usage, path);
    let (input, output) = (of(&["prompt_tokens"]), of(&["completion_tokens"]));
    must!(input.is_some() && output.is_some() && of(&["total_tokens"]).is_some(), "usage {usage}");
    must!(of(&["total_tokens"]) == input.zip(output).map(|(a, b)| a + b), "the total is no sum: {usage}");
    let cached = of(&["prompt_tokens_details", "cached_tokens"]);
    must!(cached.unwrap_or(0) <= input.unwrap_or(0), "more cached than asked: {usage}");
    Ok(vec![input, output, cached, of(&["completion_tokens_details", "reasoning_tokens"])])
}

/// A whole Chat reply.
pub(crate) fn chat_whole(body: &str) -> Checked {
    let reply = parse(body)?;
    must!(text(&reply, "object")? == "chat.completion", "object {}", reply["object"]);
    text(&reply, "id")?;
    text(&reply, "model")?;
    must!(reply["created"].is_u64(), "created");
    let [choice] = reply["choices"].as_array().ok_or("no choices")?.as_slice() else {
        return Err("not one choice".into());
    };
    let message = &choice["message"];
    must!(message["role"] == "assistant" && choice["index"] == 0, "role or index");
    let mut seen = Seen { stop: finish(text(choice, "finish_reason")?)?, ..Seen::default() };
    must!(
        message.as_object().is_some_and(|m| m.contains_key("content") && m.contains_key("refusal")),
        "content and refusal must be there, even null"
    );
    for (kind, key) in [("reasoning", "reasoning_content"), ("text", "content"), ("refusal", "refusal")] {
        if let Some(value) = message[key].as_str().filter(|v| !v.is_empty()) {
            seen.blocks.push((kind.to_owned(), value.into()));
        }
    }
    for call in message["tool_calls"].as_array().map_or(&[][..], Vec::as_slice) {
        let custom = call["type"] == "custom";
        let inner = &call[if custom { "custom" } else { "function" }];
        let arguments = text(inner, if custom { "input" } else { "arguments" })?;
        if !custom {
            parse(arguments)?;
        }
        seen.blocks.push(("call".to_owned(), json!([text(call, "id")?, text(inner, "name")?, arguments])));
    }
    if !reply["usage"].is_null() {
        seen.usage = chat_usage(&reply["usage"])?;
    }
    Ok(seen)
}

const STOPS: &[&str] = &[
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
    "compaction",
];

/// A stream of Messages events.
#[allow(clippy::too_many_lines, reason = "one grammar, one match")]
pub(crate) fn messages_stream(stream: &str) -> Checked {
    let (mut started, mut over) = (None, false);
    let mut open: Option<(String, String)> = None;
    let mut seen = Seen::default();
    let mut usage = Map::new();
    for (name, data) in events(stream, true)? {
        must!(!over && !seen.failed, "something follows the end: {data:.80}");
        let event = parse(&data)?;
        must!(event["type"] == name.as_str(), "event {name} says {}", event["type"]);
        if name == "ping" {
            continue;
        }
        if name == "error" {
            text(&event["error"], "type")?;
            text(&event["error"], "message")?;
            seen.failed = true;
            continue;
        }
        must!((name == "message_start") == started.is_none(), "{name} out of order");
        match name.as_str() {
            "message_start" => {
                let message = &event["message"];
                must!(
                    message["type"] == "message"
                        && message["role"] == "assistant"
                        && message["content"] == json!([])
                        && message["stop_reason"].is_null(),
                    "message_start {message}"
                );
                text(message, "id")?;
                text(message, "model")?;
                must!(
                    number(message, &["usage", "input_tokens"]).is_some()
                        && number(message, &["usage", "output_tokens"]).is_some(),
                    "no usage in message_start"
                );
                usage.extend(message["usage"].as_object().cloned().unwrap_or_default());
                started = Some(());
            }
            "content_block_start" => {
                must!(open.is_none() && seen.stop.is_empty(), "a block opens inside another or after the stop");
                must!(event["index"] == seen.blocks.len(), "index {} of block {}", event["index"], seen.blocks.len());
                let block = &event["content_block"];
                let kind = text(block, "type")?.to_owned();
                let so_far = match kind.as_str() {
                    "text" => text(block, "text")?.to_owned(),
                    "thinking" => {
                        text(block, "signature")?;
                        text(block, "thinking")?.to_owned()
                    }
                    "redacted_thinking" => text(block, "data")?.to_owned(),
                    "tool_use" => {
                        must!(block["input"] == json!({}), "input {}", block["input"]);
                        must!(
                            !text(block, "id")?.is_empty() && !text(block, "name")?.is_empty(),
                            "a call without id or name"
                        );
                        String::new()
                    }
                    _ => return Err(format!("a block of type {kind}")),
                };
                seen.blocks.push((kind.clone(), block.clone()));
                open = Some((kind, so_far));
            }
            "content_block_delta" => {
                must!(event["index"] == seen.blocks.len() - 1, "a delta of another block");
                let Some((kind, so_far)) = &mut open else { return Err("a delta outside a block".into()) };
                let delta = &event["delta"];
                let (wanted, key) = match text(delta, "type")? {
                    "text_delta" => ("text", "text"),
                    "citations_delta" => ("text", ""),
                    "thinking_delta" => ("thinking", "thinking"),
                    "signature_delta" => ("thinking", "signature"),
                    "input_json_delta" => ("tool_use", "partial_json"),
                    other => return Err(format!("a delta of type {other}")),
                };
                must!(kind == wanted, "{} in a block of type {kind}", delta["type"]);
                if key == "signature" {
                    let last = seen.blocks.len() - 1;
                    seen.blocks[last].1["signature"] = text(delta, key)?.into();
                } else if !key.is_empty() {
                    so_far.push_str(text(delta, key)?);
                }
            }
            "content_block_stop" => {
                must!(event["index"] == seen.blocks.len() - 1, "the wrong block closes");
                let Some((kind, so_far)) = open.take() else { return Err("a stop outside a block".into()) };
                let last = seen.blocks.len() - 1;
                let block = &mut seen.blocks[last].1;
                match kind.as_str() {
                    "tool_use" => {
                        block["input"] = so_far.into();
                    }
                    "thinking" => block["thinking"] = so_far.into(),
                    "text" => {
                        must!(!so_far.is_empty(), "an empty text block: no API takes it back");
                        block["text"] = so_far.into();
                    }
                    _ => {}
                }
            }
            "message_delta" => {
                must!(open.is_none() && seen.stop.is_empty(), "message_delta inside a block, or twice");
                text(&event["delta"], "stop_reason")?.clone_into(&mut seen.stop);
                must!(STOPS.contains(&seen.stop.as_str()), "stop_reason {}", seen.stop);
                must!(number(&event, &["usage", "output_tokens"]).is_some(), "no usage in message_delta");
                usage.extend(
                    event["usage"].as_object().cloned().unwrap_or_default().into_iter().filter(|(_, v)| !v.is_null()),
                );
            }
            "message_stop" => {
                must!(!seen.stop.is_empty(), "message_stop without a reason");
                over = true;
            }
            _ => return Err(format!("an event of type {name}")),
        }
    }
    must!(over || seen.failed, "neither message_stop nor an error");
    for (_, block) in seen.blocks.iter_mut().filter(|b| b.0 == "tool_use") {
        let Some(text) = block["input"].as_str() else { continue };
        let input = if text.is_empty() { Ok(json!({})) } else { parse(text) };
        // At the token limit the last call breaks off, as at the provider itself.
        let input = if seen.stop == "max_tokens" || seen.failed { input.unwrap_or(json!({})) } else { input? };
        must!(input.is_object(), "the input is no object: {input}");
        block["input"] = input;
    }
    if !seen.failed {
        seen.usage = messages_usage(&Value::Object(usage))?;
    }
    agree(&seen)?;
    Ok(seen.plain())
}

fn messages_usage(usage: &Value) -> Result<Vec<Option<u64>>, String> {
    let of = |key| number(usage, &[key]);
    must!(of("input_tokens").is_some() && of("output_tokens").is_some(), "usage {usage}");
    let zero = |n: Option<u64>| n.filter(|n| *n != 0);
    Ok(vec![
        of("input_tokens"),
        of("output_tokens"),
        zero(of("cache_read_input_tokens")),
        zero(of("cache_creation_input_tokens")),
    ])
}

/// A call in the reply and its reason belong together: clients wait for the one and run the other.
fn agree(seen: &Seen) -> Result<(), String> {
    let calls = seen.blocks.iter().any(|b| b.0 == "tool_use");
    must!(seen.failed || seen.stop != "tool_use" || calls, "stop_reason tool_use without a call");
    must!(seen.failed || seen.stop != "end_turn" || !calls, "a call, but stop_reason end_turn");
    Ok(())
}

impl Seen {
    /// Blocks by what they hold.
    fn plain(mut self) -> Self {
        for (kind, block) in &mut self.blocks {
            *block = match kind.as_str() {
                "text" => block["text"].clone(),
                "thinking" => json!([block["thinking"], block["signature"]]),
                "tool_use" => json!([block["id"], block["name"], block["input"]]),
                _ => block["data"].clone(),
            };
        }
        self
    }
}

/// A whole Messages reply.
pub(crate) fn messages_whole(body: &str) -> Checked {
    let reply = parse(body)?;
    must!(reply["type"] == "message" && reply["role"] == "assistant", "type or role");
    text(&reply, "id")?;
    text(&reply, "model")?;
    let mut seen = Seen { stop: text(&reply, "stop_reason")?.to_owned(), ..Seen::default() };
    must!(STOPS.contains(&seen.stop.as_str()), "stop_reason {}", seen.stop);
    must!(reply.as_object().is_some_and(|r| r.contains_key("stop_sequence")), "no stop_sequence");
    for block in reply["content"].as_array().ok_or("no content")? {
        let kind = text(block, "type")?;
        let needed: &[&str] = match kind {
            "text" => &["text"],
            "thinking" => &["thinking", "signature"],
            "redacted_thinking" => &["data"],
            "tool_use" => {
                must!(block["input"].is_object(), "the input is no object");
                &["id", "name"]
            }
            _ => return Err(format!("a block of type {kind}")),
        };
        for key in needed {
            text(block, key)?;
        }
        must!(kind != "text" || block["text"] != "", "an empty text block");
        seen.blocks.push((kind.to_owned(), block.clone()));
    }
    seen.usage = messages_usage(&reply["usage"])?;
    agree(&seen)?;
    Ok(seen.plain())
}

/// An error reply in the form the SDKs of a dialect read.
pub(super) fn error(body: &str, client: Dialect) -> Result<(), String> {
    let reply = parse(body)?;
    if client == Dialect::Gemini {
        return super::gemini::error(&reply);
    }
    if client == Dialect::Cohere {
        return super::cohere::error(&reply);
    }
    must!(client != Dialect::Anthropic || reply["type"] == "error", "no type error");
    must!(!text(&reply["error"], "message")?.is_empty(), "an empty message");
    must!(!text(&reply["error"], "type")?.is_empty(), "an empty type");
    Ok(())
}
