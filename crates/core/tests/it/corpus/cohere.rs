//! What Cohere's SDKs take of a v2 reply, and what they make of it. Stricter than any one of them.

use serde_json::{Value, json};

use super::grammar::{Checked, Seen, events, must, number, parse, text};

const REASONS: &[&str] = &["COMPLETE", "STOP_SEQUENCE", "MAX_TOKENS", "TOOL_CALL", "ERROR_TOXIC"];

/// The events of a stream: `message-start`, parts and calls one after the other, `message-end`.
pub(crate) fn stream(stream: &str) -> Checked {
    let mut seen = Seen::default();
    let (mut started, mut open) = (false, None::<(String, Value)>);
    let (mut parts, mut calls) = (0, 0);
    for (name, data) in events(stream, true)? {
        must!(seen.stop.is_empty() && !seen.failed, "something follows the end: {data:.80}");
        let event = parse(&data)?;
        must!(event["type"] == name.as_str(), "event {name} says {}", event["type"]);
        must!((name == "message-start") != started, "{name} out of order");
        let message = &event["delta"]["message"];
        let last = seen.blocks.len().saturating_sub(1);
        let here = |kind: &str| open.as_ref().is_some_and(|(k, at)| k == kind && *at == event["index"]);
        match name.as_str() {
            "message-start" => {
                must!(message["role"] == "assistant" && !text(&event, "id")?.is_empty(), "message-start {event}");
                started = true;
            }
            "tool-plan-delta" => {
                must!(open.is_none(), "a plan inside a part");
                text(message, "tool_plan")?;
            }
            "content-start" => {
                must!(open.is_none() && event["index"] == parts, "part {} opens at {parts}", event["index"]);
                let kind = text(&message["content"], "type")?;
                must!(matches!(kind, "text" | "thinking"), "a part of type {kind}");
                seen.blocks.push((kind.to_owned(), text(&message["content"], kind)?.into()));
                parts += 1;
                open = Some(("content".into(), event["index"].clone()));
            }
            "content-delta" => {
                must!(here("content"), "a delta of another part");
                let kind = seen.blocks[last].0.clone();
                let piece = text(&message["content"], &kind)?;
                seen.blocks[last].1 = format!("{}{piece}", seen.blocks[last].1.as_str().unwrap_or_default()).into();
            }
            "content-end" | "tool-call-end" => {
                must!(here(name.trim_end_matches("-end")), "the wrong part ends");
                open = None;
            }
            "tool-call-start" => {
                must!(open.is_none() && event["index"] == calls, "call {} opens at {calls}", event["index"]);
                let (id, called, arguments) = call(&message["tool_calls"])?;
                seen.blocks.push(("call".into(), json!([id, called, arguments])));
                calls += 1;
                open = Some(("tool-call".into(), event["index"].clone()));
            }
            "tool-call-delta" => {
                must!(here("tool-call"), "a delta of another call");
                let piece = text(&message["tool_calls"]["function"], "arguments")?;
                seen.blocks[last].1[2] =
                    format!("{}{piece}", seen.blocks[last].1[2].as_str().unwrap_or_default()).into();
            }
            "citation-start" => must!(message["citations"].is_object(), "{event}"),
            "citation-end" => {}
            "message-end" => {
                let delta = &event["delta"];
                seen.failed = delta["finish_reason"] == "ERROR";
                if seen.failed {
                    text(delta, "error")?;
                } else {
                    must!(open.is_none(), "the end inside a part");
                    end(delta, &mut seen)?;
                }
            }
            other => return Err(format!("an event of type {other}")),
        }
    }
    must!(seen.failed || !seen.stop.is_empty(), "no message-end");
    finished(seen)
}

/// A whole reply.
pub(crate) fn whole(body: &str) -> Checked {
    let reply = parse(body)?;
    must!(!text(&reply, "id")?.is_empty(), "no id");
    let message = &reply["message"];
    must!(message["role"] == "assistant", "role {}", message["role"]);
    let mut seen = Seen::default();
    for part in message["content"].as_array().map_or(&[][..], Vec::as_slice) {
        let kind = text(part, "type")?;
        must!(matches!(kind, "text" | "thinking"), "a part of type {kind}");
        seen.blocks.push((kind.to_owned(), text(part, kind)?.into()));
    }
    for one in message["tool_calls"].as_array().map_or(&[][..], Vec::as_slice) {
        let (id, called, arguments) = call(one)?;
        seen.blocks.push(("call".into(), json!([id, called, arguments])));
    }
    end(&reply, &mut seen)?;
    finished(seen)
}

/// An error body is a message, and nothing else that anyone reads.
pub(super) fn error(body: &Value) -> Result<(), String> {
    must!(!text(body, "message")?.is_empty(), "an empty message");
    Ok(())
}

fn call(call: &Value) -> Result<(&str, &str, &str), String> {
    must!(call["type"] == "function", "a call of type {}", call["type"]);
    let (id, name) = (text(call, "id")?, text(&call["function"], "name")?);
    must!(!id.is_empty() && !name.is_empty(), "a call without id or name");
    Ok((id, name, text(&call["function"], "arguments")?))
}

fn end(reply: &Value, seen: &mut Seen) -> Result<(), String> {
    text(reply, "finish_reason")?.clone_into(&mut seen.stop);
    must!(REASONS.contains(&seen.stop.as_str()), "finish_reason {}", seen.stop);
    let usage = &reply["usage"];
    if usage.is_object() {
        let of = |path: &[&str]| number(usage, path);
        let tokens = (of(&["tokens", "input_tokens"]), of(&["tokens", "output_tokens"]));
        must!(tokens.0.is_some() && tokens.1.is_some(), "usage {usage}");
        let cached = of(&["cached_tokens"]);
        must!(cached.unwrap_or(0) <= tokens.0.unwrap_or(0), "more cached than asked: {usage}");
        seen.usage = vec![tokens.0, tokens.1, cached, of(&["tokens", "reasoning_tokens"])];
    }
    Ok(())
}

/// Arguments are JSON, unless the limit cut them. Calls stand beside the parts, and empty parts carry state only.
fn finished(mut seen: Seen) -> Checked {
    seen.blocks.retain(|(_, value)| value != "");
    seen.blocks.sort_by_key(|block| block.0 == "call");
    for (_, call) in seen.blocks.iter().filter(|b| b.0 == "call" && seen.stop != "MAX_TOKENS" && !seen.failed) {
        parse(call[2].as_str().unwrap_or_default()).map_err(|e| format!("arguments: {e}"))?;
    }
    Ok(seen)
}
