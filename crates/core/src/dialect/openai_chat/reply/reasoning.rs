//! Reasoning: one meaning, three members (`reasoning_details`, `reasoning_content`, `reasoning`), often two at once.

use crate::dialect::openai_chat::wire::ANTHROPIC_FORMAT;
use crate::hub::{BlockStart, Delta, Event, Opaque, OpaqueKind};
use crate::json::{JsonStr, Members, elements};

use super::content::string;
use super::state::{Decoder, Open};

impl Decoder {
    /// The reasoning of one chunk, taken from one member only: details first, then the plain ones.
    pub(super) fn reasoning<'f>(&mut self, body: &Members<'f>, out: &mut Vec<Event<'f>>) {
        let details: Vec<_> = body
            .get("reasoning_details")
            .and_then(|raw| elements(raw).ok())
            .unwrap_or_default()
            .into_iter()
            .filter_map(|raw| Members::of(raw).ok())
            .collect();
        if !details.iter().any(|d| detail_text(d).is_some()) {
            let mut plain = ["reasoning_content", "reasoning"].into_iter().filter_map(|key| string(body, key));
            self.think(plain.find(|text| !text.is_empty()).unwrap_or_default(), out);
        }
        for detail in &details {
            self.detail(detail, out);
        }
    }

    /// OpenRouter's entries: <https://openrouter.ai/docs/use-cases/reasoning-tokens>. Signatures and encrypted data are
    /// kept only where Anthropic made them: nobody else's can be replayed from here.
    fn detail<'f>(&mut self, detail: &Members<'f>, out: &mut Vec<Event<'f>>) {
        self.think(detail_text(detail).unwrap_or_default(), out);
        let family = ANTHROPIC_FORMAT.trim_end_matches("-v1");
        if !string(detail, "format").is_some_and(|format| format.as_escaped().starts_with(family)) {
            return;
        }
        if let Some(signature) = string(detail, "signature").filter(|s| !s.is_empty()) {
            let key = match self.open {
                Open::Reasoning { key, .. } => key,
                Open::Nothing | Open::Refusal { .. } | Open::Text { .. } => self.start(BlockStart::Reasoning, out),
            };
            self.open = Open::Reasoning { key, signed: true };
            let state = Opaque::native(OpaqueKind::AnthropicSignature, signature);
            out.push(Event::Delta { key, delta: Delta::Signature(state) });
        }
        if let Some(data) = string(detail, "data").filter(|d| !d.is_empty()) {
            let key =
                self.start(BlockStart::Redacted { data: Opaque::native(OpaqueKind::AnthropicRedacted, data) }, out);
            out.push(Event::BlockStop { key });
        }
    }

    /// Readable reasoning. Empty text opens no block (pitfall 93); text after a signature is another block's.
    pub(super) fn think<'f>(&mut self, text: JsonStr<'f>, out: &mut Vec<Event<'f>>) {
        if text.is_empty() {
            return;
        }
        if let Some(hidden) = &mut self.hidden {
            hidden.push(&text);
        }
        let key = if let Open::Reasoning { key, signed: false } = self.open {
            key
        } else {
            let key = self.start(BlockStart::Reasoning, out);
            self.open = Open::Reasoning { key, signed: false };
            key
        };
        out.push(Event::Delta { key, delta: Delta::Reasoning(text) });
    }

    /// Where a provider hides JSON answers in its reasoning (pitfall 131), the reasoning is the answer.
    pub(super) fn surface_hidden(&mut self, out: &mut Vec<Event<'_>>) {
        if self.text.is_none()
            && self.calls.is_empty()
            && let Some(hidden) = self.hidden.take()
        {
            self.text(hidden, out);
        }
    }
}

fn detail_text<'f>(detail: &Members<'f>) -> Option<JsonStr<'f>> {
    ["text", "summary"].into_iter().filter_map(|key| string(detail, key)).find(|text| !text.is_empty())
}
