//! A stream from the wire: <https://platform.openai.com/docs/api-reference/responses-streaming>.
//!
//! Look-alikes leave out what they like: the first events, the deltas, the final list of items, the numbers. So every event
//! is taken for what it adds: a delta, a snapshot that may hold more than the deltas said, or an item nobody streamed.

use std::collections::BTreeMap;

use crate::hub::{Aliases, BlockStart, Citation, Delta, ErrorKind, Event, Opaque, OpaqueKind, ToolKind, Unwrap, Usage};
use crate::json::{JsonStr, Kind, Members, RawValue, kind};
use crate::provider::Quirks;
use crate::upstream_error;

use super::item::{Block, Item, Slot};
use super::{citation, found, lenient, stop, usage, used_tools};

/// Turns the stream of one reply into hub events.
#[derive(Debug)]
pub struct StreamDecoder {
    aliases: Aliases,
    phase: Phase,
    /// By `output_index`.
    items: BTreeMap<u64, Item>,
    next_key: u32,
    /// Has the reply a call that the client answers?
    calls: bool,
    /// Characters of text so far.
    chars: u64,
    /// Encrypted reasoning waits for the next item: its phase rides along.
    held: Option<(u32, Opaque<'static>)>,
    /// What searches found, told with the answer where it cites nothing itself.
    sources: Vec<Citation<'static>>,
    /// The provider says what a reply costs.
    reports_cost: bool,
    /// A free-text tool that went out as a function, by the key of its call.
    unwraps: Vec<(u32, Unwrap)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Started,
    Ended,
}

impl StreamDecoder {
    /// A decoder for one reply.
    pub fn new(quirks: &Quirks, aliases: Aliases) -> Self {
        Self {
            aliases,
            phase: Phase::New,
            items: BTreeMap::new(),
            next_key: 0,
            calls: false,
            chars: 0,
            held: None,
            sources: Vec::new(),
            reports_cost: quirks.reports_cost,
            unwraps: Vec::new(),
        }
    }

    /// Takes one event.
    pub fn push<'f>(&mut self, name: Option<&str>, data: &'f str, out: &mut Vec<Event<'f>>) {
        if self.phase == Phase::Ended {
            return;
        }
        let Ok(mut m) = Members::parse(data) else { return };
        let kind = m.take_text("type").ok().flatten();
        let Some(kind) = kind.as_deref().or(name) else { return };
        let kind = kind.strip_prefix("response.").unwrap_or(kind);
        match kind {
            "created" | "in_progress" | "queued" => self.head(&mut m, out),
            "output_item.added" => self.added(&mut m, out),
            "output_item.done" => {
                if let Some(item) = m.take_object("item").ok().flatten() {
                    let index = self.index(&mut m);
                    self.item(index, item, out);
                }
            }
            "completed" | "incomplete" | "failed" => {
                let mut response = m.take_object("response").ok().flatten().unwrap_or_default();
                self.terminal(kind, &mut response, data, out);
            }
            "error" => self.fail(data, out),
            _ if m.get("error").is_some_and(|e| e.get() != "null") => self.fail(data, out),
            _ => self.progress(kind, &mut m, out),
        }
    }

    /// The upstream closed. Without a terminal event the reply is not whole.
    pub fn finish(&mut self, _out: &mut Vec<Event<'static>>) {
        self.phase = Phase::Ended;
    }

    /// A whole reply.
    pub(super) fn whole<'f>(&mut self, response: &mut Members<'f>, out: &mut Vec<Event<'f>>) {
        self.start(response, out);
        let status = response.get("status").and_then(JsonStr::from_raw).unwrap_or_default();
        let kind = match status.text().as_ref() {
            "cancelled" | "failed" => "failed",
            "incomplete" => "incomplete",
            _ => "completed",
        };
        let error = response.get("error").map_or("null", RawValue::get);
        self.terminal(kind, response, error, out);
    }

    fn head<'f>(&mut self, m: &mut Members<'f>, out: &mut Vec<Event<'f>>) {
        let mut response = m.take_object("response").ok().flatten().unwrap_or_default();
        if self.phase == Phase::New {
            self.start(&mut response, out);
        }
    }

    fn start<'f>(&mut self, response: &mut Members<'f>, out: &mut Vec<Event<'f>>) {
        if self.phase == Phase::New {
            self.phase = Phase::Started;
            let (id, model) = (lenient(response, "id"), lenient(response, "model"));
            out.push(Event::Start { id, model, usage: Usage::default() });
        }
    }

    fn added<'f>(&mut self, m: &mut Members<'f>, out: &mut Vec<Event<'f>>) {
        self.start(&mut Members::default(), out);
        let Some(mut item) = m.take_object("item").ok().flatten() else { return };
        let index = self.index(m);
        let kind = lenient(&mut item, "type");
        self.release(Some(&kind), &item, out);
        match kind.text().as_ref() {
            "function_call" | "custom_tool_call" => self.call(index, &kind, &mut item, out),
            _ => out.push(Event::Ping),
        }
    }

    /// `output_index`, or the last item where it is missing.
    fn index(&self, m: &mut Members<'_>) -> u64 {
        let last = self.items.last_key_value().map_or(0, |(index, _)| *index);
        m.take_u64("output_index").ok().flatten().unwrap_or(last)
    }

    /// Pieces of an item, and signs of life.
    fn progress<'f>(&mut self, kind: &str, m: &mut Members<'f>, out: &mut Vec<Event<'f>>) {
        self.start(&mut Members::default(), out);
        let (what, done) = match kind.rsplit_once('.') {
            Some((what, "delta")) => (what, false),
            Some((what, "done")) => (what, true),
            Some(("output_text.annotation", "added")) => return self.annotation(m, out),
            _ => return out.push(Event::Ping),
        };
        let index = self.index(m);
        let mut at = |key: &str| m.take_u64(key).ok().flatten().unwrap_or(0);
        let (slot, key) = match what {
            "custom_tool_call_input" => (Slot::Call, "input"),
            "function_call_arguments" => (Slot::Call, "arguments"),
            "output_text" => (Slot::Text(at("content_index")), "text"),
            "reasoning_text" => (Slot::Reasoning { raw: true }, "text"),
            "reasoning_summary_text" => (Slot::Reasoning { raw: false }, "text"),
            "refusal" => (Slot::Refusal(at("content_index")), "refusal"),
            _ => return out.push(Event::Ping),
        };
        // Parts of reasoning are told in one block, an empty line between them.
        let part = at(if slot == (Slot::Reasoning { raw: true }) { "content_index" } else { "summary_index" });
        let text = whole_or_string(m.take(if done { key } else { "delta" }));
        if matches!(slot, Slot::Reasoning { .. }) {
            if done {
                self.think_done(index, slot, part, &text, out);
            } else {
                self.think(index, slot, part, text, out);
            }
            return;
        }
        if slot == Slot::Call && self.item_at(index).block(slot).is_none() {
            // Nobody said which call: its final form will.
            return;
        }
        if done { self.complete(index, slot, &text, out) } else { self.piece(index, slot, text, out) }
    }

    /// Opens the call of an item as soon as its name and id are known.
    fn call<'f>(&mut self, index: u64, kind: &JsonStr<'f>, item: &mut Members<'f>, out: &mut Vec<Event<'f>>) {
        if self.item_at(index).block(Slot::Call).is_some() {
            return;
        }
        let mut id = lenient(item, "call_id");
        if id.is_empty() {
            id = item.get("id").and_then(JsonStr::from_raw).unwrap_or_default();
        }
        let sent = lenient(item, "name");
        if sent.is_empty() {
            return;
        }
        let lowered = self.aliases.is_lowered(&sent);
        let kind = if lowered || *kind == "custom_tool_call" { ToolKind::Custom } else { ToolKind::Function };
        self.calls = true;
        let name = self.aliases.original(sent);
        let key = self.open(index, Slot::Call, BlockStart::ToolCall { id, name, kind, opaque: None }, out);
        if lowered {
            self.unwraps.push((key, Unwrap::default()));
        }
    }

    fn open<'f>(&mut self, index: u64, slot: Slot, block: BlockStart<'f>, out: &mut Vec<Event<'f>>) -> u32 {
        let key = self.next_key;
        self.next_key = self.next_key.wrapping_add(1);
        let from = self.chars;
        self.item_at(index).blocks.push(Block { slot, key, told: String::new(), cited: false, from, open: true });
        out.push(Event::BlockStart { key, block });
        key
    }

    /// A piece of a block, which it opens if need be.
    fn piece<'f>(&mut self, index: u64, slot: Slot, text: JsonStr<'f>, out: &mut Vec<Event<'f>>) {
        if text.is_empty() || self.item_at(index).done {
            return;
        }
        if self.item_at(index).block(slot).is_none() {
            self.release(None, &Members::default(), out);
            let block = match slot {
                Slot::Reasoning { .. } => BlockStart::Reasoning,
                Slot::Refusal(_) => BlockStart::Refusal,
                Slot::Call | Slot::Text(_) => BlockStart::Text,
            };
            self.open(index, slot, block, out);
        }
        let Some(block) = self.item_at(index).block(slot).filter(|b| b.open) else { return };
        block.told.push_str(&text.text());
        let key = block.key;
        let delta = match slot {
            Slot::Call => match self.unwraps.iter_mut().find(|(k, _)| *k == key) {
                Some((_, unwrap)) => Delta::Arguments(unwrap.push(&text)),
                None => Delta::Arguments(text),
            },
            Slot::Reasoning { .. } => Delta::Reasoning(text),
            Slot::Refusal(_) => Delta::Refusal(text),
            Slot::Text(_) => {
                self.chars += u64::try_from(text.text().chars().count()).unwrap_or(0);
                Delta::Text(text)
            }
        };
        if !delta.is_empty() {
            out.push(Event::Delta { key, delta });
        }
    }

    /// A snapshot: what it holds beyond the pieces is told.
    fn complete<'f>(&mut self, index: u64, slot: Slot, whole: &JsonStr<'f>, out: &mut Vec<Event<'f>>) {
        let rest = match self.item_at(index).block(slot) {
            Some(block) => block.missing(whole),
            None => whole.clone(),
        };
        self.piece(index, slot, rest, out);
    }

    fn think<'f>(&mut self, index: u64, slot: Slot, part: u64, text: JsonStr<'f>, out: &mut Vec<Event<'f>>) {
        let other = self.item_at(index).reasoning().is_some_and(|b| b.slot != slot);
        if other || text.is_empty() {
            return;
        }
        let started = usize::try_from(part).unwrap_or(usize::MAX);
        let gap = self.item_at(index).block(slot).is_some_and(|b| parts_of(&b.told) <= started && !b.told.is_empty());
        if gap {
            self.piece(index, slot, JsonStr::written("\\n\\n"), out);
            if let Some(block) = self.item_at(index).block(slot) {
                block.told.push(BOUNDARY);
            }
        }
        self.piece(index, slot, text, out);
    }

    /// The final text of one part of reasoning: told here only if nothing of that part was told.
    fn think_done<'f>(&mut self, index: u64, slot: Slot, part: u64, text: &JsonStr<'f>, out: &mut Vec<Event<'f>>) {
        let part_number = usize::try_from(part).unwrap_or(usize::MAX);
        let told = self.item_at(index).block(slot).map_or(0, |b| parts_of(&b.told));
        if told <= part_number {
            self.think(index, slot, part, text.clone(), out);
        }
    }

    fn annotation<'f>(&mut self, m: &mut Members<'f>, out: &mut Vec<Event<'f>>) {
        let index = self.index(m);
        let content = m.take_u64("content_index").ok().flatten().unwrap_or(0);
        if let Some(raw) = m.take("annotation")
            && let Some(block) = self.item_at(index).block(Slot::Text(content)).filter(|b| b.open)
        {
            block.cited = true;
            let (key, from) = (block.key, block.from);
            out.extend(citation(raw, from).map(|citation| Event::Citation { key, citation }));
        }
    }

    /// The final form of an item.
    fn item<'f>(&mut self, index: u64, mut item: Members<'f>, out: &mut Vec<Event<'f>>) {
        self.start(&mut Members::default(), out);
        if self.item_at(index).done {
            return;
        }
        let kind = lenient(&mut item, "type");
        match kind.text().as_ref() {
            "function_call" | "custom_tool_call" => {
                self.release(None, &item, out);
                self.call(index, &kind, &mut item, out);
                let key = if kind == "custom_tool_call" { "input" } else { "arguments" };
                let whole = whole_or_string(item.take(key));
                if self.item_at(index).block(Slot::Call).is_some() {
                    self.complete(index, Slot::Call, &whole, out);
                }
            }
            "message" => self.message(index, &mut item, out),
            "reasoning" => {
                self.reasoning(index, &mut item, out);
                return;
            }
            "image_generation_call" => self.image(&mut item, out),
            "search_results" => {
                self.sources.extend(found(&mut item));
                out.push(Event::Ping);
            }
            _ => out.push(Event::Ping),
        }
        self.finish_item(index, out);
    }

    /// A picture comes whole, as PNG where nothing else is said.
    fn image<'f>(&mut self, item: &mut Members<'f>, out: &mut Vec<Event<'f>>) {
        self.release(None, item, out);
        let (data, format) = (lenient(item, "result"), lenient(item, "output_format"));
        if data.is_empty() {
            return;
        }
        let format = if format.is_empty() { "png".into() } else { format.text() };
        let media_type = JsonStr::owned(&format!("image/{format}"));
        let key = self.next_key;
        self.next_key = self.next_key.wrapping_add(1);
        out.push(Event::BlockStart { key, block: BlockStart::Image { media_type, data } });
        out.push(Event::BlockStop { key });
    }

    fn message<'f>(&mut self, index: u64, item: &mut Members<'f>, out: &mut Vec<Event<'f>>) {
        self.release(Some(&JsonStr::written("message")), item, out);
        for (at, raw) in (0u64..).zip(item.take_array("content").ok().flatten().unwrap_or_default()) {
            let Ok(mut part) = Members::of(raw) else { continue };
            let text = lenient(&mut part, "text");
            if text.is_empty() {
                let refusal = lenient(&mut part, "refusal");
                self.complete(index, Slot::Refusal(at), &refusal, out);
                continue;
            }
            self.complete(index, Slot::Text(at), &text, out);
            let Some(block) = self.item_at(index).block(Slot::Text(at)).filter(|b| b.open && !b.cited) else {
                continue;
            };
            let (key, from) = (block.key, block.from);
            let mut told: Vec<_> = part.take_array("annotations").ok().flatten().unwrap_or_default();
            let mut cited = told.drain(..).filter_map(|raw| citation(raw, from)).peekable();
            if cited.peek().is_none() {
                out.extend(self.sources.drain(..).map(|citation| Event::Citation { key, citation }));
            }
            out.extend(cited.map(|citation| Event::Citation { key, citation }));
        }
    }

    /// Reasoning stays open for its state, which waits for the phase of the next item.
    fn reasoning<'f>(&mut self, index: u64, item: &mut Members<'f>, out: &mut Vec<Event<'f>>) {
        self.release(None, item, out);
        for (key, raw) in [("content", true), ("summary", false)] {
            let parts = item.take_array(key).ok().flatten().unwrap_or_default();
            for (at, part) in (0u64..).zip(parts) {
                let text = Members::of(part).ok().map(|mut m| lenient(&mut m, "text")).unwrap_or_default();
                self.think_done(index, Slot::Reasoning { raw }, at, &text, out);
            }
        }
        let data = lenient(item, "encrypted_content");
        if data.is_empty() {
            return self.finish_item(index, out);
        }
        let key = match self.item_at(index).reasoning() {
            Some(block) => block.key,
            None => self.open(index, Slot::Reasoning { raw: false }, BlockStart::Reasoning, out),
        };
        let mut state = Opaque::native(OpaqueKind::OpenAiEncrypted, data.into_owned());
        state.id = item.take_str("id").ok().flatten().map(JsonStr::into_owned);
        let entry = self.item_at(index);
        entry.done = true;
        entry.blocks.iter_mut().for_each(|b| b.open = false);
        self.held = Some((key, state));
    }

    /// Lets held reasoning go: the next item begins, and tells its phase if it is a message.
    fn release<'f>(&mut self, kind: Option<&JsonStr<'_>>, item: &Members<'f>, out: &mut Vec<Event<'f>>) {
        let Some((key, mut state)) = self.held.take() else { return };
        if kind.is_some_and(|k| *k == "message") {
            state.phase = item.get("phase").and_then(JsonStr::from_raw).map(JsonStr::into_owned);
        }
        out.push(Event::Delta { key, delta: Delta::Signature(state) });
        out.push(Event::BlockStop { key });
    }

    fn finish_item(&mut self, index: u64, out: &mut Vec<Event<'_>>) {
        let item = self.item_at(index);
        item.done = true;
        for block in item.blocks.iter_mut().filter(|b| b.open) {
            block.open = false;
            out.push(Event::BlockStop { key: block.key });
        }
    }

    /// The last event of the reply: items nobody streamed, counts, and why it ended.
    fn terminal<'f>(&mut self, kind: &str, response: &mut Members<'f>, data: &'f str, out: &mut Vec<Event<'f>>) {
        self.start(response, out);
        if kind == "failed" {
            return self.failed(response, data, out);
        }
        let tools = used_tools(response);
        for (index, raw) in (0u64..).zip(response.take_array("output").ok().flatten().unwrap_or_default()) {
            if let Ok(item) = Members::of(raw) {
                self.item(index, item, out);
            }
        }
        self.release(None, response, out);
        let status = lenient(response, "status");
        let status = if status.is_empty() { JsonStr::owned(kind) } else { status };
        let status = if kind == "incomplete" { JsonStr::written("incomplete") } else { status };
        let stop = stop(status, response, self.calls);
        let mut usage = usage(response, self.reports_cost);
        usage.beyond_tokens |= tools;
        out.push(Event::Stop(stop));
        out.push(Event::Usage(usage));
        self.phase = Phase::Ended;
        out.push(Event::End);
    }

    fn failed<'f>(&mut self, response: &mut Members<'f>, data: &'f str, out: &mut Vec<Event<'f>>) {
        let usage = usage(response, self.reports_cost);
        if !usage.is_unknown() {
            out.push(Event::Usage(usage));
        }
        let error = response.get("error").map_or(data, RawValue::get);
        self.fail(error, out);
    }

    fn fail(&mut self, data: &str, out: &mut Vec<Event<'_>>) {
        self.phase = Phase::Ended;
        let mut failure = upstream_error::in_band(data);
        if failure.code.as_deref() == Some("invalid_prompt") {
            failure.kind = ErrorKind::InvalidRequest;
            failure.status = http::StatusCode::BAD_REQUEST;
        }
        out.push(Event::Error(failure));
    }

    fn item_at(&mut self, index: u64) -> &mut Item {
        self.items.entry(index).or_default()
    }
}

/// Marks the border between two parts of reasoning in what was told of them.
const BOUNDARY: char = '\u{1d}';

/// How many parts of reasoning were told.
fn parts_of(told: &str) -> usize {
    if told.is_empty() { 0 } else { 1 + told.matches(BOUNDARY).count() }
}

/// Text, or the JSON text of a value where look-alikes send the object itself.
fn whole_or_string(raw: Option<&RawValue>) -> JsonStr<'_> {
    match raw {
        None => JsonStr::default(),
        Some(raw) if matches!(kind(raw), Kind::Array | Kind::Object) => JsonStr::escape(raw.get()),
        Some(raw) => JsonStr::from_raw(raw).unwrap_or_default(),
    }
}
