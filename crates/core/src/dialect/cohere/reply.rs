//! Replies from the wire: whole (<https://docs.cohere.com/v2/reference/chat>) and streamed
//! (<https://docs.cohere.com/v2/docs/streaming>).

use std::borrow::Cow;

use http::StatusCode;

use crate::hub::{
    Aliases, BlockStart, Citation, Delta, ErrorKind, Event, Failure, Stop, StopReason, ToolKind, Unwrap, Usage,
};
use crate::json::{JsonStr, Members, RawValue, WireError, elements};
use crate::provider::Quirks;
use crate::upstream_error;

use super::wire::{text_of, word};

/// Decodes a whole reply.
pub fn decode_reply<'a>(body: &'a str, _quirks: &Quirks, aliases: &Aliases) -> Result<Vec<Event<'a>>, WireError> {
    let mut reply = Members::parse(body)?;
    let mut state = State::new(aliases.clone());
    let mut out = Vec::new();
    let mut message =
        reply.take_object("message")?.ok_or_else(|| WireError::new("message", "missing required member"))?;
    out.push(Event::Start { id: word(&mut reply, "id"), model: JsonStr::default(), usage: Usage::default() });
    if let Some(plan) = text_of(&mut message, "tool_plan") {
        state.whole(BlockStart::Reasoning, Delta::Reasoning(plan), &mut out);
    }
    let (parts, citations) = (list(&mut message, "content"), list(&mut message, "citations"));
    for (index, raw) in (0u64..).zip(parts) {
        let Ok(mut part) = Members::of(raw) else { continue };
        if let Some(thought) = text_of(&mut part, "thinking") {
            state.whole(BlockStart::Reasoning, Delta::Reasoning(thought), &mut out);
        } else if let Some(said) = text_of(&mut part, "text") {
            state.said(Open::Text, said, &mut out);
            citations.iter().filter(|raw| is_about(raw, index)).for_each(|raw| state.cite(raw, &mut out));
            state.close(&mut out);
        }
    }
    for raw in list(&mut message, "tool_calls") {
        if let Ok(call) = Members::of(raw) {
            state.call(call, &mut out);
            state.close(&mut out);
        }
    }
    out.extend(reply.take("usage").map(|raw| Event::Usage(usage(raw))));
    let reason = word(&mut reply, "finish_reason");
    state.stop(reason, None, &mut out);
    out.push(Event::End);
    Ok(out)
}

/// Decodes a stream, event by event.
#[derive(Debug)]
pub struct StreamDecoder {
    state: State,
    ended: bool,
}

impl StreamDecoder {
    pub fn new(_quirks: &Quirks, aliases: Aliases) -> Self {
        Self { state: State::new(aliases), ended: false }
    }

    /// Takes one event and appends what it means. The kind stands in `data`, too.
    pub fn push<'f>(&mut self, _name: Option<&str>, data: &'f str, out: &mut Vec<Event<'f>>) {
        let data = data.trim();
        if data == "[DONE]" {
            return self.finish_into(out);
        }
        let Ok(mut event) = Members::parse(data) else { return };
        let kind = event.take_text("type").ok().flatten().unwrap_or(Cow::Borrowed(""));
        let message = |event: &mut Members<'f>| {
            let mut delta = event.take_object("delta").ok().flatten()?;
            delta.take_object("message").ok().flatten()
        };
        match kind.as_ref() {
            "message-start" => {
                out.push(Event::Start {
                    id: word(&mut event, "id"),
                    model: JsonStr::default(),
                    usage: Usage::default(),
                });
            }
            "content-start" | "content-delta" => {
                let content = message(&mut event).and_then(|mut m| m.take_object("content").ok().flatten());
                if let Some(content) = content {
                    self.state.content(content, kind == "content-start", out);
                }
            }
            "tool-plan-delta" => {
                if let Some(plan) = message(&mut event).and_then(|mut m| text_of(&mut m, "tool_plan")) {
                    self.state.said(Open::Thinking, plan, out);
                }
            }
            "tool-call-start" => {
                if let Some(call) = message(&mut event).and_then(|mut m| m.take_object("tool_calls").ok().flatten()) {
                    self.state.call(call, out);
                }
            }
            "tool-call-delta" => {
                let call = message(&mut event).and_then(|mut m| m.take_object("tool_calls").ok().flatten());
                let function = call.and_then(|mut c| c.take_object("function").ok().flatten());
                if let Some(more) = function.and_then(|mut f| text_of(&mut f, "arguments")) {
                    self.state.arguments(&more, out);
                }
            }
            "content-end" | "tool-call-end" => self.state.close(out),
            "citation-start" => {
                if let Some(raw) = message(&mut event).and_then(|mut m| m.take("citations")) {
                    self.state.cite(raw, out);
                }
            }
            "message-end" => self.end(event, out),
            // An error in a 200 has no kind.
            "" if event.get("message").is_some() => out.push(Event::Error(upstream_error::in_band(data))),
            _ => {}
        }
    }

    fn end<'f>(&mut self, mut event: Members<'f>, out: &mut Vec<Event<'f>>) {
        let mut delta = event.take_object("delta").ok().flatten().unwrap_or_default();
        self.state.close(out);
        out.extend(delta.take("usage").map(|raw| Event::Usage(usage(raw))));
        let error = text_of(&mut delta, "error");
        self.state.stop(word(&mut delta, "finish_reason"), error, out);
        self.finish_into(out);
    }

    fn finish_into(&mut self, out: &mut Vec<Event<'_>>) {
        if self.state.stopped && !self.ended {
            self.ended = true;
            out.push(Event::End);
        }
    }

    /// The upstream closed.
    pub fn finish(&mut self, out: &mut Vec<Event<'static>>) {
        self.finish_into(out);
    }
}

/// What kind of text block is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// A call, and whether it has arguments yet.
    Call {
        argued: bool,
    },
    Nothing,
    Text,
    Thinking,
}

#[derive(Debug)]
struct State {
    aliases: Aliases,
    /// Of the next block.
    key: u32,
    open: Open,
    /// Characters of the answer before the open text, and up to here.
    from: u64,
    chars: u64,
    /// The open call takes free text.
    free: Option<Unwrap>,
    called: bool,
    content: bool,
    stopped: bool,
}

impl State {
    fn new(aliases: Aliases) -> Self {
        Self {
            aliases,
            key: 0,
            open: Open::Nothing,
            from: 0,
            chars: 0,
            free: None,
            called: false,
            content: false,
            stopped: false,
        }
    }

    fn begin<'f>(&mut self, open: Open, block: BlockStart<'f>, out: &mut Vec<Event<'f>>) {
        self.close(out);
        self.open = open;
        if open == Open::Text {
            self.from = self.chars;
        }
        out.push(Event::BlockStart { key: self.key, block });
        self.key = self.key.wrapping_add(1);
    }

    const fn current(&self) -> u32 {
        self.key.wrapping_sub(1)
    }

    fn close(&mut self, out: &mut Vec<Event<'_>>) {
        if self.open == (Open::Call { argued: false }) {
            let empty = JsonStr::written("{}");
            self.arguments(&empty, out);
        }
        if std::mem::replace(&mut self.open, Open::Nothing) != Open::Nothing {
            out.push(Event::BlockStop { key: self.current() });
        }
    }

    fn whole<'f>(&mut self, block: BlockStart<'f>, delta: Delta<'f>, out: &mut Vec<Event<'f>>) {
        self.begin(Open::Thinking, block, out);
        out.push(Event::Delta { key: self.current(), delta });
        self.close(out);
    }

    fn content<'f>(&mut self, mut content: Members<'f>, first: bool, out: &mut Vec<Event<'f>>) {
        if first {
            self.close(out);
        }
        if let Some(thought) = text_of(&mut content, "thinking") {
            self.said(Open::Thinking, thought, out);
        } else if let Some(text) = text_of(&mut content, "text") {
            self.said(Open::Text, text, out);
        }
    }

    fn said<'f>(&mut self, kind: Open, text: JsonStr<'f>, out: &mut Vec<Event<'f>>) {
        if self.open != kind {
            let block = if kind == Open::Text { BlockStart::Text } else { BlockStart::Reasoning };
            self.begin(kind, block, out);
        }
        if kind == Open::Text {
            self.content = true;
            self.chars = self.chars.saturating_add(u64::try_from(text.text().chars().count()).unwrap_or(u64::MAX));
        }
        let delta = if kind == Open::Text { Delta::Text(text) } else { Delta::Reasoning(text) };
        out.push(Event::Delta { key: self.current(), delta });
    }

    fn call<'f>(&mut self, mut call: Members<'f>, out: &mut Vec<Event<'f>>) {
        let mut function = call.take_object("function").ok().flatten().unwrap_or_default();
        let (id, sent) = (word(&mut call, "id"), word(&mut function, "name"));
        let id = if id.is_empty() { JsonStr::owned(&format!("call_{}_{}", sent.text(), self.key)) } else { id };
        self.free = self.aliases.is_lowered(&sent).then(Unwrap::default);
        let kind = if self.free.is_some() { ToolKind::Custom } else { ToolKind::Function };
        let name = self.aliases.original(sent);
        self.begin(Open::Call { argued: false }, BlockStart::ToolCall { id, name, kind, opaque: None }, out);
        self.called = true;
        if let Some(arguments) = text_of(&mut function, "arguments") {
            self.arguments(&arguments, out);
        }
    }

    fn arguments<'f>(&mut self, more: &JsonStr<'f>, out: &mut Vec<Event<'f>>) {
        if matches!(self.open, Open::Call { .. }) && !more.is_empty() {
            self.open = Open::Call { argued: true };
            let piece = self.free.as_mut().map_or_else(|| more.clone(), |free| free.push(more));
            out.push(Event::Delta { key: self.current(), delta: Delta::Arguments(piece) });
        }
    }

    /// A source with a URL; others mean nothing to other dialects. Ranges count from the beginning of the part here, and
    /// of the answer everywhere else.
    fn cite<'f>(&self, raw: &'f RawValue, out: &mut Vec<Event<'f>>) {
        let Ok(mut citation) = Members::of(raw) else { return };
        if self.open != Open::Text {
            return;
        }
        let mut number = |name| Some(citation.take(name).and_then(whole_number)?.saturating_add(self.from));
        let range = number("start").zip(number("end"));
        let cited_text = text_of(&mut citation, "text");
        for source in list(&mut citation, "sources") {
            let Ok(mut source) = Members::of(source) else { continue };
            for place in ["document", "tool_output"] {
                let Ok(Some(mut document)) = source.take_object(place) else { continue };
                let Some(url) = text_of(&mut document, "url") else { continue };
                let title = text_of(&mut document, "title");
                let citation = Citation { url, title, cited_text: cited_text.clone(), range };
                out.push(Event::Citation { key: self.current(), citation });
            }
        }
    }

    /// Its reason, or the failure it stands for.
    fn stop<'f>(&mut self, native: JsonStr<'f>, error: Option<JsonStr<'f>>, out: &mut Vec<Event<'f>>) {
        let reason = match native.as_escaped() {
            "MAX_TOKENS" => StopReason::MaxTokens,
            "STOP_SEQUENCE" => StopReason::StopSequence,
            "ERROR_TOXIC" => StopReason::ContentFilter,
            "TIMEOUT" if self.content || self.called => StopReason::MaxTokens,
            "ERROR" | "TIMEOUT" => return out.push(Event::Error(failure(&native, error))),
            _ if self.called => StopReason::ToolCalls,
            _ => StopReason::EndTurn,
        };
        self.stopped = true;
        out.push(Event::Stop(Stop::plain(reason, native)));
    }
}

fn failure(native: &JsonStr<'_>, error: Option<JsonStr<'_>>) -> Failure {
    let (kind, status) = if *native == "TIMEOUT" {
        (ErrorKind::Timeout, StatusCode::GATEWAY_TIMEOUT)
    } else {
        (ErrorKind::ServerError, StatusCode::BAD_GATEWAY)
    };
    let message =
        error.map_or_else(|| "the upstream ended its reply with an error".to_owned(), |e| e.text().into_owned());
    Failure::upstream(kind, status, message)
}

/// Counters are floats there, in `tokens`, else in `billed_units`.
fn usage(raw: &RawValue) -> Usage {
    let Ok(mut usage) = Members::of(raw) else { return Usage::default() };
    let mut counts = usage.take_object("tokens").ok().flatten();
    if counts.is_none() {
        counts = usage.take_object("billed_units").ok().flatten();
    }
    let mut counts = counts.unwrap_or_default();
    let cached = usage.take("cached_tokens").and_then(whole_number);
    let input = counts.take("input_tokens").and_then(whole_number);
    let reasoning = counts.take("reasoning_tokens").and_then(whole_number);
    Usage {
        input_uncached: input.map(|i| i.saturating_sub(cached.unwrap_or(0))),
        cache_read: cached,
        output: counts.take("output_tokens").and_then(whole_number),
        reasoning,
        ..Usage::default()
    }
}

fn whole_number(raw: &RawValue) -> Option<u64> {
    raw.get().split(['.', 'e', 'E']).next()?.parse().ok()
}

/// Does a citation belong to the part at `index`? Without a number it is about the text there is.
fn is_about(citation: &RawValue, index: u64) -> bool {
    let at = Members::of(citation).ok().and_then(|mut m| m.take("content_index")).and_then(whole_number);
    at.is_none_or(|at| at == index)
}

fn list<'a>(m: &mut Members<'a>, key: &str) -> Vec<&'a RawValue> {
    m.take(key).and_then(|raw| elements(raw).ok()).unwrap_or_default()
}
