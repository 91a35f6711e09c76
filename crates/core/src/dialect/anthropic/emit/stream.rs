//! A reply as a stream: <https://docs.anthropic.com/en/docs/build-with-claude/streaming>.
//!
//! Its clients are strict: a second `message_start` makes the TypeScript SDK throw, a delta without its start makes
//! Claude Code fall back, a gap in the indices makes the Python SDK raise. The input is sequenced, so at most one block is
//! open; blocks open lazily, so that an empty one leaves no gap.

use std::mem;

use crate::dialect::ReplyContext;
use crate::hub::arguments::{is_sound, unsound};
use crate::hub::media::omitted;
use crate::hub::{
    BlockStart, Citation, Delta, Event, Failure, Opaque, OpaqueKind, Place, Stop, StopReason, ToolKind, Usage,
};
use crate::json::{JsonStr, Obj};
use crate::sse::write_event;

use super::super::error::encode_stream_error;
use super::message::minted;
use super::{signature as signed, write_citation, write_stop, write_usage};

/// Turns sequenced hub events into SSE bytes.
#[derive(Debug)]
pub struct StreamEncoder {
    context: ReplyContext,
    phase: Phase,
    open: Open,
    /// Index of the next block: dense, never reused.
    next: usize,
    calls: bool,
    /// Text of refusal blocks; `Some` once there was one.
    refusal: Option<JsonStr<'static>>,
    stop: Option<Stop<'static>>,
    usage: Usage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Started,
    /// Finished or failed: nothing more is written.
    Over,
}

/// What is open. `started` blocks have their `content_block_start` out.
#[derive(Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Refusal {
        started: bool,
    },
    Text {
        started: bool,
        opaque: Option<Opaque<'static>>,
    },
    Thinking {
        started: bool,
        signature: Option<Opaque<'static>>,
    },
    Tool {
        name: String,
        kind: ToolKind,
        arguments: JsonStr<'static>,
    },
    /// A call that ended without being one JSON object. Closing it would make clients run it: only the token limit, told by
    /// the stop reason, excuses it.
    Unsound {
        name: String,
    },
}

impl StreamEncoder {
    /// An encoder for one reply.
    pub fn new(context: ReplyContext) -> Self {
        Self {
            context,
            phase: Phase::New,
            open: Open::Nothing,
            next: 0,
            calls: false,
            refusal: None,
            stop: None,
            usage: Usage::default(),
        }
    }

    /// Takes one sequenced event and appends whole SSE events.
    pub fn push(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.phase == Phase::Over {
            return;
        }
        if let Open::Unsound { name } = &self.open {
            let cut =
                matches!(event, Event::Stop(Stop { reason: StopReason::MaxTokens | StopReason::ContextWindow, .. }));
            if cut {
                self.block_stop(out);
            } else if !matches!(event, Event::Ping) {
                let failure = unsound(name);
                return self.fail(&failure, out);
            }
        }
        match event {
            Event::Start { usage, .. } => self.start(usage, out),
            Event::BlockStart { block, .. } => self.block(block, out),
            Event::Delta { delta, .. } => self.delta(delta, out),
            Event::BlockStop { .. } => self.close(out),
            Event::Citation { citation, .. } => self.cite(citation, out),
            Event::Stop(stop) => self.stop = Some(stop.clone().into_owned()),
            Event::Usage(usage) => self.usage.merge(usage),
            Event::Ping => self.keep_alive(out),
            Event::Error(failure) => self.fail(failure, out),
            Event::End => self.end(out),
        }
    }

    /// The in-band error, the last thing written. Open blocks stay open: a closed tool block would be run.
    pub fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        if self.phase != Phase::Over {
            self.phase = Phase::Over;
            out.extend_from_slice(&encode_stream_error(failure, &self.context.request_id));
        }
    }

    /// A sign of life: a `ping`, which is legal only after `message_start`; before it a comment.
    pub fn keep_alive(&mut self, out: &mut Vec<u8>) {
        match self.phase {
            Phase::New => out.extend_from_slice(b": keep-alive\n\n"),
            Phase::Started => write_event("ping", out, |_| {}),
            Phase::Over => {}
        }
    }

    fn start(&mut self, usage: &Usage, out: &mut Vec<u8>) {
        if self.phase != Phase::New {
            return;
        }
        self.phase = Phase::Started;
        self.usage.merge(usage);
        write_event("message_start", out, |o| {
            o.obj("message", |o| {
                o.text("id", &format!("msg_{}", self.context.id));
                o.text("type", "message");
                o.text("role", "assistant");
                o.text("model", &self.context.client_model);
                o.arr("content", |_| {});
                o.null("stop_reason");
                o.null("stop_sequence");
                o.obj("usage", |o| write_usage(o, &self.usage));
            });
        });
    }

    fn block(&mut self, block: &BlockStart<'_>, out: &mut Vec<u8>) {
        self.start(&Usage::default(), out);
        self.close(out);
        match block {
            BlockStart::Reasoning => self.open = Open::Thinking { started: false, signature: None },
            BlockStart::Redacted { data } if data.kind == OpaqueKind::AnthropicRedacted => {
                self.block_start(out, |o| {
                    o.text("type", "redacted_thinking");
                    o.str("data", &data.data);
                });
                self.block_stop(out);
            }
            BlockStart::Redacted { data } => self.carrier(data, Place::Reasoning, out),
            // What the assistant says is text here.
            BlockStart::Image { media_type, data } => {
                self.block(&BlockStart::Text, out);
                self.delta(&Delta::Text(omitted(media_type, data)), out);
            }
            BlockStart::Refusal => {
                self.refusal.get_or_insert_default();
                self.open = Open::Refusal { started: false };
            }
            BlockStart::Text => self.open = Open::Text { started: false, opaque: None },
            BlockStart::ToolCall { id, name, kind, opaque } => {
                self.calls = true;
                if let Some(state) = opaque {
                    self.carrier(state, Place::NextCall, out);
                }
                let id = if id.is_empty() { JsonStr::owned(&minted(&self.context, self.next)) } else { id.clone() };
                self.block_start(out, |o| {
                    o.text("type", "tool_use");
                    o.str("id", &id);
                    o.str("name", name);
                    o.obj("input", |_| {});
                });
                if *kind == ToolKind::Custom {
                    self.partial_json(&JsonStr::escape("{\"input\":\""), out);
                }
                let (name, kind) = (name.text().into_owned(), *kind);
                self.open = Open::Tool { name, kind, arguments: JsonStr::default() };
            }
        }
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        match (&mut self.open, delta) {
            (Open::Thinking { .. }, Delta::Reasoning(text)) if !text.is_empty() => {
                self.ensure_started(out);
                self.block_delta(out, "thinking_delta", |o| o.str("thinking", text));
            }
            (Open::Thinking { signature, .. }, Delta::Signature(value)) => {
                *signature = Some(value.clone().into_owned());
                self.ensure_started(out);
            }
            (Open::Text { opaque, .. }, Delta::Signature(value)) => *opaque = Some(value.clone().into_owned()),
            (Open::Text { .. }, Delta::Text(text)) if !text.is_empty() => {
                self.ensure_started(out);
                self.block_delta(out, "text_delta", |o| o.str("text", text));
            }
            (Open::Refusal { .. }, Delta::Refusal(text)) if !text.is_empty() => {
                self.refusal.get_or_insert_default().push(text);
                self.ensure_started(out);
                self.block_delta(out, "text_delta", |o| o.str("text", text));
            }
            (Open::Tool { kind, arguments, .. }, Delta::Arguments(fragment)) if !fragment.is_empty() => {
                if *kind == ToolKind::Custom {
                    // The text is escaped once; inside the arguments' own string it is escaped twice.
                    let twice = JsonStr::owned(fragment.as_escaped());
                    return self.partial_json(&twice, out);
                }
                arguments.push(fragment);
                self.partial_json(fragment, out);
            }
            // Empty deltas, and kinds the sequencer lets into no block.
            _ => {}
        }
    }

    fn cite(&mut self, citation: &Citation<'_>, out: &mut Vec<u8>) {
        if matches!(self.open, Open::Text { .. }) {
            self.ensure_started(out);
            self.block_delta(out, "citations_delta", |o| o.obj("citation", |o| write_citation(o, citation)));
        }
    }

    /// A whole thinking block without text that carries another provider's state to the next request.
    fn carrier(&mut self, state: &Opaque<'_>, place: Place, out: &mut Vec<u8>) {
        self.block_start(out, |o| {
            o.text("type", "thinking");
            o.text("thinking", "");
            o.text("signature", "");
        });
        let signature = signed(Some(state), place, &self.context);
        self.block_delta(out, "signature_delta", |o| o.str("signature", &signature));
        self.block_stop(out);
    }

    /// Ends the open block, if any. Thinking gets exactly one signature: SDKs refuse to replay a block without.
    fn close(&mut self, out: &mut Vec<u8>) {
        match mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing | Open::Refusal { started: false } | Open::Thinking { started: false, .. } => {}
            Open::Refusal { started: true } => self.block_stop(out),
            Open::Text { started, opaque } => {
                if started {
                    self.block_stop(out);
                }
                if let Some(state) = opaque {
                    self.carrier(&state, Place::LastText, out);
                }
            }
            Open::Thinking { started: true, signature } => {
                let signature = signed(signature.as_ref(), Place::Reasoning, &self.context);
                self.block_delta(out, "signature_delta", |o| o.str("signature", &signature));
                self.block_stop(out);
            }
            Open::Tool { kind: ToolKind::Custom, .. } => {
                self.partial_json(&JsonStr::escape("\"}"), out);
                self.block_stop(out);
            }
            Open::Tool { kind: ToolKind::Function, arguments, .. } if is_sound(&arguments) => self.block_stop(out),
            Open::Tool { name, .. } | Open::Unsound { name } => self.open = Open::Unsound { name },
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start(&Usage::default(), out);
        self.close(out);
        if let Open::Unsound { name } = &self.open {
            let failure = unsound(name);
            return self.fail(&failure, out);
        }
        write_event("message_delta", out, |o| {
            o.obj("delta", |o| write_stop(o, self.stop.as_ref(), self.calls, self.refusal.as_ref()));
            o.obj("usage", |o| write_usage(o, &self.usage));
        });
        write_event("message_stop", out, |_| {});
        self.phase = Phase::Over;
    }

    /// Writes the start of the open text or thinking block if it is not out yet.
    fn ensure_started(&mut self, out: &mut Vec<u8>) {
        let (started, kind) = match &mut self.open {
            Open::Refusal { started } | Open::Text { started, .. } => (started, "text"),
            Open::Thinking { started, .. } => (started, "thinking"),
            Open::Nothing | Open::Tool { .. } | Open::Unsound { .. } => return,
        };
        if mem::replace(started, true) {
            return;
        }
        self.block_start(out, |o| {
            o.text("type", kind);
            o.text(kind, "");
            if kind == "thinking" {
                o.text("signature", "");
            }
        });
    }

    fn block_start(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Obj<'_>)) {
        write_event("content_block_start", out, |o| {
            self.index(o);
            o.obj("content_block", fill);
        });
    }

    fn block_delta(&self, out: &mut Vec<u8>, kind: &str, fill: impl FnOnce(&mut Obj<'_>)) {
        write_event("content_block_delta", out, |o| {
            self.index(o);
            o.obj("delta", |o| {
                o.text("type", kind);
                fill(o);
            });
        });
    }

    fn partial_json(&self, fragment: &JsonStr<'_>, out: &mut Vec<u8>) {
        self.block_delta(out, "input_json_delta", |o| o.str("partial_json", fragment));
    }

    fn block_stop(&mut self, out: &mut Vec<u8>) {
        write_event("content_block_stop", out, |o| self.index(o));
        self.open = Open::Nothing;
        self.next += 1;
    }

    fn index(&self, o: &mut Obj<'_>) {
        o.uint("index", u64::try_from(self.next).unwrap_or(u64::MAX));
    }
}
