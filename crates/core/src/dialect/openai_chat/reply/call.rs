//! Tool calls, which every look-alike streams in its own way.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::hub::{BlockStart, Delta, Event, ToolKind, Unwrap};
use crate::json::{JsonStr, Kind, Members, RawValue, elements, kind};

use super::content::word;
use super::state::{Decoder, Shape};

/// One call of the reply.
#[derive(Debug)]
pub(super) struct Call {
    key: u32,
    /// The upstream's `index`, unreliable as it is.
    index: Option<u64>,
    /// The upstream's id; empty if it gave none.
    id: String,
    /// The id told to the client.
    told: String,
    name: String,
    kind: ToolKind,
    progress: Progress,
    /// Fragments that came before the name.
    queue: Vec<JsonStr<'static>>,
    /// A free-text tool that went out as a function.
    unwrap: Option<Unwrap>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Progress {
    /// The name is not known yet.
    Named,
    Started,
    /// A lone `{}` is held: a placeholder if more follows, else the arguments (pitfall 14).
    Placeholder,
    /// Fragments went out.
    Flowing,
    Closed,
}

/// One entry of `tool_calls`.
struct Entry<'f> {
    index: Option<u64>,
    id: Option<String>,
    name: Option<String>,
    kind: ToolKind,
    arguments: Option<&'f RawValue>,
    position: usize,
}

impl Call {
    pub(super) fn is_started(&self) -> bool {
        self.progress != Progress::Named
    }
}

impl<'f> Entry<'f> {
    fn of(raw: &'f RawValue, position: usize) -> Option<Self> {
        let m = Members::of(raw).ok()?;
        let inner = |key: &str| m.get(key).and_then(|raw| Members::of(raw).ok());
        let (kind, body) = match (inner("function"), inner("custom")) {
            (Some(function), _) => (ToolKind::Function, function),
            (None, Some(custom)) => (ToolKind::Custom, custom),
            // Workers AI: name and arguments without an envelope.
            (None, None) => (ToolKind::Function, m.clone()),
        };
        let arguments = body.get(if kind == ToolKind::Custom { "input" } else { "arguments" });
        Some(Self {
            index: m.get("index").and_then(|raw| raw.get().parse().ok()),
            id: word(&m, "id").map(Into::into),
            name: word(&body, "name").map(Into::into),
            kind,
            arguments,
            position,
        })
    }

    fn is_whole(&self) -> bool {
        self.arguments.is_some_and(|raw| kind(raw) == Kind::Object)
    }
}

impl Decoder {
    /// `tool_calls`, and the deprecated `function_call`.
    pub(super) fn tool_calls<'f>(&mut self, body: &Members<'f>, shape: Shape, out: &mut Vec<Event<'f>>) {
        let list = body.get("tool_calls").and_then(|raw| elements(raw).ok()).unwrap_or_default();
        for (position, raw) in list.into_iter().enumerate() {
            if let Some(entry) = Entry::of(raw, position) {
                self.entry(entry, shape, out);
            }
        }
        if let Some(raw) = body.get("function_call").filter(|raw| kind(raw) == Kind::Object)
            && let Some(entry) = Entry::of(raw, 0)
        {
            self.entry(Entry { index: Some(0), ..entry }, shape, out);
        }
    }

    fn entry<'f>(&mut self, entry: Entry<'f>, shape: Shape, out: &mut Vec<Event<'f>>) {
        let known = if shape == Shape::Whole { None } else { self.locate(&entry) };
        let at = known.unwrap_or_else(|| {
            self.calls.push(Call {
                key: u32::MAX,
                index: entry.index,
                id: String::new(),
                told: String::new(),
                name: String::new(),
                kind: entry.kind,
                progress: Progress::Named,
                queue: Vec::new(),
                unwrap: None,
            });
            self.calls.len() - 1
        });
        if let Some(call) = self.calls.get_mut(at) {
            // Later fragments repeat them, or send them empty (pitfalls 10 and 11).
            if call.id.is_empty() {
                call.id = entry.id.unwrap_or_default();
            }
            if call.name.is_empty() {
                call.name = entry.name.unwrap_or_default();
            }
        }
        self.begin(at, out);
        if let Some(raw) = entry.arguments {
            let text = match kind(raw) {
                Kind::Null => JsonStr::default(),
                Kind::String => JsonStr::from_raw(raw).unwrap_or_default(),
                // Mistral and Workers AI send the object itself (pitfall 19).
                Kind::Array | Kind::Bool | Kind::Number | Kind::Object => JsonStr::escape(raw.get()),
            };
            self.fragment(at, text, out);
        }
    }

    /// The call an entry continues; none if it begins one.
    fn locate(&self, entry: &Entry<'_>) -> Option<usize> {
        let last = self.calls.len().checked_sub(1)?;
        let id = entry.id.as_deref();
        if entry.index.is_some() {
            let at = self.calls.iter().rposition(|c| c.index == entry.index)?;
            let call = self.calls.get(at)?;
            // Some send index 0 for every call: another id with a name is another call (pitfall 13).
            let other = entry.name.is_some() && id.is_some_and(|id| id != call.id);
            let late_id = call.id.is_empty() && call.progress <= Progress::Started;
            return (!other || late_id).then_some(at);
        }
        if let Some(id) = id {
            let same = self.calls.iter().rposition(|c| c.id == id);
            let nameless = entry.name.is_none() && self.calls.get(last).is_some_and(|c| c.id.is_empty());
            return same.or_else(|| nameless.then_some(last));
        }
        let fresh = entry.name.is_some()
            && (entry.position > 0
                || entry.is_whole()
                || self.calls.get(last).is_some_and(|c| entry.name.as_deref() != Some(c.name.as_str())));
        (!fresh).then_some(last)
    }

    /// Opens a call as soon as its name is known; its id is minted if it has none, or one that was told already.
    fn begin(&mut self, at: usize, out: &mut Vec<Event<'_>>) {
        if !self.calls.get(at).is_some_and(|c| c.progress == Progress::Named && !c.name.is_empty()) {
            return;
        }
        self.close(out);
        if self.sequential {
            self.close_calls(at, out);
        }
        let key = self.key();
        let taken = |id: &str| self.calls.iter().any(|c| c.told == id);
        let Some(call) = self.calls.get(at) else { return };
        let told =
            if call.id.is_empty() || taken(&call.id) { mint(&self.id, key, &call.name) } else { call.id.clone() };
        let Some(call) = self.calls.get_mut(at) else { return };
        call.key = key;
        call.told.clone_from(&told);
        call.progress = Progress::Started;
        let sent = JsonStr::owned(&call.name);
        if self.aliases.is_lowered(&sent) {
            call.kind = ToolKind::Custom;
            call.unwrap = Some(Unwrap::default());
        }
        let name = self.aliases.original(sent);
        let block = BlockStart::ToolCall { id: JsonStr::owned(&told), name, kind: call.kind, opaque: None };
        out.push(Event::BlockStart { key, block });
        for text in std::mem::take(&mut call.queue) {
            self.fragment(at, text, out);
        }
    }

    /// A fragment goes on as it came: it is text, not JSON (pitfall 16).
    fn fragment<'f>(&mut self, at: usize, text: JsonStr<'f>, out: &mut Vec<Event<'f>>) {
        let Some(call) = self.calls.get_mut(at) else { return };
        if text.is_empty() {
            return;
        }
        match call.progress {
            Progress::Closed => return,
            Progress::Named => {
                call.queue.push(text.into_owned());
                return;
            }
            Progress::Started if call.kind == ToolKind::Function && text.as_escaped() == "{}" => {
                call.progress = Progress::Placeholder;
                return;
            }
            Progress::Flowing | Progress::Placeholder | Progress::Started => call.progress = Progress::Flowing,
        }
        let text = match &mut call.unwrap {
            Some(unwrap) => unwrap.push(&text),
            None => text,
        };
        if !text.is_empty() {
            out.push(Event::Delta { key: call.key, delta: Delta::Arguments(text) });
        }
    }

    /// Closes the first `until` calls, as far as they are open. A call that never got a name is none.
    pub(super) fn close_calls(&mut self, until: usize, out: &mut Vec<Event<'_>>) {
        for call in self.calls.iter_mut().take(until) {
            match call.progress {
                Progress::Closed | Progress::Named => continue,
                Progress::Flowing | Progress::Started => {}
                Progress::Placeholder => {
                    let delta = Delta::Arguments(JsonStr::written("{}"));
                    out.push(Event::Delta { key: call.key, delta });
                }
            }
            call.progress = Progress::Closed;
            out.push(Event::BlockStop { key: call.key });
        }
    }
}

/// An id made of what is known, so that the same reply gives the same id.
fn mint(reply: &str, key: u32, name: &str) -> String {
    let mut id = "call_".to_owned();
    for byte in Sha256::digest(format!("{reply}\n{key}\n{name}").as_bytes()).iter().take(12) {
        let _ = write!(id, "{byte:02x}");
    }
    id
}
