//! Where a reply stands, and how one partial reply moves it on.

use crate::hub::{Aliases, BlockStart, Event, Failure, Usage};
use crate::json::{Members, RawValue, elements};
use crate::upstream_error;

use super::super::wire::{has, lenient, number, take, take_object};
use super::facts::{self, Reason};
use super::grounding::Sources;

/// Reads partial replies.
#[derive(Debug)]
pub(super) struct Decoder {
    pub(super) aliases: Aliases,
    /// `responseId`: ids that have to be made up are made of it.
    pub(super) id: String,
    pub(super) open: Open,
    next_key: u32,
    /// The text block that sources belong to: the last one.
    pub(super) text: Option<u32>,
    /// All text so far: sources count in its bytes.
    pub(super) said: String,
    /// Ids of calls so far.
    pub(super) calls: Vec<String>,
    /// The reply has a call for the client.
    pub(super) called: bool,
    /// Something besides thoughts came.
    pub(super) content: bool,
    pub(super) sources: Sources,
    candidates: bool,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Started,
    Stopped,
    Ended,
}

/// The open block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    Nothing,
    /// More text after a signature is another part, and another block.
    Text {
        key: u32,
        signed: bool,
    },
    Thought {
        key: u32,
        signed: bool,
    },
}

impl Decoder {
    pub(super) fn new(aliases: Aliases) -> Self {
        Self {
            aliases,
            id: String::new(),
            open: Open::Nothing,
            next_key: 0,
            text: None,
            said: String::new(),
            calls: Vec::new(),
            called: false,
            content: false,
            sources: Sources::default(),
            candidates: false,
            phase: Phase::New,
        }
    }

    /// One partial reply; `text` is the whole of it.
    pub(super) fn chunk<'f>(&mut self, text: &'f str, mut m: Members<'f>, out: &mut Vec<Event<'f>>) {
        if self.phase == Phase::Ended {
            return;
        }
        if has(&m, "error") {
            return self.fail(upstream_error::in_band(text), out);
        }
        let usage = take(&mut m, "usageMetadata").map(facts::usage).unwrap_or_default();
        self.start(&mut m, usage, out);
        let mut blocked = None;
        if let Ok(Some(mut feedback)) = take_object(&mut m, "promptFeedback") {
            let reason = lenient(&mut feedback, "blockReason");
            if !reason.is_empty() && reason != "BLOCK_REASON_UNSPECIFIED" {
                let message = lenient(&mut feedback, "blockReasonMessage");
                let why = if message.is_empty() { reason } else { message };
                blocked = Some(facts::blocked(&why.text()));
            }
        }
        let mut reason = None;
        for raw in take(&mut m, "candidates").and_then(|raw| elements(raw).ok()).unwrap_or_default() {
            reason = self.candidate(raw, out).or(reason);
        }
        if !usage.is_unknown() {
            out.push(Event::Usage(usage));
        }
        if let Some(reason) = reason {
            self.stop(&reason, out);
        }
        // A blocked prompt has no candidates, in no partial reply.
        if let Some(stop) = blocked.filter(|_| self.phase == Phase::Started && !self.candidates) {
            self.phase = Phase::Stopped;
            out.push(Event::Stop(stop));
        }
        if self.phase == Phase::Stopped {
            self.cite(out);
        }
    }

    fn start<'f>(&mut self, m: &mut Members<'f>, usage: Usage, out: &mut Vec<Event<'f>>) {
        let (id, model) = (lenient(m, "responseId"), lenient(m, "modelVersion"));
        if self.id.is_empty() {
            self.id = id.text().into_owned();
        }
        if self.phase == Phase::New {
            self.phase = Phase::Started;
            out.push(Event::Start { id, model, usage });
        }
    }

    /// The first candidate; others were not asked for.
    fn candidate<'f>(&mut self, raw: &'f RawValue, out: &mut Vec<Event<'f>>) -> Option<Reason> {
        let mut m = Members::of(raw).ok()?;
        if take(&mut m, "index").and_then(number).unwrap_or(0) != 0 {
            return None;
        }
        self.candidates = true;
        // Older models say `STOP` with every piece: more may follow it.
        if matches!(self.phase, Phase::Started | Phase::Stopped)
            && let Ok(Some(mut content)) = take_object(&mut m, "content")
        {
            for raw in take(&mut content, "parts").and_then(|raw| elements(raw).ok()).unwrap_or_default() {
                self.part(raw, out);
            }
        }
        self.sources.take(&mut m);
        Reason::read(&mut m)
    }

    /// The reason; what it means depends on what came before it. Of several the sequencer keeps the one that counts.
    fn stop(&mut self, reason: &Reason, out: &mut Vec<Event<'_>>) {
        if !matches!(self.phase, Phase::Started | Phase::Stopped) {
            return;
        }
        match reason.stop(self.called, self.content) {
            Ok(stop) => {
                self.close_thought(out);
                self.phase = Phase::Stopped;
                self.cite(out);
                out.push(Event::Stop(stop));
            }
            Err(failure) => self.fail(failure, out),
        }
    }

    pub(super) fn fail(&mut self, failure: Failure, out: &mut Vec<Event<'_>>) {
        self.phase = Phase::Ended;
        out.push(Event::Error(failure));
    }

    /// A whole reply is over when its JSON is, whether or not it says why.
    pub(super) fn whole(&mut self, out: &mut Vec<Event<'_>>) {
        if self.phase == Phase::Started {
            if self.candidates {
                self.stop(&Reason::unsaid(), out);
            } else {
                self.fail(facts::nothing(), out);
            }
        }
        self.closed(out);
    }

    /// The upstream closed: a reply that said why it ended is complete.
    pub(super) fn closed(&mut self, out: &mut Vec<Event<'_>>) {
        if self.phase == Phase::Stopped {
            self.close(out);
            self.phase = Phase::Ended;
            out.push(Event::End);
        }
    }

    /// Opens a block.
    pub(super) fn begin<'f>(&mut self, block: BlockStart<'f>, out: &mut Vec<Event<'f>>) -> u32 {
        self.close(out);
        let key = self.next_key;
        self.next_key = self.next_key.wrapping_add(1);
        out.push(Event::BlockStart { key, block });
        key
    }

    pub(super) fn close(&mut self, out: &mut Vec<Event<'_>>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => {}
            Open::Text { key, .. } | Open::Thought { key, .. } => out.push(Event::BlockStop { key }),
        }
    }

    /// A text stays open for sources that come late.
    fn close_thought(&mut self, out: &mut Vec<Event<'_>>) {
        if matches!(self.open, Open::Thought { .. }) {
            self.close(out);
        }
    }

    fn cite(&mut self, out: &mut Vec<Event<'_>>) {
        if let Some(key) = self.text {
            self.sources.tell(key, &self.said, out);
        }
    }
}
