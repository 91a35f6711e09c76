//! What went wrong at the provider, read from status, headers and body.
//!
//! Providers agree on nothing: the same failure is an object, a list, a string, a page of HTML or a 200. Everything
//! becomes one [`Failure`]; the dialect of the client decides how it is told. Words of the body win over the status, and
//! text is only searched where nothing else speaks.

mod retry;
mod scrub;
mod shape;

use http::{HeaderMap, StatusCode};

use crate::hub::{ErrorKind, Failure, Origin};
use crate::time::Timestamp;

pub use scrub::scrub;
use shape::Shape;

/// How long the headers of an answer ask to wait, in milliseconds.
pub(crate) fn wait_ms(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    retry::after_ms(headers, None, "", now)
}

/// Decodes an upstream's failure: any answer of status 400 and up, or a 200 that holds an error.
pub fn decode(status: StatusCode, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Failure {
    let shape = std::str::from_utf8(body).ok().and_then(Shape::read);
    let mut failure = classify(status, shape.as_ref());
    let text = shape.as_ref().map(|s| s.message.as_str()).unwrap_or_default();
    failure.retry_after_ms = retry::after_ms(headers, shape.as_ref().and_then(|s| s.retry_ms), text, now);
    if failure.should_retry.is_none() {
        failure.should_retry = retry::verdict(headers);
    }
    failure
}

/// Decodes an error object inside a stream or inside a 200, where no status speaks.
pub fn in_band(data: &str) -> Failure {
    let shape = Shape::read(data);
    let mut failure = classify(StatusCode::OK, shape.as_ref());
    let text = shape.as_ref().map(|s| s.message.as_str()).unwrap_or_default();
    let hint = shape.as_ref().and_then(|s| s.retry_ms);
    failure.retry_after_ms = retry::after_ms(&HeaderMap::new(), hint, text, Timestamp::default());
    failure
}

fn classify(status: StatusCode, shape: Option<&Shape>) -> Failure {
    // Some providers answer 200 and put the status into the body.
    let told = shape.and_then(|s| s.status).and_then(|s| StatusCode::from_u16(s).ok()).filter(|s| s.as_u16() >= 400);
    let effective = if status.as_u16() >= 400 { status } else { told.unwrap_or(status) };
    // A word for what went wrong inside the server says nothing where the status blames the request.
    let vague = |kind: &ErrorKind| *kind == ErrorKind::ServerError && effective.is_client_error();
    let words = shape.and_then(kind_of_words).filter(|kind| !vague(kind));
    let mut kind = match words {
        Some(kind) => kind,
        None => kind_of_status(effective),
    };
    if let Some(shape) = shape
        && (words.is_none() || kind == ErrorKind::InvalidRequest)
    {
        kind = kind_of_text(effective, kind, &shape.message.to_lowercase()).unwrap_or(kind);
    }
    let answered = if effective.as_u16() >= 400 { effective } else { status_of(kind) };
    let mut failure = Failure {
        kind,
        status: answered,
        message: message(shape, effective),
        code: shape.and_then(|s| s.code.clone()),
        param: shape.and_then(|s| s.param.clone()),
        retry_after_ms: None,
        should_retry: None,
        origin: Origin::Upstream,
    };
    if shape.is_some_and(|s| s.cloudflare) {
        cloudflare(&mut failure, shape);
    }
    let final_ = matches!(
        failure.kind,
        ErrorKind::Auth | ErrorKind::Billing | ErrorKind::ContentPolicy | ErrorKind::ContextLength | ErrorKind::Quota
    );
    if final_ {
        failure.should_retry = Some(false);
    }
    failure
}

/// Text for the client: the provider's own, without secrets; a plain sentence where it sent no readable one.
fn message(shape: Option<&Shape>, status: StatusCode) -> String {
    match shape {
        Some(shape) if !shape.message.trim().is_empty() => scrub(&shape.message),
        _ if status.as_u16() >= 400 => format!("the provider answered {} without a readable error", status.as_u16()),
        _ => "the provider sent an error without a message".to_owned(),
    }
}

/// What the body's code, type or status word says. `invalid_request_error` says nothing: every failure is one somewhere.
fn kind_of_words(shape: &Shape) -> Option<ErrorKind> {
    let code = shape.code.as_deref().unwrap_or_default();
    let by_code = match code {
        "billing_hard_limit_reached" | "insufficient_quota" => Some(ErrorKind::Quota),
        "content_filter" | "content_policy_violation" | "ResponsibleAIPolicyViolation" => {
            Some(ErrorKind::ContentPolicy)
        }
        "context_length_exceeded" | "string_above_max_length" => Some(ErrorKind::ContextLength),
        "invalid_api_key" => Some(ErrorKind::Auth),
        "model_not_found" | "DeploymentNotFound" => Some(ErrorKind::NotFound),
        "queue_exceeded" | "server_is_overloaded" => Some(ErrorKind::Overloaded),
        "rate_limit_exceeded" | "slow_down" => Some(ErrorKind::RateLimit),
        _ => None,
    };
    let by_type = || match shape.kind.as_deref().unwrap_or_default() {
        "api_error" | "server_error" => Some(ErrorKind::ServerError),
        "authentication_error" => Some(ErrorKind::Auth),
        "billing_error" => Some(ErrorKind::Billing),
        "conflict_error" => Some(ErrorKind::Conflict),
        "insufficient_quota" => Some(ErrorKind::Quota),
        "not_found_error" => Some(ErrorKind::NotFound),
        "overloaded_error" => Some(ErrorKind::Overloaded),
        "permission_error" => Some(ErrorKind::Permission),
        "rate_limit_error" => Some(ErrorKind::RateLimit),
        "request_too_large" => Some(ErrorKind::TooLarge),
        "service_unavailable_error" | "unavailable" => Some(ErrorKind::Unavailable),
        "timeout" | "timeout_error" => Some(ErrorKind::Timeout),
        _ => None,
    };
    by_code.or_else(|| google(shape)).or_else(by_type)
}

/// <https://cloud.google.com/apis/design/errors>: the status word, sharpened by the details.
fn google(shape: &Shape) -> Option<ErrorKind> {
    Some(match shape.word.as_deref()? {
        _ if shape.key_invalid => ErrorKind::Auth,
        "ABORTED" => ErrorKind::Conflict,
        "DEADLINE_EXCEEDED" => ErrorKind::Timeout,
        "FAILED_PRECONDITION" | "INVALID_ARGUMENT" | "OUT_OF_RANGE" => ErrorKind::InvalidRequest,
        "INTERNAL" | "UNKNOWN" => ErrorKind::ServerError,
        "NOT_FOUND" => ErrorKind::NotFound,
        "PERMISSION_DENIED" => ErrorKind::Permission,
        "RESOURCE_EXHAUSTED" if shape.per_day => ErrorKind::Quota,
        "RESOURCE_EXHAUSTED" => ErrorKind::RateLimit,
        "UNAUTHENTICATED" => ErrorKind::Auth,
        "UNAVAILABLE" => ErrorKind::Unavailable,
        _ => return None,
    })
}

/// Codes of AI Gateway and Workers AI: <https://developers.cloudflare.com/workers-ai/platform/errors/>.
fn cloudflare(failure: &mut Failure, shape: Option<&Shape>) {
    let number = shape.and_then(|s| s.code.as_deref()).and_then(|c| c.parse::<u32>().ok());
    let kind = match number {
        // The gateway itself is not set up as the caller's configuration says: nobody else's fault, and final.
        Some(code @ (1002..=1004 | 2001 | 2009 | 2021)) => {
            failure.kind = ErrorKind::ServerError;
            failure.status = StatusCode::BAD_GATEWAY;
            failure.code = Some("gateway_misconfigured".to_owned());
            failure.message = format!("Cloudflare AI Gateway refused the request (code {code}): {}", failure.message);
            failure.should_retry = Some(false);
            return;
        }
        Some(2016 | 2017 | 2029 | 2030) => ErrorKind::ContentPolicy,
        Some(3003 | 3039 | 5004) => ErrorKind::InvalidRequest,
        Some(3006) => ErrorKind::TooLarge,
        Some(3007 | 3008) => ErrorKind::Timeout,
        Some(3023 | 3041 | 5016 | 5018) => ErrorKind::Permission,
        Some(3036) => ErrorKind::Quota,
        Some(3040) => ErrorKind::Overloaded,
        Some(3042 | 5007 | 7003) => ErrorKind::NotFound,
        Some(5005 | 5019) => ErrorKind::MethodNotAllowed,
        Some(7013) => ErrorKind::Unavailable,
        Some(10000) => ErrorKind::Auth,
        _ if failure.message.contains("Spending limit exceeded") => ErrorKind::Quota,
        _ if failure.message.contains("Access denied by policy") => ErrorKind::Permission,
        _ => return,
    };
    failure.kind = kind;
    if failure.status.as_u16() < 400 {
        failure.status = status_of(kind);
    }
}

/// What the status says where the body does not.
fn kind_of_status(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 => ErrorKind::Auth,
        402 => ErrorKind::Billing,
        403 => ErrorKind::Permission,
        404 => ErrorKind::NotFound,
        405 => ErrorKind::MethodNotAllowed,
        408 | 504 => ErrorKind::Timeout,
        409 => ErrorKind::Conflict,
        413 => ErrorKind::TooLarge,
        415 => ErrorKind::UnsupportedMedia,
        422 => ErrorKind::Unprocessable,
        424 => ErrorKind::ServerError,
        429 => ErrorKind::RateLimit,
        // Groq: no flex capacity. 520..530: Cloudflare could not reach the provider.
        498 | 502 | 503 | 520..=527 | 530 => ErrorKind::Unavailable,
        529 => ErrorKind::Overloaded,
        // 501: the provider will never do what was asked.
        400..=499 | 501 => ErrorKind::InvalidRequest,
        500..=599 => ErrorKind::ServerError,
        _ => ErrorKind::BadAnswer,
    }
}

/// The last resort: words in the message.
fn kind_of_text(status: StatusCode, kind: ErrorKind, text: &str) -> Option<ErrorKind> {
    const CONTENT: &[&str] =
        &["content management policy", "content violates", "content_filter", "content filter", "safety system"];
    const LENGTH: &[&str] = &[
        "context length",
        "context window",
        "input token count",
        "maximum context",
        "prompt is too long",
        "reduce the length",
        "too many tokens",
    ];
    const MONEY: &[&str] = &["billing", "credit", "insufficient", "quota"];
    let any = |words: &[&str]| words.iter().any(|w| text.contains(w));
    let status = status.as_u16();
    let of_client = (400..500).contains(&status) && status != 429 || status < 400;
    if of_client && any(LENGTH) {
        return Some(ErrorKind::ContextLength);
    }
    if of_client && any(CONTENT) {
        return Some(ErrorKind::ContentPolicy);
    }
    if matches!(status, 402 | 403 | 429) && any(MONEY) {
        return Some(if status == 402 { ErrorKind::Billing } else { ErrorKind::Quota });
    }
    if status >= 500 && kind == ErrorKind::ServerError && any(&["overloaded", "capacity", "try again"]) {
        return Some(ErrorKind::Overloaded);
    }
    None
}

/// A status for failures that came without one.
fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Auth => StatusCode::UNAUTHORIZED,
        ErrorKind::BadAnswer => StatusCode::BAD_GATEWAY,
        ErrorKind::Billing => StatusCode::PAYMENT_REQUIRED,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::ContentPolicy | ErrorKind::ContextLength | ErrorKind::InvalidRequest => StatusCode::BAD_REQUEST,
        ErrorKind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Overloaded | ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Permission => StatusCode::FORBIDDEN,
        ErrorKind::Quota | ErrorKind::RateLimit => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
    }
}
