//! One row of quirks per Chat-compatible provider. The sections named here are those of the project's list of provider
//! quirks (`quirks.md`).

use super::quirks::{
    ALL_EFFORTS, COMMON_EFFORTS, ContentForm, ForcedChoice, LimitField, ModelRule, Patch, Quirks, ReasoningField,
    StreamUsage, ToolId,
};

/// What reasoning models refuse unless their effort is none (section 2).
const SAMPLING: &[&str] = &["temperature", "top_p", "presence_penalty", "frequency_penalty"];

/// Section 2, and the notes on `stop` and `reasoning_effort` in the list of Chat's members.
const OPENAI_MODELS: &[ModelRule] = &[
    ModelRule { glob: "gpt-5*-chat*", refuses: &["reasoning_effort"], refuses_reasoning: &[] },
    ModelRule { glob: "gpt-5*", refuses: &[], refuses_reasoning: SAMPLING },
    ModelRule { glob: "o1*", refuses: SAMPLING, refuses_reasoning: &[] },
    ModelRule {
        glob: "o3*",
        refuses: &["stop", "temperature", "top_p", "presence_penalty", "frequency_penalty"],
        refuses_reasoning: &[],
    },
    ModelRule {
        glob: "o4*",
        refuses: &["stop", "temperature", "top_p", "presence_penalty", "frequency_penalty"],
        refuses_reasoning: &[],
    },
    ModelRule { glob: "gpt-4*", refuses: &["reasoning_effort"], refuses_reasoning: &[] },
    ModelRule { glob: "gpt-3.5*", refuses: &["reasoning_effort"], refuses_reasoning: &[] },
    ModelRule { glob: "chatgpt-*", refuses: &["reasoning_effort"], refuses_reasoning: &[] },
];

/// Its reasoning models refuse penalties and stop sequences (section 9).
const GROK_MODELS: &[ModelRule] = &[
    ModelRule { glob: "grok-2*", refuses: &["reasoning_effort"], refuses_reasoning: &[] },
    ModelRule {
        glob: "grok-3-mini*",
        refuses: &["presence_penalty", "frequency_penalty", "stop"],
        refuses_reasoning: &[],
    },
    ModelRule { glob: "grok-3*", refuses: &["reasoning_effort"], refuses_reasoning: &[] },
    ModelRule { glob: "grok-*", refuses: &["presence_penalty", "frequency_penalty", "stop"], refuses_reasoning: &[] },
];

impl Quirks {
    /// OpenAI itself (section 2).
    pub const OPENAI: Self = Self {
        drop: &[],
        rename: &[],
        relay_patches: &[],
        models: OPENAI_MODELS,
        limit: LimitField::MaxCompletionTokens,
        min_output: 16,
        stream_usage: StreamUsage::Ask,
        tool_id: ToolId::Any,
        tools: true,
        forced_choice: ForcedChoice::Always,
        tool_choice_any: "required",
        parallel_tool_calls: true,
        strict_tools: true,
        plain_schema: false,
        plain_patterns: false,
        // "object schema missing properties": <https://github.com/spring-projects/spring-ai/issues/4776>.
        needs_properties: true,
        empty_tool_result: "",
        developer_role: false,
        content: ContentForm::Parts,
        reasoning_field: ReasoningField::None,
        call_signature: false,
        reasoning_backfill: false,
        reasoning_effort: true,
        effort_words: ALL_EFFORTS,
        thinking_member: false,
        sequential_calls: true,
        reasoning_outside_completion: false,
        reports_cost: false,
        keeps_responses: true,
        answer_in_reasoning: false,
        json_schema: true,
        file_parts: true,
        cache_control: false,
        user_field: Some("safety_identifier"),
        service_tiers: &[("auto", "auto"), ("default", "default"), ("flex", "flex"), ("priority", "priority")],
        max_temperature_tenths: 20,
        greedy_without_top_p: false,
        max_stop: 4,
        top_k: false,
        strict_last_turn: false,
        prefix_member: false,
        strict_alternation: false,
    };

    /// A provider nobody described (section 1): plain OpenAI-compatible, `max_tokens`, tolerant reader.
    pub const COMPATIBLE: Self = Self {
        keeps_responses: false,
        models: &[],
        limit: LimitField::MaxTokens,
        min_output: 1,
        needs_properties: false,
        sequential_calls: false,
        reasoning_field: ReasoningField::ReasoningContent,
        user_field: Some("user"),
        service_tiers: &[],
        ..Self::OPENAI
    };

    /// Google AI Studio's OpenAI-compatible endpoint (section 4).
    pub const GOOGLE_COMPAT: Self = Self {
        // "unknown members 400 `Unknown name`"; penalties are refused on 2.5.
        drop: &["frequency_penalty", "presence_penalty", "seed"],
        relay_patches: &[
            Patch::Drop("store"),
            Patch::Drop("metadata"),
            Patch::Drop("prompt_cache_key"),
            Patch::Drop("parallel_tool_calls"),
        ],
        parallel_tool_calls: false,
        strict_tools: false,
        // "content of tool messages must be non-empty".
        empty_tool_result: "(no output)",
        // "signatures in `tool_calls[].extra_content.google.thought_signature` must come back on Gemini 3+"; there is no
        // member for readable reasoning.
        call_signature: true,
        reasoning_field: ReasoningField::None,
        effort_words: COMMON_EFFORTS,
        user_field: None,
        ..Self::COMPATIBLE
    };

    /// Groq (section 7).
    pub const GROQ: Self = Self {
        // "not yet supported by any of our models".
        drop: &["frequency_penalty", "presence_penalty", "logit_bias", "logprobs", "top_logprobs", "store", "metadata"],
        relay_patches: &[
            Patch::Drop("frequency_penalty"),
            Patch::Drop("presence_penalty"),
            Patch::Drop("logit_bias"),
            Patch::Drop("logprobs"),
            Patch::Drop("top_logprobs"),
            Patch::Drop("store"),
            Patch::Drop("metadata"),
        ],
        limit: LimitField::MaxCompletionTokens,
        // Usage comes in `x_groq.usage` of the last chunk unasked.
        stream_usage: StreamUsage::Implicit,
        plain_schema: true,
        reasoning_field: ReasoningField::Reasoning,
        effort_words: COMMON_EFFORTS,
        service_tiers: &[("auto", "auto"), ("default", "on_demand"), ("flex", "flex"), ("priority", "performance")],
        file_parts: false,
        ..Self::COMPATIBLE
    };

    /// Mistral (section 6): the request schema is closed, an unknown member is a 422.
    pub const MISTRAL: Self = Self {
        drop: &["user", "store", "logit_bias", "verbosity", "prompt_cache_options", "safety_identifier", "modalities"],
        rename: &[("seed", "random_seed")],
        relay_patches: &[
            Patch::Drop("stream_options"),
            Patch::Drop("user"),
            Patch::Drop("store"),
            Patch::Drop("logit_bias"),
            Patch::Drop("verbosity"),
            Patch::Drop("prompt_cache_options"),
            Patch::Drop("safety_identifier"),
            Patch::Drop("modalities"),
            Patch::Drop("web_search_options"),
            Patch::Rename("max_completion_tokens", "max_tokens"),
            Patch::Rename("seed", "random_seed"),
        ],
        // "Usage arrives in the last chunk without it. Default: omit."
        stream_usage: StreamUsage::Implicit,
        tool_id: ToolId::Alnum9,
        tool_choice_any: "any",
        plain_schema: true,
        // "no reasoning member: thinking goes in content parts".
        reasoning_field: ReasoningField::ThinkingPart,
        user_field: None,
        service_tiers: &[("auto", "auto"), ("default", "standard_only")],
        max_temperature_tenths: 15,
        greedy_without_top_p: true,
        top_k: true,
        file_parts: false,
        strict_last_turn: true,
        prefix_member: true,
        ..Self::COMPATIBLE
    };

    /// xAI (section 9). What only its reasoning models refuse (`stop`, penalties) is left to the caller.
    pub const GROK: Self = Self {
        // <https://docs.x.ai/docs/guides/responses-api>: for 30 days.
        keeps_responses: true,
        models: GROK_MODELS,
        drop: &["logit_bias", "store", "metadata"],
        relay_patches: &[Patch::Drop("logit_bias"), Patch::Drop("store"), Patch::Drop("metadata")],
        limit: LimitField::MaxCompletionTokens,
        reasoning_field: ReasoningField::None,
        // "none|low|medium|high|xhigh by model; others 400".
        effort_words: [
            Some("none"),
            Some("low"),
            Some("low"),
            Some("medium"),
            Some("high"),
            Some("xhigh"),
            Some("xhigh"),
        ],
        // "Chat usage: completion_tokens excludes reasoning_tokens; cached may exceed prompt".
        reasoning_outside_completion: true,
        file_parts: false,
        ..Self::COMPATIBLE
    };

    /// DeepSeek (section 8).
    pub const DEEPSEEK: Self = Self {
        // Patterns with `\\0` or lookaround are refused (schema profile of the mapping rules, section 4).
        plain_patterns: true,
        // "No seed, no n, no `user` (use user_id)"; logprobs are refused while thinking, which is the default.
        drop: &["seed", "n", "user", "parallel_tool_calls", "store", "metadata", "service_tier"],
        relay_patches: &[
            Patch::Drop("seed"),
            Patch::Drop("n"),
            Patch::Rename("user", "user_id"),
            Patch::Rename("max_completion_tokens", "max_tokens"),
        ],
        // "Thinking mode refuses forced tool_choice".
        forced_choice: ForcedChoice::WithoutThinking,
        parallel_tool_calls: false,
        // Strict tools exist only under its `/beta` base.
        strict_tools: false,
        content: ContentForm::Strings,
        // "V4: reasoning_content of assistant turns with tool calls must be sent back"; lost: `""`.
        reasoning_field: ReasoningField::ReasoningContent,
        reasoning_backfill: true,
        // "reasoning_effort low|high|max"; off is `thinking: disabled`, together with an effort a 400.
        effort_words: [None, Some("low"), Some("low"), Some("high"), Some("high"), Some("max"), Some("max")],
        thinking_member: true,
        // "response_format json_object only: put the schema in the system text".
        json_schema: false,
        file_parts: false,
        user_field: Some("user_id"),
        max_stop: 16,
        ..Self::COMPATIBLE
    };

    /// Cerebras (section 10).
    pub const CEREBRAS: Self = Self {
        // "max_completion_tokens (max_tokens deprecated)".
        limit: LimitField::MaxCompletionTokens,
        plain_schema: true,
        reasoning_field: ReasoningField::Reasoning,
        effort_words: COMMON_EFFORTS,
        service_tiers: &[("auto", "auto"), ("default", "default"), ("flex", "flex"), ("priority", "priority")],
        file_parts: false,
        ..Self::COMPATIBLE
    };

    /// Cohere's compatibility endpoint (section 13).
    pub const COHERE_COMPAT: Self = Self {
        drop: &[
            "store",
            "metadata",
            "logit_bias",
            "top_logprobs",
            "n",
            "modalities",
            "prediction",
            "audio",
            "service_tier",
            "parallel_tool_calls",
        ],
        relay_patches: &[
            Patch::Drop("store"),
            Patch::Drop("metadata"),
            Patch::Drop("logit_bias"),
            Patch::Drop("top_logprobs"),
            Patch::Drop("n"),
            Patch::Drop("modalities"),
            Patch::Drop("prediction"),
            Patch::Drop("audio"),
            Patch::Drop("service_tier"),
            Patch::Drop("parallel_tool_calls"),
            Patch::Rename("max_completion_tokens", "max_tokens"),
        ],
        parallel_tool_calls: false,
        reasoning_field: ReasoningField::None,
        // "reasoning_effort only none|high".
        effort_words: [
            Some("none"),
            Some("high"),
            Some("high"),
            Some("high"),
            Some("high"),
            Some("high"),
            Some("high"),
        ],
        file_parts: false,
        user_field: None,
        max_stop: 5,
        ..Self::COMPATIBLE
    };

    /// Perplexity's former Chat API (section 11), kept for mirrors: no tools, strict alternation.
    pub const PERPLEXITY: Self = Self {
        drop: &["tools", "tool_choice", "parallel_tool_calls", "stop", "seed", "user"],
        relay_patches: &[
            Patch::Drop("tools"),
            Patch::Drop("tool_choice"),
            Patch::Drop("parallel_tool_calls"),
            Patch::Drop("stream_options"),
            Patch::Rename("max_completion_tokens", "max_tokens"),
        ],
        stream_usage: StreamUsage::Implicit,
        tools: false,
        reasoning_field: ReasoningField::None,
        effort_words: COMMON_EFFORTS,
        // Mapping-common section 8: completion tokens exclude reasoning.
        reasoning_outside_completion: true,
        reports_cost: true,
        file_parts: false,
        user_field: None,
        top_k: true,
        strict_last_turn: true,
        strict_alternation: true,
        ..Self::COMPATIBLE
    };

    /// Azure OpenAI (section 5): OpenAI's dialect; `user` and `safety_identifier` differ by version, so `user` it is.
    pub const AZURE: Self = Self { user_field: Some("user"), service_tiers: &[], ..Self::OPENAI };

    /// OpenRouter (section 12): nearly everything passes.
    pub const OPENROUTER: Self = Self {
        // <https://openrouter.ai/docs/use-cases/usage-accounting>
        reports_cost: true,
        // It hands schemas to OpenAI as they are: <https://github.com/tailcallhq/forgecode/issues/1359>.
        needs_properties: true,
        // "send details back unmodified, in order".
        reasoning_field: ReasoningField::Details,
        effort_words: ALL_EFFORTS,
        cache_control: true,
        service_tiers: &[("auto", "auto"), ("default", "default"), ("flex", "flex"), ("priority", "priority")],
        top_k: true,
        ..Self::COMPATIBLE
    };

    /// Cloudflare Workers AI (section 14).
    pub const WORKERS_AI: Self = Self {
        drop: &["parallel_tool_calls", "user", "service_tier"],
        relay_patches: &[Patch::Rename("max_completion_tokens", "max_tokens")],
        parallel_tool_calls: false,
        strict_tools: false,
        // "content as string for most models"; "not null".
        content: ContentForm::Strings,
        effort_words: COMMON_EFFORTS,
        file_parts: false,
        user_field: None,
        // "temperature 0..5".
        max_temperature_tenths: 50,
        top_k: true,
        ..Self::COMPATIBLE
    };
}
