//! What happened, once per exchange. Every report (log line, metric, trace) is derived from it.

pub mod line;

use std::time::Duration;

use crate::dialect::Dialect;
use crate::hub::{StopReason, Usage};
use crate::time::Timestamp;

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
    pub stream: bool,
    /// Status sent to the client; 499 if it left before there was one.
    pub status: u16,
    pub upstream_status: Option<u16>,
    pub upstream_request_id: Option<String>,
    pub attempts: u8,
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
    pub usage: Usage,
    pub stop: Option<StopReason>,
    /// As in `x-apex-adjustments`.
    pub adjustments: Option<String>,
}

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
    /// Handed through without being looked at.
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
}
