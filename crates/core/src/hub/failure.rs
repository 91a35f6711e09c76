//! A failure in the form every dialect shares: what went wrong, whose fault, and whether to try again.

use http::StatusCode;

/// What kind of failure; decides status and type in every dialect (matrix in `dialect/*/error.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    Auth,
    Billing,
    Conflict,
    ContentPolicy,
    ContextLength,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    Permission,
    /// Out of quota: waiting a little does not help.
    Quota,
    RateLimit,
    ServerError,
    Timeout,
    TooLarge,
    /// The provider's answer could not be used (empty, not JSON, truncated).
    BadAnswer,
    Unavailable,
    Unprocessable,
    UnsupportedMedia,
}

impl ErrorKind {
    /// Its name in records, where neither side gave a code; stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "authentication",
            Self::BadAnswer => "bad_answer",
            Self::Billing => "billing",
            Self::Conflict => "conflict",
            Self::ContentPolicy => "content_policy",
            Self::ContextLength => "context_length",
            Self::InvalidRequest => "invalid_request",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotFound => "not_found",
            Self::Overloaded => "overloaded",
            Self::Permission => "permission",
            Self::Quota => "quota",
            Self::RateLimit => "rate_limit",
            Self::ServerError => "server_error",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
            Self::Unprocessable => "unprocessable",
            Self::UnsupportedMedia => "unsupported_media",
        }
    }
}

/// Who answered with the failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Gateway,
    Upstream,
}

/// One failure, before or in the middle of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: ErrorKind,
    /// The status to answer with where the dialect does not demand another one.
    pub status: StatusCode,
    /// For the client: no secrets, at most 4 KiB.
    pub message: String,
    /// Machine-readable code, `error.code` in OpenAI's dialects.
    pub code: Option<String>,
    /// The field at fault, in the caller's notation.
    pub param: Option<String>,
    /// How long to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The upstream's or our own verdict for `x-should-retry`.
    pub should_retry: Option<bool>,
    pub origin: Origin,
}

impl Failure {
    /// The message, with the place it speaks of where it does not name it: for dialects without a field for that.
    pub fn placed(&self) -> String {
        match &self.param {
            Some(param) if !self.message.contains(param.as_str()) => format!("{param}: {}", self.message),
            _ => self.message.clone(),
        }
    }

    /// A failure of the upstream.
    pub fn upstream(kind: ErrorKind, status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            kind,
            status,
            message: message.into(),
            code: None,
            param: None,
            retry_after_ms: None,
            should_retry: None,
            origin: Origin::Upstream,
        }
    }

    /// A failure or refusal of the gateway, with its stable code.
    pub fn gateway(kind: ErrorKind, status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            kind,
            status,
            message: message.into(),
            code: Some(code.to_owned()),
            param: None,
            retry_after_ms: None,
            should_retry: None,
            origin: Origin::Gateway,
        }
    }
}
