//! What a host must provide.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::task::{Context, Poll};

use apex_core::exchange::{Outgoing, TransportError};
use apex_core::record::Record;
use apex_core::time::{Seed, Timestamp};
use bytes::Bytes;
use http::response;
use http_body::Body;

use crate::OutgoingBody;

/// The host of the gateway: the native server or the Worker. Cheap to clone; one thread only.
pub trait Platform: Clone + Unpin + 'static {
    /// The client's request body.
    type ClientBody: Body<Data = Bytes, Error: fmt::Display> + Unpin + 'static;
    /// The body of an upstream's reply.
    type Upstream: Upstream + Unpin + 'static;
    type Sleep: Sleep + Unpin + 'static;

    fn now(&self) -> Timestamp;

    /// Fresh random bits.
    fn seed(&self) -> Seed;

    /// A timer for one exchange, not yet armed.
    fn sleep(&self) -> Self::Sleep;

    /// Sends a request and waits for the head of the reply. Follows no redirects, decodes no body, adds no header but
    /// the framing ones. Dropping the future, or the body it gave, cancels the request at once. `outgoing.body` is not
    /// to be read: `body` is the same, ready to send.
    fn send(
        &self,
        outgoing: Outgoing,
        body: OutgoingBody<Self::ClientBody>,
    ) -> impl Future<Output = Result<(response::Parts, Self::Upstream), TransportError>>;

    /// Runs CPU-bound work where it does not hold up other exchanges.
    fn offload<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = T>;

    /// Takes the record of a finished exchange; must not block.
    fn report(&self, record: Box<Record>);

    /// Counts of what is in flight, shared by all threads.
    fn gauge(&self) -> &Gauge;
}

/// The body of an upstream's reply.
pub trait Upstream {
    /// The next bytes; `None` at the end the framing promised.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>>;
}

/// A timer that is only re-armed when it fires: moving a deadline back costs nothing.
pub trait Sleep {
    /// Ready once `deadline` has passed.
    fn poll_until(&mut self, deadline: Timestamp, cx: &mut Context<'_>) -> Poll<()>;
}

/// Who sent a request, and over what.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// None where the host does not say.
    pub address: Option<IpAddr>,
}

/// Shared counters with limits: bytes buffered for all requests, passthrough exchanges in flight.
#[derive(Debug, Default)]
pub struct Gauge {
    /// Bytes of request bodies held in memory.
    pub buffered: std::sync::atomic::AtomicU64,
    /// Passthrough exchanges in flight, by client address.
    pub passthrough: std::sync::Mutex<std::collections::BTreeMap<Option<IpAddr>, u32>>,
    /// The host is going down: `/readyz` says so.
    pub draining: std::sync::atomic::AtomicBool,
}
