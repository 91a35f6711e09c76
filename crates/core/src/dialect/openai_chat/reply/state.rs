//! The state of one reply being read.

use crate::hub::{
    Aliases, BlockStart, Citation, Delta, Event, Failure, Stop, StopReason, Tier, Usage, is_other_service,
    reported_cost,
};
use crate::json::{JsonStr, Kind, Members, RawValue, elements, kind};
use crate::provider::Quirks;

use super::call::Call;
use super::{failure, usage};
use crate::upstream_error;

/// Where the content of a choice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// In `delta`, a piece at a time.
    Delta,
    /// In `message`, all at once.
    Whole,
}

/// How far the reply is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing came yet.
    Head,
    Body,
    /// The finish reason was seen: only usage may follow.
    Stopped,
    /// The terminal marker or an error was seen.
    Ended,
}

/// The open block that is not a call. Calls stay open beside it until they are known to be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    Nothing,
    Reasoning { key: u32, signed: bool },
    Refusal { key: u32 },
    Text { key: u32 },
}

#[derive(Debug)]
pub(super) struct Decoder {
    pub(super) sequential: bool,
    pub(super) aliases: Aliases,
    pub(super) id: String,
    pub(super) open: Open,
    pub(super) calls: Vec<Call>,
    /// The block that citations belong to.
    pub(super) text: Option<u32>,
    /// Sources of the whole reply (Perplexity), told before the text closes.
    pub(super) sources: Vec<Citation<'static>>,
    pub(super) cited: Vec<(String, Option<(u64, u64)>)>,
    /// All reasoning, where a JSON answer may be hidden in it.
    pub(super) hidden: Option<JsonStr<'static>>,
    pub(super) refusal: Option<JsonStr<'static>>,
    reasoning_outside: bool,
    reports_cost: bool,
    phase: Phase,
    next_key: u32,
}

impl Decoder {
    pub(super) fn new(quirks: &Quirks, aliases: Aliases) -> Self {
        Self {
            sequential: quirks.sequential_calls,
            aliases,
            id: String::new(),
            open: Open::Nothing,
            calls: Vec::new(),
            text: None,
            sources: Vec::new(),
            cited: Vec::new(),
            hidden: quirks.answer_in_reasoning.then(JsonStr::default),
            refusal: None,
            reasoning_outside: quirks.reasoning_outside_completion,
            reports_cost: quirks.reports_cost,
            phase: Phase::Head,
            next_key: 0,
        }
    }

    /// One chunk, or a whole reply. Content first, then the finish reason, then usage: all may come together
    /// (pitfalls 15 and 70).
    pub(super) fn chunk<'f>(&mut self, m: &Members<'f>, shape: Shape, out: &mut Vec<Event<'f>>) {
        if self.phase == Phase::Ended {
            return;
        }
        let groq = m.get("x_groq").and_then(|raw| Some((raw, Members::of(raw).ok()?)));
        if let Some((raw, _)) = groq.as_ref().filter(|(_, inner)| failure::is(inner)) {
            self.fail(upstream_error::in_band(raw.get()), out);
            return;
        }
        let known = ["choices", "usage", "id", "object"].iter().any(|key| m.get(key).is_some());
        if !known && groq.is_none() {
            if m.get("type").and_then(JsonStr::from_raw).is_some_and(|t| t == "ping") {
                out.push(Event::Ping);
            }
            return;
        }
        self.head(m, out);
        self.remember_sources(m);
        let choices = m.get("choices").and_then(|raw| elements(raw).ok()).unwrap_or_default();
        let mut usage = m.get("usage").or_else(|| groq.as_ref().and_then(|(_, g)| g.get("usage")));
        for (position, raw) in choices.into_iter().enumerate() {
            let Ok(choice) = Members::of(raw) else { continue };
            // One choice was asked for; others are not ours.
            let index = choice.get("index").map_or("0", RawValue::get);
            if index != "0" && (shape == Shape::Delta || position != 0) {
                continue;
            }
            usage = usage.or_else(|| choice.get("usage"));
            self.choice(&choice, shape, out);
        }
        if let Some(raw) = usage
            && let Some(mut usage) = usage::read(raw, self.reasoning_outside)
            && self.phase != Phase::Ended
        {
            usage.reported_cost = self.reports_cost.then(|| reported_cost(raw)).flatten();
            usage.beyond_tokens |= is_other_service(m.get("service_tier"));
            usage.tier = Tier::read(m.get("service_tier"));
            out.push(Event::Usage(usage));
        }
    }

    fn head<'f>(&mut self, m: &Members<'f>, out: &mut Vec<Event<'f>>) {
        if self.phase != Phase::Head {
            return;
        }
        self.phase = Phase::Body;
        let id = m.get("id").and_then(JsonStr::from_raw).unwrap_or_default();
        let model = m.get("model").and_then(JsonStr::from_raw).unwrap_or_default();
        self.id = id.text().into_owned();
        out.push(Event::Start { id, model, usage: Usage::default() });
    }

    fn choice<'f>(&mut self, choice: &Members<'f>, shape: Shape, out: &mut Vec<Event<'f>>) {
        if self.phase != Phase::Body {
            return;
        }
        let object = |key: &str| choice.get(key).filter(|raw| kind(raw) == Kind::Object);
        let (first, second) = match shape {
            Shape::Delta => ("delta", "message"),
            Shape::Whole => ("message", "delta"),
        };
        // Perplexity repeats everything so far in `message` beside `delta`.
        let body = object(first).map(|raw| (raw, shape)).or_else(|| {
            let second = object(second).filter(|_| self.next_key == 0)?;
            Some((second, Shape::Whole))
        });
        if let Some((raw, shape)) = body
            && let Ok(body) = Members::of(raw)
        {
            self.reasoning(&body, out);
            self.content(&body, out);
            self.tool_calls(&body, shape, out);
        }
        let Some(reason) = choice.get("finish_reason").and_then(JsonStr::from_raw).filter(|r| !r.is_empty()) else {
            return;
        };
        if matches!(reason.text().as_ref(), "error" | "insufficient_system_resource") {
            self.fail(failure::unnamed(&format!("`{}`", reason.text())), out);
        } else {
            self.stop(reason, out);
        }
    }

    /// Closes what is open and tells why. The presence of calls decides, not the word (pitfalls 8 and 9).
    fn stop<'f>(&mut self, native: JsonStr<'f>, out: &mut Vec<Event<'f>>) {
        self.surface_hidden(out);
        self.tell_sources(out);
        self.close(out);
        self.close_calls(self.calls.len(), out);
        let calls = self.calls.iter().any(Call::is_started);
        let reason = match native.text().as_ref() {
            "content_filter" | "safety" => StopReason::ContentFilter,
            "length" | "max_tokens" | "model_length" => StopReason::MaxTokens,
            "refusal" => StopReason::Refusal,
            _ if calls => StopReason::ToolCalls,
            _ => StopReason::EndTurn,
        };
        let mut stop = Stop::plain(reason, native);
        if let Some(refusal) = self.refusal.take() {
            if matches!(reason, StopReason::ContentFilter | StopReason::EndTurn) {
                stop.reason = StopReason::Refusal;
            }
            stop.explanation = Some(refusal);
        }
        self.phase = Phase::Stopped;
        out.push(Event::Stop(stop));
    }

    /// The terminal marker. Without a finish reason it still ends a reply, if one began (Workers AI sends none).
    pub(super) fn done(&mut self, out: &mut Vec<Event<'_>>) {
        match self.phase {
            Phase::Body => self.stop(JsonStr::default(), out),
            Phase::Head | Phase::Ended => return,
            Phase::Stopped => {}
        }
        self.phase = Phase::Ended;
        out.push(Event::End);
    }

    /// The end of the bytes, which ends a reply only when its finish reason was seen (pitfall 49).
    pub(super) fn closed(&mut self, out: &mut Vec<Event<'static>>) {
        if self.phase == Phase::Stopped {
            self.phase = Phase::Ended;
            out.push(Event::End);
        }
    }

    pub(super) fn fail(&mut self, failure: Failure, out: &mut Vec<Event<'_>>) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Ended;
            out.push(Event::Error(failure));
        }
    }

    pub(super) fn key(&mut self) -> u32 {
        let key = self.next_key;
        self.next_key += 1;
        key
    }

    /// Closes the open block, calls excepted.
    pub(super) fn close(&mut self, out: &mut Vec<Event<'_>>) {
        let (Open::Reasoning { key, .. } | Open::Refusal { key } | Open::Text { key }) = self.open else { return };
        self.open = Open::Nothing;
        out.push(Event::BlockStop { key });
    }

    /// Opens a block after closing what is open: a change of kind is a new block (pitfall 41).
    pub(super) fn start<'f>(&mut self, block: BlockStart<'f>, out: &mut Vec<Event<'f>>) -> u32 {
        self.close(out);
        let key = self.key();
        out.push(Event::BlockStart { key, block });
        key
    }

    pub(super) fn text<'f>(&mut self, text: JsonStr<'f>, out: &mut Vec<Event<'f>>) {
        if text.is_empty() {
            return;
        }
        let key = if let Open::Text { key } = self.open {
            key
        } else {
            let key = self.start(BlockStart::Text, out);
            self.open = Open::Text { key };
            self.text = Some(key);
            key
        };
        out.push(Event::Delta { key, delta: Delta::Text(text) });
    }
}
