//! Reasoning: its summary, and the state it carries to the next request.

use super::event::event;
use super::{Open, StreamEncoder};
use crate::hub::{Opaque, Place};
use crate::json::{JsonStr, Obj};

use super::super::item;
use super::super::written;

impl StreamEncoder {
    pub(super) fn think(&mut self, more: &JsonStr<'_>, out: &mut Vec<u8>) {
        self.begin_reasoning(out);
        let index = self.index();
        let Open::Reasoning { id, text, .. } = &mut self.open else { return };
        if text.is_empty() {
            event(&mut self.sequence, "response.reasoning_summary_part.added", out, |o| {
                summary(o, id, index);
                o.obj("part", |o| summary_part(o, &JsonStr::default()));
            });
        }
        text.push(more);
        event(&mut self.sequence, "response.reasoning_summary_text.delta", out, |o| {
            summary(o, id, index);
            o.str("delta", more);
        });
    }

    /// Adds the reasoning item, once there is something in it.
    pub(super) fn begin_reasoning(&mut self, out: &mut Vec<u8>) {
        let Open::Reasoning { id, started, .. } = &mut self.open else { return };
        if !std::mem::replace(started, true) {
            let item = written(|o| item::reasoning(o, id, "in_progress", &JsonStr::default(), None));
            self.item_event("response.output_item.added", &item, out);
        }
    }

    pub(super) fn close_reasoning(
        &mut self,
        id: &str,
        text: &JsonStr<'_>,
        mut started: bool,
        state: Option<Opaque<'static>>,
        out: &mut Vec<u8>,
    ) {
        let index = self.index();
        if state.is_some() && !started {
            started = true;
            let item = written(|o| item::reasoning(o, id, "in_progress", &JsonStr::default(), None));
            self.item_event("response.output_item.added", &item, out);
        }
        if !started {
            return;
        }
        if !text.is_empty() {
            event(&mut self.sequence, "response.reasoning_summary_text.done", out, |o| {
                summary(o, id, index);
                o.str("text", text);
            });
            event(&mut self.sequence, "response.reasoning_summary_part.done", out, |o| {
                summary(o, id, index);
                o.obj("part", |o| summary_part(o, text));
            });
        }
        let state = state.map(|s| item::sealed(&s, text, Place::Reasoning, &self.context));
        self.done(written(|o| item::reasoning(o, id, "completed", text, state.as_deref())), out);
    }

    /// A reasoning item without text that carries state to the next request.
    pub(super) fn carrier(&mut self, state: &Opaque<'_>, place: Place, out: &mut Vec<u8>) {
        let id = self.id("rs");
        let none = JsonStr::default();
        let added = written(|o| item::reasoning(o, &id, "in_progress", &none, None));
        self.item_event("response.output_item.added", &added, out);
        let state = item::sealed(state, &none, place, &self.context);
        self.done(written(|o| item::reasoning(o, &id, "completed", &none, Some(&state))), out);
    }
}

fn summary(o: &mut Obj<'_>, id: &str, index: u64) {
    o.text("item_id", id);
    o.uint("output_index", index);
    o.uint("summary_index", 0);
}

fn summary_part(o: &mut Obj<'_>, text: &JsonStr<'_>) {
    o.text("type", "summary_text");
    o.str("text", text);
}
