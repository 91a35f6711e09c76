//! Errors that come in place of a reply, in a stream or in a body with status 200 (pitfall 132).

use http::StatusCode;

use crate::hub::{ErrorKind, Failure};
use crate::json::{JsonStr, Members};

/// Is this object an error? Some send `"error": null` with every chunk, so it must say something.
pub(super) fn is(m: &Members<'_>) -> bool {
    if let Some(error) = m.get("error") {
        return !matches!(error.get(), "null" | "false" | "\"\"" | "{}");
    }
    // vLLM and Mistral have `"object": "error"`, Cloudflare `"success": false`, each instead of the choices.
    m.get("choices").is_none()
        && (m.get("object").and_then(JsonStr::from_raw).is_some_and(|o| o == "error")
            || m.get("success").is_some_and(|s| s.get() == "false"))
}

/// A failure that only its place tells: `finish_reason: "error"`.
pub(super) fn unnamed(what: &str) -> Failure {
    let message = format!("the upstream ended its reply with {what}");
    Failure::upstream(ErrorKind::ServerError, StatusCode::BAD_GATEWAY, message)
}
