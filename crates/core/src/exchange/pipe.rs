//! The two ways of a streamed reply: relayed event by event, or translated.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;

use crate::dialect::openai_responses::Mend;
use crate::dialect::{self, Dialect, StreamDecoder, StreamEncoder};
use crate::hub::{Event, Failure, Named, Sequencer, StopReason, Usage};
use crate::sse::{self, Batch, Framer, TooLarge};
use crate::tap::Tap;

/// Most bytes of one unfinished event that are held back before it is handed through in pieces.
const MAX_HELD_EVENT: usize = 1 << 20;

/// How long usage and the end marker are awaited after a stop that is translated, and the end of the body after the
/// terminal event.
const GRACE: Duration = Duration::from_secs(2);

/// How long the rest of a relayed reply is awaited after its stop reason.
const RELAY_GRACE: Duration = Duration::from_secs(15);

/// What a piece of the upstream's stream led to.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// For the client.
    pub(super) out: Bytes,
    /// The upstream failed in band. A relay has forwarded it in `out` already.
    pub(super) failure: Option<Failure>,
    /// The stream cannot go on.
    pub(super) broken: Option<TooLarge>,
}

/// A stream on its way to the client.
#[derive(Debug)]
pub(super) enum Pipe {
    Relay(Box<Relay>),
    Translate(Box<Translate>),
}

/// Same dialect: whole events pass as they are, a tap reads along.
#[derive(Debug)]
pub(super) struct Relay {
    dialect: Dialect,
    framer: Framer,
    tap: Tap,
    /// The reply is kept, with this put right.
    keeps: Option<Mend>,
    /// A piece of an oversized event went out: the next bytes are in its middle.
    inside: bool,
}

/// Another dialect: events are decoded, put in order, and encoded.
#[derive(Debug)]
pub(super) struct Translate {
    framer: Framer,
    decoder: StreamDecoder,
    sequencer: Sequencer,
    encoder: StreamEncoder,
    named: Option<Named>,
    usage: Usage,
    stop: Option<StopReason>,
    content: bool,
}

impl Pipe {
    pub(super) fn relay(dialect: Dialect, tap: Tap, keeps: Option<Mend>) -> Self {
        Self::Relay(Box::new(Relay { dialect, framer: Framer::default(), tap, keeps, inside: false }))
    }

    pub(super) fn translate(decoder: StreamDecoder, encoder: StreamEncoder) -> Self {
        let (framer, sequencer) = (Framer::default(), Sequencer::default());
        Self::Translate(Box::new(Translate {
            framer,
            decoder,
            sequencer,
            encoder,
            named: None,
            usage: Usage::default(),
            stop: None,
            content: false,
        }))
    }

    /// Takes the next bytes of the upstream.
    pub(super) fn push(&mut self, chunk: &Bytes, progress: &mut Progress) {
        match self {
            Self::Relay(relay) => relay.push(chunk, progress),
            Self::Translate(translate) => translate.push(chunk, progress),
        }
    }

    /// The upstream's body ended. Is the reply whole?
    pub(super) fn end(&mut self, progress: &mut Progress) -> bool {
        match self {
            Self::Relay(relay) => relay.end(progress),
            Self::Translate(translate) => translate.end(progress),
        }
    }

    /// Nothing came for a while after the stop: ends the reply with what is known.
    pub(super) fn give_up_waiting(&mut self, progress: &mut Progress) {
        if let Self::Translate(translate) = self {
            let mut out = Vec::new();
            translate.pass(Event::End, &mut out, progress);
            progress.out = out.into();
        }
    }

    /// An in-band error for the client, instead of the unfinished event.
    pub(super) fn fail(&mut self, failure: &Failure, request_id: &str) -> Vec<u8> {
        match self {
            Self::Relay(relay) => {
                let mut out = if relay.inside { b"\n\n".to_vec() } else { Vec::new() };
                out.extend(dialect::encode_stream_error(relay.dialect, failure, request_id));
                out
            }
            Self::Translate(translate) => {
                let mut out = Vec::new();
                translate.encoder.fail(failure, &mut out);
                out
            }
        }
    }

    /// A sign of life, if the client stands between two events.
    pub(super) fn keep_alive(&mut self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        match self {
            Self::Relay(relay) if relay.inside => return None,
            Self::Relay(relay) => out.extend_from_slice(dialect::keep_alive(relay.dialect)),
            Self::Translate(translate) => translate.encoder.keep_alive(&mut out),
        }
        Some(out)
    }

    /// Has anything but a greeting come?
    pub(super) const fn content(&self) -> bool {
        match self {
            Self::Relay(relay) => relay.tap.facts.content,
            Self::Translate(translate) => translate.content,
        }
    }

    /// Has the upstream said why it stopped?
    pub(super) const fn stopped(&self) -> bool {
        match self {
            Self::Relay(relay) => relay.tap.facts.complete,
            Self::Translate(translate) => translate.sequencer.stopped(),
        }
    }

    /// How long more is awaited once the reply is complete; none while it is not. A relay owes the client every byte
    /// of a complete reply, so only the terminal event makes it hurry; a translation owes usage and an end.
    pub(super) const fn grace(&self) -> Option<Duration> {
        match self {
            Self::Relay(relay) if relay.tap.facts.ended => Some(GRACE),
            Self::Relay(relay) if relay.tap.facts.complete => Some(RELAY_GRACE),
            Self::Translate(translate) if translate.sequencer.stopped() => Some(GRACE),
            Self::Relay(_) | Self::Translate(_) => None,
        }
    }

    /// Nothing can follow for the client.
    pub(super) const fn ended(&self) -> bool {
        match self {
            Self::Relay(_) => false,
            Self::Translate(translate) => translate.sequencer.ended(),
        }
    }

    /// What the upstream calls its reply, once.
    pub(super) const fn take_named(&mut self) -> Option<Named> {
        match self {
            Self::Relay(relay) => relay.tap.facts.named.take(),
            Self::Translate(translate) => translate.named.take(),
        }
    }

    /// The response object of a reply that is over, once, where it can be kept and named.
    pub(super) fn take_response(&mut self) -> Option<String> {
        match self {
            Self::Relay(relay) => relay.tap.response.take(),
            Self::Translate(translate) => {
                let whole = translate.sequencer.ended().then(|| translate.encoder.response()).flatten()?;
                String::from_utf8(whole).ok()
            }
        }
    }

    pub(super) const fn usage(&self) -> Usage {
        match self {
            Self::Relay(relay) => relay.tap.facts.usage,
            Self::Translate(translate) => translate.usage,
        }
    }

    pub(super) const fn stop(&self) -> Option<StopReason> {
        match self {
            Self::Relay(relay) => relay.tap.facts.stop,
            Self::Translate(translate) => translate.stop,
        }
    }
}

impl Relay {
    fn push(&mut self, chunk: &Bytes, progress: &mut Progress) {
        let batch = self.framer.push(chunk);
        let batch = self.mended(batch);
        if !batch.raw().is_empty() {
            self.tap.read(&batch, std::mem::take(&mut self.inside));
        }
        progress.out = batch.raw().clone();
        // The framer's own limit is far above ours: an oversized event is handed through, never refused. One that is to be
        // kept must be here as a whole.
        let most = if self.keeps.is_some() { sse::MAX_EVENT } else { MAX_HELD_EVENT };
        if self.framer.pending() > most
            && let Some(part) = self.framer.take_pending()
        {
            progress.out = if progress.out.is_empty() {
                part.raw().clone()
            } else {
                [progress.out.as_ref(), part.raw()].concat().into()
            };
            self.inside = true;
            self.tap.facts.content = true;
        }
        progress.failure.clone_from(&self.tap.facts.failure);
    }

    fn end(&mut self, progress: &mut Progress) -> bool {
        // Real providers forget the last blank line: what is left counts if it ends the reply or is an event by itself.
        if let Some(rest) = self.framer.take_pending() {
            let rest = self.mended(rest);
            let before = self.tap.facts.complete;
            self.tap.read(&rest, false);
            if before || self.tap.facts.complete || self.tap.facts.failure.is_some() {
                progress.out = rest.raw().clone();
            }
        }
        progress.failure.clone_from(&self.tap.facts.failure);
        self.tap.facts.complete || self.tap.facts.failure.is_some()
    }

    fn mended(&self, batch: Batch) -> Batch {
        self.keeps.as_ref().and_then(|mend| mend.events(&batch)).unwrap_or(batch)
    }
}

impl Translate {
    fn push(&mut self, chunk: &Bytes, progress: &mut Progress) {
        let batch = self.framer.push(chunk);
        let mut out = Vec::with_capacity(batch.raw().len());
        self.batch(&batch, &mut out, progress);
        progress.out = out.into();
        if progress.failure.is_none() {
            progress.broken = self.framer.too_large().err();
        }
    }

    fn end(&mut self, progress: &mut Progress) -> bool {
        let mut out = Vec::new();
        if let Some(rest) = self.framer.take_pending() {
            self.batch(&rest, &mut out, progress);
        }
        if progress.failure.is_none() && !self.sequencer.ended() {
            let mut events = Vec::new();
            self.decoder.finish(&mut events);
            self.take(&mut events, &mut Vec::new(), &mut out, progress);
        }
        progress.out = out.into();
        self.sequencer.ended()
    }

    /// Translates whole events, one after the other, up to a failure.
    fn batch(&mut self, batch: &Batch, out: &mut Vec<u8>, progress: &mut Progress) {
        // Nearly every event is one line of text and borrows from the batch: these serve them all.
        let (mut events, mut ordered) = (Vec::new(), Vec::new());
        for (name, data) in batch.frames().filter_map(|frame| frame.parse()) {
            match &data {
                Cow::Borrowed(data) => {
                    self.decoder.push(name.as_deref(), data, &mut events);
                    self.take(&mut events, &mut ordered, out, progress);
                }
                Cow::Owned(data) => {
                    let mut events = Vec::new();
                    self.decoder.push(name.as_deref(), data, &mut events);
                    self.take(&mut events, &mut Vec::new(), out, progress);
                }
            }
            if progress.failure.is_some() {
                return;
            }
        }
    }

    fn take<'e>(
        &mut self,
        events: &mut Vec<Event<'e>>,
        ordered: &mut Vec<Event<'e>>,
        out: &mut Vec<u8>,
        progress: &mut Progress,
    ) {
        events.drain(..).for_each(|e| self.sequencer.push(e, ordered));
        for event in ordered.drain(..) {
            self.write(&event, out, progress);
            if progress.failure.is_some() {
                return;
            }
        }
    }

    /// One event of our own making.
    fn pass(&mut self, event: Event<'_>, out: &mut Vec<u8>, progress: &mut Progress) {
        self.take(&mut vec![event], &mut Vec::new(), out, progress);
    }

    fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>, progress: &mut Progress) {
        match event {
            Event::Error(failure) => {
                progress.failure = Some(failure.clone());
                return;
            }
            Event::Start { usage, .. } => {
                self.usage.merge(usage);
                self.named = event.named();
            }
            Event::Usage(usage) => self.usage.merge(usage),
            Event::Stop(stop) => self.stop = Some(stop.reason),
            Event::BlockStart { .. }
            | Event::Delta { .. }
            | Event::BlockStop { .. }
            | Event::Citation { .. }
            | Event::Ping
            | Event::End => {}
        }
        self.content |= !matches!(event, Event::Start { .. } | Event::Ping);
        self.encoder.push(event, out);
    }
}
