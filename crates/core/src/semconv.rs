//! Names that others have given to what is reported: OpenTelemetry's semantic conventions. Metrics and traces take every
//! such name from here; names of our own begin with `gateway`.
//!
//! - General ones (HTTP, server, service, error): version 1.44.0,
//!   <https://github.com/open-telemetry/semantic-conventions/tree/v1.44.0>.
//! - For generative AI (status: development): those of their own repository, of which version 0.1.0 is the first release,
//!   <https://github.com/open-telemetry/semantic-conventions-genai>; read at commit
//!   `024a4f944a1291fcb627c9c47da69e79868dd15e`: `docs/gen-ai/client-inference.md`, `model/gen-ai/token-metrics.yaml`.
//!   No schema file is published for them, so that [`SCHEMA_URL`] is that of the general ones.
//!
//! In Prometheus the dots are underscores, and units and `_total` are appended
//! (<https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>).

/// The schema the names are of.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";

/// Attributes of spans.
pub mod attribute {
    pub const ERROR_TYPE: &str = "error.type";
    pub const HTTP_REQUEST_METHOD: &str = "http.request.method";
    pub const HTTP_RESEND_COUNT: &str = "http.request.resend_count";
    pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
    pub const HTTP_ROUTE: &str = "http.route";
    pub const SERVER_ADDRESS: &str = "server.address";
    pub const SERVER_PORT: &str = "server.port";
    pub const SERVICE_NAME: &str = "service.name";
    pub const SERVICE_VERSION: &str = "service.version";
    pub const URL_PATH: &str = "url.path";
    pub const URL_SCHEME: &str = "url.scheme";
    pub const USER_AGENT: &str = "user_agent.original";
    pub const OPERATION_NAME: &str = "gen_ai.operation.name";
    pub const PROVIDER_NAME: &str = "gen_ai.provider.name";
    pub const REQUEST_MODEL: &str = "gen_ai.request.model";
    pub const REQUEST_STREAM: &str = "gen_ai.request.stream";
    pub const RESPONSE_ID: &str = "gen_ai.response.id";
    pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
    pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
    pub const TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
    pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
    pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
    pub const CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
    pub const CACHE_WRITE_TOKENS: &str = "gen_ai.usage.cache_write.input_tokens";
    pub const REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
    pub const GATEWAY_REQUEST_ID: &str = "gateway.request.id";
    pub const GATEWAY_OUTCOME: &str = "gateway.outcome";
    pub const GATEWAY_MODE: &str = "gateway.mode";
    pub const GATEWAY_ADJUSTMENTS: &str = "gateway.adjustments";
    pub const GATEWAY_COST: &str = "gateway.cost.usd";
    pub const GATEWAY_CLIENT_MODEL: &str = "gateway.client.model";
}

/// Labels of metrics.
pub mod label {
    pub const PROVIDER: &str = "gen_ai_provider_name";
    pub const MODEL: &str = "gen_ai_request_model";
    pub const OPERATION: &str = "gen_ai_operation_name";
    pub const TOKEN_TYPE: &str = "gen_ai_token_type";
    pub const METHOD: &str = "http_request_method";
    pub const ROUTE: &str = "http_route";
    pub const STATUS: &str = "http_response_status_code";
    pub const ERROR: &str = "error_type";
    pub const OUTCOME: &str = "gateway_outcome";
    pub const REASON: &str = "gateway_reason";
    pub const SINK: &str = "gateway_sink";
    pub const STATE: &str = "gateway_state";
}

/// Metrics, without units and `_total`.
pub mod metric {
    pub const INFERENCE_DURATION: &str = "gen_ai_client_inference_duration";
    pub const INFERENCE_INPUT_TOKENS: &str = "gen_ai_client_inference_operation_input_tokens";
    pub const INFERENCE_OUTPUT_TOKENS: &str = "gen_ai_client_inference_operation_output_tokens";
    pub const TIME_TO_FIRST_CHUNK: &str = "gen_ai_client_inference_time_to_first_chunk";
    pub const EMBEDDINGS_DURATION: &str = "gen_ai_client_embeddings_duration";
    pub const EMBEDDINGS_INPUT_TOKENS: &str = "gen_ai_client_embeddings_operation_input_tokens";
    pub const REQUEST_DURATION: &str = "http_server_request_duration";
}

/// The operation that has metrics of its own.
pub const EMBEDDINGS: &str = "embeddings";

/// `gen_ai.operation.name` of a path: what an endpoint of any dialect does.
pub fn operation(path: &str) -> &'static str {
    let path = path.trim_end_matches('/');
    let ends = |ends: &[&str]| ends.iter().any(|end| path.ends_with(end));
    if ends(&["/chat/completions", "/messages", "/responses", "/chat"]) {
        "chat"
    } else if ends(&["embeddings", "/embed", ":embedContent", ":batchEmbedContents"]) {
        EMBEDDINGS
    } else if ends(&["/completions"]) {
        "text_completion"
    } else if ends(&[":generateContent", ":streamGenerateContent"]) {
        "generate_content"
    } else {
        "other"
    }
}

/// `gen_ai.provider.name` of a provider: the convention's word where it has one.
pub fn provider_name(id: &str) -> &str {
    const KNOWN: &[(&str, &str)] = &[
        ("azure-openai", "azure.ai.openai"),
        ("google-ai-studio", "gcp.gemini"),
        ("grok", "x_ai"),
        ("mistral", "mistral_ai"),
        ("perplexity-ai", "perplexity"),
    ];
    KNOWN.iter().find(|(ours, _)| *ours == id).map_or(id, |(_, theirs)| theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations() {
        for (path, name) in [
            ("/v1/chat/completions", "chat"),
            ("/messages", "chat"),
            ("/v1/responses", "chat"),
            ("/v1/completions", "text_completion"),
            ("/v1/embeddings", "embeddings"),
            ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", "generate_content"),
            ("/v1/messages/count_tokens", "other"),
            ("", "other"),
        ] {
            assert_eq!(operation(path), name, "{path}");
        }
        assert_eq!((provider_name("grok"), provider_name("mine")), ("x_ai", "mine"));
    }
}
