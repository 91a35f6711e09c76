//! Reads along with a relayed reply for usage, stop and failure. What it fails to read changes nothing that is forwarded.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::dialect::{self, Dialect, StreamDecoder};
use crate::hub::{Aliases, Event, Failure, Named, StopReason, Usage};
use crate::json::Members;
use crate::provider::Quirks;
use crate::sse::{Batch, Frame};

/// What is known of a reply so far.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub named: Option<Named>,
    pub usage: Usage,
    pub stop: Option<StopReason>,
    /// The upstream reported a failure in band.
    pub failure: Option<Failure>,
    /// Something other than a greeting came.
    pub content: bool,
    /// The reply is complete: a stop reason, or the terminal event.
    pub complete: bool,
    /// The terminal event came: nothing follows.
    pub ended: bool,
}

impl Facts {
    fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Start { usage, .. } => {
                self.usage.merge(usage);
                self.named = event.named();
            }
            Event::Usage(usage) => self.usage.merge(usage),
            Event::BlockStart { .. } | Event::Delta { .. } | Event::BlockStop { .. } | Event::Citation { .. } => {
                self.content = true;
            }
            Event::Stop(stop) => {
                self.content = true;
                self.complete = true;
                self.stop = Some(stop.reason);
            }
            Event::Error(failure) => self.failure = Some(failure.clone()),
            Event::End => {
                self.complete = true;
                self.ended = true;
            }
            Event::Ping => {}
        }
    }
}

/// Reads a relayed stream.
#[derive(Debug)]
pub struct Tap {
    reader: Reader,
    pub facts: Facts,
    /// The reply itself is wanted.
    keeps: bool,
    /// The response object of the terminal event of Responses, where it is wanted.
    pub response: Option<String>,
}

/// The codec's own decoder.
#[derive(Debug)]
struct Reader {
    dialect: Dialect,
    decoder: Box<StreamDecoder>,
}

impl Tap {
    pub fn new(dialect: Dialect, quirks: &Quirks) -> Self {
        let decoder = Box::new(StreamDecoder::new(dialect, quirks, Aliases::default()));
        let reader = Reader { dialect, decoder };
        Self { reader, facts: Facts::default(), keeps: false, response: None }
    }

    /// Takes the reply itself out of the stream, too, where it is told once more at the end.
    #[must_use]
    pub const fn keeping(mut self, keeps: bool) -> Self {
        self.keeps = keeps;
        self
    }

    /// Looks at whole events. `inside` says that the first of them is the rest of one that went on its way in pieces.
    pub fn read(&mut self, batch: &Batch, inside: bool) {
        // Plain deltas make up nearly all of a stream, and mean nothing here: most batches are searched, and not cut up.
        if self.facts.content && !self.reader.speaks_up(batch.raw()) {
            return;
        }
        for frame in batch.frames().skip(usize::from(inside)) {
            self.look(&frame);
        }
    }

    fn look(&mut self, frame: &Frame<'_>) {
        if self.facts.content && !self.reader.speaks_up(frame.raw()) {
            return;
        }
        let Some((name, data)) = frame.parse() else { return };
        // An item that begins is no event yet, but the provider has begun to answer.
        let began = self.reader.dialect == Dialect::OpenAiResponses && ITEM.find(data.as_bytes()).is_some();
        self.facts.content |= began;
        let mut events = Vec::new();
        self.reader.decoder.push(name.as_deref(), &data, &mut events);
        events.iter().for_each(|e| self.facts.note(e));
        if self.keeps && events.iter().any(|e| matches!(e, Event::End)) {
            let terminal = Members::parse(&data).ok();
            self.response = terminal.and_then(|m| m.get("response").map(|raw| raw.get().to_owned()));
        }
    }
}

impl Reader {
    /// Could these events hold anything but deltas?
    fn speaks_up(&self, raw: &[u8]) -> bool {
        let has = |word: &Word| word.find(raw).is_some();
        match self.dialect {
            Dialect::Anthropic => has(&MESSAGE) || has(&ERROR),
            // In both spellings of each name.
            Dialect::Gemini => [&FINISH, &USAGE_ANY, &ERROR, &FEEDBACK, &FEEDBACK_SNAKE].into_iter().any(has),
            // Both members are in every chunk, and null in nearly all of them.
            Dialect::Cohere | Dialect::OpenAiChat => {
                has(&DONE) || says(&USAGE, raw) || has(&ERROR) || says(&FINISH_REASON, raw)
            }
            Dialect::OpenAiResponses => {
                has(&ERROR) || has(&COMPLETED) || has(&INCOMPLETE) || has(&FAILED) || says(&USAGE, raw)
            }
        }
    }
}

type Word = LazyLock<Finder<'static>>;

static COMPLETED: Word = LazyLock::new(|| Finder::new("response.completed"));
static DONE: Word = LazyLock::new(|| Finder::new("[DONE]"));
static ERROR: Word = LazyLock::new(|| Finder::new("error"));
static FEEDBACK: Word = LazyLock::new(|| Finder::new("Feedback"));
static FEEDBACK_SNAKE: Word = LazyLock::new(|| Finder::new("_feedback"));
static FINISH: Word = LazyLock::new(|| Finder::new("finish"));
static FAILED: Word = LazyLock::new(|| Finder::new("response.failed"));
static FINISH_REASON: Word = LazyLock::new(|| Finder::new("\"finish_reason\""));
static INCOMPLETE: Word = LazyLock::new(|| Finder::new("response.incomplete"));
static ITEM: Word = LazyLock::new(|| Finder::new("response.output_item.added"));
static MESSAGE: Word = LazyLock::new(|| Finder::new("message_"));
static USAGE_ANY: Word = LazyLock::new(|| Finder::new("usage"));
static USAGE: Word = LazyLock::new(|| Finder::new("\"usage\""));

/// Is there a member of this name that is not null?
fn says(key: &Word, raw: &[u8]) -> bool {
    let length = key.needle().len();
    key.find_iter(raw).any(|at| {
        let mut after = raw.get(at + length..).unwrap_or_default().iter().filter(|b| !b.is_ascii_whitespace());
        after.next() == Some(&b':') && after.next() != Some(&b'n')
    })
}

/// The usage of replies that are no chat: embeddings, images, transcriptions.
fn plain_usage(text: &str) -> Usage {
    fn inside<'a>(m: &mut Members<'a>, key: &str) -> Option<Members<'a>> {
        m.take_object(key).ok().flatten()
    }
    let mut reply = Members::parse(text).unwrap_or_default();
    // Cohere's stands deeper.
    let billed = inside(&mut reply, "meta").and_then(|mut meta| inside(&mut meta, "billed_units"));
    let mut usage = inside(&mut reply, "usage").or(billed).unwrap_or_default();
    let mut number = |keys: [&str; 2]| keys.into_iter().find_map(|key| usage.take_u64(key).ok().flatten());
    Usage {
        input_uncached: number(["prompt_tokens", "input_tokens"]),
        output: number(["completion_tokens", "output_tokens"]),
        ..Usage::default()
    }
}

/// Usage and stop of a whole reply, as far as they can be read.
pub fn whole(dialect: Dialect, quirks: &Quirks, body: &[u8]) -> Facts {
    let mut facts = Facts::default();
    let Ok(text) = std::str::from_utf8(body) else { return facts };
    if let Ok(events) = dialect::decode_reply(dialect, text, quirks, &Aliases::default()) {
        events.iter().for_each(|e| facts.note(e));
    } else {
        facts.usage = plain_usage(text);
    }
    facts
}
