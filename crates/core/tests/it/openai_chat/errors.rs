//! Errors for Chat clients.

use apex_core::dialect::openai_chat::{encode_error, encode_stream_error, has_error_envelope};
use apex_core::hub::{ErrorKind, Failure};
use http::StatusCode;
use serde_json::{Value, json};

use super::json;

#[test]
fn the_matrix() {
    for (kind, given, status, word, code) in [
        (ErrorKind::Auth, 401, 401, "invalid_request_error", Some("invalid_api_key")),
        (ErrorKind::BadAnswer, 502, 502, "server_error", Some("upstream_invalid_response")),
        (ErrorKind::Billing, 402, 429, "insufficient_quota", Some("insufficient_quota")),
        (ErrorKind::Conflict, 409, 409, "conflict_error", None),
        (ErrorKind::ContentPolicy, 400, 400, "invalid_request_error", Some("content_policy_violation")),
        (ErrorKind::ContextLength, 400, 400, "invalid_request_error", Some("context_length_exceeded")),
        (ErrorKind::InvalidRequest, 400, 400, "invalid_request_error", None),
        (ErrorKind::MethodNotAllowed, 405, 405, "invalid_request_error", Some("unknown_url")),
        (ErrorKind::NotFound, 404, 404, "invalid_request_error", Some("model_not_found")),
        // Pitfall 135: no 529 for those who do not know it.
        (ErrorKind::Overloaded, 529, 503, "server_error", Some("server_is_overloaded")),
        (ErrorKind::Permission, 403, 403, "permission_error", None),
        (ErrorKind::Quota, 429, 429, "insufficient_quota", Some("insufficient_quota")),
        (ErrorKind::RateLimit, 429, 429, "rate_limit_error", Some("rate_limit_exceeded")),
        (ErrorKind::ServerError, 500, 500, "server_error", None),
        (ErrorKind::Timeout, 504, 504, "timeout", Some("timeout")),
        (ErrorKind::Timeout, 408, 408, "timeout", Some("timeout")),
        (ErrorKind::TooLarge, 413, 413, "invalid_request_error", Some("request_too_large")),
        (ErrorKind::Unavailable, 530, 503, "server_error", Some("server_is_overloaded")),
        (ErrorKind::Unavailable, 502, 502, "server_error", Some("server_is_overloaded")),
        (ErrorKind::Unprocessable, 422, 422, "invalid_request_error", None),
        (ErrorKind::UnsupportedMedia, 415, 415, "invalid_request_error", None),
    ] {
        let failure = Failure::upstream(kind, StatusCode::from_u16(given).unwrap(), "why");
        let (answered, body) = encode_error(&failure, "req_1");
        let expected = json!({"error":{"message":"why","type":word,"param":null,"code":code}});
        assert_eq!((answered.as_u16(), json(&body)), (status, expected), "{kind:?}");
        assert!(has_error_envelope(&body));
    }
}

#[test]
fn a_failures_own_words_win() {
    let mut failure =
        Failure::gateway(ErrorKind::InvalidRequest, StatusCode::BAD_REQUEST, "invalid_mapping", "a \"b\"\n");
    failure.param = Some("messages[3].content[1]".into());
    let error = json(&encode_error(&failure, "").1)["error"].clone();
    assert_eq!(
        error,
        json!({"message":"a \"b\"\n","type":"invalid_request_error","param":"messages[3].content[1]","code":"invalid_mapping"})
    );
    let mut slow = Failure::upstream(ErrorKind::RateLimit, StatusCode::TOO_MANY_REQUESTS, "x");
    slow.code = Some("slow_down".into());
    assert_eq!(json(&encode_error(&slow, "").1)["error"]["type"], "server_error");
}

/// Pitfall 50: one event, no marker.
#[test]
fn in_a_stream() {
    let failure = Failure::upstream(ErrorKind::ServerError, StatusCode::BAD_GATEWAY, "cut");
    let event = String::from_utf8(encode_stream_error(&failure, "req_1")).unwrap();
    let data = event.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap();
    assert_eq!(json(data.as_bytes())["error"]["code"], Value::Null);
    assert!(!data.contains('\n'));
}

/// Pitfall 133: of every other shape the SDKs lose the message.
#[test]
fn envelopes() {
    for (body, known) in [
        (r#"{"error":{"message":"x","type":"t","param":null,"code":null}}"#, true),
        (r#"{"error":{"message":"x","code":400}}"#, true),
        (r#"{"type":"error","error":{"type":"t","message":"x"},"request_id":"r"}"#, true),
        (r#"[{"error":{"message":"x"}}]"#, false),
        (r#"{"error":"x"}"#, false),
        (r#"{"error":{"message":null}}"#, false),
        (r#"{"message":"x"}"#, false),
        ("<html>", false),
        ("", false),
    ] {
        assert_eq!(has_error_envelope(body.as_bytes()), known, "{body}");
    }
    assert!(!has_error_envelope(b"\xff"));
}
