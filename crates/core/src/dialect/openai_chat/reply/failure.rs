//! Errors that come in place of a reply, in a stream or in a body with status 200 (pitfall 132).

use std::borrow::Cow;

use http::StatusCode;

use crate::hub::{ErrorKind, Failure};
use crate::json::{JsonStr, Kind, Members, RawValue, elements, kind};

/// Longest message handed on.
const MESSAGE_CAP: usize = 4096;

/// The failure an object tells of, if it is one. `error` must be truthy: some send `"error": null` with every chunk.
pub(super) fn of(m: &Members<'_>) -> Option<Failure> {
    let error = m.get("error").filter(|raw| !matches!(raw.get(), "null" | "false" | "\"\"" | "{}"));
    if let Some(raw) = error {
        return Some(match kind(raw) {
            // xAI: `{"code", "error": "text"}`.
            Kind::String => read(&Words { message: string(raw), code: word(m, "code"), ..Words::default() }),
            Kind::Object => Members::of(raw).map_or_else(|_| read(&Words::default()), |inner| inside(&inner)),
            Kind::Array | Kind::Bool | Kind::Null | Kind::Number => read(&Words::default()),
        });
    }
    if m.get("choices").is_some() {
        return None;
    }
    // vLLM and Mistral: `{"object": "error", "message", ...}`.
    if m.get("object").and_then(JsonStr::from_raw).is_some_and(|o| o == "error") {
        return Some(inside(m));
    }
    // Cloudflare: `{"success": false, "errors": [{"code", "message"}]}`.
    if m.get("success").is_some_and(|s| s.get() == "false") {
        let first = m.get("errors").and_then(|raw| elements(raw).ok()?.first().copied());
        return Some(
            first.and_then(|raw| Members::of(raw).ok()).map_or_else(|| read(&Words::default()), |m| inside(&m)),
        );
    }
    None
}

/// A failure without any words: `finish_reason: "error"`.
pub(super) fn unnamed(reason: &str) -> Failure {
    read(&Words { message: Some(format!("the upstream ended its reply with `{reason}`").into()), ..Words::default() })
}

/// What an error object says.
#[derive(Debug, Default)]
struct Words<'a> {
    message: Option<Cow<'a, str>>,
    code: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    param: Option<Cow<'a, str>>,
}

pub(super) fn inside(m: &Members<'_>) -> Failure {
    let message = m.get("message").and_then(|raw| match kind(raw) {
        Kind::String => string(raw),
        Kind::Null => None,
        // Mistral: `{"detail": [...]}`.
        Kind::Array | Kind::Bool | Kind::Number | Kind::Object => Some(Cow::Borrowed(raw.get())),
    });
    read(&Words {
        message,
        code: word(m, "code").or_else(|| word(m, "status")),
        kind: word(m, "type"),
        param: word(m, "param"),
    })
}

/// A string, or a number as text: codes come as both.
fn word<'a>(m: &Members<'a>, key: &str) -> Option<Cow<'a, str>> {
    let raw = m.get(key)?;
    if kind(raw) == Kind::Number { Some(Cow::Borrowed(raw.get())) } else { string(raw) }
}

fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    JsonStr::from_raw(raw).map(JsonStr::into_text)
}

fn read(words: &Words<'_>) -> Failure {
    let message = words.message.as_deref().filter(|m| !m.is_empty()).unwrap_or("the upstream reported an error");
    let (kind, status) = classify(words, message);
    let mut failure = Failure::upstream(kind, status, capped(message));
    let numeric = |code: &str| code.bytes().all(|b| b.is_ascii_digit());
    failure.code = words.code.as_deref().filter(|c| !c.is_empty() && !numeric(c)).map(str::to_owned);
    failure.param = words.param.as_deref().map(str::to_owned);
    failure
}

fn capped(message: &str) -> &str {
    let end = (0..=MESSAGE_CAP.min(message.len())).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
    message.get(..end).unwrap_or_default()
}

/// Code, then type, then a number used as a status, then the text.
fn classify(words: &Words<'_>, message: &str) -> (ErrorKind, StatusCode) {
    let by_word = [words.code.as_deref(), words.kind.as_deref()].into_iter().flatten().find_map(by_word);
    if let Some(found) = by_word {
        return found;
    }
    if let Some(found) = words.code.as_deref().and_then(|c| c.parse().ok()).and_then(by_status) {
        return found;
    }
    let text = message.to_ascii_lowercase();
    let says = |needles: &[&str]| needles.iter().any(|n| text.contains(n));
    if says(&["context length", "maximum context", "too many tokens", "prompt is too long", "reduce the length"]) {
        (ErrorKind::ContextLength, StatusCode::BAD_REQUEST)
    } else if says(&["content management policy", "content_filter"]) {
        (ErrorKind::ContentPolicy, StatusCode::BAD_REQUEST)
    } else if says(&["overloaded", "capacity", "try again"]) {
        (ErrorKind::Overloaded, StatusCode::SERVICE_UNAVAILABLE)
    } else if words.kind.as_deref() == Some("invalid_request_error") {
        (ErrorKind::InvalidRequest, StatusCode::BAD_REQUEST)
    } else {
        (ErrorKind::ServerError, StatusCode::INTERNAL_SERVER_ERROR)
    }
}

fn by_word(word: &str) -> Option<(ErrorKind, StatusCode)> {
    Some(match word {
        "authentication_error" | "invalid_api_key" | "UNAUTHENTICATED" => (ErrorKind::Auth, StatusCode::UNAUTHORIZED),
        "content_filter" | "content_policy_violation" => (ErrorKind::ContentPolicy, StatusCode::BAD_REQUEST),
        "context_length_exceeded" => (ErrorKind::ContextLength, StatusCode::BAD_REQUEST),
        "insufficient_quota" => (ErrorKind::Quota, StatusCode::TOO_MANY_REQUESTS),
        "INVALID_ARGUMENT" => (ErrorKind::InvalidRequest, StatusCode::BAD_REQUEST),
        "model_not_found" | "NOT_FOUND" | "not_found_error" => (ErrorKind::NotFound, StatusCode::NOT_FOUND),
        "overloaded_error"
        | "queue_exceeded"
        | "server_is_overloaded"
        | "service_unavailable_error"
        | "UNAVAILABLE" => (ErrorKind::Overloaded, StatusCode::SERVICE_UNAVAILABLE),
        "PERMISSION_DENIED" | "permission_error" => (ErrorKind::Permission, StatusCode::FORBIDDEN),
        "RESOURCE_EXHAUSTED" | "rate_limit_error" | "rate_limit_exceeded" | "slow_down" => {
            (ErrorKind::RateLimit, StatusCode::TOO_MANY_REQUESTS)
        }
        "DEADLINE_EXCEEDED" | "timeout" | "timeout_error" => (ErrorKind::Timeout, StatusCode::GATEWAY_TIMEOUT),
        _ => return None,
    })
}

fn by_status(code: u16) -> Option<(ErrorKind, StatusCode)> {
    let kind = match code {
        400 => ErrorKind::InvalidRequest,
        401 => ErrorKind::Auth,
        402 => ErrorKind::Billing,
        403 => ErrorKind::Permission,
        404 => ErrorKind::NotFound,
        408 | 504 => ErrorKind::Timeout,
        409 => ErrorKind::Conflict,
        413 => ErrorKind::TooLarge,
        422 => ErrorKind::Unprocessable,
        429 => ErrorKind::RateLimit,
        500 => ErrorKind::ServerError,
        498 | 502 | 503 | 520..=530 => ErrorKind::Unavailable,
        _ => return None,
    };
    let status = if code == 498 || code >= 520 { 503 } else { code };
    Some((kind, StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY)))
}
