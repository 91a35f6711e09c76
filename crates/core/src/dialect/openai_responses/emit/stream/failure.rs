//! What a failure is called.

use crate::hub::{ErrorKind, Failure};

/// The codes that Codex tells apart: <https://platform.openai.com/docs/api-reference/responses/object#responses-object-error>.
pub(super) const fn code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Billing | ErrorKind::Quota => "insufficient_quota",
        ErrorKind::ContentPolicy | ErrorKind::InvalidRequest | ErrorKind::Unprocessable => "invalid_prompt",
        ErrorKind::ContextLength => "context_length_exceeded",
        ErrorKind::RateLimit => "rate_limit_exceeded",
        ErrorKind::Auth
        | ErrorKind::BadAnswer
        | ErrorKind::Conflict
        | ErrorKind::MethodNotAllowed
        | ErrorKind::NotFound
        | ErrorKind::Overloaded
        | ErrorKind::Permission
        | ErrorKind::ServerError
        | ErrorKind::Timeout
        | ErrorKind::TooLarge
        | ErrorKind::Unavailable
        | ErrorKind::UnsupportedMedia => "server_error",
    }
}

/// The message, and how long to wait where a rate limit says so: Codex reads it from these words.
pub(super) fn with_delay(failure: &Failure) -> String {
    match failure.retry_after_ms {
        Some(ms) if failure.kind == ErrorKind::RateLimit && !failure.message.contains("try again in") => {
            format!("{} Please try again in {}.{:03}s.", failure.message, ms / 1000, ms % 1000)
        }
        _ => failure.message.clone(),
    }
}
