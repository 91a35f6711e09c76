//! The route table: exact matches on the raw path, nothing normalised. Other paths under `/v1/` are relayed to a provider
//! that the request names.

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
    /// `GET /metrics`.
    Metrics,
    /// `GET /v1/models`, `/v1beta/models`.
    Models,
    /// `GET /v1/models/{id}`, `/v1beta/models/{id}`, the id decoded.
    Model(String),
    Ready,
}

/// An endpoint that is relayed or translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    ChatCompletions,
    /// An endpoint of Cohere's beside its chat, by its path with the version: others have their own `rerank`.
    Cohere(&'static str),
    /// `/v2/chat`.
    CohereChat,
    CountTokens,
    /// An endpoint of Gemini's beside its chat, by its path after the version.
    Gemini(&'static str),
    /// `models/{model}:countTokens` of Gemini clients.
    GeminiCountTokens,
    /// `models/{model}:generateContent`.
    GenerateContent,
    /// `responses/input_tokens`: a count for Responses clients.
    InputTokens,
    Messages,
    /// Another OpenAI endpoint with a `model` in its body, by its path after `/v1/`.
    Other(&'static str),
    Responses,
    /// `models/{model}:streamGenerateContent`.
    StreamGenerateContent,
    /// A path under `/v1/` that the gateway does not know, and whose clients it takes to speak this dialect.
    Unlisted(Dialect),
}

impl Operation {
    /// No provider charges for it.
    pub const fn is_free(self) -> bool {
        match self {
            Self::CountTokens | Self::GeminiCountTokens | Self::InputTokens => true,
            Self::Other(path) => matches!(path.as_bytes(), b"moderations"),
            Self::ChatCompletions
            | Self::Cohere(_)
            | Self::CohereChat
            | Self::Gemini(_)
            | Self::GenerateContent
            | Self::Messages
            | Self::Responses
            | Self::StreamGenerateContent
            | Self::Unlisted(_) => false,
        }
    }

    /// It asks for a number of tokens.
    pub const fn counts(self) -> bool {
        matches!(self, Self::CountTokens | Self::GeminiCountTokens | Self::InputTokens)
    }

    /// The path after the version; also the name in `paths` of a provider's configuration. Empty if only the request has
    /// it.
    pub const fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat/completions",
            Self::Cohere(path) | Self::Gemini(path) | Self::Other(path) => path,
            Self::CohereChat => "chat",
            Self::CountTokens => "messages/count_tokens",
            Self::GeminiCountTokens => "models/{model}:countTokens",
            Self::GenerateContent => "models/{model}:generateContent",
            Self::InputTokens => "responses/input_tokens",
            Self::Messages => "messages",
            Self::Responses => "responses",
            Self::StreamGenerateContent => "models/{model}:streamGenerateContent",
            Self::Unlisted(_) => "",
        }
    }

    /// May its body be a form with files?
    pub fn takes_forms(self) -> bool {
        match self {
            Self::Other(path) => FORMS.contains(&path),
            Self::Unlisted(_) => true,
            Self::ChatCompletions
            | Self::Cohere(_)
            | Self::CohereChat
            | Self::CountTokens
            | Self::Gemini(_)
            | Self::GeminiCountTokens
            | Self::GenerateContent
            | Self::InputTokens
            | Self::Messages
            | Self::Responses
            | Self::StreamGenerateContent => false,
        }
    }

    /// The dialect of its clients: the path decides, never a header.
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::ChatCompletions | Self::Other(_) => Dialect::OpenAiChat,
            Self::Cohere(_) | Self::CohereChat => Dialect::Cohere,
            Self::CountTokens | Self::Messages => Dialect::Anthropic,
            Self::Gemini(_) | Self::GeminiCountTokens | Self::GenerateContent | Self::StreamGenerateContent => {
                Dialect::Gemini
            }
            Self::InputTokens | Self::Responses => Dialect::OpenAiResponses,
            Self::Unlisted(dialect) => dialect,
        }
    }

    /// A conversation, which can be translated; everything else is relayed.
    pub const fn is_chat(self) -> bool {
        match self {
            Self::ChatCompletions
            | Self::CohereChat
            | Self::GenerateContent
            | Self::Messages
            | Self::Responses
            | Self::StreamGenerateContent => true,
            Self::Cohere(_)
            | Self::CountTokens
            | Self::Gemini(_)
            | Self::GeminiCountTokens
            | Self::InputTokens
            | Self::Other(_)
            | Self::Unlisted(_) => false,
        }
    }

    /// Its whole path, for messages.
    pub fn endpoint(self) -> String {
        let version = match self.dialect() {
            Dialect::Cohere => "v2",
            Dialect::Gemini => "v1beta",
            Dialect::Anthropic | Dialect::OpenAiChat | Dialect::OpenAiResponses => "v1",
        };
        format!("/{version}/{}", self.path().trim_start_matches("v2/"))
    }
}

/// Endpoints that take POST, by the path after the version.
const POSTS: &[(&str, Operation)] = &[
    ("chat/completions", Operation::ChatCompletions),
    ("messages", Operation::Messages),
    ("messages/count_tokens", Operation::CountTokens),
    ("responses", Operation::Responses),
    ("responses/input_tokens", Operation::InputTokens),
    ("embeddings", Operation::Other("embeddings")),
    ("completions", Operation::Other("completions")),
    ("moderations", Operation::Other("moderations")),
    ("images/generations", Operation::Other("images/generations")),
    ("images/edits", Operation::Other("images/edits")),
    ("images/variations", Operation::Other("images/variations")),
    ("audio/speech", Operation::Other("audio/speech")),
    ("audio/transcriptions", Operation::Other("audio/transcriptions")),
    ("audio/translations", Operation::Other("audio/translations")),
    ("rerank", Operation::Other("rerank")),
    ("v2/chat", Operation::CohereChat),
    ("v2/embed", Operation::Cohere("v2/embed")),
    ("v2/rerank", Operation::Cohere("v2/rerank")),
];

/// Those of them whose body may be `multipart/form-data`.
const FORMS: &[&str] = &["images/edits", "images/variations", "audio/transcriptions", "audio/translations"];

/// What begins the paths of Cohere's first version, and of nobody else's: `rerank`, `classify`, `datasets` and `generate`
/// are others', too. <https://docs.cohere.com/v1/reference/about>
const COHERE: &[&str] = &["chat", "check-api-key", "connectors", "detokenize", "embed", "embed-jobs", "tokenize"];

/// Finds the route of `method` and `path`. The bare form (`/chat/completions`) and the doubled one (`/v1/v1/messages`)
/// are served too: the two commonest base-URL mistakes.
pub fn route(method: &Method, path: &str) -> Result<Route, Refusal> {
    let wrong = |allow| Err(Refusal::MethodNotAllowed { method: echo(method.as_str()), allow });
    let reads = *method == Method::GET || *method == Method::HEAD;
    match path {
        "/healthz" | "/metrics" | "/readyz" if !reads => return wrong("GET, HEAD"),
        "/healthz" => return Ok(Route::Health),
        "/metrics" => return Ok(Route::Metrics),
        "/readyz" => return Ok(Route::Ready),
        "/api/hello" if !reads => return wrong("GET, HEAD"),
        "/api/hello" => return Ok(Route::Hello),
        _ => {}
    }
    if let Some((_, operation)) = model_in_path(path) {
        return if *method == Method::POST { Ok(Route::Api(operation)) } else { wrong("POST") };
    }
    let rest = path.strip_prefix("/v1/v1/").or_else(|| path.strip_prefix("/v1/")).or_else(|| path.strip_prefix('/'));
    let missing = || Refusal::NotFound { path: echo(path) };
    let rest = rest.ok_or_else(missing)?;
    if let Some((_, operation)) = POSTS.iter().find(|(p, _)| *p == rest) {
        return if *method == Method::POST { Ok(Route::Api(*operation)) } else { wrong("POST") };
    }
    let named = rest.strip_prefix("v1beta/").unwrap_or(rest);
    if named == "models" {
        return if reads { Ok(Route::Models) } else { wrong("GET, HEAD") };
    }
    // A model's id may hold slashes, percent-encoded or not (`@cf/vendor/name`).
    if let Some(id) = named.strip_prefix("models/").filter(|id| !id.is_empty()) {
        let id = decoded(id).ok_or_else(missing)?;
        if reads {
            return Ok(Route::Model(id));
        }
    }
    // Only under the version: what else there may be at the root is nobody's API.
    let versioned = path.strip_prefix("/v1/").or_else(|| path.strip_prefix('/').filter(|rest| rest.starts_with("v2/")));
    versioned.and_then(unlisted).map(Route::Api).ok_or_else(missing)
}

/// The model and the method of a Gemini client's path, `/v1beta/models/{model}:{method}` (`/v1/` at newer ones).
pub fn model_in_path(path: &str) -> Option<(String, Operation)> {
    let rest = ["/v1beta/", "/v1/v1beta/", "/v1/v1/", "/v1/", "/"].into_iter().find_map(|p| path.strip_prefix(p))?;
    let (model, method) = rest.strip_prefix("models/")?.rsplit_once(':')?;
    let operation = match method {
        "batchEmbedContents" => Operation::Gemini("models/{model}:batchEmbedContents"),
        "embedContent" => Operation::Gemini("models/{model}:embedContent"),
        "predict" => Operation::Gemini("models/{model}:predict"),
        "countTokens" => Operation::GeminiCountTokens,
        "generateContent" => Operation::GenerateContent,
        "streamGenerateContent" => Operation::StreamGenerateContent,
        _ => return None,
    };
    Some((decoded(model)?, operation))
}

/// A model's name in a path: its `#provider` comes as `%23`, and a client that encodes it once more is understood, too.
fn decoded(name: &str) -> Option<String> {
    let name = percent_encoding::percent_decode_str(name).decode_utf8().ok()?;
    let name = name.strip_prefix("models/").unwrap_or(&name).replace("%23", "#");
    (!name.is_empty()).then_some(name)
}

/// A path that goes on to a provider as it is: whole segments of plain characters, so that it cannot lead elsewhere.
fn unlisted(rest: &str) -> Option<Operation> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b':' | b'@');
    let mut segments = rest.split('/');
    let sound = segments.clone().all(|s| !s.is_empty() && s != "." && s != ".." && s.bytes().all(plain));
    let first = segments.next().filter(|s| sound && !matches!(*s, "v1" | "v1beta"))?;
    Some(Operation::Unlisted(match first {
        "v2" => Dialect::Cohere,
        "chat" if rest != "chat" => Dialect::OpenAiChat,
        first if COHERE.contains(&first) => Dialect::Cohere,
        "messages" => Dialect::Anthropic,
        "responses" => Dialect::OpenAiResponses,
        _ => Dialect::OpenAiChat,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_in_paths() {
        for (path, want) in [
            ("/v1beta/models/gemini-3-pro:generateContent", "gemini-3-pro"),
            ("/v1/models/gpt-5.5%23openai:streamGenerateContent", "gpt-5.5#openai"),
            ("/v1/models/gpt-5.5%2523openai:generateContent", "gpt-5.5#openai"),
            ("/v1beta/models/models%2Fgpt:countTokens", "gpt"),
            ("/v1beta/models/@cf/a/b:c%23workers-ai:generateContent", "@cf/a/b:c#workers-ai"),
        ] {
            assert_eq!(model_in_path(path).unwrap().0, want, "{path}");
        }
        assert!(model_in_path("/v1beta/models/%ff:generateContent").is_none());
    }

    #[test]
    fn the_table() {
        let api = |op| Ok(Route::Api(op));
        let unlisted = |dialect| api(Operation::Unlisted(dialect));
        for (method, path, want) in [
            ("POST", "/v1/chat/completions", api(Operation::ChatCompletions)),
            ("POST", "/chat/completions", api(Operation::ChatCompletions)),
            ("POST", "/v1/v1/messages", api(Operation::Messages)),
            ("POST", "/messages", api(Operation::Messages)),
            ("POST", "/v1/messages/count_tokens", api(Operation::CountTokens)),
            ("POST", "/v1/responses", api(Operation::Responses)),
            ("POST", "/v1/responses/input_tokens", api(Operation::InputTokens)),
            ("POST", "/v1/embeddings", api(Operation::Other("embeddings"))),
            ("POST", "/audio/transcriptions", api(Operation::Other("audio/transcriptions"))),
            ("POST", "/v2/chat", api(Operation::CohereChat)),
            ("POST", "/v1/v2/chat", api(Operation::CohereChat)),
            ("POST", "/v2/rerank", api(Operation::Cohere("v2/rerank"))),
            ("POST", "/v2/batches", unlisted(Dialect::Cohere)),
            ("GET", "/v2/batches/1", unlisted(Dialect::Cohere)),
            ("GET", "/v2/chat", Err(405)),
            ("GET", "/v2/", Err(404)),
            ("GET", "/v2", Err(404)),
            ("GET", "/v1/responses/resp_1", unlisted(Dialect::OpenAiResponses)),
            ("POST", "/v1/messages/batches", unlisted(Dialect::Anthropic)),
            ("DELETE", "/v1/files/file-1", unlisted(Dialect::OpenAiChat)),
            ("POST", "/v1/chat", unlisted(Dialect::Cohere)),
            ("POST", "/v1/embed", unlisted(Dialect::Cohere)),
            ("POST", "/v1/tokenize", unlisted(Dialect::Cohere)),
            ("GET", "/v1/embed-jobs/1", unlisted(Dialect::Cohere)),
            ("POST", "/v1/check-api-key", unlisted(Dialect::Cohere)),
            ("POST", "/v1/classify", unlisted(Dialect::OpenAiChat)),
            ("POST", "/v1/chat/completions/1", unlisted(Dialect::OpenAiChat)),
            ("POST", "/v1/xmessages", unlisted(Dialect::OpenAiChat)),
            ("DELETE", "/v1/models/ft:gpt:me", unlisted(Dialect::OpenAiChat)),
            ("POST", "/v1beta/models/gemini-3-pro:generateContent", api(Operation::GenerateContent)),
            ("POST", "/v1/models/a%2Fb%23openai:streamGenerateContent", api(Operation::StreamGenerateContent)),
            ("POST", "/v1/v1beta/models/m:generateContent", api(Operation::GenerateContent)),
            ("POST", "/v1beta/models/m:countTokens", api(Operation::GeminiCountTokens)),
            ("GET", "/v1beta/models/m:generateContent", Err(405)),
            ("POST", "/v1beta/models/m:embedContent", api(Operation::Gemini("models/{model}:embedContent"))),
            ("POST", "/v1beta/models/:generateContent", Err(404)),
            ("POST", "/v1beta/models/m:somethingElse", Err(404)),
            ("GET", "/v1/models", Ok(Route::Models)),
            ("GET", "/v1/models/gpt-5.5%23openai", Ok(Route::Model("gpt-5.5#openai".into()))),
            ("GET", "/models/@cf/a%2Fb%23workers-ai", Ok(Route::Model("@cf/a/b#workers-ai".into()))),
            ("GET", "/v1/models/gpt-5.5%2523openai", Ok(Route::Model("gpt-5.5#openai".into()))),
            ("GET", "/v1beta/models", Ok(Route::Models)),
            ("HEAD", "/v1/v1beta/models", Ok(Route::Models)),
            ("GET", "/v1beta/models/gpt-5.5%23openai", Ok(Route::Model("gpt-5.5#openai".into()))),
            ("GET", "/v1beta/models/models/gpt-5.5%23openai", Ok(Route::Model("gpt-5.5#openai".into()))),
            ("HEAD", "/api/hello", Ok(Route::Hello)),
            ("GET", "/healthz", Ok(Route::Health)),
            ("GET", "/readyz", Ok(Route::Ready)),
            ("GET", "/v1/messages", Err(405)),
            ("DELETE", "/v1/models", Err(405)),
            ("POST", "/v1beta/models", Err(405)),
            ("DELETE", "/v1beta/models/m", Err(404)),
            ("GET", "/v1beta/models/", Err(404)),
            ("GET", "/v1beta/files", Err(404)),
            ("POST", "/healthz", Err(405)),
            ("POST", "/", Err(404)),
            ("POST", "", Err(404)),
            ("POST", "*", Err(404)),
            ("POST", "/v1/../admin", Err(404)),
            ("POST", "/v1/%63hat/completions", Err(404)),
            ("POST", "//v1/chat/completions", Err(404)),
            ("POST", "/v1/chat/completions/", Err(404)),
            ("POST", "/xmessages", Err(404)),
            ("GET", "/v1/files/", Err(404)),
            ("GET", "/v1//files", Err(404)),
            ("GET", "/v1/files/..", Err(404)),
            ("GET", "/v1/files/%2e%2e", Err(404)),
            ("GET", "/v1/files\\x", Err(404)),
            ("POST", "/v1/v1/v1/messages", Err(404)),
            ("POST", "/v1/v1/files", Err(404)),
            ("GET", "/v1/models/", Err(404)),
            ("GET", "/v1/models/%ff", Err(404)),
        ] {
            let found = route(&Method::from_bytes(method.as_bytes()).unwrap(), path).map_err(|r| r.status().as_u16());
            assert_eq!(found, want, "{method} {path}");
        }
    }
}
