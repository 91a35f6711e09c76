//! The exchanges that are counted.

use std::sync::Arc;

use apex_bench::wire::{self, Api, Content};
use apex_core::catalog::{Catalog, Host};
use apex_core::settings::{Problem, Provider, Settings};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Uri, header};

use crate::memory::{ClientBody, Reply};

/// One kind of exchange.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    from: Api,
    to: Api,
    model: &'static str,
    mapping: bool,
    prompt: usize,
    body: Body,
    pub(crate) status: u16,
    /// How a good answer ends.
    pub(crate) ends: &'static str,
}

#[derive(Clone, Copy)]
enum Body {
    Json,
    /// [`DELTAS`] deltas, one by one.
    Stream(Content),
    /// The same at once.
    Burst(Content),
}

pub(crate) const DELTAS: usize = 200;
const LARGE: usize = 200_000;

const PLAIN: Case = Case {
    name: "",
    from: Api::Chat,
    to: Api::Chat,
    model: "gpt-5.5#chat",
    mapping: false,
    prompt: 24,
    body: Body::Json,
    status: 200,
    ends: "}",
};

const TEXT: Content = Content::Text;
const TOOL: Content = Content::Tool;

const CHAT_BURST: Case = Case { body: Body::Burst(TEXT), ends: "[DONE]\n\n", ..PLAIN };

/// Names in the order of the yardstick's scenarios: s1, s2b, s3, s3b, s4, s5, s5b, s6a, s6b, s9; then every other dialect
/// with Chat on the other side.
pub(crate) const CASES: &[Case] = &[
    Case { name: "relay-json", ..PLAIN },
    Case { name: "relay-json-default", model: "gpt-5.5", ..PLAIN },
    Case { name: "relay-json-alias", model: "fast", ..PLAIN },
    Case { name: "relay-json-mapping", model: "slow#chat", mapping: true, ..PLAIN },
    Case { name: "relay-json-refused", model: "gpt-5.5#nowhere", status: 400, ..PLAIN },
    Case { name: "relay-json-200k", prompt: LARGE, ..PLAIN },
    Case { name: "relay-stream", body: Body::Stream(TEXT), ends: "[DONE]\n\n", ..PLAIN },
    Case { name: "relay-burst", body: Body::Burst(TEXT), ends: "[DONE]\n\n", ..PLAIN },
    Case {
        name: "relay-messages-stream",
        from: Api::Messages,
        to: Api::Messages,
        model: "claude-sonnet-4-6#messages",
        body: Body::Stream(TEXT),
        ends: "\n\n",
        ..PLAIN
    },
    Case { name: "to-chat-json", from: Api::Messages, ..PLAIN },
    Case { name: "to-chat-json-200k", from: Api::Messages, prompt: LARGE, ..PLAIN },
    Case { name: "to-chat-stream", from: Api::Messages, body: Body::Stream(TEXT), ends: "\n\n", ..PLAIN },
    Case { name: "to-chat-burst", from: Api::Messages, body: Body::Burst(TEXT), ends: "\n\n", ..PLAIN },
    Case { name: "to-chat-tool-burst", from: Api::Messages, body: Body::Burst(TOOL), ends: "\n\n", ..PLAIN },
    Case { name: "to-messages-json", to: Api::Messages, model: "claude-sonnet-4-6#messages", ..PLAIN },
    Case {
        name: "to-messages-json-200k",
        to: Api::Messages,
        model: "claude-sonnet-4-6#messages",
        prompt: LARGE,
        ..PLAIN
    },
    Case {
        name: "to-messages-stream",
        to: Api::Messages,
        model: "claude-sonnet-4-6#messages",
        body: Body::Stream(TEXT),
        ends: "[DONE]\n\n",
        ..PLAIN
    },
    Case {
        name: "to-messages-burst",
        to: Api::Messages,
        model: "claude-sonnet-4-6#messages",
        body: Body::Burst(TEXT),
        ends: "[DONE]\n\n",
        ..PLAIN
    },
    Case {
        name: "to-messages-tool-burst",
        to: Api::Messages,
        model: "claude-sonnet-4-6#messages",
        body: Body::Burst(TOOL),
        ends: "[DONE]\n\n",
        ..PLAIN
    },
    Case { name: "from-responses-json", from: Api::Responses, ..PLAIN },
    Case { name: "from-responses-burst", from: Api::Responses, body: Body::Burst(TEXT), ends: "\n\n", ..PLAIN },
    Case { name: "from-gemini-json", from: Api::Gemini, ..PLAIN },
    Case { name: "from-gemini-burst", from: Api::Gemini, body: Body::Burst(TEXT), ends: "\n\n", ..PLAIN },
    Case { name: "from-cohere-json", from: Api::Cohere, ..PLAIN },
    Case { name: "from-cohere-burst", from: Api::Cohere, body: Body::Burst(TEXT), ends: "\n\n", ..PLAIN },
    Case { name: "to-responses-json", to: Api::Responses, model: "gpt-5.5#responses", ..PLAIN },
    Case { name: "to-responses-burst", to: Api::Responses, model: "gpt-5.5#responses", ..CHAT_BURST },
    Case { name: "to-gemini-json", to: Api::Gemini, model: "gemini-3-pro#gemini", ..PLAIN },
    Case { name: "to-gemini-burst", to: Api::Gemini, model: "gemini-3-pro#gemini", ..CHAT_BURST },
    Case { name: "to-cohere-json", to: Api::Cohere, model: "command-a#cohere-own", ..PLAIN },
    Case { name: "to-cohere-burst", to: Api::Cohere, model: "command-a#cohere-own", ..CHAT_BURST },
];

/// A case, ready to run.
pub(crate) struct Scene {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) request: Call,
    pub(crate) reply: Reply,
}

/// The client's request, made anew each time.
pub(crate) struct Call {
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    pub(crate) fn build(&self) -> Request<ClientBody> {
        let mut request = Request::new(ClientBody(Some(self.body.clone())));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

impl Case {
    pub(crate) fn scene(&self) -> Result<Scene, Vec<Problem>> {
        let stream = !matches!(self.body, Body::Json);
        let body = wire::request(self.from, self.model, self.prompt, stream);
        let length = HeaderValue::from(body.len());
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "127.0.0.1:8787"),
            ("accept-encoding", "gzip, deflate"),
            ("accept", "application/json"),
            ("content-type", "application/json"),
            ("user-agent", "OpenAI/Python 2.9.0"),
            ("x-stainless-lang", "python"),
            ("x-stainless-retry-count", "0"),
            ("authorization", "Bearer bench-token"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self.from == Api::Messages {
            headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        }
        if self.mapping {
            headers.insert("x-apex-ai-proxy-mapping", HeaderValue::from_static("slow#gpt-5.5"));
        }
        headers.insert(header::CONTENT_LENGTH, length);
        let uri = self.from.path(self.model, stream).parse().unwrap_or_default();
        let request = Call { uri, headers, body: body.into() };
        Ok(Scene { catalog: catalog()?, request, reply: self.reply() })
    }

    fn reply(&self) -> Reply {
        let mut headers = HeaderMap::new();
        let (kind, chunks, burst) = match self.body {
            Body::Json => {
                let body = wire::reply(self.to);
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
                ("application/json", vec![body], true)
            }
            Body::Stream(content) => ("text/event-stream", wire::events(self.to, DELTAS, content), false),
            // As much as a socket gives at once.
            Body::Burst(content) => {
                let all = wire::events(self.to, DELTAS, content).concat();
                ("text/event-stream", all.chunks(16 << 10).map(<[u8]>::to_vec).collect(), true)
            }
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::DATE, HeaderValue::from_static("Wed, 25 Nov 2026 18:00:00 GMT"));
        headers.insert("x-request-id", HeaderValue::from_static("req_upstream_0123456789"));
        Reply { headers, chunks: chunks.into_iter().map(Bytes::from).collect(), burst }
    }
}

/// As a user runs it: a token, a provider of each dialect, an alias.
fn catalog() -> Result<Arc<Catalog>, Vec<Problem>> {
    let mut settings = Settings {
        gateway_token: Some("bench-token".to_owned()),
        default_provider: Some("chat".to_owned()),
        ..Settings::default()
    };
    for (id, dialect) in [
        ("chat", "openai-chat"),
        ("cohere-own", "cohere"),
        ("gemini", "gemini"),
        ("messages", "anthropic"),
        ("responses", "openai-responses"),
    ] {
        let provider = Provider {
            api_key: Some("sk-bench-stored".to_owned()),
            base_url: Some("http://127.0.0.1:9/v1".to_owned()),
            dialects: Some(vec![dialect.to_owned()]),
            ..Provider::default()
        };
        settings.providers.insert(id.to_owned(), provider);
    }
    settings.aliases.insert("fast".to_owned(), "gpt-5.5#chat".to_owned());
    Catalog::build(&settings, Host { loopback: true, native: true }).map(Arc::new)
}
