//! Attempts to get an answer from the upstream: the request as it is sent, and sent again.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri};

use super::failure::transport_failure;
use super::{Body, Exchange, Outgoing, Reach, State, Step, TransportError, TransportErrorKind};
use crate::record::Attempt;
use crate::redact;
use crate::time::Timestamp;
use crate::trace_context::{TRACEPARENT, TRACESTATE};
use crate::url::Origin;

/// Attempts in all: one, and one more when a kept-alive connection turned out to be dead.
const MAX_ATTEMPTS: usize = 2;

/// A request that can be sent again.
#[derive(Debug)]
pub(super) struct Resend {
    origin: Origin,
    method: Method,
    uri: Uri,
    /// As a list: nothing is looked up in it, and it is seldom needed.
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    reach: Reach,
}

impl Resend {
    /// What can be sent again of `outgoing`; not the client's own body on its way through.
    pub(super) fn of(outgoing: &Outgoing) -> Option<Self> {
        let Body::Bytes(body) = &outgoing.body else { return None };
        let head = &outgoing.head;
        Some(Self {
            origin: outgoing.origin.clone(),
            method: head.method.clone(),
            uri: head.uri.clone(),
            headers: head.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            body: body.clone(),
            reach: outgoing.reach,
        })
    }

    fn outgoing(self) -> Outgoing {
        let (mut head, ()) = http::Request::new(()).into_parts();
        (head.method, head.uri) = (self.method, self.uri);
        head.headers.reserve(self.headers.len());
        for (name, value) in self.headers {
            head.headers.append(name, value);
        }
        Outgoing { origin: self.origin, head, body: Body::Bytes(self.body), reach: self.reach }
    }
}

impl Exchange {
    pub(super) fn send(&mut self, mut outgoing: Outgoing, now: Timestamp) {
        // A passthrough goes on as it came.
        if let Some(span) = self.record.span.filter(|_| self.planned.is_some()) {
            let headers = &mut outgoing.head.headers;
            if let Some(parent) = span.header(self.record.attempts.len()) {
                headers.insert(TRACEPARENT, parent);
            }
            if self.record.parent.is_none() {
                // What a broken context says of its trace is void (W3C Trace Context, 4.3).
                headers.remove(TRACESTATE);
            }
        }
        self.trace(|| {
            redact::head(
                &format!("upstream {} {}", outgoing.head.method, redact::uri(&outgoing.head.uri)),
                &outgoing.head.headers,
            )
        });
        let (target, started) = (target(&outgoing), now.since(self.record.started));
        self.record.attempts.push(Attempt { started, target, ..Attempt::default() });
        self.sent_at = now;
        self.state = State::Head;
        self.steps.push_back(Step::Send(Box::new(outgoing)));
    }

    pub(super) fn on_unreachable(&mut self, error: &TransportError, now: Timestamp) {
        self.attempt_over(now, Some(error.kind));
        if error.stale
            && self.record.attempts.len() < MAX_ATTEMPTS
            && let Some(resend) = self.resend.take()
        {
            self.send(resend.outgoing(), now);
            return;
        }
        self.record.error = Some(error.kind.as_str().to_owned());
        self.record.detail = Some(error.detail.clone());
        let (failure, outcome) = transport_failure(error);
        self.fail(&failure, outcome, now);
    }

    /// The latest attempt is over, if it was not yet.
    pub(super) fn attempt_over(&mut self, now: Timestamp, error: Option<TransportErrorKind>) {
        let since = now.since(self.record.started);
        if let Some(attempt) = self.record.attempts.last_mut().filter(|attempt| attempt.ended.is_none()) {
            attempt.ended = Some(since);
            attempt.error = error.map(TransportErrorKind::as_str);
        }
    }
}

/// Origin and path of a request; queries carry keys.
fn target(outgoing: &Outgoing) -> String {
    let uri = &outgoing.head.uri;
    let scheme = if outgoing.origin.secure { "https://" } else { "http://" };
    match uri.authority() {
        Some(authority) => [scheme, authority.as_str(), uri.path()].concat(),
        None => [scheme, &outgoing.origin.authority(), uri.path()].concat(),
    }
}
