//! The whole reply: <https://docs.cohere.com/v2/reference/chat#response>.

use super::{Cited, Sources};
use crate::dialect::ReplyContext;
use crate::hub::media::omitted;
use crate::hub::{Block, Citation, Reply, ToolKind, free_text};
use crate::json::{Arr, JsonStr, Obj, object};

/// Writes a whole reply.
pub fn encode_reply(reply: &Reply, context: &ReplyContext) -> Vec<u8> {
    let message = Message::of(reply, context);
    let refused = reply.blocks.iter().any(|block| matches!(block, Block::Refusal(_)));
    let reason = super::reason(reply.stop.as_ref(), refused, !message.calls.is_empty());
    let mut out = Vec::with_capacity(1024);
    object(&mut out, |o| {
        o.text("id", &context.id);
        o.obj("message", |o| message.write(o));
        o.text("finish_reason", super::finish_reason(reason));
        if !reply.usage.is_unknown() {
            super::usage(&reply.usage, o);
        }
    });
    out
}

/// Parts and calls stand apart in this dialect.
#[derive(Debug, Default)]
struct Message<'r> {
    parts: Vec<Part<'r>>,
    calls: Vec<Call<'r>>,
}

/// What was thought or said, and the state on it.
#[derive(Debug)]
struct Part<'r> {
    said: Said<'r>,
    state: Option<JsonStr<'static>>,
}

#[derive(Debug)]
enum Said<'r> {
    Text { text: JsonStr<'r>, citations: &'r [Citation<'static>] },
    Thought(JsonStr<'r>),
}

#[derive(Debug)]
struct Call<'r> {
    id: JsonStr<'r>,
    name: &'r JsonStr<'static>,
    arguments: JsonStr<'r>,
    state: Option<JsonStr<'static>>,
}

impl<'r> Message<'r> {
    /// State of reasoning travels on the next text or call, else on an empty thought at the end.
    fn of(reply: &'r Reply, context: &ReplyContext) -> Self {
        let mut message = Self::default();
        let mut waiting = None;
        for (nth, block) in reply.blocks.iter().enumerate() {
            match block {
                Block::Reasoning { text, signature } => {
                    if !text.is_empty() {
                        message.parts.push(Part { said: Said::Thought(text.borrowed()), state: None });
                    }
                    let next = signature.as_ref().map(|state| super::sealed(state, Some(text), context));
                    message.wait(next, &mut waiting);
                }
                Block::Redacted { data } => message.wait(Some(super::sealed(data, None, context)), &mut waiting),
                Block::Refusal(text) => message.text(text.borrowed(), &[], &mut waiting),
                // What the assistant says is text here.
                Block::Image { media_type, data } => message.text(omitted(media_type, data), &[], &mut waiting),
                Block::Text { text, citations, opaque } => {
                    if let Some(state) = opaque {
                        message.wait(Some(super::sealed(state, None, context)), &mut waiting);
                    }
                    message.text(text.borrowed(), citations, &mut waiting);
                }
                Block::ToolCall { id, name, kind, arguments, opaque } => {
                    let own = opaque.as_ref().map(|state| super::sealed(state, None, context));
                    let id = if id.is_empty() { JsonStr::owned(&minted(context, nth)) } else { id.borrowed() };
                    let arguments = match kind {
                        ToolKind::Custom => JsonStr::owned(&free_text::arguments(arguments)),
                        ToolKind::Function if arguments.is_empty() => JsonStr::written("{}"),
                        ToolKind::Function => arguments.borrowed(),
                    };
                    message.calls.push(Call { id, name, arguments, state: own.or_else(|| waiting.take()) });
                }
            }
        }
        let why = reply.stop.as_ref().and_then(|stop| stop.explanation.as_ref());
        if let Some(why) = why.filter(|_| !message.says() && message.calls.is_empty()) {
            message.text(why.borrowed(), &[], &mut waiting);
        }
        message.wait(None, &mut waiting);
        if waiting.is_some() {
            message.parts.push(Part { said: Said::Thought(JsonStr::default()), state: waiting });
        }
        message
    }

    /// Two states before one part: the first goes on an empty thought of its own.
    fn wait(&mut self, next: Option<JsonStr<'static>>, waiting: &mut Option<JsonStr<'static>>) {
        if next.is_some() {
            if waiting.is_some() {
                self.parts.push(Part { said: Said::Thought(JsonStr::default()), state: waiting.take() });
            }
            *waiting = next;
        }
    }

    fn text(&mut self, text: JsonStr<'r>, citations: &'r [Citation<'static>], waiting: &mut Option<JsonStr<'static>>) {
        if !text.is_empty() {
            self.parts.push(Part { said: Said::Text { text, citations }, state: waiting.take() });
        }
    }

    fn says(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.said, Said::Text { .. }))
    }

    /// An empty list of parts is left out, as Cohere does beside calls.
    fn write(&self, o: &mut Obj<'_>) {
        o.text("role", "assistant");
        if !self.parts.is_empty() || self.calls.is_empty() {
            o.arr("content", |a| self.parts.iter().for_each(|part| a.obj(|o| part.write(o))));
        }
        if !self.calls.is_empty() {
            o.arr("tool_calls", |a| self.calls.iter().for_each(|call| a.obj(|o| call.write(o))));
        }
        if self.parts.iter().any(|part| matches!(part.said, Said::Text { citations: [_, ..], .. })) {
            o.arr("citations", |a| self.citations(a));
        }
    }

    fn citations(&self, a: &mut Arr<'_>) {
        let (mut from, mut sources) = (0, Sources::default());
        for (index, part) in (0u64..).zip(&self.parts) {
            let Said::Text { text, citations } = &part.said else { continue };
            let text = text.text();
            let cited = Cited { text: &text, from, index };
            for citation in *citations {
                let source = sources.number(&citation.url);
                a.obj(|o| cited.write(citation, source, o));
            }
            from = from.saturating_add(u64::try_from(text.chars().count()).unwrap_or(u64::MAX));
        }
    }
}

impl Part<'_> {
    fn write(&self, o: &mut Obj<'_>) {
        match &self.said {
            Said::Text { text, .. } => super::text(text, self.state.as_ref(), o),
            Said::Thought(text) => super::thinking(text, self.state.as_ref(), o),
        }
    }
}

impl Call<'_> {
    fn write(&self, o: &mut Obj<'_>) {
        o.str("id", &self.id);
        o.text("type", "function");
        o.obj("function", |o| {
            o.str("name", self.name);
            o.str("arguments", &self.arguments);
        });
        super::state(self.state.as_ref(), o);
    }
}

/// An id for a call whose upstream gave none.
pub(super) fn minted(context: &ReplyContext, nth: usize) -> String {
    format!("call_{}{nth:02}", context.id)
}
