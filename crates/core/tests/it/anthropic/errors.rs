//! Errors to Anthropic clients.

use apex_core::dialect::anthropic::{encode_error, encode_stream_error, has_error_envelope};
use apex_core::hub::{ErrorKind, Failure};
use http::StatusCode;

use super::json;

#[test]
fn kinds_have_their_status_and_type() {
    // pitfalls 133, 135
    for (kind, status, kind_word) in [
        (ErrorKind::Auth, 401, "authentication_error"),
        (ErrorKind::BadAnswer, 502, "api_error"),
        (ErrorKind::Billing, 402, "billing_error"),
        (ErrorKind::Conflict, 409, "conflict_error"),
        (ErrorKind::ContentPolicy, 400, "invalid_request_error"),
        (ErrorKind::ContextLength, 400, "invalid_request_error"),
        (ErrorKind::InvalidRequest, 400, "invalid_request_error"),
        (ErrorKind::MethodNotAllowed, 405, "not_found_error"),
        (ErrorKind::NotFound, 404, "not_found_error"),
        (ErrorKind::Overloaded, 529, "overloaded_error"),
        (ErrorKind::Permission, 403, "permission_error"),
        (ErrorKind::Quota, 402, "billing_error"),
        (ErrorKind::RateLimit, 429, "rate_limit_error"),
        (ErrorKind::ServerError, 500, "api_error"),
        (ErrorKind::Timeout, 504, "timeout_error"),
        (ErrorKind::TooLarge, 413, "request_too_large"),
        (ErrorKind::Unavailable, 529, "overloaded_error"),
        (ErrorKind::Unprocessable, 400, "invalid_request_error"),
        (ErrorKind::UnsupportedMedia, 415, "invalid_request_error"),
    ] {
        let failure = Failure::upstream(kind, StatusCode::IM_A_TEAPOT, "slow \"down\"");
        let (got, body) = encode_error(&failure, "req_1");
        assert_eq!(got.as_u16(), status, "{kind:?}");
        let body = json(&body);
        assert_eq!(body["type"], "error");
        assert_eq!(body["error"]["type"], kind_word, "{kind:?}");
        assert_eq!(body["request_id"], "req_1");
    }
    let failure = Failure::gateway(ErrorKind::Unavailable, StatusCode::SERVICE_UNAVAILABLE, "busy", "full");
    assert_eq!(encode_error(&failure, "r").0, 503);
}

#[test]
fn too_long_prompts_name_both_numbers() {
    for (text, shown) in [
        ("prompt is too long: 210000 tokens > 200000 maximum", "prompt is too long: 210000 tokens > 200000 maximum"),
        (
            "This model's maximum context length is 128000 tokens. However, you requested 130,500 tokens (120000 in the messages, 10500 in the completion).",
            "prompt is too long: 130500 tokens > 128000 maximum",
        ),
        (
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            "prompt is too long: 1200000 tokens > 1048576 maximum",
        ),
        (
            "Prompt contains 65673 tokens, too large for model-20250101 with 32768 maximum context length",
            "prompt is too long: 65673 tokens > 32768 maximum",
        ),
        (
            "too many tokens: size limit exceeded by 25836 tokens. Try using shorter or fewer inputs. The limit for this model is 288000 tokens.",
            "prompt is too long: 313836 tokens > 288000 maximum",
        ),
        ("Your input exceeds the context window.", "prompt is too long: Your input exceeds the context window."),
    ] {
        let failure = Failure::upstream(ErrorKind::ContextLength, StatusCode::BAD_REQUEST, text);
        assert_eq!(json(encode_error(&failure, "r").1)["error"]["message"], shown);
    }
}

#[test]
fn a_field_is_named() {
    let mut failure = Failure::gateway(ErrorKind::InvalidRequest, StatusCode::BAD_REQUEST, "x", "not possible");
    failure.param = Some("messages[3].content[1]".to_owned());
    assert_eq!(json(encode_error(&failure, "r").1)["error"]["message"], "messages[3].content[1]: not possible");
}

#[test]
fn stream_form_and_envelope() {
    let failure = Failure::upstream(ErrorKind::Overloaded, StatusCode::SERVICE_UNAVAILABLE, "busy");
    let event = String::from_utf8(encode_stream_error(&failure, "req_1")).unwrap();
    assert_eq!(
        event,
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"},\"request_id\":\"req_1\"}\n\n"
    );
    for (body, own) in [
        (r#"{"type":"error","error":{"type":"api_error","message":"x"}}"#, true),
        (r#"{"type":"error","error":{"type":"api_error","message":"x","details":null},"request_id":null}"#, true),
        (r#"{"error":{"type":"api_error","message":"x"}}"#, false),
        (r#"{"type":"error","error":"x"}"#, false),
        (r#"[{"type":"error"}]"#, false),
        ("<html>", false),
        ("", false),
    ] {
        assert_eq!(has_error_envelope(body.as_bytes()), own, "{body}");
    }
    assert!(!has_error_envelope(b"\xff"));
}
