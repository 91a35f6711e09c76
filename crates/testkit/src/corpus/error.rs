//! Errors in recordings.
#![expect(clippy::indexing_slicing, reason = "a missing member of a `Value` is null")]

use serde_json::Value;

use super::recorded::events;

/// Does a reply with a status of success hold an error in place of an answer?
pub fn fails(text: &str) -> bool {
    let wrong = |v: &Value| {
        !v["error"].is_null()
            || v["type"] == "error"
            || v["type"] == "response.failed"
            || v["x_groq"]["error"].is_string()
            || v["choices"]
                .as_array()
                .is_some_and(|c| c.iter().any(|c| !c["error"].is_null() || c["finish_reason"] == "error"))
    };
    events(text).iter().any(wrong) || serde_json::from_str::<Value>(text).is_ok_and(|v| wrong(&v))
}

/// The message of an error, wherever its provider puts it.
fn words(body: &Value) -> Option<String> {
    let body = if body.is_array() { &body[0] } else { body };
    // OpenRouter quotes what the provider behind it said.
    if let Some(inner) = body.pointer("/error/metadata/raw").and_then(Value::as_str) {
        return serde_json::from_str(inner)
            .ok()
            .and_then(|inner: Value| words(&inner))
            .or_else(|| Some(inner.to_owned()));
    }
    let places = ["/error/message", "/message", "/error", "/detail", "/__text", "/msg"];
    places.iter().find_map(|at| Some(body.pointer(at)?.as_str()?.to_owned()))
}

/// What a recorded error of this status and body may not become: another status, other words.
pub fn error_differences(status: u16, body: &str, told: Option<u16>, said: &str) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    if told != Some(status) {
        all.push(("status", format!("{status} became {}", told.map_or("none".to_owned(), |told| told.to_string()))));
    }
    let body = serde_json::from_str(body).unwrap_or_default();
    if let Some(words) = words(&body).filter(|words| !said.contains(words.trim())) {
        all.push(("error", format!("{words:?} became {said:?}")));
    }
    all
}
