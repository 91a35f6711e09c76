//! One request from its body to its record, as a state machine: news goes in, instructions come out.
//!
//! The exchange never waits and never reads a clock. A host's driver does what [`Exchange::poll`] says and reports back
//! through [`Exchange::handle`]; whatever happens, the last step is exactly one `Finish` with the record.

mod attempt;
mod bill;
mod collected;
mod dress;
mod failure;
mod form;
mod input;
mod pipe;
mod recall;
mod replying;
mod start;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName};
use http::{StatusCode, Version, response};

pub use input::{Body, Input, Outgoing, Reach, Step, TransportError, TransportErrorKind};

use crate::capture::Tee;
use crate::catalog::Catalog;
use crate::cors::Cors;
use crate::cost::Cost;
use crate::count;
use crate::dialect::Dialect;
use crate::headers;
use crate::hub::{ErrorKind, Failure};
use crate::provider::Via;
use crate::record::{Outcome, Record};
use crate::redact;
use crate::reply::{self, Whole};
use crate::time::{Seed, Timestamp};
use attempt::Resend;
use dress::{is_json, is_stream};
use failure::{bad_answer, timeout};
use form::Form;
use recall::Waiting;
use replying::{Progressed, Replying};
use start::Planned;

/// One request on its way.
#[derive(Debug)]
pub struct Exchange {
    catalog: Arc<Catalog>,
    seed: Seed,
    cors: Cors,
    /// The client's dialect.
    dialect: Dialect,
    record: Box<Record>,
    /// Counts, and copies, a request body that streams through.
    request_body: Option<Tee>,
    /// Mode 1: what the reply needs to know of the request.
    planned: Option<Planned>,
    /// The body of a request to count, which can be counted here if the provider does not.
    countable: Option<Bytes>,
    /// Kept for the second attempt.
    resend: Option<Resend>,
    first_byte: Duration,
    sent_at: Timestamp,
    state: State,
    steps: VecDeque<Step>,
    replied: bool,
}

#[derive(Debug)]
enum State {
    /// Replies that were kept are awaited; nothing was sent.
    Recalling(Box<Waiting>),
    /// Sent; the upstream's head is awaited.
    Head,
    /// The upstream's body is coming.
    Body(Box<Replying>),
    Done,
}

impl Exchange {
    /// The next instruction.
    pub fn poll(&mut self) -> Step {
        self.steps.pop_front().unwrap_or_else(|| Step::Read { until: self.deadline() })
    }

    /// Takes news.
    pub fn handle(&mut self, input: Input, now: Timestamp) {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Done => {}
            State::Recalling(waiting) => self.in_recall(waiting, input, now),
            State::Head => self.in_head(input, now),
            State::Body(replying) => self.in_body(replying, input, now),
        }
    }

    /// Has the last step been given, or is it about to be?
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Bytes that the next `UpstreamEnd` will work on at once; drivers move large amounts off the runtime thread.
    pub fn backlog(&self) -> usize {
        if let State::Body(replying) = &self.state { replying.collected() } else { 0 }
    }

    /// May news of the upstream make this exchange count tokens itself? Drivers move that off the runtime thread.
    pub const fn may_count(&self) -> bool {
        self.countable.is_some() && !self.replied
    }

    /// May the host give the rest of the upstream's body to the client itself? Only in passthrough, and only if nobody
    /// wants to know how it ends: neither a report nor a count of what is in flight.
    pub fn may_hand_through(&self) -> bool {
        let waiting = matches!(self.state, State::Body(_)) && self.steps.is_empty();
        let watched = self.catalog.capture.is_some() || self.catalog.passthrough.is_counted();
        waiting && self.planned.is_none() && self.replied && !watched
    }

    fn deadline(&self) -> Timestamp {
        let total = self.record.started + self.catalog.timeouts.total;
        match &self.state {
            State::Head => total.min(self.sent_at + self.first_byte),
            State::Body(replying) => total.min(replying.deadline(&self.catalog.timeouts, self.replied)),
            State::Done | State::Recalling(_) => total,
        }
    }

    fn in_head(&mut self, input: Input, now: Timestamp) {
        match input {
            Input::UpstreamHead(parts) => self.on_head(parts, now),
            Input::UpstreamFailed(error) => self.on_unreachable(&error, now),
            Input::ClientGone => self.finish(Outcome::ClientGone, true, now),
            Input::Deadline => {
                self.state = State::Head;
                if now >= self.deadline() {
                    self.fail(&timeout("the upstream did not answer in time"), Outcome::UpstreamTimeout, now);
                }
            }
            Input::UpstreamChunk(_) | Input::UpstreamEnd | Input::HandedThrough | Input::Recalled(_) => {
                self.fail(
                    &bad_answer("the upstream sent a body before its head; please report this as a bug"),
                    Outcome::BadAnswer,
                    now,
                );
            }
        }
    }

    fn on_head(&mut self, mut parts: response::Parts, now: Timestamp) {
        // The upstream has the request: no second attempt, and its body need not be kept.
        self.resend = None;
        self.record.upstream_status = Some(parts.status.as_u16());
        self.trace(|| redact::head(&format!("upstream answered {}", parts.status), &parts.headers));
        let since = now.since(self.record.started);
        self.record.upstream_head = Some(since);
        if let Some(attempt) = self.record.attempts.last_mut() {
            attempt.head = Some(since);
            attempt.status = self.record.upstream_status;
        }
        self.record.upstream_request_id = UPSTREAM_IDS
            .iter()
            .find_map(|name| parts.headers.get(name))
            .and_then(|v| v.to_str().ok())
            .map(crate::refusal::echo);
        if let Some(planned) = self.planned.as_mut().filter(|_| self.record.via == Some(Via::Cloudflare.as_str())) {
            planned.bill.head(&parts.headers);
        }
        let planned = self.planned.as_ref();
        let through = planned.is_none();
        // Redirects are never followed: they could lead a key elsewhere.
        if planned.is_some() && parts.status.is_redirection() && parts.status != StatusCode::NOT_MODIFIED {
            let failure = Failure::gateway(
                ErrorKind::BadAnswer,
                StatusCode::BAD_GATEWAY,
                "upstream_redirect",
                format!(
                    "the provider answered with a redirect ({}), which is not followed; check its base URL",
                    parts.status.as_u16()
                ),
            );
            self.fail(&failure, Outcome::BadAnswer, now);
            return;
        }
        // A count can be had without the provider. What is wrong with the request itself, it says itself.
        let unable = matches!(parts.status.as_u16(), 404 | 405 | 429 | 500..);
        let foreign = parts.status.as_u16() >= 400 && planned.is_some_and(|p| p.translation.is_some());
        if (unable || foreign) && self.estimate_instead(now) {
            return;
        }
        let planned = self.planned.as_ref();
        let form = Form::choose(&parts, planned, &self.dressing(now));
        headers::toward_client(&mut parts.headers, planned.is_some_and(|p| p.translation.is_some()));
        // Only status and headers are told; the version is the client's own connection's.
        parts.version = Version::default();
        parts.extensions.clear();
        self.dress(&mut parts.headers);
        match form {
            Ok((form, inflate)) => {
                let replying = Replying::new(parts, form, inflate, self.planned.as_ref(), now);
                // Passthrough adds nothing, not even a wait. An answer to HEAD has no body to wait with.
                let commit = through && self.record.method != "HEAD";
                self.state = State::Body(Box::new(replying));
                self.go_on(Progressed { commit, ..Progressed::default() }, now);
            }
            Err(failure) => self.fail(&failure, Outcome::BadAnswer, now),
        }
    }

    fn in_body(&mut self, mut replying: Box<Replying>, input: Input, now: Timestamp) {
        let progressed = match input {
            Input::UpstreamChunk(chunk) => {
                self.record.upstream_bytes += chunk.len() as u64;
                replying.chunk(chunk, now)
            }
            Input::UpstreamEnd => replying.end(now),
            Input::Deadline => {
                let total = now >= self.record.started + self.catalog.timeouts.total;
                replying.deadline_passed(&self.catalog.timeouts, total, self.replied, now)
            }
            Input::UpstreamFailed(error) => {
                self.record.error = Some(error.kind.as_str().to_owned());
                self.record.detail = Some(error.detail.clone());
                self.attempt_over(now, Some(error.kind));
                replying.broke_off(&error)
            }
            Input::ClientGone => {
                self.take_facts(&mut replying, now);
                self.finish(Outcome::ClientGone, true, now);
                return;
            }
            Input::HandedThrough => {
                self.finish(Outcome::Relayed, false, now);
                return;
            }
            Input::UpstreamHead(_) | Input::Recalled(_) => Progressed::default(),
        };
        self.state = State::Body(replying);
        self.go_on(progressed, now);
    }

    /// Turns what a piece of the reply led to into steps.
    fn go_on(&mut self, progressed: Progressed, now: Timestamp) {
        let State::Body(mut replying) = std::mem::replace(&mut self.state, State::Done) else { return };
        self.take_facts(&mut replying, now);
        if let Some((failure, outcome)) = progressed.failure {
            self.record
                .error
                .get_or_insert_with(|| failure.code.clone().unwrap_or_else(|| failure.kind.as_str().to_owned()));
            if !self.replied {
                self.fail_with(&failure, replying.error_head(), outcome, now);
                return;
            }
            self.emit(progressed.out);
            if let Some(last_words) = replying.fail(&failure, &self.record.request_id) {
                self.emit(last_words.into());
            }
            self.finish(outcome, true, now);
            return;
        }
        let complete = progressed.done == Some(Outcome::Completed);
        self.keep(&mut replying, now);
        if let Some(mut whole) = progressed.whole {
            if complete && !is_stream(&whole.parts.headers) {
                bill::tell(self.cost(true), &mut whole.parts.headers);
            }
            self.reply(whole.parts, now);
            self.emit(whole.body);
        } else {
            if progressed.commit && !self.replied {
                let mut head = replying.take_head();
                // One that goes out before its cost is known says nothing of it, unless no cost will come.
                let open = self.planned.as_ref().is_some_and(|p| p.bill.is_open(head.status));
                if replying.is_whole() && (complete || !open) && is_json(&head.headers) {
                    bill::tell(self.cost(complete), &mut head.headers);
                }
                self.reply(head, now);
            }
            self.emit(progressed.out);
        }
        match progressed.done {
            Some(outcome) => self.finish(outcome, false, now),
            None => self.state = State::Body(replying),
        }
    }

    fn take_facts(&mut self, replying: &mut Replying, now: Timestamp) {
        if let Some(named) = replying.take_named() {
            self.record.response_id = Some(named.id).filter(|id| !id.is_empty());
            self.record.response_model = Some(named.model).filter(|model| !model.is_empty());
        }
        if self.record.first_content.is_none() && replying.content() {
            self.record.first_content = Some(now.since(self.record.started));
        }
        let (usage, stop) = replying.facts();
        self.record.usage.merge(&usage);
        self.record.stop = stop.or(self.record.stop);
    }

    /// What the exchange costs, as far as it is known now.
    fn cost(&self, complete: bool) -> Cost {
        let Record { upstream_status, usage, stop, .. } = &*self.record;
        let complete = complete || stop.is_some();
        self.planned.as_ref().map_or(Cost::NotApplicable, |p| p.bill.cost(*upstream_status, usage, complete))
    }

    /// Adds a line to the debug trace, if there is one.
    fn trace(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.record.trace {
            trace.push('\n');
            trace.push_str(&line());
        }
    }

    /// A failure that the client gets as a whole reply, or as the last words of a stream.
    fn fail(&mut self, failure: &Failure, outcome: Outcome, now: Timestamp) {
        self.record
            .error
            .get_or_insert_with(|| failure.code.clone().unwrap_or_else(|| failure.kind.as_str().to_owned()));
        self.fail_with(failure, HeaderMap::new(), outcome, now);
    }

    fn fail_with(&mut self, failure: &Failure, upstream: HeaderMap, outcome: Outcome, now: Timestamp) {
        if failure.status.is_server_error() && self.estimate_instead(now) {
            return;
        }
        let Whole { mut parts, body } = reply::fail(failure, self.dialect, &self.record.request_id);
        // The upstream's rate-limit headers and ids stay useful; what we say about the reply wins.
        let ours = std::mem::replace(&mut parts.headers, upstream);
        for (name, value) in &ours {
            parts.headers.insert(name, value.clone());
        }
        self.dress(&mut parts.headers);
        self.reply(parts, now);
        self.emit(body);
        self.finish(outcome, false, now);
    }

    /// Answers with an estimate, if a count was asked for. Is the exchange over?
    fn estimate_instead(&mut self, now: Timestamp) -> bool {
        let Some(body) = self.countable.take().filter(|_| !self.replied) else { return false };
        let text = std::str::from_utf8(&body).unwrap_or_default();
        self.estimated(count::estimate(self.dialect, text), now);
        true
    }

    fn reply(&mut self, parts: response::Parts, now: Timestamp) {
        self.replied = true;
        self.record.status = parts.status.as_u16();
        self.record.first_byte = Some(now.since(self.record.started));
        self.record.capture.reply(&parts);
        self.steps.push_back(Step::Reply(parts));
    }

    fn emit(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.record.response_bytes += bytes.len() as u64;
            self.record.capture.response(&bytes);
            self.steps.push_back(Step::Emit(bytes));
        }
    }

    fn finish(&mut self, outcome: Outcome, abort: bool, now: Timestamp) {
        self.state = State::Done;
        self.record.outcome = outcome;
        self.record.duration = now.since(self.record.started);
        self.record.cost = self.cost(outcome == Outcome::Completed);
        if !self.replied {
            self.record.status = 499;
        }
        self.attempt_over(now, None);
        if let Some(body) = self.request_body.take() {
            self.record.request_bytes = body.total();
        }
        let own = self.planned.iter().filter_map(|p| p.own_key.as_ref()).map(|key| key.expose().to_owned());
        let own: Vec<String> = own.collect();
        self.record.mask_texts(&self.catalog.masks, &own);
        let record = std::mem::take(&mut self.record);
        self.steps.push_back(Step::Finish { record, abort });
    }
}

/// Where an upstream's own id of a request stands, the most telling first.
static UPSTREAM_IDS: [HeaderName; 5] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
    HeaderName::from_static("cf-aig-log-id"),
    HeaderName::from_static("apim-request-id"),
    HeaderName::from_static("cf-ray"),
];
