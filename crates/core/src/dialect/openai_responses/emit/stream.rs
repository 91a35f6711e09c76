//! A reply as a stream: <https://platform.openai.com/docs/api-reference/responses-streaming>.
//!
//! SDK helpers keep a snapshot and raise on every step out of order, and Codex looks at nothing but the finished items and
//! the terminal event: so every item is added, filled, done, and repeated in the terminal event byte for byte. A message or
//! call stays open until the next event tells whether the token limit cut it.

use crate::dialect::ReplyContext;
use crate::hub::{
    BlockStart, Citation, Delta, ErrorKind, Event, Failure, Opaque, Place, Stop, StopReason, ToolKind, Usage,
};
use crate::json::{JsonStr, Obj, object};

use super::item::{self, Call, Part};
use super::{Status, chars, response, written};

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

    fn call(&mut self, id: &JsonStr<'_>, name: &JsonStr<'_>, kind: ToolKind, out: &mut Vec<u8>) -> Open {
        let form = self.context.echo.form(&name.text()).cloned();
        let call = Call {
            id: self.id(if kind == ToolKind::Custom { "ctc" } else { "fc" }),
            // Pairing hangs on it.
            pairing: if id.is_empty() { JsonStr::owned(&self.id("call")) } else { id.clone().into_owned() },
            name: name.clone().into_owned(),
            kind,
            form,
            arguments: JsonStr::default(),
            closed: false,
        };
        if !call.is_special() {
            let item = written(|o| call.write(o, "in_progress", &JsonStr::default()));
            self.item_event("response.output_item.added", &item, out);
        }
        Open::Call(call)
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

    fn argument(&mut self, text: &JsonStr<'_>, out: &mut Vec<u8>) {
        let index = self.index();
        let Open::Call(call) = &mut self.open else { return };
        call.arguments.push(text);
        if call.is_special() {
            return;
        }
        let name = match call.kind {
            ToolKind::Custom => "response.custom_tool_call_input.delta",
            ToolKind::Function => "response.function_call_arguments.delta",
        };
        event(&mut self.sequence, name, out, |o| {
            o.text("item_id", &call.id);
            o.uint("output_index", index);
            o.str("delta", text);
        });
    }

    fn think(&mut self, more: &JsonStr<'_>, out: &mut Vec<u8>) {
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
    fn begin_reasoning(&mut self, out: &mut Vec<u8>) {
        let Open::Reasoning { id, started, .. } = &mut self.open else { return };
        if !std::mem::replace(started, true) {
            let item = written(|o| item::reasoning(o, id, "in_progress", &JsonStr::default(), None));
            self.item_event("response.output_item.added", &item, out);
        }
    }

    fn say(&mut self, text: &JsonStr<'_>, out: &mut Vec<u8>) {
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
    fn begin_part(&mut self, out: &mut Vec<u8>) {
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

    fn cite(&mut self, citation: &Citation<'_>, out: &mut Vec<u8>) {
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

    fn block_stop(&mut self, out: &mut Vec<u8>) {
        match &mut self.open {
            Open::Nothing => {}
            Open::Call(call) => call.closed = true,
            Open::Message { .. } => self.end_part(out),
            Open::Reasoning { .. } => self.close(false, out),
        }
    }

    fn end_part(&mut self, out: &mut Vec<u8>) {
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

    fn close_call(&mut self, call: &Call, status: &str, out: &mut Vec<u8>) {
        let index = self.index();
        // Clients parse the arguments: an empty string is no JSON.
        let bare = call.kind == ToolKind::Function && call.arguments.is_empty();
        let arguments = if bare { JsonStr::written("{}") } else { call.arguments.borrowed() };
        let item = written(|o| call.write(o, status, &arguments));
        if call.is_special() {
            let added = written(|o| call.write(o, "in_progress", &arguments));
            self.item_event("response.output_item.added", &added, out);
            return self.done(item, out);
        }
        let name = match call.kind {
            ToolKind::Custom => "response.custom_tool_call_input.done",
            ToolKind::Function => "response.function_call_arguments.done",
        };
        event(&mut self.sequence, name, out, |o| {
            o.text("item_id", &call.id);
            o.uint("output_index", index);
            if call.kind == ToolKind::Function {
                o.str("name", &call.name);
            }
            o.str(call.arguments_key(), &arguments);
        });
        self.done(item, out);
    }

    fn close_reasoning(
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
    fn carrier(&mut self, state: &Opaque<'_>, place: Place, out: &mut Vec<u8>) {
        let id = self.id("rs");
        let none = JsonStr::default();
        let added = written(|o| item::reasoning(o, &id, "in_progress", &none, None));
        self.item_event("response.output_item.added", &added, out);
        let state = item::sealed(state, &none, place, &self.context);
        self.done(written(|o| item::reasoning(o, &id, "completed", &none, Some(&state))), out);
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

/// One SSE event, numbered.
fn event(sequence: &mut u64, name: &str, out: &mut Vec<u8>, fill: impl FnOnce(&mut Obj<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    object(out, |o| {
        o.text("type", name);
        o.uint("sequence_number", *sequence);
        fill(o);
    });
    out.extend_from_slice(b"\n\n");
    *sequence += 1;
}

fn output_item(o: &mut Obj<'_>, index: u64, item: &[u8]) {
    o.uint("output_index", index);
    o.raw("item", std::str::from_utf8(item).unwrap_or("null"));
}

fn place(o: &mut Obj<'_>, id: &str, index: u64, content: u64) {
    o.text("item_id", id);
    o.uint("output_index", index);
    o.uint("content_index", content);
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

/// `content_index` of the last part.
fn position(parts: &[Part]) -> u64 {
    u64::try_from(parts.len().saturating_sub(1)).unwrap_or(0)
}

const fn is_cut(stop: &Stop<'_>) -> bool {
    matches!(stop.reason, StopReason::MaxTokens | StopReason::ContextWindow)
}

/// The codes that Codex tells apart: <https://platform.openai.com/docs/api-reference/responses/object#responses-object-error>.
const fn code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Billing | ErrorKind::Quota => "insufficient_quota",
        ErrorKind::ContentPolicy | ErrorKind::InvalidRequest | ErrorKind::Unprocessable => "invalid_prompt",
        ErrorKind::ContextLength => "context_length_exceeded",
        ErrorKind::RateLimit => "rate_limit_exceeded",
        ErrorKind::Auth
        | ErrorKind::BadAnswer
        | ErrorKind::Conflict
        | ErrorKind::MethodNotAllowed
        | ErrorKind::NotFound
        | ErrorKind::Overloaded
        | ErrorKind::Permission
        | ErrorKind::ServerError
        | ErrorKind::Timeout
        | ErrorKind::TooLarge
        | ErrorKind::Unavailable
        | ErrorKind::UnsupportedMedia => "server_error",
    }
}

/// The message, and how long to wait where a rate limit says so: Codex reads it from these words.
fn with_delay(failure: &Failure) -> String {
    match failure.retry_after_ms {
        Some(ms) if failure.kind == ErrorKind::RateLimit && !failure.message.contains("try again in") => {
            format!("{} Please try again in {}.{:03}s.", failure.message, ms / 1000, ms % 1000)
        }
        _ => failure.message.clone(),
    }
}
