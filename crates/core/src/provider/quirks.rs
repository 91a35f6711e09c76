//! What a Chat-compatible provider takes and refuses, as data: one row per provider, never a branch on its name.

/// The quirks of one provider in the OpenAI Chat dialect. [`Quirks::OPENAI`] is the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// Top-level request members that provider refuses: removed from relayed and translated bodies alike.
    pub drop: &'static [&'static str],
    /// Top-level request members it spells otherwise, `(ours, theirs)`.
    pub rename: &'static [(&'static str, &'static str)],
    /// What it calls the output limit.
    pub limit: LimitField,
    /// How usage of a stream is had.
    pub stream_usage: StreamUsage,
    /// What tool call ids must look like.
    pub tool_id: ToolId,
    /// The word that forces some tool call (`required`, or Mistral's `any`).
    pub tool_choice_any: &'static str,
    /// Does it take `parallel_tool_calls`?
    pub parallel_tool_calls: bool,
    /// System prompts go as `developer`? (OpenAI takes both; compatibles know only `system`.)
    pub developer_role: bool,
    /// Content it takes in user and system messages.
    pub content: ContentForm,
    /// In which member of an assistant message it wants earlier reasoning back.
    pub reasoning_field: ReasoningField,
    /// Does it take `reasoning_effort`?
    pub reasoning_effort: bool,
    /// Tool calls of a stream come one after the other: a higher index closes the lower ones.
    pub sequential_calls: bool,
    /// Completion tokens exclude reasoning tokens (xAI, Perplexity).
    pub reasoning_outside_completion: bool,
    /// `response_format: json_schema` is understood; otherwise the schema goes into the system text.
    pub json_schema: bool,
    /// `file` content parts (PDF) are understood.
    pub file_parts: bool,
    /// Which member takes the end user's id; none drops it.
    pub user_field: Option<&'static str>,
    /// Largest temperature, in tenths.
    pub max_temperature_tenths: u32,
    /// Most stop sequences.
    pub max_stop: usize,
    /// `top_k` is understood.
    pub top_k: bool,
    /// The last turn must be a user's or a tool's: a trailing system turn is folded into it.
    pub strict_last_turn: bool,
}

/// A named edit of a relayed body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    Drop(&'static str),
    Rename(&'static str, &'static str),
    /// Removes one member inside a top-level object, and the object with it when it becomes empty.
    DropInside(&'static str, &'static str),
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
pub enum ContentForm {
    /// Strings or parts.
    Parts,
    /// Strings wherever there is only text; `null` content becomes `""`.
    Strings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasoningField {
    None,
    Reasoning,
    ReasoningContent,
}

impl Quirks {
    /// OpenAI itself.
    pub const OPENAI: Self = Self {
        drop: &[],
        rename: &[],
        limit: LimitField::MaxCompletionTokens,
        stream_usage: StreamUsage::Ask,
        tool_id: ToolId::Any,
        tool_choice_any: "required",
        parallel_tool_calls: true,
        developer_role: false,
        content: ContentForm::Parts,
        reasoning_field: ReasoningField::None,
        reasoning_effort: true,
        sequential_calls: true,
        reasoning_outside_completion: false,
        json_schema: true,
        file_parts: true,
        user_field: Some("safety_identifier"),
        max_temperature_tenths: 20,
        max_stop: 4,
        top_k: false,
        strict_last_turn: false,
    };

    /// A provider nobody described: plain OpenAI-compatible, tolerant.
    pub const COMPATIBLE: Self = Self {
        limit: LimitField::MaxTokens,
        sequential_calls: false,
        reasoning_field: ReasoningField::ReasoningContent,
        user_field: Some("user"),
        ..Self::OPENAI
    };
}
