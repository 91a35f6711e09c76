//! Errors to Anthropic clients: <https://docs.anthropic.com/en/api/errors>.

use http::StatusCode;

use crate::hub::{ErrorKind, Failure, Origin};
use crate::json::{JsonStr, Members, object};

/// Status and body of a failure.
pub fn encode_error(failure: &Failure, request_id: &str) -> (StatusCode, Vec<u8>) {
    let mut body = Vec::new();
    write(&mut body, failure, request_id);
    (status(failure), body)
}

/// The failure as the last event of a stream.
pub fn encode_stream_error(failure: &Failure, request_id: &str) -> Vec<u8> {
    let mut out = b"event: error\ndata: ".to_vec();
    write(&mut out, failure, request_id);
    out.extend_from_slice(b"\n\n");
    out
}

/// Is `body` an error that the SDKs of this dialect understand?
pub fn has_error_envelope(body: &[u8]) -> bool {
    fn check(body: &[u8]) -> Option<bool> {
        let mut m = Members::parse(std::str::from_utf8(body).ok()?).ok()?;
        let mut error = m.take_object("error").ok()??;
        let named = |m: &mut Members<'_>, key: &str| m.take_str(key).ok().flatten().is_some();
        let typed = m.take_str("type").ok()?.is_some_and(|t: JsonStr<'_>| t == "error");
        Some(typed && named(&mut error, "type") && named(&mut error, "message"))
    }
    check(body).unwrap_or(false)
}

fn write(out: &mut Vec<u8>, failure: &Failure, request_id: &str) {
    object(out, |o| {
        o.text("type", "error");
        o.obj("error", |o| {
            o.text("type", kind(failure));
            o.text("message", &message(failure));
        });
        o.text("request_id", request_id);
    });
}

/// Claude Code reads both numbers of `prompt is too long: N tokens > M maximum` and compacts; failing that, it looks for
/// how the message begins.
fn message(failure: &Failure) -> String {
    const TOO_LONG: &str = "prompt is too long";
    let text = &failure.message;
    if failure.kind != ErrorKind::ContextLength {
        return failure.placed();
    }
    if text.starts_with(TOO_LONG) {
        return text.clone();
    }
    match token_counts(text) {
        Some((prompt, most)) => format!("{TOO_LONG}: {prompt} tokens > {most} maximum"),
        None => format!("{TOO_LONG}: {text}"),
    }
}

/// Length of the prompt and the model's limit, where a message of any provider names both: the limit is the number next
/// to the word `maximum` (or the smaller one), the prompt the first number above it. Cohere names the limit and by how
/// much it was exceeded.
fn token_counts(text: &str) -> Option<(u64, u64)> {
    let mut numbers: Vec<(usize, u64)> = Vec::new();
    let mut at = 0;
    for word in text.split_inclusive(|c: char| !c.is_ascii_digit() && c != ',') {
        let digits: String = word.chars().filter(char::is_ascii_digit).collect();
        // Shorter numbers are status codes; those behind a dash or a letter are part of a model's name.
        let free = text.get(..at).is_none_or(|t| t.is_empty() || t.ends_with([' ', '(', ':', '>']));
        if digits.len() >= 4
            && free
            && let Ok(number) = digits.parse()
        {
            numbers.push((at, number));
        }
        at += word.len();
    }
    let lower = text.to_ascii_lowercase();
    let next_to = |word: &str| lower.find(word).and_then(|near| numbers.iter().find(|(at, _)| *at > near));
    if let (Some((_, more)), Some((_, most))) = (next_to("exceeded by"), next_to("limit for this model")) {
        return Some((most.saturating_add(*more), *most));
    }
    let after = next_to("maximum");
    let most = match after {
        Some((_, number)) if numbers.iter().any(|(_, n)| n > number) => *number,
        _ => numbers.iter().map(|(_, n)| *n).min()?,
    };
    numbers.iter().map(|(_, n)| *n).find(|n| *n > most).map(|prompt| (prompt, most))
}

/// The gateway chose the status of its own refusals for this client. An upstream's is put into Anthropic's words.
fn status(failure: &Failure) -> StatusCode {
    if failure.origin == Origin::Gateway {
        return failure.status;
    }
    match failure.kind {
        ErrorKind::ContentPolicy | ErrorKind::ContextLength | ErrorKind::InvalidRequest | ErrorKind::Unprocessable => {
            StatusCode::BAD_REQUEST
        }
        ErrorKind::Auth => StatusCode::UNAUTHORIZED,
        ErrorKind::Billing | ErrorKind::Quota => StatusCode::PAYMENT_REQUIRED,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Overloaded | ErrorKind::Unavailable => overloaded(),
        ErrorKind::Permission => StatusCode::FORBIDDEN,
        ErrorKind::RateLimit => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::ServerError if failure.status.is_server_error() => failure.status,
        ErrorKind::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::BadAnswer => StatusCode::BAD_GATEWAY,
        ErrorKind::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
    }
}

/// 529, which Anthropic made up and its clients know.
fn overloaded() -> StatusCode {
    StatusCode::from_u16(529).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

fn kind(failure: &Failure) -> &'static str {
    match failure.kind {
        ErrorKind::Auth => "authentication_error",
        ErrorKind::BadAnswer | ErrorKind::ServerError => "api_error",
        ErrorKind::Billing | ErrorKind::Quota => "billing_error",
        ErrorKind::Conflict => "conflict_error",
        ErrorKind::ContentPolicy
        | ErrorKind::ContextLength
        | ErrorKind::InvalidRequest
        | ErrorKind::Unprocessable
        | ErrorKind::UnsupportedMedia => "invalid_request_error",
        ErrorKind::MethodNotAllowed | ErrorKind::NotFound => "not_found_error",
        ErrorKind::Overloaded | ErrorKind::Unavailable => "overloaded_error",
        ErrorKind::Permission => "permission_error",
        ErrorKind::RateLimit => "rate_limit_error",
        ErrorKind::Timeout => "timeout_error",
        ErrorKind::TooLarge => "request_too_large",
    }
}
