//! A reply as a stream of partial ones: <https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent>.
//!
//! As server-sent events (`alt=sse`), or as one JSON array whose elements are written as they come. Google's SDKs accept
//! nothing but `data:` lines with a space, and blank lines: no comment, no event name, no `[DONE]` (pitfalls 61 and 154).

use super::super::error::encode_error;
use super::reply::{args, carried, image, minted};
use crate::dialect::ReplyContext;
use crate::hub::arguments::{is_sound, unsound};
use crate::hub::{BlockStart, Citation, Delta, Event, Failure, Place, Stop, StopReason, ToolKind, Usage};
use crate::json::{JsonStr, Obj, object};

/// Writes a sequenced reply as partial replies.
#[derive(Debug)]
pub struct StreamEncoder {
    context: ReplyContext,
    open: Open,
    /// State of reasoning, for the next call or text.
    waiting: Option<JsonStr<'static>>,
    citations: Vec<Citation<'static>>,
    /// All text so far: sources count in its bytes.
    said: String,
    blocks: usize,
    refused: bool,
    usage: Usage,
    stop: Option<Stop<'static>>,
    /// Elements of the array so far.
    written: usize,
    over: bool,
}

#[derive(Debug)]
enum Open {
    Nothing,
    Call {
        id: JsonStr<'static>,
        name: JsonStr<'static>,
        kind: ToolKind,
        arguments: JsonStr<'static>,
        signature: Option<JsonStr<'static>>,
    },
    Text,
    /// The words so far: state signs them.
    Thought {
        text: JsonStr<'static>,
    },
    /// A call that ended without being one JSON object: only the token limit, told by the stop reason, excuses it.
    Unsound {
        name: String,
    },
}

impl StreamEncoder {
    /// An encoder for one reply.
    pub fn new(context: ReplyContext) -> Self {
        Self {
            context,
            open: Open::Nothing,
            waiting: None,
            citations: Vec::new(),
            said: String::new(),
            blocks: 0,
            refused: false,
            usage: Usage::default(),
            stop: None,
            written: 0,
            over: false,
        }
    }

    /// Takes one event of a sequenced reply and appends the partial replies that say it.
    pub fn push(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        if let Open::Unsound { name } = &self.open {
            let cut =
                matches!(event, Event::Stop(Stop { reason: StopReason::MaxTokens | StopReason::ContextWindow, .. }));
            if !cut && !matches!(event, Event::Ping) {
                let failure = unsound(name);
                return self.fail(&failure, out);
            }
            self.open = Open::Nothing;
        }
        match event {
            Event::Start { usage, .. } | Event::Usage(usage) => self.usage.merge(usage),
            Event::BlockStart { block, .. } => self.start(block, out),
            Event::Delta { delta, .. } => self.delta(delta, out),
            Event::BlockStop { .. } => self.close(out),
            Event::Citation { citation, .. } => self.citations.push(citation.clone().into_owned()),
            Event::Stop(stop) => self.stop = Some(stop.clone().into_owned()),
            Event::Ping => self.keep_alive(out),
            Event::Error(failure) => self.fail(failure, out),
            Event::End => self.end(out),
        }
    }

    fn start(&mut self, block: &BlockStart<'_>, out: &mut Vec<u8>) {
        self.blocks += 1;
        self.open = match block {
            BlockStart::Reasoning => Open::Thought { text: JsonStr::default() },
            BlockStart::Image { media_type, data } => {
                self.part(out, |o| image(media_type, data, o));
                Open::Nothing
            }
            BlockStart::Redacted { data } => {
                let state = carried(data, None, &self.context);
                self.carry(state, out);
                Open::Nothing
            }
            BlockStart::Refusal => {
                self.refused = true;
                Open::Text
            }
            BlockStart::Text => Open::Text,
            BlockStart::ToolCall { id, name, kind, opaque } => {
                let own = opaque.as_ref().map(|state| super::signature(state, Place::NextCall, None, &self.context));
                let id =
                    if id.is_empty() { JsonStr::owned(&minted(&self.context, self.blocks - 1)) } else { id.clone() };
                Open::Call {
                    id: id.into_owned(),
                    name: name.clone().into_owned(),
                    kind: *kind,
                    arguments: JsonStr::default(),
                    signature: own.or_else(|| self.waiting.take()),
                }
            }
        };
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        match delta {
            // A call is told whole: clients run it as soon as they see it.
            Delta::Arguments(text) => {
                if let Open::Call { arguments, .. } = &mut self.open {
                    arguments.push(text);
                }
            }
            Delta::Reasoning(text) if !text.is_empty() => {
                if let Open::Thought { text: whole } = &mut self.open {
                    whole.push(text);
                }
                if !self.context.show_thoughts {
                    return;
                }
                self.part(out, |o| {
                    o.str("text", text);
                    o.bool("thought", true);
                });
            }
            Delta::Refusal(text) | Delta::Text(text) if !text.is_empty() => {
                self.said.push_str(&text.text());
                let signature = self.waiting.take();
                self.part(out, |o| {
                    o.str("text", text);
                    if let Some(signature) = &signature {
                        o.str("thoughtSignature", signature);
                    }
                });
            }
            Delta::Signature(state) => {
                if let Open::Thought { text } = &self.open {
                    let state = carried(state, Some(text), &self.context);
                    self.carry(state, out);
                } else {
                    let signature = super::signature(state, Place::LastText, None, &self.context);
                    self.part(out, |o| {
                        o.text("text", "");
                        o.str("thoughtSignature", &signature);
                    });
                }
            }
            Delta::Reasoning(_) | Delta::Refusal(_) | Delta::Text(_) => {}
        }
    }

    /// State for the next part; one that waits already goes on an empty text of its own.
    fn carry(&mut self, state: JsonStr<'static>, out: &mut Vec<u8>) {
        if let Some(earlier) = self.waiting.replace(state) {
            self.part(out, |o| {
                o.text("text", "");
                o.str("thoughtSignature", &earlier);
            });
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let Open::Call { id, name, kind, arguments, signature } = std::mem::replace(&mut self.open, Open::Nothing)
        else {
            return;
        };
        if kind == ToolKind::Function && !is_sound(&arguments) {
            self.open = Open::Unsound { name: name.text().into_owned() };
            return;
        }
        self.part(out, |o| {
            o.obj("functionCall", |o| {
                o.str("id", &id);
                o.str("name", &name);
                args(kind, &arguments, o);
            });
            if let Some(signature) = &signature {
                o.str("thoughtSignature", signature);
            }
        });
    }

    /// The last element: the finish reason with usage, and an empty text, which some clients look for.
    fn end(&mut self, out: &mut Vec<u8>) {
        let mut stop = self.stop.take().unwrap_or_else(|| Stop::plain(StopReason::EndTurn, JsonStr::default()));
        if self.refused && stop.reason == StopReason::EndTurn {
            stop.reason = StopReason::Refusal;
        }
        let (signature, usage) = (self.waiting.take(), self.usage);
        let (citations, said) = (std::mem::take(&mut self.citations), std::mem::take(&mut self.said));
        self.element(out, |o| {
            o.arr("candidates", |a| {
                a.obj(|o| {
                    o.obj("content", |o| {
                        o.arr("parts", |a| {
                            a.obj(|o| {
                                o.text("text", "");
                                if let Some(signature) = &signature {
                                    o.str("thoughtSignature", signature);
                                }
                            });
                        });
                        o.text("role", "model");
                    });
                    super::finish(o, &stop);
                    o.uint("index", 0);
                    if !citations.is_empty() {
                        super::grounding(&citations, &said, o);
                    }
                });
            });
            if !usage.is_unknown() {
                super::usage(&usage, o);
            }
        });
        self.over = true;
        if self.context.json_array {
            out.extend_from_slice(b"]");
        }
    }

    /// An error in the middle, the last thing written; the connection breaks off behind it. There is no finish reason, so
    /// nobody takes what came for the whole answer.
    pub fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        let (_, body) = encode_error(failure, &self.context.request_id);
        self.frame(out, &body);
        self.over = true;
        if self.context.json_array {
            out.extend_from_slice(b"]");
        }
    }

    /// An empty line: anything else makes Google's SDKs fail.
    pub fn keep_alive(&mut self, out: &mut Vec<u8>) {
        if !self.over {
            out.extend_from_slice(b"\n");
        }
    }

    fn part(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Obj<'_>)) {
        self.element(out, |o| {
            o.arr("candidates", |a| {
                a.obj(|o| {
                    o.obj("content", |o| {
                        o.arr("parts", |a| a.obj(fill));
                        o.text("role", "model");
                    });
                    o.uint("index", 0);
                });
            });
        });
    }

    fn element(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Obj<'_>)) {
        let mut body = Vec::with_capacity(256);
        object(&mut body, |o| {
            fill(o);
            o.text("modelVersion", &self.context.client_model);
            o.text("responseId", &self.context.id);
        });
        self.frame(out, &body);
    }

    fn frame(&mut self, out: &mut Vec<u8>, body: &[u8]) {
        if self.context.json_array {
            out.extend_from_slice(if self.written == 0 { b"[" } else { b",\n" });
            out.extend_from_slice(body);
        } else {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(body);
            out.extend_from_slice(b"\n\n");
        }
        self.written += 1;
    }
}
