//! The route table: exact matches on the raw path, nothing normalised.

use http::Method;

use crate::dialect::Dialect;
use crate::refusal::{Refusal, echo};

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Api(Operation),
    /// `HEAD /api/hello`, Claude Code's probe.
    Hello,
    Health,
    /// `GET /v1/models`.
    Models,
    /// `GET /v1/models/{id}`, the id decoded.
    Model(String),
    Ready,
}

/// An endpoint that is relayed or translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    ChatCompletions,
    CountTokens,
    /// An OpenAI endpoint with a JSON body and a `model`, by its path after `/v1/`.
    Json(&'static str),
    Messages,
    Responses,
}

impl Operation {
    /// The path after `/v1/`; also the name in `paths` of a provider's configuration.
    pub const fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat/completions",
            Self::CountTokens => "messages/count_tokens",
            Self::Json(path) => path,
            Self::Messages => "messages",
            Self::Responses => "responses",
        }
    }

    /// The dialect of its clients: the path decides, never a header.
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::ChatCompletions | Self::Json(_) => Dialect::OpenAiChat,
            Self::CountTokens | Self::Messages => Dialect::Anthropic,
            Self::Responses => Dialect::OpenAiResponses,
        }
    }

    /// Its whole path, for messages.
    pub fn endpoint(self) -> String {
        format!("/v1/{}", self.path())
    }
}

/// Endpoints that take POST, by the path after the version.
const POSTS: &[(&str, Operation)] = &[
    ("chat/completions", Operation::ChatCompletions),
    ("messages", Operation::Messages),
    ("messages/count_tokens", Operation::CountTokens),
    ("responses", Operation::Responses),
    ("embeddings", Operation::Json("embeddings")),
    ("completions", Operation::Json("completions")),
    ("moderations", Operation::Json("moderations")),
    ("images/generations", Operation::Json("images/generations")),
    ("audio/speech", Operation::Json("audio/speech")),
    ("rerank", Operation::Json("rerank")),
];

/// Finds the route of `method` and `path`. The bare form (`/chat/completions`) and the doubled one (`/v1/v1/messages`)
/// are served too: the two commonest base-URL mistakes.
pub fn route(method: &Method, path: &str) -> Result<Route, Refusal> {
    let wrong = |allow| Err(Refusal::MethodNotAllowed { method: echo(method.as_str()), allow });
    let reads = *method == Method::GET || *method == Method::HEAD;
    match path {
        "/healthz" | "/readyz" if !reads => return wrong("GET, HEAD"),
        "/healthz" => return Ok(Route::Health),
        "/readyz" => return Ok(Route::Ready),
        "/api/hello" if !reads => return wrong("GET, HEAD"),
        "/api/hello" => return Ok(Route::Hello),
        _ => {}
    }
    let rest = path.strip_prefix("/v1/v1/").or_else(|| path.strip_prefix("/v1/")).or_else(|| path.strip_prefix('/'));
    let missing = || Refusal::NotFound { path: echo(path) };
    let rest = rest.ok_or_else(missing)?;
    if let Some((_, operation)) = POSTS.iter().find(|(p, _)| *p == rest) {
        return if *method == Method::POST { Ok(Route::Api(*operation)) } else { wrong("POST") };
    }
    if rest == "models" {
        return if reads { Ok(Route::Models) } else { wrong("GET, HEAD") };
    }
    // A model's id may hold slashes, percent-encoded or not (`@cf/vendor/name`).
    if let Some(id) = rest.strip_prefix("models/").filter(|id| !id.is_empty()) {
        let id = percent_encoding::percent_decode_str(id).decode_utf8().map_err(|_| missing())?.into_owned();
        return if reads { Ok(Route::Model(id)) } else { wrong("GET, HEAD") };
    }
    Err(missing())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        let api = |op| Ok(Route::Api(op));
        for (method, path, want) in [
            ("POST", "/v1/chat/completions", api(Operation::ChatCompletions)),
            ("POST", "/chat/completions", api(Operation::ChatCompletions)),
            ("POST", "/v1/v1/messages", api(Operation::Messages)),
            ("POST", "/messages", api(Operation::Messages)),
            ("POST", "/v1/messages/count_tokens", api(Operation::CountTokens)),
            ("POST", "/v1/responses", api(Operation::Responses)),
            ("POST", "/v1/embeddings", api(Operation::Json("embeddings"))),
            ("GET", "/v1/models", Ok(Route::Models)),
            ("GET", "/v1/models/gpt-5.5%23openai", Ok(Route::Model("gpt-5.5#openai".into()))),
            ("GET", "/models/@cf/a%2Fb%23workers-ai", Ok(Route::Model("@cf/a/b#workers-ai".into()))),
            ("HEAD", "/api/hello", Ok(Route::Hello)),
            ("GET", "/healthz", Ok(Route::Health)),
            ("GET", "/readyz", Ok(Route::Ready)),
            ("GET", "/v1/messages", Err(405)),
            ("DELETE", "/v1/models", Err(405)),
            ("POST", "/healthz", Err(405)),
            ("POST", "/", Err(404)),
            ("POST", "", Err(404)),
            ("POST", "*", Err(404)),
            ("POST", "/v1/../admin", Err(404)),
            ("POST", "/v1/%63hat/completions", Err(404)),
            ("POST", "//v1/chat/completions", Err(404)),
            ("POST", "/v1/chat/completions/", Err(404)),
            ("POST", "/v1/xmessages", Err(404)),
            ("POST", "/v1/v1/v1/messages", Err(404)),
            ("GET", "/v1/models/", Err(404)),
            ("GET", "/v1/models/%ff", Err(404)),
        ] {
            let found = route(&Method::from_bytes(method.as_bytes()).unwrap(), path).map_err(|r| r.status().as_u16());
            assert_eq!(found, want, "{method} {path}");
        }
    }
}
