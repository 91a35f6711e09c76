//! The providers of the product, one row each. Adding one is adding a row; behaviour is in the fields, not in code.
//!
//! Paths through Cloudflare: <https://developers.cloudflare.com/ai-gateway/usage/providers/>.

use super::{CloudflarePath, Quirks};
use crate::dialect::Dialect;

/// What is known of a provider before anything is configured.
#[derive(Debug)]
pub struct Row {
    pub id: &'static str,
    /// Served dialects, best first.
    pub dialects: &'static [Dialect],
    /// Those of them that are used only where an operator asks for them: they lose more than a translation does.
    pub lossy: &'static [Dialect],
    /// Direct base URL; `{account}` is the Cloudflare account, `{resource}` the Azure resource.
    pub base_url: &'static str,
    /// Header that carries the key; `None` is what the dialect says, mostly `Authorization: Bearer`.
    pub auth_header: Option<&'static str>,
    /// The same in single dialects, where `auth_header` says nothing.
    pub auth_beside: &'static [(Dialect, &'static str)],
    /// Seconds to wait for the first byte, where the default is too short.
    pub first_byte: Option<u64>,
    /// Environment variables that hold its key, the first one being the name in messages.
    pub key_variables: &'static [&'static str],
    /// What follows `/v1/{account}/{gateway}/`; empty means that only the compat surface has it.
    pub cloudflare: &'static str,
    /// Its prefix in compat model names.
    pub compat: Option<&'static str>,
    /// What users should know before they rely on it.
    pub note: Option<&'static str>,
    /// What it serves beside its dialects, by the path after `/v1/`: other endpoints, counting tokens, and its models.
    pub endpoints: &'static [&'static str],
    /// Paths after the base URL that differ from the endpoint's own, `(endpoint, path)`.
    pub paths: &'static [(&'static str, &'static str)],
    /// Some of its models, for `/v1/models` where the configuration names none.
    pub models: &'static [&'static str],
    pub quirks: &'static Quirks,
}

impl Row {
    /// Its place at Cloudflare.
    pub fn cloudflare_path(&self) -> CloudflarePath {
        let beside = self.paths.iter().any(|(endpoint, _)| *endpoint == "chat/completions");
        let chat_by_compat = beside && self.compat.is_some() && !self.lossy.contains(&Dialect::OpenAiChat);
        CloudflarePath { native: self.cloudflare.to_owned(), compat: self.compat, chat_by_compat }
    }
}

/// The row of `id`.
pub fn row(id: &str) -> Option<&'static Row> {
    ROWS.iter().find(|r| r.id == id)
}

const CHAT: &[Dialect] = &[Dialect::OpenAiChat];
const CHAT_AND_RESPONSES: &[Dialect] = &[Dialect::OpenAiChat, Dialect::OpenAiResponses];
/// Encrypted reasoning travels on Responses only, so clients of other dialects are translated to that.
pub(crate) const RESPONSES_AND_CHAT: &[Dialect] = &[Dialect::OpenAiResponses, Dialect::OpenAiChat];

/// Every provider of the product.
pub const ROWS: &[Row] = &[
    Row {
        id: "openai",
        note: None,
        // <https://platform.openai.com/docs/api-reference>
        endpoints: &[
            "audio/speech",
            "audio/transcriptions",
            "audio/translations",
            "completions",
            "embeddings",
            "images/edits",
            "images/generations",
            "images/variations",
            "models",
            "moderations",
            "responses/input_tokens",
        ],
        paths: &[],
        models: &["gpt-5.5", "gpt-5.3-codex"],
        dialects: RESPONSES_AND_CHAT,
        lossy: &[],
        base_url: "https://api.openai.com/v1",
        auth_header: None,
        auth_beside: &[],
        first_byte: None,
        key_variables: &["OPENAI_API_KEY"],
        // Without `v1/`: the documented form.
        cloudflare: "openai",
        compat: Some("openai"),
        quirks: &Quirks::OPENAI,
    },
    Row {
        id: "anthropic",
        note: None,
        endpoints: &["messages/count_tokens", "models"],
        paths: &[],
        models: &["claude-opus-4.7", "claude-sonnet-4-6"],
        dialects: &[Dialect::Anthropic],
        lossy: &[],
        base_url: "https://api.anthropic.com/v1",
        auth_header: Some("x-api-key"),
        auth_beside: &[],
        first_byte: None,
        key_variables: &["ANTHROPIC_API_KEY"],
        cloudflare: "anthropic/v1",
        compat: Some("anthropic"),
        // Its own dialect has no Chat quirks; the compat surface speaks Chat.
        quirks: &Quirks::COMPATIBLE,
    },
    Row {
        id: "google-ai-studio",
        note: None,
        // <https://ai.google.dev/gemini-api/docs/openai>; embeddings in OpenAI's form since its first day,
        // <https://developers.googleblog.com/gemini-is-now-accessible-from-the-openai-library>. Cloudflare keeps what
        // follows the host.
        endpoints: &["embeddings", "images/generations", "models", "models/{model}:countTokens"],
        paths: &[
            ("chat/completions", "/openai/chat/completions"),
            ("embeddings", "/openai/embeddings"),
            ("images/generations", "/openai/images/generations"),
        ],
        models: &["gemini-3-pro", "gemini-2.5-flash"],
        dialects: &[Dialect::Gemini, Dialect::OpenAiChat],
        // No thoughts, and signatures that most of its clients do not send back: Gemini 3 refuses their next request.
        lossy: &[Dialect::OpenAiChat],
        base_url: "https://generativelanguage.googleapis.com/v1beta",
        auth_header: None,
        auth_beside: &[],
        first_byte: None,
        key_variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        cloudflare: "google-ai-studio/v1beta",
        compat: Some("google-ai-studio"),
        quirks: &Quirks::GOOGLE_COMPAT,
    },
    Row {
        id: "groq",
        note: None,
        // <https://console.groq.com/docs/api-reference>
        endpoints: &["audio/speech", "audio/transcriptions", "audio/translations", "models"],
        paths: &[],
        models: &[],
        dialects: CHAT_AND_RESPONSES,
        lossy: &[],
        base_url: "https://api.groq.com/openai/v1",
        auth_header: None,
        auth_beside: &[],
        first_byte: None,
        key_variables: &["GROQ_API_KEY"],
        // The vendor's `openai/v1` prefix must not be repeated here.
        cloudflare: "groq",
        compat: Some("groq"),
        quirks: &Quirks::GROQ,
    },
    Row {
        id: "mistral",
        note: None,
        // <https://docs.mistral.ai/api/>, <https://docs.mistral.ai/studio/conversations/responses>.
        endpoints: &[
            "audio/speech",
            "audio/transcriptions",
            "embeddings",
            "models",
            "moderations",
            "responses/input_tokens",
        ],
        paths: &[],
        models: &["mistral-large-latest"],
        dialects: CHAT_AND_RESPONSES,
        // A public preview: functions, but no custom and no hosted tools, which Codex sends.
        lossy: &[Dialect::OpenAiResponses],
        base_url: "https://api.mistral.ai/v1",
        auth_header: None,
        auth_beside: &[],
        first_byte: None,
        key_variables: &["MISTRAL_API_KEY"],
        cloudflare: "mistral/v1",
        compat: Some("mistral"),
        quirks: &Quirks::MISTRAL,
    },
    Row {
        id: "grok",
        note: None,
        // <https://docs.x.ai/api-reference>
        endpoints: &["completions", "images/edits", "images/generations", "models"],
        paths: &[],
        models: &[],
        dialects: &[Dialect::OpenAiResponses, Dialect::OpenAiChat, Dialect::Anthropic],
        // "/messages (deprecated)": encrypted reasoning travels on Responses only.
        lossy: &[Dialect::Anthropic],
        base_url: "https://api.x.ai/v1",
        auth_header: None,
        auth_beside: &[],
        // Reasoning models: "allow 15 minutes" (section 9 of the list of quirks).
        first_byte: Some(900),
        key_variables: &["XAI_API_KEY", "GROK_API_KEY"],
        cloudflare: "grok/v1",
        compat: Some("grok"),
        quirks: &Quirks::GROK,
    },
    Row {
        id: "deepseek",
        note: None,
        // <https://api-docs.deepseek.com/api/create-completion>: under its `/beta` base only.
        endpoints: &["completions", "models"],
        paths: &[("completions", "/beta/completions"), ("messages", "/anthropic/v1/messages")],
        models: &["deepseek-v4-pro", "deepseek-flash", "deepseek-v4-flash"],
        // <https://api-docs.deepseek.com/guides/responses_api>, <https://api-docs.deepseek.com/guides/anthropic_api>.
        dialects: &[Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Anthropic],
        // Its signatures come in the clear and are refused by Anthropic after a switch of model; a translation marks them.
        lossy: &[Dialect::Anthropic],
        base_url: "https://api.deepseek.com",
        auth_header: None,
        auth_beside: &[(Dialect::Anthropic, "x-api-key")],
        first_byte: None,
        key_variables: &["DEEPSEEK_API_KEY"],
        cloudflare: "deepseek",
        compat: Some("deepseek"),
        quirks: &Quirks::DEEPSEEK,
    },
    Row {
        id: "cerebras",
        note: None,
        // <https://inference-docs.cerebras.ai/api-reference/completions>
        endpoints: &["completions", "models"],
        paths: &[],
        models: &[],
        dialects: CHAT,
        lossy: &[],
        base_url: "https://api.cerebras.ai/v1",
        auth_header: None,
        auth_beside: &[],
        first_byte: None,
        key_variables: &["CEREBRAS_API_KEY"],
        cloudflare: "cerebras",
        compat: Some("cerebras"),
        quirks: &Quirks::CEREBRAS,
    },
    Row {
        id: "cohere",
        note: None,
        // Chat and embeddings in OpenAI's form: <https://docs.cohere.com/docs/compatibility-api>, also behind Cloudflare,
        // which keeps what follows the host. <https://docs.cohere.com/v2/reference/rerank>,
        // <https://docs.cohere.com/v2/reference/embed>. What is no part of version 2 is in version 1.
        endpoints: &["embeddings", "models", "rerank", "v2/embed", "v2/rerank"],
        paths: &[
            ("*", "/v1/*"),
            ("chat", "/v2/chat"),
            ("chat/completions", "/compatibility/v1/chat/completions"),
            ("embeddings", "/compatibility/v1/embeddings"),
            ("models", "/v1/models"),
            ("rerank", "/v2/rerank"),
        ],
        models: &[],
        // Its own dialect keeps citations, tool plans and thinking budgets; Chat clients are relayed to its Chat form.
        dialects: &[Dialect::Cohere, Dialect::OpenAiChat],
        lossy: &[],
        base_url: "https://api.cohere.com",
        auth_header: None,
        auth_beside: &[],
        first_byte: None,
        key_variables: &["COHERE_API_KEY", "CO_API_KEY"],
        // Documented with `v2/chat`; its Chat form is on the compat surface.
        cloudflare: "cohere",
        compat: Some("cohere"),
        quirks: &Quirks::COHERE_COMPAT,
    },
    Row {
        id: "perplexity-ai",
        note: Some(
            "its Chat API ended in September 2026; its Agent API speaks Responses, with models like perplexity/sonar",
        ),
        // <https://docs.perplexity.ai/api-reference/embeddings-post>
        endpoints: &["embeddings"],
        paths: &[("embeddings", "/v1/embeddings"), ("responses", "/v1/responses")],
        models: &[],
        // <https://docs.perplexity.ai/docs/agent-api/overview>; Chat is kept for mirrors of the former API, and used where an
        // operator asks for it.
        dialects: &[Dialect::OpenAiResponses, Dialect::OpenAiChat],
        lossy: &[Dialect::OpenAiChat],
        base_url: "https://api.perplexity.ai",
        auth_header: None,
        auth_beside: &[],
        first_byte: None,
        key_variables: &["PERPLEXITY_API_KEY"],
        cloudflare: "perplexity-ai",
        // The slug has `-ai`, the compat prefix has not.
        compat: Some("perplexity"),
        quirks: &Quirks::PERPLEXITY,
    },
    Row {
        id: "azure-openai",
        note: None,
        // <https://learn.microsoft.com/azure/ai-services/openai/reference>
        endpoints: &[
            "audio/speech",
            "audio/transcriptions",
            "audio/translations",
            "completions",
            "embeddings",
            "images/edits",
            "images/generations",
        ],
        paths: &[],
        models: &[],
        dialects: CHAT_AND_RESPONSES,
        lossy: &[],
        base_url: "https://{resource}.openai.azure.com/openai",
        auth_header: Some("api-key"),
        auth_beside: &[],
        first_byte: None,
        key_variables: &["AZURE_OPENAI_API_KEY", "AZURE_API_KEY"],
        cloudflare: "azure-openai",
        compat: None,
        quirks: &Quirks::AZURE,
    },
    Row {
        id: "openrouter",
        note: None,
        // <https://openrouter.ai/docs/api-reference>
        endpoints: &["audio/speech", "audio/transcriptions", "completions", "embeddings", "models"],
        paths: &[],
        models: &[],
        // Chat first: its `reasoning_details` carry the state of every model behind it.
        dialects: &[Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Anthropic],
        lossy: &[],
        base_url: "https://openrouter.ai/api/v1",
        auth_header: None,
        auth_beside: &[],
        first_byte: None,
        key_variables: &["OPENROUTER_API_KEY"],
        cloudflare: "openrouter/v1",
        compat: None,
        quirks: &Quirks::OPENROUTER,
    },
    Row {
        id: "workers-ai",
        note: None,
        // Chat and embeddings: <https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/>; the
        // same paths at AI Gateway: <https://developers.cloudflare.com/ai-gateway/providers/workersai/>.
        endpoints: &["embeddings"],
        paths: &[],
        models: &[],
        dialects: CHAT_AND_RESPONSES,
        // Of the models of OpenAI's (`@cf/openai/gpt-oss-...`) only, and whole replies.
        lossy: &[Dialect::OpenAiResponses],
        base_url: "https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1",
        auth_header: None,
        auth_beside: &[],
        first_byte: None,
        key_variables: &["CLOUDFLARE_API_TOKEN"],
        cloudflare: "workers-ai/v1",
        compat: Some("workers-ai"),
        quirks: &Quirks::WORKERS_AI,
    },
];
