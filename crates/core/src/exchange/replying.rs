//! The upstream's reply on its way to the client, in one of five forms.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, response};

use super::failure::{bad_answer, timeout};
use super::form::{Form, Then, Whole as WholeForm};
use super::pipe::{Pipe, Progress};
use super::start::Planned;
use super::{TransportError, TransportErrorKind};
use crate::catalog::Timeouts;
use crate::dialect;
use crate::hub::{ErrorKind, Failure, Named, StopReason, Usage};
use crate::inflate::Inflate;
use crate::record::{Outcome, Record};
use crate::reply::Whole;
use crate::time::{Seed, Timestamp};

/// Largest error body that is read, and largest whole reply that is translated, in bytes.
const MAX_ERROR: usize = 1 << 20;
const MAX_REPLY: usize = 64 << 20;
/// Until when, and up to how many bytes, the status of a stream is held.
const HOLD_TIME: Duration = Duration::from_secs(5);
const HOLD_BYTES: usize = 64 << 10;

/// What a reply of our own writing is dressed with.
#[derive(Debug)]
pub(super) struct Dressing<'r> {
    pub(super) seed: Seed,
    /// What is known of the exchange so far: its id, its models, its provider.
    pub(super) record: &'r Record,
    /// Seconds since the Unix epoch.
    pub(super) created: u64,
}

/// What a piece of news led to.
#[derive(Debug, Default)]
pub(super) struct Progressed {
    /// The head may go out.
    pub(super) commit: bool,
    pub(super) out: Bytes,
    /// A complete reply, instead of head and bytes.
    pub(super) whole: Option<Whole>,
    pub(super) failure: Option<(Failure, Outcome)>,
    pub(super) done: Option<Outcome>,
}

/// A reply that has begun.
#[derive(Debug)]
pub(super) struct Replying {
    /// The head for the client, until it goes out.
    head: response::Parts,
    form: Form,
    head_at: Timestamp,
    /// When the upstream last sent something.
    heard: Timestamp,
    /// When the client last got something.
    told: Timestamp,
    inflate: Option<Inflate>,
    outcome: Outcome,
}

impl Replying {
    /// A reply of this form, whose head for the client is `head`, as far as the form leaves it alone.
    pub(super) fn new(
        mut head: response::Parts,
        form: Form,
        inflate: Option<Inflate>,
        planned: Option<&Planned>,
        now: Timestamp,
    ) -> Self {
        if inflate.is_some() {
            // What is unpacked here goes on unpacked.
            head.headers.remove(header::CONTENT_ENCODING);
            head.headers.remove(header::CONTENT_LENGTH);
        }
        let mends = planned.and_then(|p| p.keep.as_ref()).is_some_and(|keeping| !keeping.mend.is_idle());
        if mends || matches!(form, Form::Stream { .. }) {
            // Something may be added to it.
            head.headers.remove(header::CONTENT_LENGTH);
        }
        if planned.is_some() && matches!(form, Form::Stream { .. } | Form::Sniff { .. }) {
            let mut set = |name: HeaderName, value: &'static str| {
                head.headers.insert(name, HeaderValue::from_static(value));
            };
            if let Some(translation) = planned.and_then(|p| p.translation.as_ref()) {
                set(header::CONTENT_TYPE, dialect::stream_type(translation.json_array));
            }
            set(header::CACHE_CONTROL, "no-cache");
            // Proxies in front of us must not collect the stream.
            set(HeaderName::from_static("x-accel-buffering"), "no");
        }
        Self { head, form, head_at: now, heard: now, told: now, inflate, outcome: Outcome::Completed }
    }

    pub(super) fn chunk(&mut self, chunk: Bytes, now: Timestamp) -> Progressed {
        self.heard = now;
        let chunk = match &mut self.inflate {
            None => chunk,
            Some(inflate) => match inflate.push(&chunk, MAX_REPLY) {
                Ok(plain) => plain,
                Err(_) => {
                    return failed(
                        bad_answer("the upstream's compressed reply is damaged or too large"),
                        Outcome::BadAnswer,
                    );
                }
            },
        };
        self.plain_chunk(chunk, now)
    }

    fn plain_chunk(&mut self, chunk: Bytes, now: Timestamp) -> Progressed {
        match &mut self.form {
            Form::Raw => Progressed { commit: true, out: chunk, ..Progressed::default() },
            Form::Whole(whole) => {
                let Some(held) = &mut whole.held else {
                    whole.copy(&chunk);
                    return Progressed { commit: true, out: chunk, ..Progressed::default() };
                };
                held.push(chunk);
                if held.len() <= whole.patience() {
                    return Progressed::default();
                }
                Progressed { commit: true, out: whole.release(), ..Progressed::default() }
            }
            Form::Collect { body, then } => {
                let limit = if matches!(then, Then::Fail(_)) { MAX_ERROR } else { MAX_REPLY };
                if body.len() + chunk.len() <= limit {
                    body.extend_from_slice(&chunk);
                } else if !matches!(then, Then::Fail(_)) {
                    return failed(bad_answer("the upstream's reply is too large to translate"), Outcome::BadAnswer);
                }
                Progressed::default()
            }
            Form::Sniff { .. } => self.sniff(&chunk, now),
            Form::Stream { pipe, held } => {
                let mut progress = Progress::default();
                pipe.push(&chunk, &mut progress);
                let progressed = streamed(pipe, held, progress, &mut self.outcome);
                if !progressed.out.is_empty() {
                    self.told = now;
                }
                progressed
            }
        }
    }

    /// The first byte that is no white space tells JSON from a stream, whatever the content type says.
    fn sniff(&mut self, chunk: &[u8], now: Timestamp) -> Progressed {
        let Form::Sniff { pipe, then, mut blank } = std::mem::replace(&mut self.form, Form::Raw) else {
            return Progressed::default();
        };
        let first = chunk.iter().find(|b| !b.is_ascii_whitespace());
        blank.extend_from_slice(chunk);
        if first.is_none() && blank.len() <= HOLD_BYTES {
            self.form = Form::Sniff { pipe, then, blank };
            return Progressed::default();
        }
        let json = matches!(first, Some(b'{' | b'['));
        if !json {
            self.head.headers.remove(header::CONTENT_LENGTH);
        }
        self.form = match *then {
            Then::Relay { dialect, quirks, hold, keeps } if json => {
                Form::Whole(WholeForm::new(dialect, quirks, hold, keeps))
            }
            then if json => Form::Collect { body: BytesMut::new(), then },
            Then::Fail(_) | Then::Relay { .. } | Then::Translate(_) => Form::Stream { pipe, held: Some(Vec::new()) },
        };
        self.plain_chunk(blank.freeze(), now)
    }

    pub(super) fn end(&mut self, now: Timestamp) -> Progressed {
        self.heard = now;
        match &mut self.form {
            Form::Raw => Progressed { commit: true, done: Some(Outcome::Completed), ..Progressed::default() },
            Form::Whole(whole) => {
                let out = match (whole.held.take(), whole.copy.take()) {
                    (Some(held), _) => {
                        let body = whole.mended(&held.join());
                        whole.read(&body);
                        body
                    }
                    (None, Some(copy)) => {
                        whole.read(&copy);
                        Bytes::new()
                    }
                    (None, None) => Bytes::new(),
                };
                Progressed { commit: true, out, done: Some(Outcome::Completed), ..Progressed::default() }
            }
            Form::Sniff { .. } => failed(bad_answer("the upstream answered with an empty stream"), Outcome::BadAnswer),
            Form::Collect { body, then } => {
                let body = std::mem::take(body).freeze();
                match then {
                    Then::Fail(refusing) => refusing.reply(&body, &self.head, now),
                    Then::Translate(translating) => translating.reply(&body, &self.head, now),
                    Then::Relay { .. } => {
                        Progressed { commit: true, out: body, done: Some(Outcome::Completed), ..Progressed::default() }
                    }
                }
            }
            Form::Stream { pipe, held } => {
                let mut progress = Progress::default();
                let complete = pipe.end(&mut progress);
                let mut progressed = streamed(pipe, held, progress, &mut self.outcome);
                if progressed.failure.is_none() && progressed.done.is_none() {
                    if complete {
                        progressed = close(held, progressed, self.outcome);
                    } else if held.is_some() && !pipe.content() {
                        progressed.failure = Some((
                            bad_answer("the upstream's stream ended before it said anything"),
                            Outcome::Truncated,
                        ));
                    } else {
                        progressed.failure = Some((truncated(), Outcome::Truncated));
                    }
                }
                progressed
            }
        }
    }

    /// The earliest time something has to be done.
    pub(super) fn deadline(&self, timeouts: &Timeouts, replied: bool) -> Timestamp {
        let idle = self.heard + timeouts.idle;
        if self.waits() && !replied {
            return idle.min(self.head_at + HOLD_TIME);
        }
        let Form::Stream { pipe, held } = &self.form else { return idle };
        if let Some(grace) = pipe.grace() {
            return idle.min(self.heard + grace);
        }
        match held {
            Some(_) if !replied => idle.min(self.head_at + HOLD_TIME),
            _ => idle.min(self.told.max(self.heard) + timeouts.keep_alive),
        }
    }

    pub(super) fn deadline_passed(
        &mut self,
        timeouts: &Timeouts,
        total: bool,
        replied: bool,
        now: Timestamp,
    ) -> Progressed {
        if total {
            return failed(timeout("the exchange took longer than the gateway allows"), Outcome::UpstreamTimeout);
        }
        if now >= self.heard + timeouts.idle {
            return failed(timeout("the upstream was silent for too long"), Outcome::UpstreamTimeout);
        }
        if let Form::Whole(whole) = &mut self.form {
            if whole.held.is_some() && now >= self.head_at + HOLD_TIME {
                let out = if whole.mends() { Bytes::new() } else { whole.release() };
                return Progressed { commit: true, out, ..Progressed::default() };
            }
            return Progressed::default();
        }
        let Form::Stream { pipe, held } = &mut self.form else { return Progressed::default() };
        if pipe.grace().is_some_and(|grace| now >= self.heard + grace) {
            let mut progress = Progress::default();
            pipe.give_up_waiting(&mut progress);
            let progressed = streamed(pipe, held, progress, &mut self.outcome);
            return close(held, progressed, self.outcome);
        }
        if held.is_some() && !replied && now >= self.head_at + HOLD_TIME {
            return Progressed { commit: true, out: held.take().unwrap_or_default().into(), ..Progressed::default() };
        }
        if replied && now >= self.told.max(self.heard) + timeouts.keep_alive {
            self.told = now;
            return Progressed { out: pipe.keep_alive().unwrap_or_default().into(), ..Progressed::default() };
        }
        Progressed::default()
    }

    pub(super) fn broke_off(&mut self, error: &TransportError) -> Progressed {
        // What came after the stop does not matter any more.
        if let Form::Stream { pipe, held } = &mut self.form
            && pipe.stopped()
        {
            let mut progress = Progress::default();
            pipe.end(&mut progress);
            let progressed = streamed(pipe, held, progress, &mut self.outcome);
            return close(held, progressed, self.outcome);
        }
        if error.kind == TransportErrorKind::Timeout {
            return failed(timeout("the upstream was silent for too long"), Outcome::UpstreamTimeout);
        }
        failed(truncated(), Outcome::Truncated)
    }

    /// The last words of a stream that fails after its head went out.
    pub(super) fn fail(&mut self, failure: &Failure, request_id: &str) -> Option<Vec<u8>> {
        if let Form::Stream { pipe, .. } = &mut self.form { Some(pipe.fail(failure, request_id)) } else { None }
    }

    /// The head for the client.
    pub(super) fn take_head(&mut self) -> response::Parts {
        let (mut parts, ()) = http::Response::new(()).into_parts();
        std::mem::swap(&mut parts, &mut self.head);
        parts
    }

    /// The upstream's headers that stay useful on an error in its place.
    pub(super) fn error_head(&self) -> HeaderMap {
        let mut headers = self.head.headers.clone();
        for name in [
            "content-type",
            "content-length",
            "content-encoding",
            "cache-control",
            "x-accel-buffering",
            "server-timing",
        ] {
            headers.remove(name);
        }
        headers
    }

    /// Has a stream said anything yet?
    pub(super) fn content(&self) -> bool {
        matches!(&self.form, Form::Stream { pipe, .. } if pipe.content())
    }

    /// Is it a whole reply, in the client's dialect?
    pub(super) const fn is_whole(&self) -> bool {
        matches!(self.form, Form::Whole(_))
    }

    /// A whole reply that waits for its cost.
    pub(super) fn waits(&self) -> bool {
        matches!(&self.form, Form::Whole(whole) if whole.held.is_some())
    }

    /// What the upstream calls its reply, once it has said it, and then no more.
    pub(super) fn take_named(&mut self) -> Option<Named> {
        match &mut self.form {
            Form::Stream { pipe, .. } => pipe.take_named(),
            Form::Whole(whole) => whole.named.take(),
            Form::Collect { then: Then::Translate(translating), .. } => translating.take_named(),
            Form::Collect { .. } | Form::Raw | Form::Sniff { .. } => None,
        }
    }

    pub(super) fn facts(&self) -> (Usage, Option<StopReason>) {
        match &self.form {
            Form::Stream { pipe, .. } => (pipe.usage(), pipe.stop()),
            Form::Whole(whole) => (whole.usage, whole.stop),
            Form::Collect { then: Then::Translate(translating), .. } => translating.facts(),
            Form::Collect { .. } | Form::Raw | Form::Sniff { .. } => (Usage::default(), None),
        }
    }

    /// The response object of a reply that is complete, once, where it can be kept and named.
    pub(super) fn take_response(&mut self) -> Option<String> {
        match &mut self.form {
            Form::Stream { pipe, .. } => pipe.take_response(),
            Form::Whole(whole) => whole.response.take(),
            Form::Collect { then: Then::Translate(translating), .. } => translating.take_response(),
            Form::Collect { .. } | Form::Raw | Form::Sniff { .. } => None,
        }
    }

    pub(super) fn collected(&self) -> usize {
        if let Form::Collect { body, .. } = &self.form { body.len() } else { 0 }
    }
}

/// What a piece of a stream means for the client: held, forwarded, or turned into a failure.
fn streamed(pipe: &Pipe, held: &mut Option<Vec<u8>>, progress: Progress, outcome: &mut Outcome) -> Progressed {
    if let Some(too_large) = progress.broken {
        return failed(bad_answer(&too_large.to_string()), Outcome::BadAnswer);
    }
    let relayed = matches!(pipe, Pipe::Relay(_));
    if let Some(failure) = progress.failure {
        // While the status is held, a failure becomes a real one. Later a relay has forwarded the upstream's own words.
        if !relayed || held.is_some() {
            let mut progressed = failed(failure, Outcome::UpstreamError);
            if held.is_none() {
                progressed.out = progress.out;
            }
            return progressed;
        }
        *outcome = Outcome::UpstreamError;
    }
    let mut progressed = Progressed::default();
    match held {
        Some(kept) => {
            kept.extend_from_slice(&progress.out);
            if pipe.content() || kept.len() > HOLD_BYTES {
                progressed.commit = true;
                progressed.out = held.take().unwrap_or_default().into();
            }
        }
        None => progressed.out = progress.out,
    }
    if pipe.ended() {
        progressed.done = Some(*outcome);
    }
    progressed
}

/// A stream that is complete: whatever is held goes out, and nothing follows.
fn close(held: &mut Option<Vec<u8>>, mut progressed: Progressed, outcome: Outcome) -> Progressed {
    if let Some(kept) = held.take() {
        progressed.out = [kept.as_slice(), &progressed.out].concat().into();
    }
    progressed.commit = true;
    progressed.done = Some(outcome);
    progressed
}

pub(super) fn failed(failure: Failure, outcome: Outcome) -> Progressed {
    Progressed { failure: Some((failure, outcome)), ..Progressed::default() }
}

fn truncated() -> Failure {
    Failure::gateway(
        ErrorKind::BadAnswer,
        StatusCode::BAD_GATEWAY,
        "upstream_truncated",
        "the upstream's reply broke off before it was complete; what was received is not the whole answer",
    )
}
