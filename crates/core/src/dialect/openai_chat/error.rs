//! Errors to the wire: <https://platform.openai.com/docs/guides/error-codes/api-errors>.
//!
//! All four members of the envelope are always present: typed clients read them without asking.

use http::StatusCode;

use crate::hub::{ErrorKind, Failure};
use crate::json::{Kind, Members, Obj, RawValue, kind, object};

/// Status and body of a failure. The request id travels in a header in this dialect.
pub fn encode_error(failure: &Failure, _request_id: &str) -> (StatusCode, Vec<u8>) {
    let mut body = Vec::with_capacity(160);
    object(&mut body, |o| envelope(failure, o));
    (status(failure), body)
}

/// A failure inside a stream. No `[DONE]` follows: clients would take what came for a whole reply.
pub fn encode_stream_error(failure: &Failure, _request_id: &str) -> Vec<u8> {
    let mut event = b"data: ".to_vec();
    object(&mut event, |o| envelope(failure, o));
    event.extend_from_slice(b"\n\n");
    event
}

/// Is this `{"error": {"message": "..."}}`? Of everything else the SDKs lose the message.
pub fn has_error_envelope(body: &[u8]) -> bool {
    let message = |error: &RawValue| Members::of(error).ok().and_then(|m| m.get("message")).map(kind);
    std::str::from_utf8(body)
        .ok()
        .and_then(|text| Members::parse(text).ok())
        .and_then(|m| m.get("error"))
        .is_some_and(|error| message(error) == Some(Kind::String))
}

fn envelope(failure: &Failure, o: &mut Obj<'_>) {
    let (kind, code) = words(failure);
    o.obj("error", |o| {
        o.text("message", &failure.message);
        o.text("type", kind);
        match &failure.param {
            Some(param) => o.text("param", param),
            None => o.null("param"),
        }
        match failure.code.as_deref().or(code) {
            Some(code) => o.text("code", code),
            None => o.null("code"),
        }
    });
}

/// `error.type`, and the `error.code` where the failure brings none.
fn words(failure: &Failure) -> (&'static str, Option<&'static str>) {
    const REQUEST: &str = "invalid_request_error";
    const SERVER: &str = "server_error";
    match failure.kind {
        ErrorKind::Auth => (REQUEST, Some("invalid_api_key")),
        ErrorKind::BadAnswer => (SERVER, Some("upstream_invalid_response")),
        ErrorKind::Billing | ErrorKind::Quota => ("insufficient_quota", Some("insufficient_quota")),
        ErrorKind::Conflict => ("conflict_error", None),
        ErrorKind::ContentPolicy => (REQUEST, Some("content_policy_violation")),
        ErrorKind::ContextLength => (REQUEST, Some("context_length_exceeded")),
        ErrorKind::InvalidRequest | ErrorKind::Unprocessable | ErrorKind::UnsupportedMedia => (REQUEST, None),
        ErrorKind::MethodNotAllowed => (REQUEST, Some("unknown_url")),
        ErrorKind::NotFound => (REQUEST, Some("model_not_found")),
        ErrorKind::Overloaded | ErrorKind::Unavailable => (SERVER, Some("server_is_overloaded")),
        ErrorKind::Permission => ("permission_error", None),
        ErrorKind::RateLimit if failure.code.as_deref() == Some("slow_down") => (SERVER, None),
        ErrorKind::RateLimit => ("rate_limit_error", Some("rate_limit_exceeded")),
        ErrorKind::ServerError => (SERVER, None),
        ErrorKind::Timeout => ("timeout", Some("timeout")),
        ErrorKind::TooLarge => (REQUEST, Some("request_too_large")),
    }
}

/// The failure's own status, except where this dialect has another one for the kind: clients know no 402 for money, and
/// proxies between us and them no 529 (pitfall 135).
fn status(failure: &Failure) -> StatusCode {
    match failure.kind {
        ErrorKind::Billing | ErrorKind::Quota => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Auth
        | ErrorKind::BadAnswer
        | ErrorKind::Conflict
        | ErrorKind::ContentPolicy
        | ErrorKind::ContextLength
        | ErrorKind::InvalidRequest
        | ErrorKind::MethodNotAllowed
        | ErrorKind::NotFound
        | ErrorKind::Permission
        | ErrorKind::RateLimit
        | ErrorKind::ServerError
        | ErrorKind::Timeout
        | ErrorKind::TooLarge
        | ErrorKind::Unavailable
        | ErrorKind::Unprocessable
        | ErrorKind::UnsupportedMedia => {
            if failure.status.as_u16() > 511 {
                StatusCode::SERVICE_UNAVAILABLE
            } else {
                failure.status
            }
        }
    }
}
