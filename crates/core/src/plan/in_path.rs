//! Endpoints with the model in their path: `models/{model}:generateContent`.
//!
//! <https://ai.google.dev/api/generate-content>

use crate::refusal::Refusal;
use crate::route::Operation;
use crate::url::segment;

/// The path of `operation` for `model` at an upstream of this dialect, after the version.
pub(super) fn endpoint(operation: Operation, model: &str, stream: bool) -> Result<String, Refusal> {
    let method = if operation == Operation::GeminiCountTokens {
        "countTokens"
    } else if stream {
        "streamGenerateContent"
    } else {
        "generateContent"
    };
    let (folder, bare) = match model.split_once('/') {
        Some((folder @ ("models" | "tunedModels"), bare)) => (folder, bare),
        _ => ("models", model),
    };
    // A colon in a model's name must not be read as the method's.
    let bare = segment(bare).ok_or(Refusal::UrlNotBuildable)?.replace(':', "%3A");
    Ok(format!("{folder}/{bare}:{method}"))
}

/// The query for the upstream. The client's goes along to its own dialect, without what opens the gateway; a stream that is
/// translated is asked for as server-sent events.
pub(super) fn query(client: Option<&str>, same: bool, stream: bool) -> Option<String> {
    if !same {
        return stream.then(|| "alt=sse".to_owned());
    }
    without_key(client)
}

/// A query without `key`, in which Google's clients may send the gateway's token.
pub(super) fn without_key(query: Option<&str>) -> Option<String> {
    let kept: Vec<_> = query?.split('&').filter(|pair| pair.split('=').next() != Some("key")).collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

/// Does the query ask for server-sent events? Without it a stream is one JSON array.
pub(super) fn asks_sse(query: Option<&str>) -> bool {
    query.is_some_and(|q| q.split('&').any(|pair| matches!(pair, "alt=sse" | "%24alt=sse" | "$alt=sse")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_one_segment() {
        for (model, want) in [
            ("gemini-3-pro", "models/gemini-3-pro:streamGenerateContent"),
            ("models/gemini-3-pro", "models/gemini-3-pro:streamGenerateContent"),
            ("tunedModels/mine", "tunedModels/mine:streamGenerateContent"),
            ("a/../b:x?#", "models/a%2F..%2Fb%3Ax%3F%23:streamGenerateContent"),
        ] {
            assert_eq!(endpoint(Operation::Messages, model, true).unwrap(), want);
        }
        assert!(endpoint(Operation::Messages, "..", true).is_err());
    }

    #[test]
    fn keys_stay_here() {
        assert_eq!(query(Some("key=tok&alt=sse&x=1"), true, true).unwrap(), "alt=sse&x=1");
        assert_eq!(query(Some("key=tok"), true, false), None);
        assert_eq!(query(Some("beta=true"), false, true).unwrap(), "alt=sse");
        assert!(asks_sse(Some("key=1&alt=sse")) && !asks_sse(Some("alt=json")) && !asks_sse(None));
    }
}
