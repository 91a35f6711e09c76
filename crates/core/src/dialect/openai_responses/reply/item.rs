//! One output item on its way: what of it was told, and what its final form adds.

use crate::json::JsonStr;

/// An item of the output.
#[derive(Debug, Default)]
pub(super) struct Item {
    /// Its blocks, in order of appearance.
    pub(super) blocks: Vec<Block>,
    /// Its final form was seen: nothing can follow.
    pub(super) done: bool,
}

/// A part of an item that is a block of the reply.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) slot: Slot,
    pub(super) key: u32,
    /// What was told of its text, decoded.
    pub(super) told: String,
    /// Its citations were told.
    pub(super) cited: bool,
    /// Characters of the answer before it.
    pub(super) from: u64,
    pub(super) open: bool,
}

/// Which part of its item a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Call,
    /// Raw reasoning, by `content_index`, or a summary, by `summary_index`. Both at once say the same twice: the first one
    /// seen counts.
    Reasoning {
        raw: bool,
    },
    Refusal(u64),
    Text(u64),
}

impl Item {
    pub(super) fn block(&mut self, slot: Slot) -> Option<&mut Block> {
        self.blocks.iter_mut().find(|b| b.slot == slot)
    }

    pub(super) fn reasoning(&mut self) -> Option<&mut Block> {
        self.blocks.iter_mut().find(|b| matches!(b.slot, Slot::Reasoning { .. }))
    }
}

impl Block {
    /// What `whole` adds to what was told. Text that differs was told already and stays.
    pub(super) fn missing<'a>(&self, whole: &JsonStr<'a>) -> JsonStr<'a> {
        if self.told.is_empty() {
            return whole.clone();
        }
        let text = whole.text();
        match text.strip_prefix(self.told.as_str()) {
            Some(rest) if !rest.is_empty() => JsonStr::owned(rest),
            _ => JsonStr::default(),
        }
    }
}
