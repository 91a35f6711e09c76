//! What a Chat-compatible provider takes and refuses, as data: one row per provider, never a branch on its name.
//!
//! The rows are in `quirk_rows.rs`; this file says what each field means.

/// The quirks of one provider in the OpenAI Chat dialect. [`Quirks::OPENAI`] is the default.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fact about a provider, not a state")]
pub struct Quirks {
    /// Top-level members of a translated request that it refuses.
    pub drop: &'static [&'static str],
    /// Top-level members of a translated request it spells otherwise, `(ours, theirs)`.
    pub rename: &'static [(&'static str, &'static str)],
    /// Edits of a relayed Chat request, made by splicing; only what is known to be refused.
    pub relay_patches: &'static [Patch],
    /// The same of a relayed Messages request, where it serves that dialect, too.
    pub messages_patches: &'static [Patch],
    /// Members, parts and kinds of tools that its Responses dialect lacks: they are not sent in a translation.
    pub responses_lacks: &'static [&'static str],
    /// What single models of it refuse, first match first.
    pub models: &'static [ModelRule],
    /// What it calls the output limit.
    pub limit: LimitField,
    /// The smallest output limit it takes; smaller wishes are raised.
    pub min_output: u64,
    /// The output limit to send where the caller named none, since its own default is tiny.
    pub default_output: Option<u64>,
    /// How usage of a stream is had.
    pub stream_usage: StreamUsage,
    /// What tool call ids must look like.
    pub tool_id: ToolId,
    /// Does it take tools at all?
    pub tools: bool,
    /// Most tools on offer.
    pub max_tools: usize,
    /// When it obeys a forced tool choice.
    pub forced_choice: ForcedChoice,
    /// The word that forces some tool call (`required`, or Mistral's `any`).
    pub tool_choice_any: &'static str,
    /// Does it take `parallel_tool_calls`?
    pub parallel_tool_calls: bool,
    /// Does it take `strict` on functions?
    pub strict_tools: bool,
    /// `$schema` at the root of a schema is refused: left out of a copy.
    pub plain_schema: bool,
    /// Regular expressions with lookaround or `\\0` kill its grammar compiler: rewritten in a copy.
    pub plain_patterns: bool,
    /// An object without `properties` at the root of a tool's schema is refused: an empty one is put into a copy.
    pub needs_properties: bool,
    /// What a schema must keep to where it is enforced (`strict`), beyond OpenAI's rules.
    pub strict_limits: Option<&'static StrictLimits>,
    /// What stands in for the empty text of a tool result.
    pub empty_tool_result: &'static str,
    /// System prompts go as `developer`? (OpenAI takes both; compatibles know only `system`.)
    pub developer_role: bool,
    /// Content it takes in user and system messages.
    pub content: ContentForm,
    /// In which form an assistant message carries earlier reasoning back.
    pub reasoning_field: ReasoningField,
    /// The first call of each step must carry a thought signature (Gemini 3 and later); a lost one has a documented word.
    pub call_signature: bool,
    /// Assistant turns with tool calls must have the reasoning member, if only as `""`.
    pub reasoning_backfill: bool,
    /// Does it take `reasoning_effort`?
    pub reasoning_effort: bool,
    /// Its word for each effort from `none` to `max`; none means the effort cannot be said.
    pub effort_words: [Option<&'static str>; 7],
    /// Thinking is switched by a member `thinking: {"type": "enabled" | "disabled"}`.
    pub thinking_member: bool,
    /// Tool calls of a stream come one after the other: a higher index closes the lower ones.
    pub sequential_calls: bool,
    /// Completion tokens exclude reasoning tokens (xAI, Perplexity).
    pub reasoning_outside_completion: bool,
    /// `usage.cost` is what the reply costs, in US dollars (OpenRouter, Perplexity).
    pub reports_cost: bool,
    /// It keeps replies of Responses that are to be stored, and goes on from them (`previous_response_id`).
    pub keeps_responses: bool,
    /// A JSON answer may come as reasoning, with empty content.
    pub answer_in_reasoning: bool,
    /// `response_format: json_schema` is understood; otherwise the schema goes into the system text.
    pub json_schema: bool,
    /// `response_format` and tools go together; otherwise the shape is asked for in words beside tools.
    pub format_beside_tools: bool,
    /// `file` content parts (PDF) are understood.
    pub file_parts: bool,
    /// `cache_control` on content parts and tools is understood.
    pub cache_control: bool,
    /// Which member takes the end user's id; none drops it.
    pub user_field: Option<&'static str>,
    /// Its words for OpenAI's service tiers, `(ours, theirs)`; a tier that is not listed is dropped.
    pub service_tiers: &'static [(&'static str, &'static str)],
    /// Largest temperature, in tenths.
    pub max_temperature_tenths: u32,
    /// Temperature 0 demands that `top_p` be left out.
    pub greedy_without_top_p: bool,
    /// `top_p` must be more than 0.
    pub positive_top_p: bool,
    /// Most stop sequences.
    pub max_stop: usize,
    /// `top_k` is understood.
    pub top_k: bool,
    /// The last turn must be a user's or a tool's: system turns in the middle are folded into user turns.
    pub strict_last_turn: bool,
    /// A trailing assistant turn is continued when it is marked `prefix: true`.
    pub prefix_member: bool,
    /// User and assistant turns must alternate: neighbours of one role are merged.
    pub strict_alternation: bool,
}

/// A named edit of a relayed body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    /// Adds a top-level member, `(name, JSON)`, unless it or the third one is there.
    Add(&'static str, &'static str, &'static str),
    Drop(&'static str),
    /// Removes members below a top-level one.
    DropBelow(&'static Below),
    /// Removes one member inside a top-level object, and the object with it when it becomes empty.
    DropInside(&'static str, &'static str),
    Rename(&'static str, &'static str),
    /// Replaces the value of a top-level member by this JSON.
    Set(&'static str, &'static str),
    /// The second only if the body says all of the first.
    When(&'static [Says], &'static Self),
}

/// The place of a member in every message or tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Below {
    /// Its name in `x-apex-adjustments`.
    pub name: &'static str,
    /// From the top-level member down to the one to remove. A list on the way means each of its elements.
    pub path: &'static [&'static str],
    /// Messages of this role keep it.
    pub but: Option<&'static str>,
}

/// What a body must say for a patch to apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Says {
    /// A top-level member.
    pub member: &'static str,
    /// The member inside it, which is a string; none looks at the JSON of the member itself.
    pub inner: Option<&'static str>,
    pub words: &'static [&'static str],
    /// Is it one of the words, or none of them?
    pub is: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitField {
    MaxCompletionTokens,
    MaxTokens,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamUsage {
    /// The last chunk has it unasked; `stream_options` is refused or useless.
    Implicit,
    /// `stream_options.include_usage` asks for it.
    Ask,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolId {
    /// Exactly nine letters or digits (Mistral).
    Alnum9,
    /// Anything up to 64 characters.
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForcedChoice {
    Always,
    /// Only while thinking is off; otherwise the choice becomes `auto` and a sentence in the system text.
    WithoutThinking,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentForm {
    /// Strings or parts.
    Parts,
    /// Strings wherever there is only text; `null` content becomes `""`.
    Strings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasoningField {
    /// OpenRouter's `reasoning_details`, with signatures.
    Details,
    None,
    Reasoning,
    ReasoningContent,
    /// Mistral: a `thinking` part in the content.
    ThinkingPart,
}

/// What a family of models refuses of a translated request; the caller is told of what was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelRule {
    /// Pattern of the upstream's model name, `*` standing for any text.
    pub glob: &'static str,
    /// Members that are always refused.
    pub refuses: &'static [&'static str],
    /// Members that are refused while the model reasons.
    pub refuses_reasoning: &'static [&'static str],
    /// Its words for the efforts, where they are not the provider's.
    pub efforts: Option<[Option<&'static str>; 7]>,
    /// Members it wants said, `(name, JSON)`.
    pub adds: &'static [(&'static str, &'static str)],
}

impl ModelRule {
    /// A rule that says nothing yet.
    pub(super) const PLAIN: Self = Self { glob: "", refuses: &[], refuses_reasoning: &[], efforts: None, adds: &[] };
}

/// Limits of schemas that are enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrictLimits {
    /// Longest schema, in bytes.
    pub length: usize,
    /// Keywords that are refused.
    pub refuses: &'static [&'static str],
    /// May a schema refer to itself?
    pub recursion: bool,
}

/// OpenAI's own words for the efforts.
pub(super) const ALL_EFFORTS: [Option<&str>; 7] =
    [Some("none"), Some("minimal"), Some("low"), Some("medium"), Some("high"), Some("xhigh"), Some("max")];

/// `low`, `medium`, `high`, and `none` to switch thinking off; everything else goes to its neighbour.
pub(super) const COMMON_EFFORTS: [Option<&str>; 7] =
    [Some("none"), Some("low"), Some("low"), Some("medium"), Some("high"), Some("high"), Some("high")];
