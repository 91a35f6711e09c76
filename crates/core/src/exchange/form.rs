//! The five forms a reply can take, chosen by the upstream's head.

use bytes::{Bytes, BytesMut};
use http::{header, response};

use super::collected::{Refusing, Translating};
use super::dress::{is_json, is_stream};
use super::failure::bad_answer;
use super::pipe::Pipe;
use super::replying::Dressing;
use super::start::Planned;

use crate::dialect::openai_responses::Mend;
use crate::dialect::{Dialect, StreamDecoder, StreamEncoder};
use crate::hub::{Aliases, Failure, Named, StopReason, Usage};
use crate::inflate::Inflate;
use crate::provider::Quirks;
use crate::route::Operation;
use crate::tap::{self, Tap};

/// What becomes of the upstream's body.
#[derive(Debug)]
pub(super) enum Form {
    /// Kept whole, then turned into one reply.
    Collect {
        body: BytesMut,
        then: Then,
    },
    /// Bytes as they come, nothing added, nothing read.
    Raw,
    /// A stream was asked for; the first byte will tell whether it is one.
    Sniff {
        pipe: Box<Pipe>,
        then: Box<Then>,
        /// White space so far.
        blank: BytesMut,
    },
    Stream {
        pipe: Box<Pipe>,
        held: Option<Vec<u8>>,
    },
    /// Bytes as they come; a copy is read at the end.
    Whole(Box<Whole>),
}

/// A whole reply in the client's dialect.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) dialect: Dialect,
    pub(super) quirks: &'static Quirks,
    /// A cost may come out, and is told in the head, or something is to be put right: what came waits for the end, up to a
    /// limit.
    pub(super) held: Option<Held>,
    /// What went out already; none if that is too much to be read.
    pub(super) copy: Option<BytesMut>,
    pub(super) named: Option<Named>,
    pub(super) usage: Usage,
    pub(super) stop: Option<StopReason>,
    /// The reply itself is wanted, with this put right.
    pub(super) keeps: Option<Mend>,
    pub(super) response: Option<String>,
}

/// Chunks that wait.
#[derive(Debug, Default)]
pub(super) struct Held {
    chunks: Vec<Bytes>,
    bytes: usize,
}

impl Held {
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.bytes += chunk.len();
        self.chunks.push(chunk);
    }

    pub(super) const fn len(&self) -> usize {
        self.bytes
    }

    /// All of it; a single chunk is not copied.
    pub(super) fn join(mut self) -> Bytes {
        match self.chunks.as_mut_slice() {
            [single] => std::mem::take(single),
            chunks => chunks.concat().into(),
        }
    }
}

impl Whole {
    pub(super) fn new(dialect: Dialect, quirks: &'static Quirks, hold: bool, keeps: Option<Mend>) -> Box<Self> {
        let held = (hold || mends(keeps.as_ref())).then(Held::default);
        Box::new(Self {
            dialect,
            quirks,
            held,
            copy: Some(BytesMut::new()),
            named: None,
            usage: Usage::default(),
            stop: None,
            keeps,
            response: None,
        })
    }

    /// Must all of it be here before any of it goes out?
    pub(super) fn mends(&self) -> bool {
        mends(self.keeps.as_ref())
    }

    /// Most bytes that wait for the end.
    pub(super) fn patience(&self) -> usize {
        if self.mends() { MAX_TAPPED } else { HOLD_WHOLE }
    }

    /// Lets what waits go.
    pub(super) fn release(&mut self) -> Bytes {
        let bytes = self.held.take().map(Held::join).unwrap_or_default();
        self.copy(&bytes);
        bytes
    }

    pub(super) fn copy(&mut self, chunk: &[u8]) {
        if let Some(kept) = &mut self.copy {
            if kept.len() + chunk.len() > MAX_TAPPED {
                self.copy = None;
            } else {
                kept.extend_from_slice(chunk);
            }
        }
    }

    /// The reply, which is all here, as the client is to see it.
    pub(super) fn mended(&self, body: &Bytes) -> Bytes {
        self.keeps.as_ref().map_or_else(|| body.clone(), |mend| mend.reply(body))
    }

    /// Reads the reply, which is complete.
    pub(super) fn read(&mut self, body: &[u8]) {
        let facts = tap::whole(self.dialect, self.quirks, body);
        (self.named, self.usage, self.stop) = (facts.named, facts.usage, facts.stop);
        self.response =
            if self.keeps.is_some() && facts.complete { String::from_utf8(body.to_vec()).ok() } else { None };
    }
}

fn mends(keeps: Option<&Mend>) -> bool {
    keeps.is_some_and(|mend| !mend.is_idle())
}

/// Largest copy of a relayed whole reply that is kept for its usage.
const MAX_TAPPED: usize = 4 << 20;
/// Most bytes of a whole reply that wait for its cost.
const HOLD_WHOLE: usize = 1 << 20;

/// What happens to a collected body.
#[derive(Debug)]
pub(super) enum Then {
    /// An error of the upstream: relayed, rewritten or translated.
    Fail(Box<Refusing>),
    Translate(Box<Translating>),
    /// A JSON body where a stream was asked for, in the client's own dialect.
    Relay {
        dialect: Dialect,
        quirks: &'static Quirks,
        /// Its cost may be told.
        hold: bool,
        /// It is wanted itself.
        keeps: Option<Mend>,
    },
}

impl Form {
    /// Decides by the upstream's head, and how the body must be unpacked first.
    pub(super) fn choose(
        upstream: &response::Parts,
        planned: Option<&Planned>,
        dressing: &Dressing<'_>,
    ) -> Result<(Self, Option<Inflate>), Failure> {
        // Passthrough looks at nothing.
        let Some(planned) = planned else { return Ok((Self::Raw, None)) };
        let encoding =
            upstream.headers.get(header::CONTENT_ENCODING).filter(|v| !v.as_bytes().eq_ignore_ascii_case(b"identity"));
        if upstream.status.as_u16() >= 400 {
            // One that cannot be unpacked is told by its status alone.
            let inflate = encoding.and_then(|e| Inflate::new(e).ok());
            let then = Then::Fail(Box::new(Refusing::new(upstream, planned, dressing)));
            return Ok((Self::Collect { body: BytesMut::new(), then }, inflate));
        }
        match &planned.translation {
            // Compressed although identity was asked for: relayed with the tap off.
            None if encoding.is_some() => Ok((Self::Raw, None)),
            None => Ok((Self::relay(upstream, planned), None)),
            Some(translation) => {
                let unreadable = |_| bad_answer("the upstream compressed its reply in a way that cannot be read");
                let inflate = encoding.map(Inflate::new).transpose().map_err(unreadable)?;
                Ok((Self::translate(upstream, planned, translation.aliases.clone(), dressing), inflate))
            }
        }
    }

    /// The client's own dialect: bytes pass.
    fn relay(upstream: &response::Parts, planned: &Planned) -> Self {
        let (dialect, quirks) = (planned.upstream, planned.quirks);
        let keeps = planned.keep.as_ref().map(|keeping| keeping.mend.clone());
        let pipe = |keeps: Option<Mend>| {
            let tap = Tap::new(dialect, quirks).keeping(keeps.is_some());
            Box::new(Pipe::relay(dialect, tap, keeps))
        };
        let stream = is_stream(&upstream.headers);
        let other = matches!(
            planned.operation,
            Operation::Cohere(_) | Operation::Gemini(_) | Operation::Other(_) | Operation::Unlisted(_)
        );
        if other && (stream || planned.stream || !is_json(&upstream.headers)) {
            // Speech, images, plain completions: how their streams begin and end is not known here: nothing is added.
            Self::Raw
        } else if stream {
            Self::Stream { pipe: pipe(keeps), held: Some(Vec::new()) }
        } else if planned.stream {
            let hold = planned.bill.is_open(upstream.status);
            let pipe = pipe(keeps.clone());
            let then = Box::new(Then::Relay { dialect, quirks, hold, keeps });
            Self::Sniff { pipe, then, blank: BytesMut::new() }
        } else {
            let hold = planned.bill.is_open(upstream.status) && is_json(&upstream.headers);
            Self::Whole(Whole::new(dialect, quirks, hold, keeps))
        }
    }

    /// Another dialect.
    fn translate(upstream: &response::Parts, planned: &Planned, aliases: Aliases, dressing: &Dressing<'_>) -> Self {
        let context = planned.context(dressing);
        let then = Then::Translate(Box::new(Translating::new(planned, aliases.clone(), context.clone())));
        if !planned.stream {
            return Self::Collect { body: BytesMut::new(), then };
        }
        let decoder = StreamDecoder::new(planned.upstream, planned.quirks, aliases);
        let pipe = Box::new(Pipe::translate(decoder, StreamEncoder::new(planned.client, context)));
        if is_stream(&upstream.headers) {
            Self::Stream { pipe, held: Some(Vec::new()) }
        } else {
            Self::Sniff { pipe, then: Box::new(then), blank: BytesMut::new() }
        }
    }
}
