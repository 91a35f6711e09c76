//! A request in the form every dialect shares.
//!
//! Turns, parts and tools keep the order and the text of the source. What a dialect knows and the hub does not rides in
//! `ext`: an encoder of the same dialect writes it back, any other names it as lost.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::dialect::Dialect;
use crate::json::{Ext, JsonStr, Members};

use super::{Losses, Opaque, history};

/// A chat request. The model is not part of it: routing decides it before.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The dialect it was decoded from.
    pub origin: Dialect,
    pub stream: bool,
    /// A streaming Chat client asked for the usage chunk.
    pub include_usage: bool,
    /// Instructions outside the turns (Anthropic `system`); Chat's leading system messages stay turns.
    pub system: Option<Turn<'a>>,
    pub turns: Vec<Turn<'a>>,
    pub tools: Vec<Tool<'a>>,
    pub tool_choice: Option<ToolChoice<'a>>,
    /// `Some(false)` forbids several calls in one reply.
    pub parallel_tool_calls: Option<bool>,
    /// Output tokens, reasoning included.
    pub max_tokens: Option<u64>,
    pub sampling: Sampling<'a>,
    pub stop: Vec<JsonStr<'a>>,
    /// Number of choices asked for.
    pub n: Option<u64>,
    pub reasoning: ReasoningWish,
    /// A Gemini client asked to see thoughts (`includeThoughts`); others see them unasked.
    pub show_thoughts: bool,
    pub output: OutputFormat<'a>,
    /// The end user, as the caller names them (`safety_identifier`, `user`, `metadata.user_id`).
    pub user: Option<JsonStr<'a>>,
    pub service_tier: Option<JsonStr<'a>>,
    /// Members without a field here, in order.
    pub ext: Ext<'a>,
    /// What its decoder had to adjust already.
    pub losses: Losses,
    /// Which item of the caller's list each turn began with; empty where turns and items are the same.
    pub places: Vec<usize>,
}

impl Request<'_> {
    /// An empty request of `origin`, to be filled by its decoder.
    pub fn new(origin: Dialect) -> Self {
        Self {
            origin,
            stream: false,
            include_usage: false,
            system: None,
            turns: Vec::new(),
            tools: Vec::new(),
            tool_choice: None,
            parallel_tool_calls: None,
            max_tokens: None,
            sampling: Sampling::default(),
            stop: Vec::new(),
            n: None,
            reasoning: ReasoningWish::default(),
            show_thoughts: false,
            output: OutputFormat::Text,
            user: None,
            service_tier: None,
            ext: Vec::new(),
            losses: Losses::default(),
            places: Vec::new(),
        }
    }
}

impl Request<'_> {
    /// Does any text of the conversation hold this word, which is in lower case?
    pub fn mentions(&self, word: &str) -> bool {
        let texts = self.system.iter().chain(&self.turns).flat_map(|turn| &turn.parts);
        texts
            .filter_map(|part| if let Part::Text(text) = part { Some(text) } else { None })
            .any(|text| text.text.as_escaped().to_ascii_lowercase().contains(word))
    }
}

/// Who speaks in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    System,
    Developer,
    User,
    Assistant,
    /// Chat's `tool` message; its one part is a [`Part::ToolResult`].
    Tool,
}

/// How the content was written; only the same dialect cares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// No content member at all.
    Absent,
    /// `null`.
    Null,
    /// A list of parts.
    #[default]
    Parts,
    /// A bare string.
    Text,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Turn<'a> {
    pub role: Role,
    pub parts: Vec<Part<'a>>,
    pub form: Form,
    pub name: Option<JsonStr<'a>>,
    pub ext: Ext<'a>,
}

/// A piece of content.
#[derive(Clone, Debug)]
pub enum Part<'a> {
    Document(Document<'a>),
    Image(Image<'a>),
    Reasoning(Reasoning<'a>),
    /// The assistant declined, in words.
    Refusal(JsonStr<'a>),
    Text(Text<'a>),
    ToolCall(ToolCall<'a>),
    ToolResult(ToolResult<'a>),
    /// A kind only its own dialect knows: kept as it is. `kind` is its wire name.
    Other {
        kind: Cow<'a, str>,
        raw: &'a RawValue,
    },
}

/// A prompt-cache breakpoint on a part or tool; the raw text of the member that set it.
#[derive(Clone, Copy, Debug)]
pub struct CacheMark<'a>(pub &'a RawValue);

impl CacheMark<'_> {
    /// What the caller calls it: OpenAI's has a `mode`.
    pub fn name(&self) -> &'static str {
        let openai = Members::of(self.0).is_ok_and(|m| m.get("mode").is_some());
        if openai { "prompt_cache_breakpoint" } else { "cache_control" }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Text<'a> {
    pub text: JsonStr<'a>,
    /// State its maker wants back with it.
    pub opaque: Option<Opaque<'a>>,
    pub cache: Option<CacheMark<'a>>,
    pub ext: Ext<'a>,
}

impl Text<'_> {
    /// Is it the line that Claude Code puts before the system prompt? It changes with every version and means nothing
    /// elsewhere.
    pub fn is_billing(&self) -> bool {
        self.text.as_escaped().starts_with(history::BILLING)
    }
}

#[derive(Clone, Debug)]
pub struct Image<'a> {
    pub source: MediaSource<'a>,
    /// Chat's `detail`.
    pub detail: Option<JsonStr<'a>>,
    pub cache: Option<CacheMark<'a>>,
    pub ext: Ext<'a>,
}

#[derive(Clone, Debug)]
pub struct Document<'a> {
    pub source: MediaSource<'a>,
    /// Anthropic `title`, Chat `filename`.
    pub title: Option<JsonStr<'a>>,
    pub cache: Option<CacheMark<'a>>,
    pub ext: Ext<'a>,
}

/// Where media comes from.
#[derive(Clone, Debug)]
pub enum MediaSource<'a> {
    /// Base64 text and its media type (empty when the source did not say).
    Base64 { media_type: Cow<'a, str>, data: JsonStr<'a> },
    /// Content blocks standing in for a document.
    Blocks(Vec<Part<'a>>),
    /// A file id of the provider.
    File(JsonStr<'a>),
    /// Plain text standing in for a document.
    Text(JsonStr<'a>),
    /// An `http(s)` URL.
    Url(JsonStr<'a>),
    /// A source only its own dialect knows.
    Other(&'a RawValue),
}

/// What the model thought. Opaque state is never changed and only goes back to its maker (see [`super::opaque`]).
#[derive(Clone, Debug)]
pub enum Reasoning<'a> {
    /// Readable text (maybe none) with its maker's signature or encrypted form, if it had one.
    Thinking { text: JsonStr<'a>, signature: Option<Opaque<'a>>, ext: Ext<'a> },
    /// Encrypted only: Anthropic `redacted_thinking`.
    Redacted { data: Opaque<'a>, ext: Ext<'a> },
    /// A member of the assistant message in a Chat look-alike (`reasoning_content`, `reasoning`, `reasoning_details`).
    Field { name: &'static str, raw: &'a RawValue },
}

#[derive(Clone, Debug)]
pub struct ToolCall<'a> {
    pub id: JsonStr<'a>,
    pub name: JsonStr<'a>,
    pub arguments: Arguments<'a>,
    pub kind: ToolKind,
    /// State its maker wants back with it (Gemini's thought signature).
    pub opaque: Option<Opaque<'a>>,
    pub cache: Option<CacheMark<'a>>,
    pub ext: Ext<'a>,
}

/// Arguments of a call, as text.
#[derive(Clone, Debug)]
pub enum Arguments<'a> {
    /// JSON text inside a JSON string (Chat), as escaped.
    Escaped(JsonStr<'a>),
    /// A JSON value in place (Anthropic `input`).
    Json(&'a RawValue),
}

impl Arguments<'_> {
    /// The JSON text (or whatever text the caller sent in its place).
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Escaped(s) => s.text(),
            Self::Json(raw) => Cow::Borrowed(raw.get()),
        }
    }
}

/// Function tools take JSON arguments, custom tools take free text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolKind {
    Custom,
    Function,
}

#[derive(Clone, Debug)]
pub struct ToolResult<'a> {
    pub call_id: JsonStr<'a>,
    pub parts: Vec<Part<'a>>,
    pub form: Form,
    pub is_error: Option<bool>,
    pub cache: Option<CacheMark<'a>>,
    pub ext: Ext<'a>,
}

/// A tool on offer.
#[derive(Clone, Debug)]
pub enum Tool<'a> {
    /// A function with a JSON schema.
    Function {
        name: JsonStr<'a>,
        description: Option<JsonStr<'a>>,
        /// The schema as written (or put into JSON Schema by its decoder); absent means no arguments.
        schema: Option<Cow<'a, RawValue>>,
        strict: Option<bool>,
        cache: Option<CacheMark<'a>>,
        ext: Ext<'a>,
    },
    /// A free-text tool (Chat `type: custom`); `raw` is the whole definition.
    Custom { name: JsonStr<'a>, description: Option<JsonStr<'a>>, format: Option<&'a RawValue>, raw: &'a RawValue },
    /// A hosted or versioned tool; `kind` is its wire type.
    Hosted { kind: Cow<'a, str>, name: Option<JsonStr<'a>>, raw: &'a RawValue },
}

#[derive(Clone, Debug)]
pub enum ToolChoice<'a> {
    /// Chat `allowed_tools`: only these names, forced or not; `raw` is the whole value.
    Allowed {
        required: bool,
        names: Vec<JsonStr<'a>>,
        raw: &'a RawValue,
    },
    Any,
    Auto,
    /// One tool by name.
    Named {
        name: JsonStr<'a>,
        kind: ToolKind,
    },
    None,
}

impl ToolChoice<'_> {
    /// A choice that OpenAI's dialects say in one word; none if it is another word.
    pub fn word(word: &str) -> Option<Self> {
        match word {
            "any" | "required" => Some(Self::Any),
            "auto" => Some(Self::Auto),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// Numbers as they were spelled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sampling<'a> {
    pub temperature: Option<&'a RawValue>,
    pub top_p: Option<&'a RawValue>,
    pub top_k: Option<&'a RawValue>,
    pub frequency_penalty: Option<&'a RawValue>,
    pub presence_penalty: Option<&'a RawValue>,
    pub seed: Option<&'a RawValue>,
}

/// What the caller wants of reasoning; nothing said means nothing sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReasoningWish {
    pub mode: Option<ReasoningMode>,
    pub effort: Option<Effort>,
    /// Thinking budget in tokens.
    pub budget: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasoningMode {
    Adaptive,
    BetweenTools,
    Enabled,
    Off,
}

/// Reasoning effort, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

impl Effort {
    /// From its wire word.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "none" => Self::None,
            "minimal" => Self::Minimal,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            "xhigh" => Self::Xhigh,
            "max" => Self::Max,
            _ => return None,
        })
    }

    /// Its wire word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort a thinking budget stands for. `max_tokens - 1` is Claude Code's default and means no wish: high.
    pub const fn of_budget(budget: u64, max_tokens: Option<u64>) -> Self {
        if let Some(max) = max_tokens
            && budget.saturating_add(1) == max
        {
            return Self::High;
        }
        match budget {
            0..1024 => Self::Minimal,
            1024..4096 => Self::Low,
            4096..12288 => Self::Medium,
            12288..24576 => Self::High,
            24576..40960 => Self::Xhigh,
            _ => Self::Max,
        }
    }

    /// The thinking budget, in tokens, that stands for this effort; none for `none`.
    pub const fn budget(self) -> Option<u64> {
        Some(match self {
            Self::None => return None,
            Self::Minimal => 1024,
            Self::Low => 2048,
            Self::Medium => 8192,
            Self::High => 16384,
            Self::Xhigh => 24576,
            Self::Max => 32768,
        })
    }
}

/// The shape the answer must have.
#[derive(Clone, Debug, Default)]
pub enum OutputFormat<'a> {
    JsonObject,
    JsonSchema {
        name: Option<JsonStr<'a>>,
        description: Option<JsonStr<'a>>,
        schema: Cow<'a, RawValue>,
        strict: Option<bool>,
        ext: Ext<'a>,
    },
    #[default]
    Text,
    /// A format only its own dialect knows.
    Other(&'a RawValue),
}
