//! What the Google SDKs and Gemini CLI take of a reply, and what they make of it. Stricter than any one of them.

use serde_json::{Value, json};

use super::grammar::{Checked, Seen, events, must, number, parse, text};

/// Kinds of parts we write.
const PARTS: &[&str] = &["text", "functionCall", "inlineData"];
const REASONS: &[&str] = &[
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_SAFETY",
    "UNEXPECTED_TOOL_CALL",
];

/// Partial replies of a stream.
pub(crate) fn stream(stream: &str) -> Checked {
    let mut seen = Seen::default();
    for (_, data) in events(stream, false)? {
        must!(seen.stop.is_empty() && !seen.failed, "something follows the end: {data:.80}");
        let piece = parse(&data)?;
        if piece["error"].is_object() {
            error(&piece)?;
            seen.failed = true;
            continue;
        }
        take(&piece, &mut seen)?;
    }
    must!(seen.failed || !seen.stop.is_empty(), "neither a finishReason nor an error");
    Ok(finished(seen))
}

/// A whole reply.
pub(crate) fn whole(body: &str) -> Checked {
    let mut seen = Seen::default();
    take(&parse(body)?, &mut seen)?;
    must!(!seen.stop.is_empty(), "no finishReason");
    Ok(finished(seen))
}

/// An error body: `google.rpc.Status`.
pub(super) fn error(body: &Value) -> Result<(), String> {
    let error = &body["error"];
    must!(error["code"].is_u64(), "no code in {error}");
    must!(!text(error, "message")?.is_empty() && !text(error, "status")?.is_empty(), "{error}");
    Ok(())
}

fn take(piece: &Value, seen: &mut Seen) -> Result<(), String> {
    text(piece, "responseId")?;
    text(piece, "modelVersion")?;
    let usage = &piece["usageMetadata"];
    if usage.is_object() {
        seen.usage = counted(usage)?;
    }
    let candidates = piece["candidates"].as_array().map_or(&[][..], Vec::as_slice);
    if let Some(reason) = piece["promptFeedback"]["blockReason"].as_str() {
        must!(candidates.is_empty(), "blocked, but it answers");
        reason.clone_into(&mut seen.stop);
        return Ok(());
    }
    let [candidate] = candidates else { return Err(format!("{} candidates", candidates.len())) };
    must!(candidate["index"].is_null() || candidate["index"] == 0, "index {}", candidate["index"]);
    if candidate["content"].is_object() {
        must!(candidate["content"]["role"] == "model", "role {}", candidate["content"]["role"]);
    }
    for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
        add(part, seen)?;
    }
    if let Some(reason) = candidate["finishReason"].as_str() {
        must!(REASONS.contains(&reason), "finishReason {reason}");
        reason.clone_into(&mut seen.stop);
    }
    Ok(())
}

fn add(part: &Value, seen: &mut Seen) -> Result<(), String> {
    let kinds: Vec<_> = PARTS.iter().filter(|kind| !part[**kind].is_null()).collect();
    must!(kinds.len() == 1, "a part of {} kinds: {part:.200}", kinds.len());
    if part["functionCall"].is_object() {
        let call = &part["functionCall"];
        must!(call["args"].is_object(), "args {}", call["args"]);
        let id = text(call, "id")?;
        must!(seen.blocks.iter().all(|b| b.0 != "call" || b.1[0] != id), "id {id} twice");
        seen.blocks.push(("call".into(), json!([id, text(call, "name")?, call["args"]])));
        return Ok(());
    }
    if part["inlineData"].is_object() {
        seen.blocks.push(("media".into(), part["inlineData"].clone()));
        return Ok(());
    }
    let kind = if part["thought"] == true { "reasoning" } else { "text" };
    let words = text(part, "text")?;
    match seen.blocks.last_mut() {
        Some((last, Value::String(so_far))) if last == kind => so_far.push_str(words),
        _ => seen.blocks.push((kind.into(), words.into())),
    }
    Ok(())
}

fn counted(usage: &Value) -> Result<Vec<Option<u64>>, String> {
    let of = |key: &str| number(usage, &[key]);
    let zero = |key: &str| of(key).unwrap_or(0);
    let total = zero("promptTokenCount") + zero("candidatesTokenCount") + zero("thoughtsTokenCount");
    must!(of("totalTokenCount") == Some(total), "the total is no sum: {usage}");
    must!(zero("cachedContentTokenCount") <= zero("promptTokenCount"), "more cached than asked: {usage}");
    let output = zero("candidatesTokenCount") + zero("thoughtsTokenCount");
    Ok(vec![of("promptTokenCount"), Some(output), of("cachedContentTokenCount"), of("thoughtsTokenCount")])
}

/// Empty texts carry signatures only.
fn finished(mut seen: Seen) -> Seen {
    seen.blocks.retain(|(_, value)| value != "");
    seen
}
