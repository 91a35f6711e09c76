//! Errors to Gemini clients: <https://cloud.google.com/apis/design/errors>.

use http::StatusCode;

use crate::hub::{ErrorKind, Failure, Origin};
use crate::json::{JsonStr, Members, Obj, as_u64, object};

/// Status and body of a failure.
pub fn encode_error(failure: &Failure, _request_id: &str) -> (StatusCode, Vec<u8>) {
    let status = status(failure);
    let mut body = Vec::new();
    object(&mut body, |o| write(o, failure, status));
    (status, body)
}

/// The failure as the last event of a stream. There is no terminal marker in this dialect: the error, and a connection that
/// breaks off behind it, are all that tells a reply from a whole one.
pub fn encode_stream_error(failure: &Failure, request_id: &str) -> Vec<u8> {
    let mut out = b"data: ".to_vec();
    out.extend_from_slice(&encode_error(failure, request_id).1);
    out.extend_from_slice(b"\n\n");
    out
}

/// Is `body` an error that the SDKs of this dialect understand? A list of one error is Google's too, but not every SDK
/// unwraps it.
pub fn has_error_envelope(body: &[u8]) -> bool {
    fn check(body: &[u8]) -> Option<bool> {
        let mut m = Members::parse(std::str::from_utf8(body).ok()?).ok()?;
        let mut error = m.take_object("error").ok()??;
        let code = error.take("code").and_then(as_u64).is_some();
        let text = |m: &mut Members<'_>, key: &str| m.take_str(key).ok().flatten().is_some();
        Some(code && text(&mut error, "message") && text(&mut error, "status"))
    }
    check(body).unwrap_or(false)
}

fn write(o: &mut Obj<'_>, failure: &Failure, status: StatusCode) {
    let retry = failure.retry_after_ms;
    o.obj("error", |o| {
        o.uint("code", u64::from(status.as_u16()));
        o.text("message", &failure.placed());
        o.text("status", word(failure.kind, status));
        let reason = reason(failure);
        if retry.is_none() && reason.is_none() {
            return;
        }
        o.arr("details", |a| {
            if let Some(reason) = reason {
                a.obj(|o| {
                    o.text("@type", "type.googleapis.com/google.rpc.ErrorInfo");
                    o.str("reason", &JsonStr::escape(&reason));
                    o.text("domain", "apex-ai-proxy");
                });
            }
            if let Some(ms) = retry {
                a.obj(|o| {
                    o.text("@type", "type.googleapis.com/google.rpc.RetryInfo");
                    o.text("retryDelay", &delay(ms));
                });
            }
        });
    });
}

/// What went wrong, in one word for programs: our stable code, or Google's own for a bad key.
fn reason(failure: &Failure) -> Option<String> {
    match (failure.kind, failure.origin, failure.code.as_deref()) {
        (ErrorKind::Auth, _, _) => Some("API_KEY_INVALID".to_owned()),
        (_, Origin::Gateway, Some(code)) => Some(code.to_ascii_uppercase()),
        _ => None,
    }
}

/// Seconds with a fraction where there is one: `17s`, `0.5s`.
fn delay(ms: u64) -> String {
    match ms % 1_000 {
        0 => format!("{}s", ms / 1_000),
        rest => format!("{}.{rest:03}s", ms / 1_000),
    }
}

/// The gateway chose the status of its own refusals for this client. An upstream's is put into Google's words.
fn status(failure: &Failure) -> StatusCode {
    if failure.origin == Origin::Gateway {
        return failure.status;
    }
    match failure.kind {
        ErrorKind::ContentPolicy
        | ErrorKind::ContextLength
        | ErrorKind::InvalidRequest
        | ErrorKind::TooLarge
        | ErrorKind::Unprocessable
        | ErrorKind::UnsupportedMedia => StatusCode::BAD_REQUEST,
        ErrorKind::Auth => StatusCode::UNAUTHORIZED,
        ErrorKind::Billing | ErrorKind::Quota | ErrorKind::RateLimit => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Overloaded | ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Permission => StatusCode::FORBIDDEN,
        ErrorKind::BadAnswer | ErrorKind::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// Google's canonical code, by what happened and, where that leaves a choice, by the status.
fn word(kind: ErrorKind, status: StatusCode) -> &'static str {
    match kind {
        ErrorKind::Auth => "UNAUTHENTICATED",
        ErrorKind::BadAnswer | ErrorKind::ServerError => "INTERNAL",
        ErrorKind::Billing | ErrorKind::Quota | ErrorKind::RateLimit => "RESOURCE_EXHAUSTED",
        ErrorKind::Conflict => "ABORTED",
        ErrorKind::InvalidRequest if status == StatusCode::NOT_FOUND => "NOT_FOUND",
        ErrorKind::ContentPolicy
        | ErrorKind::ContextLength
        | ErrorKind::InvalidRequest
        | ErrorKind::TooLarge
        | ErrorKind::Unprocessable
        | ErrorKind::UnsupportedMedia => "INVALID_ARGUMENT",
        ErrorKind::MethodNotAllowed => "UNIMPLEMENTED",
        ErrorKind::NotFound => "NOT_FOUND",
        ErrorKind::Overloaded | ErrorKind::Unavailable => "UNAVAILABLE",
        ErrorKind::Permission => "PERMISSION_DENIED",
        ErrorKind::Timeout => "DEADLINE_EXCEEDED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_said_in_the_body() {
        let mut failure = Failure::upstream(ErrorKind::RateLimit, StatusCode::TOO_MANY_REQUESTS, "slow down");
        failure.retry_after_ms = Some(17_000);
        let (status, body) = encode_error(&failure, "req_1");
        assert_eq!(status, 429);
        let want = r#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17s"}]}}"#;
        assert_eq!(String::from_utf8(body.clone()).unwrap(), want);
        assert!(has_error_envelope(&body));
        assert_eq!(delay(1_500), "1.500s");
        assert!(!has_error_envelope(br#"[{"error":{"code":400,"message":"x","status":"y"}}]"#));
        assert!(!has_error_envelope(br#"{"error":{"message":"x","type":"y"}}"#));
    }
}
