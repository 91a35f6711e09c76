//! A reply as a stream: <https://docs.cohere.com/v2/docs/streaming>.
//!
//! SDKs leave out an event that they cannot read, and say so in a log at most: every event here is whole, of a known type,
//! and holds one part or one call, never a list.

use super::{Cited, Sources};
use crate::dialect::ReplyContext;
use crate::dialect::cohere::error::encode_stream_error;
use crate::hub::media::omitted;
use crate::hub::{BlockStart, Citation, Delta, Event, Failure, Opaque, Stop, ToolKind, Usage};
use crate::json::{JsonStr, Obj};
use crate::sse::write_event;

/// Writes a sequenced reply as events.
#[derive(Debug)]
pub struct StreamEncoder {
    context: ReplyContext,
    open: Open,
    /// State of reasoning, for the next text or call.
    waiting: Option<JsonStr<'static>>,
    /// Parts and calls so far; each kind is counted on its own.
    parts: u64,
    calls: u64,
    citations: u64,
    sources: Sources,
    /// Characters of the answer before the open text.
    said: u64,
    refused: bool,
    usage: Usage,
    stop: Option<Stop<'static>>,
    over: bool,
}

/// The open block.
#[derive(Debug)]
enum Open {
    Call {
        kind: ToolKind,
        bare: bool,
    },
    Nothing,
    /// Sources may come until its end, and are told there.
    Text {
        begun: bool,
        text: JsonStr<'static>,
        citations: Vec<Citation<'static>>,
    },
    Thought {
        begun: bool,
        text: JsonStr<'static>,
        state: Option<Opaque<'static>>,
    },
}

impl StreamEncoder {
    pub fn new(context: ReplyContext) -> Self {
        Self {
            context,
            open: Open::Nothing,
            waiting: None,
            parts: 0,
            calls: 0,
            citations: 0,
            sources: Sources::default(),
            said: 0,
            refused: false,
            usage: Usage::default(),
            stop: None,
            over: false,
        }
    }

    /// Takes one event of a sequenced reply and appends the events that say it.
    pub fn push(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { usage, .. } => {
                self.usage.merge(usage);
                self.greet(out);
            }
            Event::BlockStart { block, .. } => self.start(block, out),
            Event::Delta { delta, .. } => self.delta(delta, out),
            Event::BlockStop { .. } => self.close(out),
            Event::Citation { citation, .. } => {
                if let Open::Text { citations, .. } = &mut self.open {
                    citations.push(citation.clone().into_owned());
                }
            }
            Event::Stop(stop) => self.stop = Some(stop.clone().into_owned()),
            Event::Usage(usage) => self.usage.merge(usage),
            Event::Ping => self.keep_alive(out),
            Event::Error(failure) => self.fail(failure, out),
            Event::End => self.end(out),
        }
    }

    fn greet(&self, out: &mut Vec<u8>) {
        write_event("message-start", out, |o| {
            o.text("id", &self.context.id);
            message(o, |o| {
                o.text("role", "assistant");
                o.arr("content", |_| {});
                o.text("tool_plan", "");
                o.arr("tool_calls", |_| {});
                o.arr("citations", |_| {});
            });
        });
    }

    fn start(&mut self, block: &BlockStart<'_>, out: &mut Vec<u8>) {
        match block {
            BlockStart::Reasoning => {
                self.open = Open::Thought { begun: false, text: JsonStr::default(), state: None };
            }
            // What the assistant says is text here.
            BlockStart::Image { media_type, data } => {
                self.start(&BlockStart::Text, out);
                self.say(&omitted(media_type, data), out);
            }
            BlockStart::Redacted { data } => self.wait(super::sealed(data, None, &self.context), out),
            BlockStart::Refusal | BlockStart::Text => {
                self.refused |= *block == BlockStart::Refusal;
                self.open = Open::Text { begun: false, text: JsonStr::default(), citations: Vec::new() };
            }
            BlockStart::ToolCall { id, name, kind, opaque } => {
                self.open = Open::Call { kind: *kind, bare: true };
                let minted = super::reply::minted(&self.context, usize::try_from(self.calls).unwrap_or_default());
                let own = opaque.as_ref().map(|state| super::sealed(state, None, &self.context));
                let state = own.or_else(|| self.waiting.take());
                write_event("tool-call-start", out, |o| {
                    o.uint("index", self.calls);
                    message(o, |o| {
                        o.obj("tool_calls", |o| {
                            if id.is_empty() {
                                o.text("id", &minted);
                            } else {
                                o.str("id", id);
                            }
                            o.text("type", "function");
                            o.obj("function", |o| {
                                o.str("name", name);
                                o.text("arguments", "");
                            });
                            super::state(state.as_ref(), o);
                        });
                    });
                });
                if *kind == ToolKind::Custom {
                    self.arguments(&JsonStr::written(r#"{\"input\":\""#), out);
                }
            }
        }
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        match delta {
            Delta::Arguments(text) if !text.is_empty() => {
                let Open::Call { kind, bare } = &mut self.open else { return };
                *bare = false;
                match kind {
                    // The text is the inside of a JSON string, within the JSON text of the arguments.
                    ToolKind::Custom => self.arguments(&JsonStr::owned(text.as_escaped()), out),
                    ToolKind::Function => self.arguments(text, out),
                }
            }
            Delta::Reasoning(more) if !more.is_empty() => {
                let Open::Thought { begun, text, .. } = &mut self.open else { return };
                text.push(more);
                if !std::mem::replace(begun, true) {
                    self.begin(None, super::thinking, out);
                }
                self.content(out, |o| o.str("thinking", more));
            }
            Delta::Refusal(more) | Delta::Text(more) if !more.is_empty() => self.say(more, out),
            Delta::Signature(value) => match &mut self.open {
                Open::Thought { state, .. } => *state = Some(value.clone().into_owned()),
                Open::Text { .. } | Open::Call { .. } | Open::Nothing => {
                    let sealed = super::sealed(value, None, &self.context);
                    self.wait(sealed, out);
                }
            },
            Delta::Arguments(_) | Delta::Reasoning(_) | Delta::Refusal(_) | Delta::Text(_) => {}
        }
    }

    fn say(&mut self, more: &JsonStr<'_>, out: &mut Vec<u8>) {
        let Open::Text { begun, text, .. } = &mut self.open else { return };
        text.push(more);
        if !std::mem::replace(begun, true) {
            let state = self.waiting.take();
            self.begin(state.as_ref(), super::text, out);
        }
        self.content(out, |o| o.str("text", more));
    }

    /// Opens a part.
    fn begin(
        &self,
        state: Option<&JsonStr<'_>>,
        part: impl FnOnce(&JsonStr<'_>, Option<&JsonStr<'_>>, &mut Obj<'_>),
        out: &mut Vec<u8>,
    ) {
        write_event("content-start", out, |o| {
            o.uint("index", self.parts);
            message(o, |o| o.obj("content", |o| part(&JsonStr::default(), state, o)));
        });
    }

    fn content(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Obj<'_>)) {
        write_event("content-delta", out, |o| {
            o.uint("index", self.parts);
            message(o, |o| o.obj("content", fill));
        });
    }

    fn arguments(&self, text: &JsonStr<'_>, out: &mut Vec<u8>) {
        write_event("tool-call-delta", out, |o| {
            o.uint("index", self.calls);
            message(o, |o| o.obj("tool_calls", |o| o.obj("function", |o| o.str("arguments", text))));
        });
    }

    /// State for the next part; one that waits already goes on an empty thought of its own.
    fn wait(&mut self, state: JsonStr<'static>, out: &mut Vec<u8>) {
        if let Some(earlier) = self.waiting.replace(state) {
            self.begin(Some(&earlier), super::thinking, out);
            self.end_part(out);
        }
    }

    fn end_part(&mut self, out: &mut Vec<u8>) {
        write_event("content-end", out, |o| o.uint("index", self.parts));
        self.parts += 1;
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Call { kind, bare } => {
                match kind {
                    ToolKind::Custom => self.arguments(&JsonStr::written(r#"\"}"#), out),
                    // Clients parse the arguments: an empty string is no JSON.
                    ToolKind::Function if bare => self.arguments(&JsonStr::written("{}"), out),
                    ToolKind::Function => {}
                }
                write_event("tool-call-end", out, |o| o.uint("index", self.calls));
                self.calls += 1;
            }
            Open::Text { begun: true, text, citations } => {
                let text = text.text();
                citations.iter().for_each(|citation| self.cite(citation, &text, out));
                self.said = self.said.saturating_add(u64::try_from(text.chars().count()).unwrap_or(u64::MAX));
                self.end_part(out);
            }
            Open::Thought { begun, text, state } => {
                if begun {
                    self.end_part(out);
                }
                if let Some(state) = state {
                    self.wait(super::sealed(&state, Some(&text), &self.context), out);
                }
            }
            Open::Nothing | Open::Text { begun: false, .. } => {}
        }
    }

    fn cite(&mut self, citation: &Citation<'_>, text: &str, out: &mut Vec<u8>) {
        let source = self.sources.number(&citation.url);
        let cited = Cited { text, from: self.said, index: self.parts };
        write_event("citation-start", out, |o| {
            o.uint("index", self.citations);
            message(o, |o| o.obj("citations", |o| cited.write(citation, source, o)));
        });
        write_event("citation-end", out, |o| o.uint("index", self.citations));
        self.citations += 1;
    }

    /// The reason and the usage are told once, at the end.
    fn end(&mut self, out: &mut Vec<u8>) {
        let stop = self.stop.take();
        let reason = super::reason(stop.as_ref(), self.refused, self.calls > 0);
        let why = stop.as_ref().and_then(|stop| stop.explanation.as_ref());
        if let Some(why) = why.filter(|_| self.said == 0 && self.calls == 0) {
            self.open = Open::Text { begun: false, text: JsonStr::default(), citations: Vec::new() };
            self.say(why, out);
            self.close(out);
        }
        if let Some(state) = self.waiting.take() {
            self.begin(Some(&state), super::thinking, out);
            self.end_part(out);
        }
        write_event("message-end", out, |o| {
            o.obj("delta", |o| {
                o.text("finish_reason", super::finish_reason(reason));
                if !self.usage.is_unknown() {
                    super::usage(&self.usage, o);
                }
            });
        });
        self.over = true;
    }

    /// An error in the middle, the last thing written.
    pub fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.over, true) {
            out.extend_from_slice(&encode_stream_error(failure, &self.context.request_id));
        }
    }

    /// A comment: an event of a type that SDKs do not know is a warning in their log.
    pub fn keep_alive(&mut self, out: &mut Vec<u8>) {
        if !self.over {
            out.extend_from_slice(b": keep-alive\n\n");
        }
    }
}

/// `{"delta": {"message": ...}}`
fn message(o: &mut Obj<'_>, fill: impl FnOnce(&mut Obj<'_>)) {
    o.obj("delta", |o| o.obj("message", fill));
}
