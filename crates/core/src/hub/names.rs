//! What callers call things, for adjustments and errors.

use crate::dialect::Dialect;

/// The caller's own names for what the hub calls by one name.
#[derive(Debug)]
pub struct Names {
    pub budget: &'static str,
    pub effort: &'static str,
    pub format: &'static str,
    pub limit: &'static str,
    pub parallel: &'static str,
    pub stop: &'static str,
    pub user: &'static str,
}

impl Names {
    /// The names in a request of `origin`.
    pub const fn of(origin: Dialect) -> &'static Self {
        match origin {
            Dialect::Gemini => &Self {
                budget: "generationConfig.thinkingConfig",
                effort: "generationConfig.thinkingConfig",
                format: "generationConfig.responseJsonSchema",
                limit: "generationConfig.maxOutputTokens",
                parallel: "parallel_tool_calls",
                stop: "generationConfig.stopSequences",
                user: "user",
            },
            Dialect::Cohere => &Self {
                budget: "thinking",
                effort: "thinking",
                format: "response_format",
                limit: "max_tokens",
                parallel: "parallel_tool_calls",
                stop: "stop_sequences",
                user: "user",
            },
            Dialect::Anthropic => &Self {
                budget: "thinking",
                effort: "output_config.effort",
                format: "output_config.format",
                limit: "max_tokens",
                parallel: "tool_choice.disable_parallel_tool_use",
                stop: "stop_sequences",
                user: "metadata.user_id",
            },
            Dialect::OpenAiChat => &Self {
                budget: "reasoning_effort",
                effort: "reasoning_effort",
                format: "response_format",
                limit: "max_completion_tokens",
                parallel: "parallel_tool_calls",
                stop: "stop",
                user: "user",
            },
            Dialect::OpenAiResponses => &Self {
                budget: "reasoning",
                effort: "reasoning.effort",
                format: "text.format",
                limit: "max_output_tokens",
                parallel: "parallel_tool_calls",
                stop: "stop",
                user: "safety_identifier",
            },
        }
    }
}
