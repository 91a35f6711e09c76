//! What a reply is made of, in order. A decoder turns frames into events, an encoder turns events into frames.

use crate::json::JsonStr;

use super::{Failure, Opaque, ToolKind, Usage};
use crate::refusal::echo;

/// One thing an upstream said. Blocks have keys chosen by the decoder, unrelated to any dialect's index; they may
/// interleave here, and [`super::Sequencer`] puts them in a row for grammars that need it.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The head of the reply. Members the upstream did not send stay empty.
    Start {
        id: JsonStr<'a>,
        model: JsonStr<'a>,
        usage: Usage,
    },
    BlockStart {
        key: u32,
        block: BlockStart<'a>,
    },
    Delta {
        key: u32,
        delta: Delta<'a>,
    },
    BlockStop {
        key: u32,
    },
    /// Belongs to the text block `key`.
    Citation {
        key: u32,
        citation: Citation<'a>,
    },
    Stop(Stop<'a>),
    /// Cumulative: members present replace earlier ones.
    Usage(Usage),
    /// A sign of life without content.
    Ping,
    /// The upstream failed in band.
    Error(Failure),
    /// The terminal marker (`[DONE]`, `message_stop`) was seen.
    End,
}

/// What the upstream calls its reply, and the model that made it. Empty where it did not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    pub id: String,
    pub model: String,
}

impl Event<'_> {
    /// The names in the head of a reply, fit to be shown; none if there are none.
    pub fn named(&self) -> Option<Named> {
        let Event::Start { id, model, .. } = self else { return None };
        let text = |name: &JsonStr<'_>| echo(&name.text());
        (!id.is_empty() || !model.is_empty()).then(|| Named { id: text(id), model: text(model) })
    }
}

/// What kind of block opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockStart<'a> {
    /// A picture, complete at once: its type and its base64.
    Image {
        media_type: JsonStr<'a>,
        data: JsonStr<'a>,
    },
    /// Readable reasoning; a signature may follow as a delta.
    Reasoning,
    /// Encrypted reasoning, complete at once.
    Redacted {
        data: Opaque<'a>,
    },
    Refusal,
    Text,
    ToolCall {
        id: JsonStr<'a>,
        name: JsonStr<'a>,
        kind: ToolKind,
        /// State that must come back with the call (Gemini's thought signature).
        opaque: Option<Opaque<'a>>,
    },
}

/// A piece of an open block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta<'a> {
    /// A fragment of the arguments' JSON text, as escaped inside a JSON string. Never parsed on its own.
    Arguments(JsonStr<'a>),
    Reasoning(JsonStr<'a>),
    Refusal(JsonStr<'a>),
    /// Sets (never appends) the opaque state of a reasoning or text block.
    Signature(Opaque<'a>),
    Text(JsonStr<'a>),
}

/// A source the text cites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation<'a> {
    pub url: JsonStr<'a>,
    pub title: Option<JsonStr<'a>>,
    /// The cited words, where the source quotes them.
    pub cited_text: Option<JsonStr<'a>>,
    /// Character range of the answer's text, where the source gives one.
    pub range: Option<(u64, u64)>,
}

/// Why the reply ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop<'a> {
    pub reason: StopReason,
    /// The stop sequence that matched (only Anthropic says).
    pub sequence: Option<JsonStr<'a>>,
    /// Why it was refused, in words.
    pub explanation: Option<JsonStr<'a>>,
    /// The raw `stop_details` object (Anthropic), as JSON text.
    pub details: Option<String>,
    /// The upstream's own word.
    pub native: JsonStr<'a>,
}

/// Canonical stop reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    Compaction,
    ContentFilter,
    ContextWindow,
    EndTurn,
    MaxTokens,
    Pause,
    Refusal,
    StopSequence,
    ToolCalls,
}

impl StopReason {
    /// Its name in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compaction => "compaction",
            Self::ContentFilter => "content_filter",
            Self::ContextWindow => "context_window",
            Self::EndTurn => "end_turn",
            Self::MaxTokens => "max_tokens",
            Self::Pause => "pause",
            Self::Refusal => "refusal",
            Self::StopSequence => "stop_sequence",
            Self::ToolCalls => "tool_calls",
        }
    }
}

impl Stop<'_> {
    /// A stop that carries nothing but its reason.
    pub fn plain(reason: StopReason, native: JsonStr<'_>) -> Stop<'_> {
        Stop { reason, sequence: None, explanation: None, details: None, native }
    }

    pub fn into_owned(self) -> Stop<'static> {
        Stop {
            reason: self.reason,
            sequence: self.sequence.map(JsonStr::into_owned),
            explanation: self.explanation.map(JsonStr::into_owned),
            details: self.details,
            native: self.native.into_owned(),
        }
    }
}

impl Citation<'_> {
    pub fn into_owned(self) -> Citation<'static> {
        Citation {
            url: self.url.into_owned(),
            title: self.title.map(JsonStr::into_owned),
            cited_text: self.cited_text.map(JsonStr::into_owned),
            range: self.range,
        }
    }
}

impl BlockStart<'_> {
    pub fn into_owned(self) -> BlockStart<'static> {
        match self {
            Self::Image { media_type, data } => {
                BlockStart::Image { media_type: media_type.into_owned(), data: data.into_owned() }
            }
            Self::Reasoning => BlockStart::Reasoning,
            Self::Redacted { data } => BlockStart::Redacted { data: data.into_owned() },
            Self::Refusal => BlockStart::Refusal,
            Self::Text => BlockStart::Text,
            Self::ToolCall { id, name, kind, opaque } => BlockStart::ToolCall {
                id: id.into_owned(),
                name: name.into_owned(),
                kind,
                opaque: opaque.map(Opaque::into_owned),
            },
        }
    }
}

impl Delta<'_> {
    pub fn into_owned(self) -> Delta<'static> {
        match self {
            Self::Arguments(s) => Delta::Arguments(s.into_owned()),
            Self::Reasoning(s) => Delta::Reasoning(s.into_owned()),
            Self::Refusal(s) => Delta::Refusal(s.into_owned()),
            Self::Signature(s) => Delta::Signature(s.into_owned()),
            Self::Text(s) => Delta::Text(s.into_owned()),
        }
    }
}

impl Event<'_> {
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Self::Start { id, model, usage } => Event::Start { id: id.into_owned(), model: model.into_owned(), usage },
            Self::BlockStart { key, block } => Event::BlockStart { key, block: block.into_owned() },
            Self::Delta { key, delta } => Event::Delta { key, delta: delta.into_owned() },
            Self::BlockStop { key } => Event::BlockStop { key },
            Self::Citation { key, citation } => Event::Citation { key, citation: citation.into_owned() },
            Self::Stop(stop) => Event::Stop(stop.into_owned()),
            Self::Usage(usage) => Event::Usage(usage),
            Self::Ping => Event::Ping,
            Self::Error(failure) => Event::Error(failure),
            Self::End => Event::End,
        }
    }
}
