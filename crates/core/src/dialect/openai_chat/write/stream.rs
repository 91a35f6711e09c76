//! The stream to the client: <https://platform.openai.com/docs/api-reference/chat/streaming>.
//!
//! Accumulators concatenate strings and key lists by `index`, so the role, a call's id, type and name, and each entry of
//! a list are sent exactly once (pitfalls 11 and 12).

use crate::dialect::ReplyContext;
use crate::dialect::openai_chat::error::encode_stream_error;
use crate::dialect::openai_chat::wire::{CHUNK, DONE, ID_PREFIX};
use crate::hub::{BlockStart, Citation, Delta, Event, Failure, Opaque, Stop, StopReason, ToolKind, Usage};
use crate::json::{JsonStr, Obj, object, object_from};

/// Writes a sequenced reply as chunks.
#[derive(Debug)]
pub struct StreamEncoder {
    context: ReplyContext,
    /// How each chunk begins.
    begun: Vec<u8>,
    open: Open,
    /// Calls so far: the next call's index.
    calls: u64,
    /// Entries of `reasoning_details` so far.
    details: u64,
    /// Pictures so far.
    images: u64,
    /// Told all together, before the end.
    citations: Vec<Citation<'static>>,
    usage: Usage,
    /// Did the reply say anything?
    said: bool,
    ended: bool,
}

/// The open block.
#[derive(Debug)]
enum Open {
    Nothing,
    Call { index: u64, kind: ToolKind, bare: bool },
    Reasoning { signature: Option<Opaque<'static>> },
    Words,
}

impl StreamEncoder {
    pub fn new(context: ReplyContext) -> Self {
        let mut begun = b"data: ".to_vec();
        object(&mut begun, |o| {
            o.text("id", &format!("{ID_PREFIX}{}", context.id));
            o.text("object", CHUNK);
            o.uint("created", context.created);
            o.text("model", &context.client_model);
        });
        begun.pop();
        Self {
            context,
            begun,
            open: Open::Nothing,
            calls: 0,
            details: 0,
            images: 0,
            citations: Vec::new(),
            usage: Usage::default(),
            said: false,
            ended: false,
        }
    }

    /// Takes one event of a sequenced reply and appends the chunks that say it.
    pub fn push(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { usage, .. } => {
                self.usage.merge(usage);
                self.delta(out, |o| {
                    o.text("role", "assistant");
                    o.text("content", "");
                });
            }
            Event::BlockStart { block, .. } => self.start(block, out),
            Event::Delta { delta, .. } => self.fragment(delta, out),
            Event::BlockStop { .. } => self.stop_block(out),
            Event::Citation { citation, .. } => self.citations.push(citation.clone().into_owned()),
            Event::Stop(stop) => self.stop(stop, out),
            Event::Usage(usage) => self.usage.merge(usage),
            Event::Ping => self.keep_alive(out),
            Event::Error(failure) => self.fail(failure, out),
            Event::End => self.end(out),
        }
    }

    fn start(&mut self, block: &BlockStart<'_>, out: &mut Vec<u8>) {
        match block {
            BlockStart::Reasoning => self.open = Open::Reasoning { signature: None },
            BlockStart::Image { media_type, data } => {
                self.open = Open::Words;
                self.said = true;
                let index = self.images;
                self.images += 1;
                self.delta(out, |o| o.arr("images", |a| a.obj(|o| super::image(index, media_type, data, o))));
            }
            BlockStart::Redacted { data } => {
                self.open = Open::Words;
                let index = self.next_detail();
                self.delta(out, |o| {
                    o.arr("reasoning_details", |a| a.obj(|o| super::encrypted(index, data, &self.context, o)));
                });
            }
            BlockStart::Refusal | BlockStart::Text => self.open = Open::Words,
            BlockStart::ToolCall { id, name, kind, opaque } => {
                let index = self.calls;
                self.calls += 1;
                self.said = true;
                self.open = Open::Call { index, kind: *kind, bare: true };
                let (word, body) = words(*kind);
                self.call(index, out, |o| {
                    o.str("id", id);
                    o.text("type", word);
                    o.obj(word, |o| {
                        o.str("name", name);
                        o.text(body, "");
                    });
                    super::call_state(opaque.as_ref(), o);
                });
            }
        }
    }

    fn fragment(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        match delta {
            Delta::Arguments(text) => {
                let Open::Call { index, kind, bare } = &mut self.open else { return };
                if text.is_empty() {
                    return;
                }
                *bare = false;
                let (index, (word, body)) = (*index, words(*kind));
                self.call(index, out, |o| o.obj(word, |o| o.str(body, text)));
            }
            Delta::Reasoning(text) => self.words("reasoning_content", text, out),
            Delta::Refusal(text) => {
                self.said |= !text.is_empty();
                self.words("refusal", text, out);
            }
            Delta::Signature(value) => {
                if let Open::Reasoning { signature } = &mut self.open {
                    *signature = Some(value.clone().into_owned());
                }
            }
            Delta::Text(text) => {
                self.said |= !text.is_empty();
                self.words("content", text, out);
            }
        }
    }

    fn stop_block(&mut self, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            // Clients parse the arguments: an empty string is no JSON (pitfall 17).
            Open::Call { index, kind: ToolKind::Function, bare: true } => {
                self.call(index, out, |o| o.obj("function", |o| o.text("arguments", "{}")));
            }
            Open::Reasoning { signature: Some(signature) } => {
                let index = self.next_detail();
                let entry = |o: &mut Obj<'_>| super::signed(index, None, &signature, &self.context, o);
                self.delta(out, |o| o.arr("reasoning_details", |a| a.obj(entry)));
            }
            Open::Call { .. } | Open::Nothing | Open::Reasoning { signature: None } | Open::Words => {}
        }
    }

    /// The finish chunk stands alone: some clients do not look for content in it.
    fn stop(&mut self, stop: &Stop<'_>, out: &mut Vec<u8>) {
        if !self.citations.is_empty() {
            let citations = std::mem::take(&mut self.citations);
            self.delta(out, |o| o.arr("annotations", |a| super::annotations(&citations, a)));
        }
        if stop.reason == StopReason::Refusal && !self.said {
            let declined = JsonStr::written(super::DECLINED);
            self.words("refusal", stop.explanation.as_ref().unwrap_or(&declined), out);
        }
        self.chunk(out, |o| {
            o.obj("delta", |_| {});
            super::finish(stop, o);
        });
    }

    /// Usage is the last chunk, or a later one would wipe it (pitfall 99); then the marker.
    fn end(&mut self, out: &mut Vec<u8>) {
        self.ended = true;
        if self.context.include_usage && !self.usage.is_unknown() {
            let usage = self.usage;
            self.event(out, |o| {
                o.arr("choices", |_| {});
                o.obj("usage", |o| super::usage(&usage, o));
                if let Some(tier) = usage.tier {
                    o.text("service_tier", tier.openai());
                }
            });
        }
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(DONE.as_bytes());
        out.extend_from_slice(b"\n\n");
    }

    /// An error in the middle: the last thing written, without `[DONE]` and without a finish reason (pitfall 50).
    pub fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.ended, true) {
            out.extend_from_slice(&encode_stream_error(failure, &self.context.request_id));
        }
    }

    /// A comment: anything else would be a chunk without choices (pitfall 62).
    pub fn keep_alive(&mut self, out: &mut Vec<u8>) {
        if !self.ended {
            out.extend_from_slice(b": keep-alive\n\n");
        }
    }

    fn next_detail(&mut self) -> u64 {
        self.details += 1;
        self.details - 1
    }

    fn words(&self, member: &str, text: &JsonStr<'_>, out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.delta(out, |o| o.str(member, text));
        }
    }

    fn call(&self, index: u64, out: &mut Vec<u8>, fill: impl FnOnce(&mut Obj<'_>)) {
        self.delta(out, |o| {
            o.arr("tool_calls", |a| {
                a.obj(|o| {
                    o.uint("index", index);
                    fill(o);
                });
            });
        });
    }

    fn delta(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Obj<'_>)) {
        self.chunk(out, |o| {
            o.obj("delta", fill);
            o.null("finish_reason");
        });
    }

    fn chunk(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Obj<'_>)) {
        self.event(out, |o| {
            o.arr("choices", |a| {
                a.obj(|o| {
                    o.uint("index", 0);
                    fill(o);
                });
            });
            // With the usage chunk asked for, every other chunk says that it is not here.
            if self.context.include_usage {
                o.null("usage");
            }
        });
    }

    fn event(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Obj<'_>)) {
        object_from(&self.begun, out, fill);
        out.extend_from_slice(b"\n\n");
    }
}

const fn words(kind: ToolKind) -> (&'static str, &'static str) {
    match kind {
        ToolKind::Custom => ("custom", "input"),
        ToolKind::Function => ("function", "arguments"),
    }
}
