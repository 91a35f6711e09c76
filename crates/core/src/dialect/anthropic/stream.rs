//! Streamed replies from the wire: <https://docs.anthropic.com/en/docs/build-with-claude/streaming>.
//!
//! Tolerates what hosts of this dialect do: text in the start of a block, blocks without a start, deltas of another kind
//! than their block, gaps in the indices, several `message_delta`s, no `message_stop`.

use crate::hub::{Aliases, BlockStart, Citation, Delta, Event, Opaque, OpaqueKind, ToolKind, Unwrap, Usage};
use crate::json::{JsonStr, Members, RawValue};
use crate::provider::Quirks;
use crate::upstream_error;

use super::reply::{self, lenient};

/// Turns SSE events into hub events.
#[derive(Debug)]
pub struct StreamDecoder {
    aliases: Aliases,
    /// Blocks that were opened and not closed.
    open: Vec<Open>,
    /// Keys are never used twice, whatever the upstream's indices do.
    next_key: u32,
    /// The reply has a call for the client.
    calls: bool,
    /// Characters of text so far.
    chars: u64,
    phase: Phase,
    skipped: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Started,
    Stopped,
    Ended,
}

#[derive(Debug)]
struct Open {
    index: u64,
    key: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Complete in its start, or nothing for the client: server tools, their results, unknown blocks.
    Closed,
    /// Anthropic cites whole blocks: citations wait for the block's end, and begin at its first character.
    Text {
        from: u64,
        citations: Vec<Citation<'static>>,
    },
    Thinking,
    Tool(Arguments),
}

/// The kind of block that a delta belongs into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Text,
    Thinking,
}

/// The arguments of a call while they arrive.
#[derive(Debug)]
struct Arguments {
    form: ArgumentForm,
    seen: bool,
    /// The first fragment when it is `{}`, or the whole `input` of the start: a placeholder if more follows.
    held: Option<JsonStr<'static>>,
}

#[derive(Debug)]
enum ArgumentForm {
    /// The answer itself: a tool stood in for structured output.
    Answer,
    /// A free-text tool in disguise.
    Free(Unwrap),
    Json,
}

impl StreamDecoder {
    /// A decoder for one reply. `aliases` are those of the request it answers.
    pub fn new(_quirks: &Quirks, aliases: Aliases) -> Self {
        Self { aliases, open: Vec::new(), next_key: 0, calls: false, chars: 0, phase: Phase::New, skipped: 0 }
    }

    /// How many events held no JSON.
    pub fn skipped(&self) -> u32 {
        self.skipped
    }

    /// Takes one SSE event: its name, if it has one, and its data. Appends what it means.
    pub fn push<'f>(&mut self, name: Option<&str>, data: &'f str, out: &mut Vec<Event<'f>>) {
        if self.phase == Phase::Ended {
            return;
        }
        let Ok(mut m) = Members::parse(data) else {
            self.skipped = self.skipped.saturating_add(1);
            return;
        };
        let kind = match m.take_text("type") {
            Ok(Some(kind)) => kind,
            _ => name.unwrap_or_default().to_owned().into(),
        };
        let index = m.take_u64("index").ok().flatten().unwrap_or(0);
        match kind.as_ref() {
            "message_start" if self.phase == Phase::New => {
                let mut message = m.take_object("message").ok().flatten().unwrap_or_default();
                let usage = message.take("usage").map(reply::usage).unwrap_or_default();
                self.start(&mut message, usage, out);
            }
            "content_block_start" => {
                if let Ok(Some(block)) = m.take_object("content_block") {
                    self.open(index, block, out);
                }
            }
            "content_block_delta" => {
                if let Ok(Some(delta)) = m.take_object("delta") {
                    self.delta(index, delta, out);
                }
            }
            "content_block_stop" => self.close(index, out),
            "message_delta" => {
                let mut delta = m.take_object("delta").ok().flatten().unwrap_or_default();
                self.stop(&mut delta, out);
                if let Some(raw) = m.take("usage") {
                    out.push(Event::Usage(reply::usage(raw)));
                }
            }
            "message_stop" => self.end(out),
            "ping" => out.push(Event::Ping),
            _ if kind == "error" || m.get("error").is_some() => {
                self.phase = Phase::Ended;
                out.push(Event::Error(upstream_error::in_band(data)));
            }
            _ => {}
        }
    }

    /// The upstream closed. A reply whose stop reason arrived is complete even without `message_stop`.
    pub fn finish(&mut self, out: &mut Vec<Event<'static>>) {
        if self.phase == Phase::Stopped {
            self.phase = Phase::Ended;
            out.push(Event::End);
        }
    }

    /// The head of the reply, from the message object.
    pub(super) fn start<'f>(&mut self, message: &mut Members<'f>, usage: Usage, out: &mut Vec<Event<'f>>) {
        self.phase = Phase::Started;
        out.push(Event::Start { id: lenient(message, "id"), model: lenient(message, "model"), usage });
    }

    fn ensure_started(&mut self, out: &mut Vec<Event<'_>>) {
        if self.phase == Phase::New {
            self.phase = Phase::Started;
            out.push(Event::Start { id: JsonStr::default(), model: JsonStr::default(), usage: Usage::default() });
        }
    }

    /// A block begins; whatever it already holds counts as its first delta.
    pub(super) fn open<'f>(&mut self, index: u64, mut m: Members<'f>, out: &mut Vec<Event<'f>>) {
        self.ensure_started(out);
        self.close(index, out);
        match lenient(&mut m, "type").text().as_ref() {
            "text" => {
                let kind = self.text_block();
                let key = self.begin(index, kind, BlockStart::Text, out);
                self.say(Some(key), lenient(&mut m, "text"), out);
                for raw in m.take_array("citations").ok().flatten().unwrap_or_default() {
                    self.cite(index, raw);
                }
            }
            "thinking" => {
                let key = self.begin(index, Kind::Thinking, BlockStart::Reasoning, out);
                let text = lenient(&mut m, "thinking");
                if !text.is_empty() {
                    out.push(Event::Delta { key, delta: Delta::Reasoning(text) });
                }
                sign(key, lenient(&mut m, "signature"), out);
            }
            "redacted_thinking" => {
                let block = BlockStart::Redacted {
                    data: Opaque::native(OpaqueKind::AnthropicRedacted, lenient(&mut m, "data")),
                };
                let key = self.begin(index, Kind::Closed, block, out);
                out.push(Event::BlockStop { key });
            }
            "tool_use" => self.open_tool(index, &mut m, out),
            _ => self.open.push(Open { index, key: 0, kind: Kind::Closed }),
        }
    }

    fn open_tool<'f>(&mut self, index: u64, m: &mut Members<'f>, out: &mut Vec<Event<'f>>) {
        let (id, sent) = (lenient(m, "id"), lenient(m, "name"));
        let form = if self.aliases.is_json_tool(&sent) {
            ArgumentForm::Answer
        } else if self.aliases.is_lowered(&sent) {
            ArgumentForm::Free(Unwrap::default())
        } else {
            ArgumentForm::Json
        };
        let name = self.aliases.original(sent);
        let block = match form {
            ArgumentForm::Answer => BlockStart::Text,
            ArgumentForm::Free(_) => BlockStart::ToolCall { id, name, kind: ToolKind::Custom, opaque: None },
            ArgumentForm::Json => BlockStart::ToolCall { id, name, kind: ToolKind::Function, opaque: None },
        };
        self.calls |= !matches!(form, ArgumentForm::Answer);
        // `{}` is what every start holds; anything else is the whole input at once.
        let held = m.take("input").map(RawValue::get).filter(|t| *t != "{}").map(JsonStr::owned);
        self.begin(index, Kind::Tool(Arguments { form, seen: false, held }), block, out);
    }

    fn begin<'f>(&mut self, index: u64, kind: Kind, block: BlockStart<'f>, out: &mut Vec<Event<'f>>) -> u32 {
        let key = self.next_key;
        self.next_key = self.next_key.wrapping_add(1);
        self.open.push(Open { index, key, kind });
        out.push(Event::BlockStart { key, block });
        key
    }

    fn delta<'f>(&mut self, index: u64, mut m: Members<'f>, out: &mut Vec<Event<'f>>) {
        self.ensure_started(out);
        match lenient(&mut m, "type").text().as_ref() {
            "text_delta" => {
                let key = self.key_for(index, Want::Text, out);
                self.say(key, lenient(&mut m, "text"), out);
            }
            "thinking_delta" => {
                let text = lenient(&mut m, "thinking");
                if let Some(key) = self.key_for(index, Want::Thinking, out).filter(|_| !text.is_empty()) {
                    out.push(Event::Delta { key, delta: Delta::Reasoning(text) });
                }
            }
            "signature_delta" => {
                if let Some(key) = self.key_for(index, Want::Thinking, out) {
                    sign(key, lenient(&mut m, "signature"), out);
                }
            }
            "citations_delta" => {
                self.key_for(index, Want::Text, out);
                if let Some(raw) = m.take("citation") {
                    self.cite(index, raw);
                }
            }
            "input_json_delta" => {
                if let Some(Open { key, kind: Kind::Tool(arguments), .. }) = self.open_at(index) {
                    let key = *key;
                    arguments.push(lenient(&mut m, "partial_json"), key, out);
                }
            }
            _ => {}
        }
    }

    /// The key of the open block at `index`. A block that was never started, or is of another kind, gives way to a new one
    /// of the wanted kind; nothing may be put into a tool or a finished block.
    fn key_for(&mut self, index: u64, want: Want, out: &mut Vec<Event<'_>>) -> Option<u32> {
        match (self.open_at(index).map(|o| (o.key, &o.kind)), want) {
            (Some((key, Kind::Text { .. })), Want::Text) | (Some((key, Kind::Thinking)), Want::Thinking) => Some(key),
            (Some((_, Kind::Closed | Kind::Tool(_))), _) => None,
            (_, Want::Thinking) => {
                self.close(index, out);
                Some(self.begin(index, Kind::Thinking, BlockStart::Reasoning, out))
            }
            (_, Want::Text) => {
                self.close(index, out);
                let kind = self.text_block();
                Some(self.begin(index, kind, BlockStart::Text, out))
            }
        }
    }

    fn text_block(&self) -> Kind {
        Kind::Text { from: self.chars, citations: Vec::new() }
    }

    fn say<'f>(&mut self, key: Option<u32>, text: JsonStr<'f>, out: &mut Vec<Event<'f>>) {
        if let Some(key) = key.filter(|_| !text.is_empty()) {
            self.chars += u64::try_from(text.text().chars().count()).unwrap_or(0);
            out.push(Event::Delta { key, delta: Delta::Text(text) });
        }
    }

    fn cite(&mut self, index: u64, raw: &RawValue) {
        if let Some(Open { kind: Kind::Text { citations, .. }, .. }) = self.open_at(index) {
            citations.extend(reply::citation(raw).map(Citation::into_owned));
        }
    }

    fn open_at(&mut self, index: u64) -> Option<&mut Open> {
        self.open.iter_mut().find(|o| o.index == index)
    }

    /// A block ends.
    pub(super) fn close(&mut self, index: u64, out: &mut Vec<Event<'_>>) {
        let Some(at) = self.open.iter().position(|o| o.index == index) else { return };
        let Open { key, kind, .. } = self.open.swap_remove(at);
        match kind {
            Kind::Closed => return,
            Kind::Text { from, citations } => {
                for mut citation in citations {
                    citation.range = Some((from, self.chars));
                    out.push(Event::Citation { key, citation });
                }
            }
            Kind::Thinking => {}
            Kind::Tool(arguments) => arguments.finish(key, out),
        }
        out.push(Event::BlockStop { key });
    }

    /// The stop reason, once.
    pub(super) fn stop<'f>(&mut self, delta: &mut Members<'f>, out: &mut Vec<Event<'f>>) {
        self.ensure_started(out);
        if self.phase == Phase::Started
            && let Some(stop) = reply::stop(delta, self.calls)
        {
            self.phase = Phase::Stopped;
            out.push(Event::Stop(stop));
        }
    }

    pub(super) fn end(&mut self, out: &mut Vec<Event<'_>>) {
        self.phase = Phase::Ended;
        out.push(Event::End);
    }
}

impl Arguments {
    fn push<'f>(&mut self, fragment: JsonStr<'f>, key: u32, out: &mut Vec<Event<'f>>) {
        if fragment.is_empty() {
            return;
        }
        if !self.seen && self.held.is_none() && fragment.as_escaped() == "{}" {
            self.held = Some(fragment.into_owned());
            return;
        }
        self.held = None;
        self.seen = true;
        self.emit(fragment, key, out);
    }

    fn emit<'f>(&mut self, fragment: JsonStr<'f>, key: u32, out: &mut Vec<Event<'f>>) {
        let delta = match &mut self.form {
            ArgumentForm::Answer => Delta::Text(fragment),
            ArgumentForm::Free(unwrap) => Delta::Arguments(unwrap.push(&fragment)),
            ArgumentForm::Json => Delta::Arguments(fragment),
        };
        if delta != Delta::Arguments(JsonStr::default()) {
            out.push(Event::Delta { key, delta });
        }
    }

    /// A call without arguments has the arguments `{}`: many clients parse them without looking.
    fn finish(mut self, key: u32, out: &mut Vec<Event<'_>>) {
        let rest = self.held.take().or_else(|| (!self.seen).then(|| JsonStr::escape("{}")));
        if let Some(rest) = rest {
            self.emit(rest, key, out);
        }
    }
}

fn sign<'f>(key: u32, signature: JsonStr<'f>, out: &mut Vec<Event<'f>>) {
    if !signature.is_empty() {
        let state = Opaque::native(OpaqueKind::AnthropicSignature, signature);
        out.push(Event::Delta { key, delta: Delta::Signature(state) });
    }
}
