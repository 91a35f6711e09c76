//! A reply as a stream: <https://platform.openai.com/docs/api-reference/responses-streaming>.
//!
//! SDK helpers keep a snapshot and raise on every step out of order, and Codex looks at nothing but the finished items and
//! the terminal event: so every item is added, filled, done, and repeated in the terminal event byte for byte. A message or
//! call stays open until the next event tells whether the token limit cut it.

mod call;
mod event;
mod failure;
mod message;
mod reasoning;

use crate::dialect::ReplyContext;
use crate::hub::{BlockStart, Delta, Event, Failure, Opaque, Place, Stop, StopReason, Usage};
use crate::json::JsonStr;

use super::item::{self, Call, Part};
use super::{Status, response, written};
use event::{event, output_item};
use failure::{code, with_delay};

/// Turns sequenced hub events into SSE bytes.
#[derive(Debug)]
pub struct StreamEncoder {
    context: ReplyContext,
    phase: Phase,
    /// `sequence_number` of the next event.
    sequence: u64,
    open: Open,
    /// Finished items, as they were told.
    items: Vec<Vec<u8>>,
    /// Characters of text so far.
    chars: u64,
    /// State of texts, told when their message is done.
    carried: Vec<Opaque<'static>>,
    usage: Usage,
    stop: Option<Stop<'static>>,
    /// A refusal part was told: whoever reads the reply knows.
    refused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Started,
    /// Finished or failed: nothing more is written.
    Over,
}

/// The item that is open.
#[derive(Debug)]
enum Open {
    Nothing,
    Call(Call),
    Message {
        id: String,
        parts: Vec<Part>,
        /// What kind of block is open in it; its part begins with its first piece.
        block: Block,
    },
    Reasoning {
        id: String,
        text: JsonStr<'static>,
        started: bool,
        state: Option<Opaque<'static>>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Closed,
    /// Nothing of it was told yet.
    Expected {
        refusal: bool,
    },
    Open,
}

impl StreamEncoder {
    /// An encoder for one reply.
    pub fn new(context: ReplyContext) -> Self {
        Self {
            context,
            phase: Phase::New,
            sequence: 0,
            open: Open::Nothing,
            items: Vec::new(),
            chars: 0,
            carried: Vec::new(),
            usage: Usage::default(),
            stop: None,
            refused: false,
        }
    }

    /// Takes one sequenced event and appends whole SSE events.
    pub fn push(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.phase == Phase::Over {
            return;
        }
        match event {
            Event::Start { usage, .. } => {
                self.usage.merge(usage);
                self.start(out);
            }
            Event::BlockStart { block, .. } => self.block(block, out),
            Event::Delta { delta, .. } => self.delta(delta, out),
            Event::BlockStop { .. } => self.block_stop(out),
            Event::Citation { citation, .. } => self.cite(citation, out),
            Event::Stop(stop) => {
                self.close(is_cut(stop), out);
                self.decline(stop, out);
                self.stop = Some(stop.clone().into_owned());
            }
            Event::Usage(usage) => self.usage.merge(usage),
            Event::Ping => self.keep_alive(out),
            Event::Error(failure) => self.fail(failure, out),
            Event::End => self.end(out),
        }
    }

    /// A failure in the middle: `response.failed`, the one form that Codex and the SDKs both see. What is open stays
    /// open: a finished call would be run.
    pub fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        if self.phase == Phase::Over {
            return;
        }
        self.start(out);
        self.phase = Phase::Over;
        let message = with_delay(failure);
        self.terminal(Status::Failed(code(failure.kind), &message), out);
    }

    /// A comment: helpers throw on events they do not know.
    pub fn keep_alive(&mut self, out: &mut Vec<u8>) {
        if self.phase != Phase::Over {
            out.extend_from_slice(b": keep-alive\n\n");
        }
    }

    /// The whole reply instead of a stream, once everything of it was pushed but its end.
    pub(super) fn whole(mut self) -> Vec<u8> {
        self.close(false, &mut Vec::new());
        self.response()
    }

    /// The response object of a stream that is over.
    pub fn response(&self) -> Vec<u8> {
        written(|o| response(o, &self.context, self.status(), &self.items, Some(&self.usage)))
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if self.phase != Phase::New {
            return;
        }
        self.phase = Phase::Started;
        for name in ["response.created", "response.in_progress"] {
            self.lifecycle(name, Status::InProgress, None, out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start(out);
        self.close(false, out);
        self.phase = Phase::Over;
        self.terminal(self.status(), out);
    }

    fn terminal(&mut self, status: Status<'_>, out: &mut Vec<u8>) {
        let name = match status {
            Status::Completed | Status::InProgress => "response.completed",
            Status::Failed(..) => "response.failed",
            Status::Incomplete(_) => "response.incomplete",
        };
        let usage = self.usage;
        let failed = matches!(status, Status::Failed(..)) && usage.is_unknown();
        self.lifecycle(name, status, (!failed).then_some(&usage), out);
    }

    fn lifecycle(&mut self, name: &str, status: Status<'_>, usage: Option<&Usage>, out: &mut Vec<u8>) {
        event(&mut self.sequence, name, out, |o| {
            o.obj("response", |o| response(o, &self.context, status, &self.items, usage));
        });
    }

    fn status(&self) -> Status<'static> {
        match self.stop.as_ref().map(|s| s.reason) {
            Some(StopReason::MaxTokens | StopReason::ContextWindow) => Status::Incomplete("max_output_tokens"),
            Some(StopReason::ContentFilter) => Status::Incomplete("content_filter"),
            Some(StopReason::Refusal) if !self.refused => Status::Incomplete("content_filter"),
            Some(
                StopReason::Compaction
                | StopReason::EndTurn
                | StopReason::Pause
                | StopReason::Refusal
                | StopReason::StopSequence
                | StopReason::ToolCalls,
            )
            | None => Status::Completed,
        }
    }

    fn block(&mut self, block: &BlockStart<'_>, out: &mut Vec<u8>) {
        self.start(out);
        let refusal = *block == BlockStart::Refusal;
        self.refused |= refusal;
        if refusal || *block == BlockStart::Text {
            // Texts in a row are the parts of one message.
            if let Open::Message { block, .. } = &mut self.open {
                *block = Block::Expected { refusal };
                return;
            }
        }
        self.close(false, out);
        self.open = match block {
            BlockStart::Reasoning => {
                Open::Reasoning { id: self.id("rs"), text: JsonStr::default(), started: false, state: None }
            }
            BlockStart::Image { media_type, data } => {
                let id = self.id("ig");
                let added = written(|o| item::image(o, &id, media_type, None));
                self.item_event("response.output_item.added", &added, out);
                self.done(written(|o| item::image(o, &id, media_type, Some(data))), out);
                Open::Nothing
            }
            BlockStart::Redacted { data } => {
                self.carrier(data, Place::Reasoning, out);
                Open::Nothing
            }
            BlockStart::Refusal | BlockStart::Text => {
                Open::Message { id: self.id("msg"), parts: Vec::new(), block: Block::Expected { refusal } }
            }
            BlockStart::ToolCall { id, name, kind, opaque } => {
                if let Some(state) = opaque {
                    self.carrier(state, Place::NextCall, out);
                }
                self.call(id, name, *kind, out)
            }
        };
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        match delta {
            Delta::Arguments(text) if !text.is_empty() => self.argument(text, out),
            Delta::Reasoning(text) if !text.is_empty() => self.think(text, out),
            Delta::Refusal(text) | Delta::Text(text) if !text.is_empty() => self.say(text, out),
            Delta::Signature(state) => match &mut self.open {
                Open::Reasoning { state: held, .. } => *held = Some(state.clone().into_owned()),
                Open::Message { .. } => self.carried.push(state.clone().into_owned()),
                Open::Call(_) | Open::Nothing => {}
            },
            Delta::Arguments(_) | Delta::Reasoning(_) | Delta::Refusal(_) | Delta::Text(_) => {}
        }
    }

    fn block_stop(&mut self, out: &mut Vec<u8>) {
        match &mut self.open {
            Open::Nothing => {}
            Open::Call(call) => call.closed = true,
            Open::Message { .. } => self.end_part(out),
            Open::Reasoning { .. } => self.close(false, out),
        }
    }

    /// Ends the open item. `cut` by the token limit, it is not complete.
    fn close(&mut self, cut: bool, out: &mut Vec<u8>) {
        self.end_part(out);
        let status = if cut { "incomplete" } else { "completed" };
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => {}
            Open::Call(call) => self.close_call(&call, status, out),
            Open::Message { id, parts, .. } => {
                if !parts.is_empty() {
                    self.done(written(|o| item::message(o, &id, status, &parts)), out);
                }
                for state in std::mem::take(&mut self.carried) {
                    self.carrier(&state, Place::LastText, out);
                }
            }
            Open::Reasoning { id, text, started, state } => self.close_reasoning(&id, &text, started, state, out),
        }
    }

    /// What a refusal says that came without a word in the reply.
    fn decline(&mut self, stop: &Stop<'_>, out: &mut Vec<u8>) {
        let silent = self.items.is_empty() && stop.reason == StopReason::Refusal;
        if let Some(words) = stop.explanation.as_ref().filter(|w| silent && !w.is_empty()) {
            self.block(&BlockStart::Refusal, out);
            self.say(words, out);
            self.close(false, out);
        }
    }

    fn done(&mut self, item: Vec<u8>, out: &mut Vec<u8>) {
        self.item_event("response.output_item.done", &item, out);
        self.items.push(item);
    }

    fn item_event(&mut self, name: &str, item: &[u8], out: &mut Vec<u8>) {
        let index = self.index();
        event(&mut self.sequence, name, out, |o| output_item(o, index, item));
    }

    /// `output_index` of the open item.
    fn index(&self) -> u64 {
        u64::try_from(self.items.len()).unwrap_or(u64::MAX)
    }

    fn id(&self, prefix: &str) -> String {
        format!("{prefix}_{}{:02}", self.context.id, self.items.len())
    }
}

const fn is_cut(stop: &Stop<'_>) -> bool {
    matches!(stop.reason, StopReason::MaxTokens | StopReason::ContextWindow)
}
