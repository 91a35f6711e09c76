//! What happened, once per exchange. Every report (log line, metric, trace) is derived from it.

pub mod line;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, request};

use crate::admit::{Arrival, PROVIDER, TYPE};
use crate::capture::{Capture, Masks};
use crate::catalog::Catalog;
use crate::cost::Cost;
use crate::dialect::Dialect;
use crate::hub::{StopReason, Usage};
use crate::redact;
use crate::refusal::echo;
use crate::reply::Whole;
use crate::time::Timestamp;
use crate::trace_context::{Span, TraceContext};

/// The facts of one exchange.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub request_id: String,
    pub started: Timestamp,
    pub duration: Duration,
    pub mode: Mode,
    pub method: String,
    /// Path of the request, without its query.
    pub path: String,
    /// `X-APEX-AI-PROXY-TYPE`, as the client labelled it.
    pub label: Option<String>,
    /// The client's address, where the host knows it.
    pub client: Option<IpAddr>,
    /// `user-agent`, its first 64 characters.
    pub user_agent: Option<String>,
    /// The trace the client's request is part of.
    pub parent: Option<TraceContext>,
    /// The gateway's own span, where traces are on.
    pub span: Option<Span>,
    pub client_dialect: Option<Dialect>,
    pub upstream_dialect: Option<Dialect>,
    /// Provider id, or the host in passthrough.
    pub provider: Option<String>,
    /// `direct`, `cloudflare` or `mock`.
    pub via: Option<&'static str>,
    /// Model as the client asked for it.
    pub client_model: Option<String>,
    /// Model as it was sent.
    pub upstream_model: Option<String>,
    /// What led from one to the other and to the provider: see [`crate::name::ModelRef`].
    pub resolved: Option<&'static str>,
    pub stream: bool,
    /// Status sent to the client; 499 if it left before there was one.
    pub status: u16,
    pub upstream_status: Option<u16>,
    pub upstream_request_id: Option<String>,
    /// What the upstream calls its reply.
    pub response_id: Option<String>,
    /// The model that answered, in the upstream's words.
    pub response_model: Option<String>,
    /// Every request that was sent for this one, in order.
    pub attempts: Vec<Attempt>,
    pub outcome: Outcome,
    /// Our code, or the upstream's, where it failed.
    pub error: Option<String>,
    /// What the transport said, with addresses; for the operator only.
    pub detail: Option<String>,
    /// With `debug`: heads as they came and went, credentials masked.
    pub trace: Option<String>,
    pub request_bytes: u64,
    pub upstream_bytes: u64,
    pub response_bytes: u64,
    /// From the start to the upstream's head.
    pub upstream_head: Option<Duration>,
    /// From the start to the first byte for the client.
    pub first_byte: Option<Duration>,
    /// Streams: from the start to the first event that says something.
    pub first_content: Option<Duration>,
    pub usage: Usage,
    pub cost: Cost,
    /// `cf-aig-custom-cost`, as the client sent it.
    pub custom_cost: Option<String>,
    pub stop: Option<StopReason>,
    /// As in `x-apex-adjustments`.
    pub adjustments: Option<String>,
    /// Heads and bodies, where a sink wants them.
    pub capture: Capture,
}

/// One request that was sent upstream. Times count from the start of the exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    pub started: Duration,
    /// The upstream's head was there.
    pub head: Option<Duration>,
    /// Its reply was over, or given up.
    pub ended: Option<Duration>,
    pub status: Option<u16>,
    /// The kind of transport error that ended it.
    pub error: Option<&'static str>,
    /// Origin and path, without query.
    pub target: String,
}

impl Record {
    /// What can be said of a request when its head is there.
    pub fn begin(head: &request::Parts, dialect: Dialect, arrival: &Arrival<'_>, catalog: &Catalog) -> Box<Self> {
        let headers = &head.headers;
        let trace = catalog.debug.then(|| {
            let title = format!("client {} {}", head.method, redact::uri(&head.uri));
            redact::head(&title, headers)
        });
        let parent = TraceContext::of(headers);
        let span = catalog.otel.as_ref().map(|o| Span::begin(arrival.request_id, parent.as_ref(), o.ratio));
        Box::new(Self {
            request_id: arrival.request_id.to_owned(),
            started: arrival.now,
            mode: if headers.contains_key(HeaderName::from_static(PROVIDER)) {
                Mode::Passthrough
            } else {
                Mode::Gateway
            },
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            label: named(headers, &HeaderName::from_static(TYPE)).map(|text| echo(&text)),
            client: arrival.client,
            user_agent: named(headers, &http::header::USER_AGENT).map(|text| echo(&text)),
            parent,
            span,
            client_dialect: Some(dialect),
            custom_cost: named(headers, &HeaderName::from_static("cf-aig-custom-cost"))
                .filter(|text| text.len() <= MAX_CUSTOM_COST)
                .map(Cow::into_owned),
            trace,
            capture: catalog.capture.as_ref().map_or(Capture::Off, |limits| Capture::begin(head, limits, catalog)),
            ..Self::default()
        })
    }

    /// The record of a request that was refused on its head alone.
    pub(crate) fn refuse(&mut self, code: &str, whole: &Whole, catalog: &Catalog) {
        self.status = whole.parts.status.as_u16();
        self.outcome = Outcome::Refused;
        self.error = Some(code.to_owned());
        self.response_bytes = whole.body.len() as u64;
        self.capture.reply(&whole.parts);
        self.capture.response(&whole.body);
        self.mask_texts(&catalog.masks, &[]);
    }

    /// What others said of an error may quote a key, and a head may carry one where none belongs.
    pub(crate) fn mask_texts(&mut self, masks: &Masks, own: &[String]) {
        let Self { response_id, response_model, error, detail, trace, .. } = self;
        for text in [response_id, response_model, error, detail, trace].into_iter().flatten() {
            masks.mask(text, own);
        }
    }

    /// Makes the record fit to be shown: bodies are put together, and no secret is left in them. Every host does this
    /// once, off the answer's path, before a sink sees the record.
    pub fn seal(mut self: Box<Self>) -> Arc<Self> {
        self.capture.seal(self.client_dialect);
        Arc::from(self)
    }
}

fn named<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<Cow<'h, str>> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()))
}

/// Longest `cf-aig-custom-cost` that is kept, in bytes.
const MAX_CUSTOM_COST: usize = 512;

/// How the request was routed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Gateway,
    Passthrough,
}

impl Mode {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Passthrough => "passthrough",
        }
    }
}

/// How an exchange ended: a closed set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// The client has the whole reply.
    Completed,
    /// The client left.
    #[default]
    ClientGone,
    /// The gateway refused the request.
    Refused,
    /// The upstream answered with an error, in its status or in band.
    UpstreamError,
    /// No connection, or it broke before a head came.
    UpstreamUnreachable,
    /// The upstream was silent for too long.
    UpstreamTimeout,
    /// The reply ended before it was complete.
    Truncated,
    /// The reply could not be understood.
    BadAnswer,
    /// The upstream's body was handed through unread: how it ended is not known. Duration and sizes stop at its head.
    Relayed,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::ClientGone => "client_gone",
            Self::Refused => "refused",
            Self::UpstreamError => "upstream_error",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::Truncated => "truncated",
            Self::BadAnswer => "bad_answer",
            Self::Relayed => "relayed",
        }
    }

    /// What it means, as the end of a sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Completed => "the client has the whole reply",
            Self::ClientGone => "the client left before the end",
            Self::Refused => "the gateway refused the request",
            Self::UpstreamError => "the upstream answered with an error",
            Self::UpstreamUnreachable => "there was no connection to the upstream, or it broke before a reply",
            Self::UpstreamTimeout => "the upstream was silent for too long",
            Self::Truncated => "the reply ended before it was complete",
            Self::BadAnswer => "the upstream's reply could not be understood",
            Self::Relayed => "the reply was handed through without being looked at",
        }
    }

    pub const ALL: [Self; 9] = [
        Self::Completed,
        Self::ClientGone,
        Self::Refused,
        Self::UpstreamError,
        Self::UpstreamUnreachable,
        Self::UpstreamTimeout,
        Self::Truncated,
        Self::BadAnswer,
        Self::Relayed,
    ];
}
