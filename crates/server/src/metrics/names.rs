//! Names from outside, as labels: a bounded set, whatever clients and upstreams send.

use std::collections::BTreeSet;

use apex_core::record::{Mode, Record};
use apex_core::semconv;

/// The names that got a label of their own.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<(String, String)>);

/// The labels of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) provider: String,
    pub(super) model: String,
}

impl Names {
    /// A model gets a label once it has answered: names that only a client made up do not. The first [`MOST`] do.
    pub(super) fn of(&mut self, record: &Record) -> Named {
        if record.mode == Mode::Passthrough {
            // The host is the client's word.
            return Named { provider: "passthrough".to_owned(), model: NONE.to_owned() };
        }
        let provider = record.provider.as_deref().map_or(NONE, semconv::provider_name).to_owned();
        let Some(model) = record.upstream_model.as_deref() else { return Named { provider, model: NONE.to_owned() } };
        let key = (provider, model.to_owned());
        let answered = record.upstream_status.is_some_and(|s| (200..300).contains(&s));
        if !self.0.contains(&key) {
            if !answered || self.0.len() >= MOST || key.1.len() > LONGEST {
                return Named { provider: key.0, model: "other".to_owned() };
            }
            self.0.insert(key.clone());
        }
        Named { provider: key.0, model: key.1 }
    }
}

/// A status that is in common use by itself, others by their class.
pub(super) fn status(status: u16) -> String {
    match status {
        200
        | 201
        | 202
        | 204
        | 400..=405
        | 408
        | 409
        | 413
        | 415
        | 421
        | 422
        | 424
        | 426
        | 429
        | 431
        | 499
        | 500..=504
        | 508
        | 529 => status.to_string(),
        _ => format!("{}xx", status / 100 % 10),
    }
}

/// A route of the table; any other path is `other`.
pub(crate) fn route(record: &Record) -> &'static str {
    const ROUTES: &[&str] = &[
        "/v1/chat/completions",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/responses",
        "/v1/embeddings",
        "/v1/completions",
        "/v1/models",
        "/v1/rerank",
        "/v1/moderations",
    ];
    if record.mode == Mode::Passthrough {
        return "passthrough";
    }
    // The bare and the doubled form are the same route.
    let path = record.path.as_str();
    let rest = path.strip_prefix("/v1/v1/").or_else(|| path.strip_prefix("/v1/")).or_else(|| path.strip_prefix('/'));
    ROUTES.iter().find(|route| route.strip_prefix("/v1/") == rest).copied().unwrap_or("other")
}

/// One of the usual methods.
pub(super) fn method(method: &str) -> &'static str {
    const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    METHODS.iter().find(|known| **known == method).copied().unwrap_or("_OTHER")
}

const MOST: usize = 200;
/// Bytes of a name.
const LONGEST: usize = 128;
const NONE: &str = "none";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_names_share_one_label() {
        let mut names = Names::default();
        let mut of = |provider: &str, model: &str, status| {
            let record = Record {
                provider: Some(provider.to_owned()),
                upstream_model: Some(model.to_owned()),
                upstream_status: Some(status),
                ..Record::default()
            };
            names.of(&record).model
        };
        assert_eq!(of("openai", "gpt-5.5", 404), "other");
        assert_eq!(of("openai", "gpt-5.5", 200), "gpt-5.5");
        assert_eq!(of("openai", "gpt-5.5", 500), "gpt-5.5");
        assert_eq!(of("openai", &"x".repeat(200), 200), "other");
        let all: BTreeSet<String> = (0..1000).map(|n| of("local", &format!("made-up-{n}"), 200)).collect();
        assert_eq!(all.len(), MOST);
        assert_eq!(of("openai", "gpt-5.5", 200), "gpt-5.5");
    }

    #[test]
    fn statuses_and_routes() {
        assert_eq!((status(429).as_str(), status(418).as_str(), status(999).as_str()), ("429", "4xx", "9xx"));
        let of = |path: &str| route(&Record { path: path.to_owned(), ..Record::default() });
        assert_eq!((of("/chat/completions"), of("/v1/v1/messages")), ("/v1/chat/completions", "/v1/messages"));
        assert_eq!((of("/v1/models/x"), of("/"), of("")), ("other", "other", "other"));
        assert_eq!((method("POST"), method("BREW")), ("POST", "_OTHER"));
    }
}
