//! What an exchange is told and what it asks for.

use bytes::Bytes;
use http::{request, response};

use crate::record::Record;
use crate::stored::{Ask, Kept};
use crate::time::Timestamp;
use crate::url::Origin;

/// News for an exchange.
#[derive(Debug)]
pub enum Input {
    UpstreamHead(response::Parts),
    UpstreamChunk(Bytes),
    /// The upstream's body ended as its framing says.
    UpstreamEnd,
    UpstreamFailed(TransportError),
    /// The host gave the upstream's body to the client as it is, which [`Exchange::may_hand_through`] allowed.
    ///
    /// [`Exchange::may_hand_through`]: super::Exchange::may_hand_through
    HandedThrough,
    /// The time asked for by [`Step::Read`] has come.
    Deadline,
    /// What [`Step::Recall`] asked for, oldest first; nothing if it is not known.
    Recalled(Vec<Kept>),
    /// The client left; everything stops.
    ClientGone,
}

/// What to do next.
#[derive(Debug)]
pub enum Step {
    /// Open an exchange with the upstream; answer with `UpstreamHead` or `UpstreamFailed`.
    Send(Box<Outgoing>),
    /// Wait for the upstream (its head after `Send`, else its body), at the longest until then.
    Read { until: Timestamp },
    /// The head for the client; given once, before any `Emit`.
    Reply(response::Parts),
    /// Bytes for the client.
    Emit(Bytes),
    /// Look up replies that were kept; answer with `Recalled`. Only before anything is sent.
    Recall(Box<Ask>),
    /// Keep a reply. Asked before its last bytes are given out, so that the client can name it at once.
    Keep(Box<Kept>),
    /// It is over. If `abort`, the client's connection is broken off, because the reply is not whole.
    Finish { record: Box<Record>, abort: bool },
}

/// A request for an upstream.
#[derive(Debug)]
pub struct Outgoing {
    pub origin: Origin,
    /// Method, URI in absolute form, headers (with `host`, without framing headers).
    pub head: request::Parts,
    pub body: Body,
    pub reach: Reach,
}

/// Body of a request for an upstream.
#[derive(Debug)]
pub enum Body {
    Bytes(Bytes),
    /// The client's own body, streamed with backpressure, after what was read of it already.
    Client {
        prefix: Bytes,
    },
}

/// Which addresses a connection may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Wherever the configuration says: the operator named the host.
    Configured,
    /// The built-in mock: no connection at all.
    Mock,
    /// Public addresses only: a client named the host.
    Public,
}

/// Why an upstream could not be reached or broke off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", .kind.as_str())]
pub struct TransportError {
    pub kind: TransportErrorKind,
    /// The connection had served a request before, and no byte of a response came: the peer had probably closed it.
    pub stale: bool,
    /// For the log, never for the client.
    pub detail: String,
}

/// Kinds of transport errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// The client's request body could not be read.
    ClientBody,
    /// Refused, unreachable, or too slow to connect.
    Connect,
    /// The name does not resolve.
    Dns,
    /// The address filter refused every address.
    Forbidden,
    /// Not HTTP, or broken framing.
    Protocol,
    /// The connection broke.
    Reset,
    Timeout,
    Tls,
}

impl TransportErrorKind {
    /// Its name in records; stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientBody => "client_body",
            Self::Connect => "connect",
            Self::Dns => "dns",
            Self::Forbidden => "address_forbidden",
            Self::Protocol => "protocol",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
        }
    }
}
