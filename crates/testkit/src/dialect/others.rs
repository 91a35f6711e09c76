//! The small endpoints: embeddings, legacy completions, moderations, models, token counts, and the echo.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::{CREATED, Event, Phase, unnamed};
use crate::ask::{array, text};
use crate::json::{Json, obj};
use crate::reply::fnv;
use crate::upstream::Recorded;

pub(crate) fn embeddings(model: &str, body: &Value) -> Json {
    let inputs: Vec<String> = match array(&body["input"]) {
        [] => vec![body["input"].to_string()],
        tokens @ [Value::Number(_), ..] => vec![format!("{tokens:?}")],
        texts => texts.iter().map(ToString::to_string).collect(),
    };
    let size = body["dimensions"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(8);
    let data = inputs.iter().enumerate().map(|(index, input)| {
        let vector = vector(input, size);
        let embedding = if body["encoding_format"] == "base64" {
            let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
            BASE64_STANDARD.encode(bytes).into()
        } else {
            Json::array(vector.iter().map(|x| Json::raw(x.to_string())))
        };
        obj! { "object": "embedding", "index": index, "embedding": embedding }
    });
    let tokens: usize = inputs.iter().map(|input| 1 + input.len() / 4).sum();
    obj! {
        "object": "list",
        "data": Json::array(data),
        "model": model,
        "usage": obj! { "prompt_tokens": tokens, "total_tokens": tokens },
    }
}

/// Numbers that depend on the text only; multiples of 1/256, so that they survive any printing.
pub(crate) fn vector(input: &str, size: usize) -> Vec<f32> {
    let seed = fnv(input.as_bytes());
    (0..size)
        .map(|k| {
            let [byte, ..] = fnv(&[seed.to_le_bytes().as_slice(), &k.to_le_bytes()].concat()).to_le_bytes();
            f32::from(byte) / 256.0 - 0.5
        })
        .collect()
}

pub(crate) fn completion(model: &str, body: &Value) -> Json {
    completion_object(model, &format!("Echo: {}", text(&body["prompt"])), Some("stop"), true)
}

pub(crate) fn completion_events(model: &str, body: &Value) -> Vec<Event> {
    let said = format!("Echo: {}", text(&body["prompt"]));
    let mut out: Vec<Event> = said
        .split_inclusive(' ')
        .map(|piece| unnamed(Phase::Content, completion_object(model, piece, None, false).as_str()))
        .collect();
    out.push(unnamed(Phase::End, completion_object(model, "", Some("stop"), false).as_str()));
    out.push(unnamed(Phase::End, "[DONE]"));
    out
}

fn completion_object(model: &str, said: &str, finish: Option<&str>, usage: bool) -> Json {
    let choice = obj! { "text": said, "index": 0_u64, "logprobs": Json::null(), "finish_reason": finish };
    let usage =
        usage.then(|| obj! { "prompt_tokens": 4_u64, "completion_tokens": said.len(), "total_tokens": said.len() + 4 });
    obj! {
        "id": "cmpl-scripted",
        "object": "text_completion",
        "created": CREATED,
        "model": model,
        "choices": Json::array([choice]),
        "usage": usage,
    }
}

pub(crate) fn moderation(model: &str, body: &Value) -> Json {
    let flagged = body["input"].to_string().contains("violence");
    let result = obj! {
        "flagged": flagged,
        "categories": obj! { "violence": flagged },
        "category_scores": obj! { "violence": Json::raw(if flagged { "0.99" } else { "0.01" }) },
        "category_applied_input_types": obj! { "violence": Json::array(["text".into()]) },
    };
    obj! { "id": "modr-scripted", "model": model, "results": Json::array([result]) }
}

pub(crate) fn count_tokens(body: &Value) -> Json {
    obj! { "input_tokens": 16 + body.to_string().len() / 4 }
}

pub(crate) fn gemini_count(body: &Value) -> Json {
    obj! { "totalTokens": 16 + body.to_string().len() / 4 }
}

pub(crate) fn openai_models(id: Option<&str>) -> Json {
    let model = |id: &str| obj! { "id": id, "object": "model", "created": CREATED, "owned_by": "scripted" };
    match id {
        Some(id) => model(id),
        None => obj! { "object": "list", "data": Json::array(["gpt-5.5", "gpt-5.5-mini"].map(model)) },
    }
}

pub(crate) fn anthropic_models(id: Option<&str>) -> Json {
    let model = |id: &str| {
        obj! {
            "type": "model", "id": id, "display_name": id, "created_at": "2026-01-01T00:00:00Z",
            "max_input_tokens": 200_000_u64, "max_tokens": 64_000_u64,
        }
    };
    match id {
        Some(id) => model(id),
        None => obj! {
            "data": Json::array(["claude-sonnet-4-6", "claude-haiku-4-5"].map(model)),
            "has_more": false,
            "first_id": "claude-sonnet-4-6",
            "last_id": "claude-haiku-4-5",
        },
    }
}

/// What speech sounds like: bytes that are no text.
pub(crate) const SPEECH: &[u8] = b"\xff\xfb\x90\0scripted speech\0\xff";

/// The endpoints whose answer does not depend on the request, and the echo.
pub(crate) fn other(request: &Recorded) -> Json {
    let ends = |end| request.path().ends_with(end);
    if ends("/audio/transcriptions") || ends("/audio/translations") {
        obj! { "text": format!("heard {} bytes", request.body.len()) }
    } else if ends("/responses/input_tokens") {
        obj! { "object": "response.input_tokens", "input_tokens": 16 + request.body.len() / 4 }
    } else if ends("/images/generations") || ends("/images/edits") || ends("/images/variations") {
        obj! { "created": CREATED, "data": Json::array([obj! { "b64_json": BASE64_STANDARD.encode(SPEECH) }]) }
    } else {
        echo(request)
    }
}

/// Any other path: what was received.
fn echo(request: &Recorded) -> Json {
    let headers = request
        .headers
        .iter()
        .map(|(name, value)| Json::array([name.into(), String::from_utf8_lossy(value).as_ref().into()]));
    obj! {
        "method": &request.method,
        "target": &request.target,
        "headers": Json::array(headers),
        "body_bytes": request.body.len(),
        "body": request.body_text(),
    }
}
