//! The one place that turns refusals and failures into HTTP, in the dialect the client speaks.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, response};

use crate::dialect::{self, Dialect};
use crate::hub::{ErrorKind, Failure, Origin};
use crate::refusal::Refusal;

/// Our id of the exchange, on every reply.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-apex-request-id");

/// Longest wait that Anthropic's SDKs are asked to sleep by `retry-after`: they obey it without limit.
const MAX_ANTHROPIC_WAIT_MS: u64 = 60_000;

/// A whole reply.
#[derive(Debug)]
pub struct Whole {
    pub parts: response::Parts,
    pub body: Bytes,
}

impl Whole {
    /// A reply with a body of this type.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = status;
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { parts, body: body.into() }
    }

    /// JSON.
    pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(status, "application/json", body)
    }
}

/// The reply to a request the gateway refuses.
pub fn refuse(refusal: &Refusal, dialect: Dialect, request_id: &str) -> Whole {
    let mut whole = fail(&refusal.to_failure(), dialect, request_id);
    if let Some(allow) = refusal.allow() {
        whole.parts.headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    if refusal.status() == StatusCode::UPGRADE_REQUIRED {
        // RFC 9110 section 15.5.22 asks for the protocols that are offered.
        whole.parts.headers.insert(header::UPGRADE, HeaderValue::from_static("HTTP/1.1"));
    }
    whole
}

/// The reply for a failure before the first byte: a real status, even if the client asked for a stream.
pub fn fail(failure: &Failure, dialect: Dialect, request_id: &str) -> Whole {
    let (status, body) = dialect::encode_error(dialect, failure, request_id);
    let mut whole = Whole::json(status, body);
    whole.parts.headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    retry_headers(failure, dialect, status, &mut whole.parts.headers);
    whole
}

/// `retry-after`, `retry-after-ms` and `x-should-retry`.
fn retry_headers(failure: &Failure, dialect: Dialect, status: StatusCode, headers: &mut HeaderMap) {
    let mut should_retry = failure.should_retry;
    // Clients that see a 429 without it give up at once (Codex) or storm.
    let wait = failure.retry_after_ms.or((status == StatusCode::TOO_MANY_REQUESTS).then_some(1_000));
    if let Some(ms) = wait {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000).max(1)));
        headers.insert("retry-after-ms", HeaderValue::from(ms));
        if dialect == Dialect::Anthropic && ms > MAX_ANTHROPIC_WAIT_MS {
            should_retry = Some(false);
        }
    }
    let hopeless = matches!(failure.kind, ErrorKind::Quota | ErrorKind::Billing | ErrorKind::ContentPolicy | ErrorKind::ContextLength)
        // The key is the gateway's: trying again does not change it.
        || (failure.kind == ErrorKind::Auth && failure.origin == Origin::Upstream);
    if hopeless {
        should_retry = Some(false);
    }
    if let Some(verdict) = should_retry {
        headers.insert("x-should-retry", HeaderValue::from_static(if verdict { "true" } else { "false" }));
    }
}

/// Puts our request id on a reply: always under our own name, and under the dialect's where the upstream sent none.
pub fn stamp(headers: &mut HeaderMap, dialect: Dialect, request_id: &str) {
    let Ok(id) = HeaderValue::try_from(request_id) else { return };
    let theirs = HeaderName::from_static(if dialect == Dialect::Anthropic { "request-id" } else { "x-request-id" });
    if !headers.contains_key(&theirs) {
        headers.insert(theirs, id.clone());
    }
    headers.insert(REQUEST_ID, id);
}
