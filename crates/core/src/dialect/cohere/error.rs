//! Errors to the wire: <https://docs.cohere.com/reference/errors>. A message and an id are all there is; the SDKs choose
//! their exception by the status.

use http::StatusCode;

use crate::hub::{ErrorKind, Failure, Origin};
use crate::json::{JsonStr, Members, Obj, object};
use crate::sse::write_event;

/// Status and body of a failure.
pub fn encode_error(failure: &Failure, request_id: &str) -> (StatusCode, Vec<u8>) {
    let mut body = Vec::with_capacity(160);
    object(&mut body, |o| {
        o.text("message", &failure.placed());
        if !request_id.is_empty() {
            o.text("id", request_id);
        }
    });
    (status(failure), body)
}

/// A failure in the middle of a stream, as its last event. SDKs take an event without a type for the first one of the
/// stream, so it is told in `message-end`; nothing raises, and only the connection that breaks off behind it does.
pub fn encode_stream_error(failure: &Failure, _request_id: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    write_event("message-end", &mut out, |o| {
        o.obj("delta", |o: &mut Obj<'_>| {
            o.text("finish_reason", "ERROR");
            o.text("error", &failure.placed());
        });
    });
    out
}

/// Is `body` an error as the SDKs of this dialect show it?
pub fn has_error_envelope(body: &[u8]) -> bool {
    std::str::from_utf8(body)
        .ok()
        .and_then(|text| Members::parse(text).ok())
        .and_then(|m| m.get("message"))
        .and_then(JsonStr::from_raw)
        .is_some()
}

/// The gateway chose the status of its own refusals. An upstream's is put into Cohere's words: those its SDKs have an
/// exception for, and those they try again.
fn status(failure: &Failure) -> StatusCode {
    if failure.origin == Origin::Gateway {
        return failure.status;
    }
    match failure.kind {
        ErrorKind::ContentPolicy | ErrorKind::ContextLength | ErrorKind::InvalidRequest => StatusCode::BAD_REQUEST,
        ErrorKind::Auth => StatusCode::UNAUTHORIZED,
        // Its SDKs would try a 429 again, and again in vain.
        ErrorKind::Billing | ErrorKind::Quota => StatusCode::PAYMENT_REQUIRED,
        ErrorKind::RateLimit => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Overloaded | ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Permission => StatusCode::FORBIDDEN,
        ErrorKind::BadAnswer => StatusCode::BAD_GATEWAY,
        ErrorKind::ServerError if (500..=504).contains(&failure.status.as_u16()) => failure.status,
        ErrorKind::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Unprocessable | ErrorKind::UnsupportedMedia => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_and_an_id() {
        let failure = Failure::upstream(ErrorKind::RateLimit, StatusCode::TOO_MANY_REQUESTS, "slow \"down\"");
        let (status, body) = encode_error(&failure, "req_1");
        assert_eq!(
            (status.as_u16(), body.as_slice()),
            (429, br#"{"message":"slow \"down\"","id":"req_1"}"#.as_slice())
        );
        assert!(has_error_envelope(&body));
        assert!(!has_error_envelope(br#"{"error":{"message":"x"}}"#) && !has_error_envelope(b"<html>"));
        let mut quota = Failure::upstream(ErrorKind::Quota, StatusCode::TOO_MANY_REQUESTS, "no money");
        quota.param = Some("model".to_owned());
        assert_eq!(encode_error(&quota, "").1, br#"{"message":"model: no money"}"#);
        assert_eq!(encode_error(&quota, "").0, 402);
        assert_eq!(
            String::from_utf8(encode_stream_error(&failure, "")).unwrap(),
            "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"ERROR\",\"error\":\"slow \\\"down\\\"\"}}\n\n"
        );
    }
}
