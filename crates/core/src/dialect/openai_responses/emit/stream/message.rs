//! Messages: parts of text and refusals, and what they cite.

use super::event::{event, output_item, place};
use super::{Block, Open, StreamEncoder};
use crate::hub::Citation;
use crate::json::JsonStr;

use super::super::item::{self, Part};
use super::super::{chars, written};

impl StreamEncoder {
    pub(super) fn say(&mut self, text: &JsonStr<'_>, out: &mut Vec<u8>) {
        self.begin_part(out);
        let index = self.index();
        let Open::Message { id, parts, .. } = &mut self.open else { return };
        let content = position(parts);
        let Some(part) = parts.last_mut() else { return };
        part.text.push(text);
        let name = if part.refusal { "response.refusal.delta" } else { "response.output_text.delta" };
        event(&mut self.sequence, name, out, |o| {
            place(o, id, index, content);
            o.str("delta", text);
            if !part.refusal {
                o.arr("logprobs", |_| {});
            }
        });
        if !part.refusal {
            self.chars += chars(text);
        }
    }

    /// Adds the message, and the part that is expected, once there is something in it.
    pub(super) fn begin_part(&mut self, out: &mut Vec<u8>) {
        let index = self.index();
        let Open::Message { id, parts, block } = &mut self.open else { return };
        let Block::Expected { refusal } = *block else { return };
        *block = Block::Open;
        if parts.is_empty() {
            let item = written(|o| item::message(o, id, "in_progress", &[]));
            event(&mut self.sequence, "response.output_item.added", out, |o| output_item(o, index, &item));
        }
        let part = Part { refusal, from: self.chars, ..Part::default() };
        parts.push(part);
        let content = position(parts);
        let Some(part) = parts.last() else { return };
        event(&mut self.sequence, "response.content_part.added", out, |o| {
            place(o, id, index, content);
            o.obj("part", |o| part.write(o));
        });
    }

    pub(super) fn cite(&mut self, citation: &Citation<'_>, out: &mut Vec<u8>) {
        self.begin_part(out);
        let index = self.index();
        let Open::Message { id, parts, .. } = &mut self.open else { return };
        let content = position(parts);
        let Some(part) = parts.last_mut() else { return };
        event(&mut self.sequence, "response.output_text.annotation.added", out, |o| {
            place(o, id, index, content);
            o.uint("annotation_index", u64::try_from(part.citations.len()).unwrap_or(0));
            o.obj("annotation", |o| part.annotation(citation, o));
        });
        part.citations.push(citation.clone().into_owned());
    }

    pub(super) fn end_part(&mut self, out: &mut Vec<u8>) {
        let index = self.index();
        let Open::Message { id, parts, block } = &mut self.open else { return };
        if std::mem::replace(block, Block::Closed) != Block::Open {
            return;
        }
        let content = position(parts);
        let Some(part) = parts.last() else { return };
        let (name, key) =
            if part.refusal { ("response.refusal.done", "refusal") } else { ("response.output_text.done", "text") };
        event(&mut self.sequence, name, out, |o| {
            place(o, id, index, content);
            o.str(key, &part.text);
            if !part.refusal {
                o.arr("logprobs", |_| {});
            }
        });
        event(&mut self.sequence, "response.content_part.done", out, |o| {
            place(o, id, index, content);
            o.obj("part", |o| part.write(o));
        });
    }
}

/// `content_index` of the last part.
fn position(parts: &[Part]) -> u64 {
    u64::try_from(parts.len().saturating_sub(1)).unwrap_or(0)
}
