//! One row of quirks per Chat-compatible provider. The sections named here are those of the project's list of provider
//! quirks (`quirks.md`).

use super::model_rules::{AZURE_MODELS, COMPATIBLE_MODELS, GROK_MODELS, GROQ_MODELS, OPENAI_MODELS};
use super::quirks::{
    ALL_EFFORTS, Below, COMMON_EFFORTS, ContentForm, ForcedChoice, LimitField, Patch, Quirks, ReasoningField, Says,
    StreamUsage, StrictLimits, ToolId,
};

/// "no `pattern`, `format`, recursion"; "<= 5000 chars guidance" (section 10, and the schema profiles of the mapping rules).
const CEREBRAS_STRICT: StrictLimits = StrictLimits { length: 5000, refuses: &["pattern", "format"], recursion: false };

/// One choice asked for aloud.
const ONE_CHOICE: &[Says] = &[Says { member: "n", inner: None, words: &["1"], is: true }];

/// Thinking switched off, and not.
const THINKING_OFF: Says = Says { member: "thinking", inner: Some("type"), words: &["disabled"], is: true };
const THINKING_ON: Says = Says { is: false, ..THINKING_OFF };
const FORCED: Says = Says { member: "tool_choice", inner: Some("type"), words: &["any", "tool"], is: true };

const NAMES: Patch = Patch::DropBelow(&Below { name: "messages.name", path: &["messages", "name"], but: Some("tool") });
const ALL_NAMES: Patch = Patch::DropBelow(&Below { name: "messages.name", path: &["messages", "name"], but: None });
const PART_CACHE: Patch = Patch::DropBelow(&Below {
    name: "messages.content.cache_control",
    path: &["messages", "content", "cache_control"],
    but: None,
});
const MESSAGE_CACHE: Patch =
    Patch::DropBelow(&Below { name: "messages.cache_control", path: &["messages", "cache_control"], but: None });
const TOOL_CACHE: Patch =
    Patch::DropBelow(&Below { name: "tools.cache_control", path: &["tools", "cache_control"], but: None });
const BREAKPOINTS: Patch = Patch::DropBelow(&Below {
    name: "messages.content.prompt_cache_breakpoint",
    path: &["messages", "content", "prompt_cache_breakpoint"],
    but: None,
});
const SIGNATURES: Patch = Patch::DropBelow(&Below {
    name: "messages.tool_calls.extra_content",
    path: &["messages", "tool_calls", "extra_content"],
    but: None,
});
const SCHEMA_DIALECT: Patch = Patch::DropBelow(&Below {
    name: "tools.function.parameters",
    path: &["tools", "function", "parameters", "$schema"],
    but: None,
});
const STRICT: Patch =
    Patch::DropBelow(&Below { name: "tools.function.strict", path: &["tools", "function", "strict"], but: None });

impl Quirks {
    /// OpenAI itself (section 2).
    pub const OPENAI: Self = Self {
        drop: &[],
        rename: &[],
        relay_patches: &[],
        messages_patches: &[],
        responses_lacks: &[],
        models: OPENAI_MODELS,
        limit: LimitField::MaxCompletionTokens,
        min_output: 16,
        default_output: None,
        stream_usage: StreamUsage::Ask,
        tool_id: ToolId::Any,
        tools: true,
        // "tools: max 128".
        max_tools: 128,
        forced_choice: ForcedChoice::Always,
        tool_choice_any: "required",
        parallel_tool_calls: true,
        strict_tools: true,
        plain_schema: false,
        plain_patterns: false,
        // "object schema missing properties": <https://github.com/spring-projects/spring-ai/issues/4776>.
        needs_properties: true,
        strict_limits: None,
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
        format_beside_tools: true,
        file_parts: true,
        cache_control: false,
        user_field: Some("safety_identifier"),
        service_tiers: &[("auto", "auto"), ("default", "default"), ("flex", "flex"), ("priority", "priority")],
        max_temperature_tenths: 20,
        greedy_without_top_p: false,
        positive_top_p: false,
        max_stop: 4,
        top_k: false,
        strict_last_turn: false,
        prefix_member: false,
        strict_alternation: false,
    };

    /// A provider nobody described (section 1): plain OpenAI-compatible, `max_tokens`, tolerant reader.
    pub const COMPATIBLE: Self = Self {
        keeps_responses: false,
        models: COMPATIBLE_MODELS,
        limit: LimitField::MaxTokens,
        min_output: 1,
        max_tools: usize::MAX,
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
            STRICT,
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
            // "messages[].name 400"; "strip cache_control and `$schema`".
            ALL_NAMES,
            PART_CACHE,
            MESSAGE_CACHE,
            TOOL_CACHE,
            SCHEMA_DIALECT,
        ],
        models: GROQ_MODELS,
        limit: LimitField::MaxCompletionTokens,
        max_tools: 128,
        // "response_format json_schema: not together with tools on some models".
        format_beside_tools: false,
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
        drop: &[
            "user",
            "store",
            "logit_bias",
            "verbosity",
            "prompt_cache_options",
            "safety_identifier",
            "modalities",
            "web_search_options",
        ],
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
            // "message `name` (outside tool messages), content-part members such as `cache_control`"; assistant messages
            // have only `content`, `tool_calls`, `prefix`.
            NAMES,
            PART_CACHE,
            MESSAGE_CACHE,
            BREAKPOINTS,
            TOOL_CACHE,
            SIGNATURES,
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
        positive_top_p: true,
        top_k: true,
        file_parts: false,
        strict_last_turn: true,
        prefix_member: true,
        ..Self::COMPATIBLE
    };

    /// xAI (section 9). A relayed request with what only its reasoning models refuse (`stop`, penalties) goes as it is.
    pub const GROK: Self = Self {
        // <https://docs.x.ai/docs/guides/responses-api>: for 30 days.
        keeps_responses: true,
        models: GROK_MODELS,
        drop: &["logit_bias", "store", "metadata"],
        // "Unsupported: logit_bias, `n` on reasoning models, store on chat, metadata".
        relay_patches: &[
            Patch::Drop("logit_bias"),
            Patch::Drop("store"),
            Patch::Drop("metadata"),
            Patch::When(ONE_CHOICE, &Patch::Drop("n")),
        ],
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
            // More than one is the caller's to hear about.
            Patch::When(ONE_CHOICE, &Patch::Drop("n")),
            Patch::Rename("user", "user_id"),
            Patch::Rename("max_completion_tokens", "max_tokens"),
            // "`thinking disabled` together with an effort is a 400".
            Patch::When(&[THINKING_OFF], &Patch::Drop("reasoning_effort")),
        ],
        // The same in its Messages dialect, where a forced tool is refused while thinking, which is the default.
        messages_patches: &[
            Patch::When(&[THINKING_OFF], &Patch::DropInside("output_config", "effort")),
            Patch::When(&[FORCED, THINKING_ON], &Patch::Set("tool_choice", "{\"type\":\"auto\"}")),
        ],
        max_tools: 128,
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
        strict_limits: Some(&CEREBRAS_STRICT),
        // "tools + response_format together refused".
        format_beside_tools: false,
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
            Patch::When(ONE_CHOICE, &Patch::Drop("n")),
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

    /// Perplexity (section 11): its Agent API speaks a smaller Responses
    /// (<https://docs.perplexity.ai/api-reference/responses-post>); its former Chat API, kept for mirrors, has no tools and
    /// wants roles to alternate.
    pub const PERPLEXITY: Self = Self {
        drop: &["tools", "tool_choice", "parallel_tool_calls", "stop", "seed", "user"],
        relay_patches: &[
            Patch::Drop("tools"),
            Patch::Drop("tool_choice"),
            Patch::Drop("parallel_tool_calls"),
            Patch::Drop("stream_options"),
            Patch::Rename("max_completion_tokens", "max_tokens"),
        ],
        // "Responses-shaped: ... tools web_search, function; reasoning.effort; response_format": the rest is not there.
        responses_lacks: &[
            "code_interpreter",
            "custom",
            "include",
            "input_file",
            "parallel_tool_calls",
            "reasoning.summary",
            "service_tier",
            "store",
            "temperature",
            "text",
            "tool_choice",
            "top_p",
        ],
        stream_usage: StreamUsage::Implicit,
        tools: false,
        reasoning_field: ReasoningField::None,
        // "reasoning.effort minimal..xhigh".
        effort_words: [None, Some("minimal"), Some("low"), Some("medium"), Some("high"), Some("xhigh"), Some("xhigh")],
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
    pub const AZURE: Self = Self {
        models: AZURE_MODELS,
        // "DeepSeek json_object puts the JSON in reasoning_content"; OpenAI's own models show no reasoning in Chat.
        answer_in_reasoning: true,
        user_field: Some("user"),
        service_tiers: &[],
        ..Self::OPENAI
    };

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
        // "default is only 256 on native for many models: always send a limit".
        relay_patches: &[
            Patch::Rename("max_completion_tokens", "max_tokens"),
            Patch::Add("max_tokens", "2048", "max_completion_tokens"),
        ],
        default_output: Some(2048),
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
