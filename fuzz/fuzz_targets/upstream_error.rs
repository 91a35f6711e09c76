//! Errors of upstreams: any status, headers and body become a failure that every dialect can tell, whole and in a stream.
#![no_main]

use apex_core::dialect::{Dialect, encode_error, encode_stream_error, has_error_envelope};
use apex_core::json::RawValue;
use apex_core::time::Timestamp;
use apex_core::upstream_error::{decode, in_band};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;

// The status and `name: value` pairs on the first line, joined by `|`; the body behind it.
fuzz_target!(|input: &[u8]| {
    let at = input.iter().position(|b| *b == b'\n').unwrap_or(input.len());
    let (head, body) = (&input[..at], input.get(at + 1..).unwrap_or_default());
    let mut fields = head.split(|b| *b == b'|');
    let status = fields.next().and_then(|s| StatusCode::from_bytes(s).ok()).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut headers = HeaderMap::new();
    for field in fields.take(16) {
        let colon = field.iter().position(|b| *b == b':').unwrap_or(field.len());
        let value = field.get(colon + 1..).unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&field[..colon]), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    let now = Timestamp::from_micros(1_790_000_000_000_000);
    let mut failures = vec![decode(status, &headers, body, now)];
    failures.extend(std::str::from_utf8(body).map(in_band));
    for failure in failures {
        assert!(failure.status.as_u16() >= 400, "an error with a good status: {failure:?}");
        assert!(!failure.message.is_empty() && failure.message.len() <= 4 << 10, "the message: {failure:?}");
        for dialect in Dialect::ALL {
            let (status, body) = encode_error(dialect, &failure, "req");
            assert!(status.as_u16() >= 400);
            json(&body);
            assert!(has_error_envelope(dialect, &body), "{dialect} does not know its own error");
            let event = encode_stream_error(dialect, &failure, "req");
            let event = String::from_utf8(event).expect("a stream is text");
            assert!(event.ends_with("\n\n"), "an unfinished event: {event}");
            json(event.lines().find_map(|l| l.strip_prefix("data: ")).expect("data").as_bytes());
        }
    }
});

fn json(bytes: &[u8]) {
    assert!(serde_json::from_slice::<&RawValue>(bytes).is_ok(), "{}", String::from_utf8_lossy(bytes));
}
