//! A whole reply as the fold of its events: the only accumulator there is.

use crate::json::JsonStr;

use super::{BlockStart, Citation, Delta, Event, Opaque, Stop, ToolKind, Usage};

/// A whole reply, ready for a dialect's `encode_reply`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The upstream's id; empty if it sent none.
    pub id: JsonStr<'static>,
    /// The upstream's model name; empty if it sent none.
    pub model: JsonStr<'static>,
    /// In order of first appearance.
    pub blocks: Vec<Block>,
    pub stop: Option<Stop<'static>>,
    pub usage: Usage,
}

/// One finished block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    Image {
        media_type: JsonStr<'static>,
        data: JsonStr<'static>,
    },
    Reasoning {
        text: JsonStr<'static>,
        signature: Option<Opaque<'static>>,
    },
    Redacted {
        data: Opaque<'static>,
    },
    Refusal(JsonStr<'static>),
    Text {
        text: JsonStr<'static>,
        citations: Vec<Citation<'static>>,
        opaque: Option<Opaque<'static>>,
    },
    /// `arguments` is the JSON text (free text for custom tools) as escaped inside a JSON string.
    ToolCall {
        id: JsonStr<'static>,
        name: JsonStr<'static>,
        kind: ToolKind,
        arguments: JsonStr<'static>,
        opaque: Option<Opaque<'static>>,
    },
}

/// Collects events into a [`Reply`].
#[derive(Debug, Default)]
pub struct Fold {
    reply: Reply,
    keys: Vec<u32>,
}

impl Fold {
    /// Takes one event. Failures and the end marker are the caller's business and are ignored here.
    pub fn push(&mut self, event: &Event<'_>) {
        match event {
            Event::Start { id, model, usage } => {
                self.reply.id = id.clone().into_owned();
                self.reply.model = model.clone().into_owned();
                self.reply.usage.merge(usage);
            }
            Event::BlockStart { key, block } => {
                self.keys.push(*key);
                self.reply.blocks.push(Block::open(block.clone().into_owned()));
            }
            Event::Delta { key, delta } => {
                if let Some(block) = self.block(*key) {
                    block.extend(delta);
                }
            }
            Event::Citation { key, citation } => {
                if let Some(Block::Text { citations, .. }) = self.block(*key) {
                    citations.push(citation.clone().into_owned());
                }
            }
            Event::Stop(stop) => self.reply.stop = Some(stop.clone().into_owned()),
            Event::Usage(usage) => self.reply.usage.merge(usage),
            Event::BlockStop { .. } | Event::Ping | Event::Error(_) | Event::End => {}
        }
    }

    /// The latest block opened under `key`.
    fn block(&mut self, key: u32) -> Option<&mut Block> {
        let at = self.keys.iter().rposition(|k| *k == key)?;
        self.reply.blocks.get_mut(at)
    }

    pub fn finish(self) -> Reply {
        self.reply
    }
}

impl Block {
    fn open(start: BlockStart<'static>) -> Self {
        match start {
            BlockStart::Image { media_type, data } => Self::Image { media_type, data },
            BlockStart::Reasoning => Self::Reasoning { text: JsonStr::default(), signature: None },
            BlockStart::Redacted { data } => Self::Redacted { data },
            BlockStart::Refusal => Self::Refusal(JsonStr::default()),
            BlockStart::Text => Self::Text { text: JsonStr::default(), citations: Vec::new(), opaque: None },
            BlockStart::ToolCall { id, name, kind, opaque } => {
                Self::ToolCall { id, name, kind, arguments: JsonStr::default(), opaque }
            }
        }
    }

    fn extend(&mut self, delta: &Delta<'_>) {
        match (self, delta) {
            (Self::Reasoning { text, .. }, Delta::Reasoning(more))
            | (Self::Refusal(text), Delta::Refusal(more))
            | (Self::Text { text, .. }, Delta::Text(more))
            | (Self::ToolCall { arguments: text, .. }, Delta::Arguments(more)) => text.push(more),
            (Self::Reasoning { signature: state, .. } | Self::Text { opaque: state, .. }, Delta::Signature(value)) => {
                *state = Some(value.clone().into_owned());
            }
            // The sequencer lets no delta of another kind into a block.
            _ => {}
        }
    }
}
