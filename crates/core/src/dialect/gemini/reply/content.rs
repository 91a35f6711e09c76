//! Parts of a reply: <https://ai.google.dev/api/caching#Part>.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::hub::base64::standard;
use crate::hub::media::omitted;
use crate::hub::{BlockStart, Delta, Event, Opaque, OpaqueKind, ToolKind, Unwrap};
use crate::json::{JsonStr, Kind, Members, RawValue, kind};

use super::super::wire::{has, lenient, take, take_bool, take_object};
use super::state::{Decoder, Open};

impl Decoder {
    /// One part: text and thoughts are pieces that follow one another, calls are whole.
    pub(super) fn part<'f>(&mut self, raw: &'f RawValue, out: &mut Vec<Event<'f>>) {
        let Ok(mut m) = Members::of(raw) else { return };
        let thought = take_bool(&mut m, "thought").ok().flatten().unwrap_or(false);
        let field = lenient(&mut m, "thoughtSignature");
        let state = Opaque::read(OpaqueKind::GeminiSignature, field);
        if has(&m, "text") {
            let text = lenient(&mut m, "text");
            return match (thought, text.is_empty()) {
                (_, true) => self.sign(state, out),
                (true, false) => self.think(text, state, out),
                (false, false) => self.say(text, state, out),
            };
        }
        if let Ok(Some(call)) = take_object(&mut m, "functionCall") {
            return self.call(call, state, out);
        }
        if let Ok(Some(mut blob)) = take_object(&mut m, "inlineData") {
            let (media_type, data) = (lenient(&mut blob, "mimeType"), lenient(&mut blob, "data"));
            if !media_type.text().starts_with("image/") || thought {
                return self.say(omitted(&media_type, &data), state, out);
            }
            self.content = true;
            let key = self.begin(BlockStart::Image { media_type, data: standard(data) }, out);
            out.push(Event::BlockStop { key });
            return self.sign(state, out);
        }
        if let Ok(Some(mut code)) = take_object(&mut m, "executableCode") {
            let language = lenient(&mut code, "language").text().to_ascii_lowercase();
            let text = format!("\n```{language}\n{}\n```\n", lenient(&mut code, "code").text().trim_end());
            return self.say(JsonStr::owned(&text), state, out);
        }
        if let Ok(Some(mut result)) = take_object(&mut m, "codeExecutionResult") {
            let text = format!("\n```\n{}\n```\n", lenient(&mut result, "output").text().trim_end());
            return self.say(JsonStr::owned(&text), state, out);
        }
        // Calls that Google's own tools answered, and what is not known: nothing the client could act upon.
        self.sign(state, out);
    }

    fn say<'f>(&mut self, text: JsonStr<'f>, state: Option<Opaque<'f>>, out: &mut Vec<Event<'f>>) {
        self.content = true;
        let key = match self.open {
            Open::Text { key, signed: false } => key,
            Open::Nothing | Open::Text { .. } | Open::Thought { .. } => self.begin(BlockStart::Text, out),
        };
        self.text = Some(key);
        self.said.push_str(&text.text());
        self.open = Open::Text { key, signed: state.is_some() };
        out.push(Event::Delta { key, delta: Delta::Text(text) });
        if let Some(state) = state {
            out.push(Event::Delta { key, delta: Delta::Signature(state) });
        }
    }

    fn think<'f>(&mut self, text: JsonStr<'f>, state: Option<Opaque<'f>>, out: &mut Vec<Event<'f>>) {
        let key = match self.open {
            Open::Thought { key, signed: false } => key,
            Open::Nothing | Open::Text { .. } | Open::Thought { .. } => self.begin(BlockStart::Reasoning, out),
        };
        self.open = Open::Thought { key, signed: state.is_some() };
        out.push(Event::Delta { key, delta: Delta::Reasoning(text) });
        if let Some(state) = state {
            out.push(Event::Delta { key, delta: Delta::Signature(state) });
        }
    }

    /// A signature without words of its own (pitfall 75): it belongs to what is open, else it stands for itself.
    fn sign<'f>(&mut self, state: Option<Opaque<'f>>, out: &mut Vec<Event<'f>>) {
        let Some(state) = state else { return };
        match &mut self.open {
            Open::Text { key, signed } | Open::Thought { key, signed } if !*signed => {
                *signed = true;
                out.push(Event::Delta { key: *key, delta: Delta::Signature(state) });
            }
            Open::Nothing | Open::Text { .. } | Open::Thought { .. } => {
                let key = self.begin(BlockStart::Reasoning, out);
                self.open = Open::Thought { key, signed: true };
                out.push(Event::Delta { key, delta: Delta::Signature(state) });
            }
        }
    }

    /// A call comes whole. The same id again is the same call; without ids equal calls are parallel ones.
    fn call<'f>(&mut self, mut m: Members<'f>, opaque: Option<Opaque<'f>>, out: &mut Vec<Event<'f>>) {
        let (given, sent) = (lenient(&mut m, "id"), lenient(&mut m, "name"));
        if sent.is_empty() || (!given.is_empty() && self.calls.iter().any(|id| given == id.as_str())) {
            return;
        }
        (self.content, self.called) = (true, true);
        let id = if given.is_empty() { JsonStr::owned(&self.minted(&sent)) } else { given };
        self.calls.push(id.text().into_owned());
        let args = take(&mut m, "args").filter(|raw| kind(raw) == Kind::Object).map_or("{}", RawValue::get);
        let lowered = self.aliases.is_lowered(&sent);
        let kind = if lowered { ToolKind::Custom } else { ToolKind::Function };
        let name = self.aliases.original(sent);
        let key = self.begin(BlockStart::ToolCall { id, name, kind, opaque }, out);
        let arguments = JsonStr::escape(args);
        let arguments = if lowered { Unwrap::default().push(&arguments) } else { arguments };
        out.push(Event::Delta { key, delta: Delta::Arguments(arguments) });
        out.push(Event::BlockStop { key });
    }

    /// An id made of what is known, so that the same reply gives the same id (pitfall 7).
    fn minted(&self, name: &JsonStr<'_>) -> String {
        let mut id = "call_".to_owned();
        let seed = format!("{}\n{}\n{}", self.id, self.calls.len(), name.text());
        for byte in Sha256::digest(seed.as_bytes()).iter().take(12) {
            // Writing to a string does not fail.
            let _ = write!(id, "{byte:02x}");
        }
        id
    }
}
