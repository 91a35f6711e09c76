//! Which interfaces were recorded, and which of them are replayed.

use super::Dialect;

/// Recorded interfaces, and the provider of the gateway each stands for; `custom` is one nobody described.
pub const APIS: &[(&str, &str)] = &[
    ("anthropic.messages", "anthropic"),
    ("vertex.anthropic", "anthropic"),
    ("cohere.v2.chat", "cohere"),
    ("openai.chat", "openai"),
    ("azure.chat", "azure-openai"),
    ("cerebras.chat", "cerebras"),
    ("deepseek.chat", "deepseek"),
    ("gemini.generateContent", "google-ai-studio"),
    ("gemini.streamGenerateContent", "google-ai-studio"),
    ("gemini.openai_compat.chat", "google-ai-studio"),
    ("groq.chat", "groq"),
    ("mistral.chat", "mistral"),
    ("openrouter.chat", "openrouter"),
    ("perplexity.chat", "perplexity-ai"),
    ("workers-ai.chat", "workers-ai"),
    ("xai.chat", "grok"),
    ("ai21.chat", "custom"),
    ("alibaba.chat", "custom"),
    ("avian.chat", "custom"),
    ("bedrock-mantle.chat", "custom"),
    ("copilot.chat", "custom"),
    ("crusoe.chat", "custom"),
    ("databricks.chat", "custom"),
    ("doubleword.chat", "custom"),
    ("gpustack.chat", "custom"),
    ("huggingface.chat", "custom"),
    ("llamacpp.chat", "custom"),
    ("local.chat", "custom"),
    ("mistralrs.chat", "custom"),
    ("moonshotai.chat", "custom"),
    ("ollama.chat", "custom"),
    ("snowflake.chat", "custom"),
    ("together.chat", "custom"),
    ("venice.chat", "custom"),
    ("vercel-gateway.chat", "custom"),
    ("zai.chat", "custom"),
    ("openai.responses", "openai"),
    ("azure.responses", "azure-openai"),
    ("deepseek.responses", "deepseek"),
    ("openrouter.responses", "openrouter"),
    ("xai.responses", "grok"),
    ("bedrock-mantle.responses", "custom"),
    ("chatgpt.responses", "custom"),
    ("copilot.responses", "custom"),
    ("local.responses", "custom"),
    ("pydantic-gateway.responses", "custom"),
    ("vertex.generateContent", "google-ai-studio"),
    ("vertex.streamGenerateContent", "google-ai-studio"),
];

/// Recordings of what is no conversation in a dialect of ours.
pub const OTHERS: &[(&[&str], &str)] = &[
    (
        &["anthropic.models", "deepseek.models", "google.models", "groq.models", "mistral.models", "openai.models"],
        "lists of models",
    ),
    (
        &[
            "azure.embeddings",
            "doubleword.embeddings",
            "gemini.batchEmbedContents",
            "gemini.embedContent",
            "llamacpp.embeddings",
            "mistral.embeddings",
            "openai.embeddings",
            "openrouter.embeddings",
            "venice.embeddings",
            "voyage.embeddings",
        ],
        "embeddings: relayed",
    ),
    (&["anthropic.count_tokens", "gemini.countTokens", "openai.responses_input_tokens"], "counting: relayed"),
    (&["openai.completions"], "legacy completions: relayed"),
    (
        &["bedrock.converse", "bedrock.converse_stream", "bedrock.invoke", "bedrock.invoke_with_response_stream"],
        "Bedrock's own interfaces: no provider of ours speaks them",
    ),
    (&["gemini.interactions"], "Google's Interactions interface: no provider of ours speaks it"),
    (&["ollama.native_chat"], "Ollama's own interface: no provider of ours speaks it"),
];

/// What an interface of [`APIS`] speaks.
pub fn dialect(api: &str) -> Dialect {
    match api.rsplit_once('.') {
        _ if api == "cohere.v2.chat" => Dialect::Cohere,
        Some((_, "chat")) => Dialect::OpenAiChat,
        Some((_, "responses")) => Dialect::OpenAiResponses,
        Some((_, "messages" | "anthropic")) => Dialect::Anthropic,
        _ => Dialect::Gemini,
    }
}
