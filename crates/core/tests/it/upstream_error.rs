//! Errors of providers, in all their shapes.

#![allow(
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "one table, and clippy takes only functions marked as tests for tests, not what they share"
)]

use apex_core::hub::{ErrorKind, Failure};
use apex_core::time::Timestamp;
use apex_core::upstream_error::{decode, in_band};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;

fn failure(status: u16, headers: &[(&str, &str)], body: &str) -> Failure {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    // 2026-11-21T10:00:00Z
    let now = Timestamp::from_micros(1_795_255_200_000_000);
    decode(StatusCode::from_u16(status).unwrap(), &map, body.as_bytes(), now)
}

#[test]
fn every_shape_gives_kind_and_message() {
    use ErrorKind as K;
    for (status, body, kind, message) in [
        // Anthropic
        (
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}"#,
            K::Overloaded,
            "Overloaded",
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 2 tokens > 1 maximum"}}"#,
            K::ContextLength,
            "prompt is too long: 2 tokens > 1 maximum",
        ),
        (402, r#"{"type":"error","error":{"type":"billing_error","message":"pay"}}"#, K::Billing, "pay"),
        // Ollama calls everything it does not know a fault of the server's: the status knows better.
        (401, r#"{"error":{"message":"Unauthorized","type":"api_error","code":null}}"#, K::Auth, "Unauthorized"),
        (400, r#"{"error":{"message":"no","type":"api_error","code":null}}"#, K::InvalidRequest, "no"),
        // xAI, by OpenRouter: the prompt was refused, and no key.
        (
            403,
            r#"{"error":{"code":403,"message":"Provider returned error","metadata":{"provider_name":"xAI","raw":"{\"code\":\"The caller does not have permission to execute the specified operation\",\"error\":\"Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_CSAM\"}"}}}"#,
            K::ContentPolicy,
            "Provider returned error: Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_CSAM",
        ),
        // OpenAI
        (
            401,
            r#"{"error":{"message":"bad key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
            K::Auth,
            "bad key",
        ),
        (
            404,
            r#"{"error":{"message":"no model","type":"invalid_request_error","code":"model_not_found"}}"#,
            K::NotFound,
            "no model",
        ),
        (429, r#"{"error":{"message":"q","type":"insufficient_quota","code":"insufficient_quota"}}"#, K::Quota, "q"),
        (429, r#"{"error":{"message":"slow","type":"tokens","code":"rate_limit_exceeded"}}"#, K::RateLimit, "slow"),
        (429, r#"{"error":{"message":"x","type":"server_error","code":"slow_down"}}"#, K::RateLimit, "x"),
        (
            503,
            r#"{"error":{"message":"busy","type":"service_unavailable_error","code":"server_is_overloaded"}}"#,
            K::Overloaded,
            "busy",
        ),
        (400, r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#, K::ContextLength, "too long"),
        (
            400,
            r#"{"error":{"message":"filtered","code":"content_filter","innererror":{"content_filter_result":{}}}}"#,
            K::ContentPolicy,
            "filtered",
        ),
        // OpenRouter: the code is a number, the reason inside
        (
            502,
            r#"{"error":{"code":502,"message":"Provider returned error","metadata":{"raw":"{\"error\":{\"message\":\"inner\"}}","provider_name":"x"}}}"#,
            K::Unavailable,
            "Provider returned error: inner",
        ),
        (
            429,
            r#"{"error":{"code":429,"message":"Provider returned error","metadata":{"raw":"the model is busy, retry shortly","provider_name":"x"}}}"#,
            K::RateLimit,
            "Provider returned error: the model is busy, retry shortly",
        ),
        (402, r#"{"error":{"code":402,"message":"Insufficient credits"}}"#, K::Billing, "Insufficient credits"),
        // Google, also as a list
        (
            400,
            r#"[{"error":{"code":400,"message":"API key not valid","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]"#,
            K::Auth,
            "API key not valid",
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"The input token count (9) exceeds the maximum","status":"INVALID_ARGUMENT"}}"#,
            K::ContextLength,
            "The input token count (9) exceeds the maximum",
        ),
        (
            429,
            r#"{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"RequestsPerDayPerProject"}]}]}}"#,
            K::Quota,
            "Quota",
        ),
        (429, r#"{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED"}}"#, K::RateLimit, "Quota"),
        (503, r#"{"error":{"code":503,"message":"later","status":"UNAVAILABLE"}}"#, K::Unavailable, "later"),
        // Flat: Cohere, Cerebras, Mistral, vLLM
        (
            400,
            r#"{"message":"too many tokens: size limit exceeded"}"#,
            K::ContextLength,
            "too many tokens: size limit exceeded",
        ),
        (
            429,
            r#"{"message":"full","type":"too_many_requests_error","param":"queue","code":"queue_exceeded"}"#,
            K::Overloaded,
            "full",
        ),
        (
            422,
            r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","user"],"msg":"Extra inputs are not permitted"}]},"type":"invalid_request_error","code":null,"raw_status_code":422}"#,
            K::Unprocessable,
            "body.user: Extra inputs are not permitted",
        ),
        // FastAPI
        (422, r#"{"detail":[{"loc":["body","n",0],"msg":"bad","type":"x"}]}"#, K::Unprocessable, "body.n.0: bad"),
        (404, r#"{"detail":"Not Found"}"#, K::NotFound, "Not Found"),
        // xAI, Ollama
        (
            400,
            r#"{"code":"Client specified an invalid argument","error":"Model not found: x"}"#,
            K::InvalidRequest,
            "Model not found: x",
        ),
        (500, r#"{"error":"boom, try again"}"#, K::Overloaded, "boom, try again"),
        // Cloudflare
        (
            400,
            r#"{"success":false,"errors":[{"code":5007,"message":"No such model"}],"result":null}"#,
            K::NotFound,
            "No such model",
        ),
        (429, r#"{"success":false,"errors":[{"code":3036,"message":"limit"}]}"#, K::Quota, "limit"),
        (424, r#"{"success":false,"error":[{"code":2016,"message":"blocked"}]}"#, K::ContentPolicy, "blocked"),
        (
            403,
            r#"{"success":false,"error":{"message":"Access denied by policy"}}"#,
            K::Permission,
            "Access denied by policy",
        ),
        (
            429,
            r#"{"success":false,"error":{"message":"Spending limit exceeded","limit":5}}"#,
            K::Quota,
            "Spending limit exceeded",
        ),
        (
            401,
            r#"{"success":false,"error":[{"code":2009,"message":"Unauthorized"}]}"#,
            K::ServerError,
            "Cloudflare AI Gateway refused the request (code 2009): Unauthorized",
        ),
        // Nothing readable
        (502, "<html><h1>Bad Gateway</h1>", K::Unavailable, "the provider answered 502 without a readable error"),
        (524, "", K::Unavailable, "the provider answered 524 without a readable error"),
        (429, "Too Many Requests", K::RateLimit, "the provider answered 429 without a readable error"),
        (500, "{}", K::ServerError, "the provider answered 500 without a readable error"),
        (404, "null", K::NotFound, "the provider answered 404 without a readable error"),
        // pitfall 132: 200 with an error inside
        (200, r#"{"error":{"message":"down","code":503}}"#, K::Unavailable, "down"),
        (200, r#"{"error":"??"}"#, K::BadAnswer, "??"),
    ] {
        let got = failure(status, &[], body);
        assert_eq!((got.kind, got.message.as_str()), (kind, message), "{status} {body}");
        assert!(got.status.as_u16() >= 400, "{status} {body}");
    }
}

#[test]
fn codes_fields_and_verdicts_are_kept() {
    let got =
        failure(400, &[("x-should-retry", "true")], r#"{"error":{"message":"m","param":"messages[0]","code":400}}"#);
    assert_eq!(
        (got.param.as_deref(), got.code.as_deref(), got.should_retry),
        (Some("messages[0]"), Some("400"), Some(true))
    );
    // Final whatever the provider says.
    let got = failure(401, &[("x-should-retry", "true")], "");
    assert_eq!(got.should_retry, Some(false));
    let got = failure(401, &[], r#"{"success":false,"errors":[{"code":2001,"message":"no gateway"}]}"#);
    assert_eq!(
        (got.status.as_u16(), got.code.as_deref(), got.should_retry),
        (502, Some("gateway_misconfigured"), Some(false))
    );
    let got = failure(
        401,
        &[],
        r#"{"error":{"message":"Incorrect API key provided: sk-proj-abcdefgh.","code":"invalid_api_key"}}"#,
    );
    assert_eq!(got.message, "Incorrect API key provided: sk-***");
    let got = in_band(r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#);
    assert_eq!((got.kind, got.status.as_u16()), (ErrorKind::Overloaded, 503));
}

#[test]
fn waits_come_from_anywhere() {
    for (headers, body, ms) in [
        (&[("retry-after-ms", "1500"), ("retry-after", "9")][..], "", Some(1500)),
        (&[("retry-after", "2.5")][..], "", Some(2500)),
        (&[("retry-after", "Sat, 21 Nov 2026 10:00:07 GMT")][..], "", Some(7000)),
        (&[("retry-after", "soon")][..], "", None),
        (
            &[][..],
            r#"{"error":{"message":"x","status":"RESOURCE_EXHAUSTED","details":[{"@type":"t/google.rpc.RetryInfo","retryDelay":"17.5s"}]}}"#,
            Some(17_500),
        ),
        (
            &[
                ("x-ratelimit-remaining-requests", "5"),
                ("x-ratelimit-reset-requests", "9m0s"),
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", "6m0s"),
            ][..],
            "",
            Some(360_000),
        ),
        (
            &[
                ("anthropic-ratelimit-tokens-remaining", "0"),
                ("anthropic-ratelimit-tokens-reset", "2026-11-21T10:00:12Z"),
            ][..],
            "",
            Some(12_000),
        ),
        (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795255203000")][..], "", Some(3000)),
        (&[][..], r#"{"error":{"message":"Please try again in 1.5s. Visit"}}"#, Some(1500)),
        (&[][..], r#"{"error":{"message":"Please retry in 12.3s"}}"#, Some(12_300)),
        (&[][..], r#"{"error":{"message":"Try again in 20 seconds"}}"#, Some(20_000)),
        (&[][..], r#"{"error":{"message":"Try again later"}}"#, None),
    ] {
        assert_eq!(failure(429, headers, body).retry_after_ms, ms, "{headers:?} {body}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(status in 100u16..1000, body in ".{0,200}", header in "[ -~]{0,30}") {
        failure(status, &[("retry-after", &header), ("x-ratelimit-remaining-x", "0"), ("x-ratelimit-reset-x", &header)], &body);
        in_band(&body);
        in_band(&format!(r#"{{"error":{{"message":{body:?},"code":"{status}"}}}}"#));
    }
}
