//! What a host must provide.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use apex_core::exchange::{Outgoing, TransportError};
use apex_core::record::Record;
use apex_core::stored::{Ask, Kept};
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
    type Store: Store;

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
        outgoing: Box<Outgoing>,
        body: OutgoingBody<Self::ClientBody>,
    ) -> impl Future<Output = Result<(response::Parts, Self::Upstream), TransportError>>;

    /// Did the client leave before the end of its body, rather than send one that cannot be read?
    fn is_client_gone(error: &<Self::ClientBody as Body>::Error) -> bool;

    /// Runs CPU-bound work where it does not hold up other exchanges.
    fn offload<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = T>;

    /// Takes the record of a finished exchange; must not block.
    fn report(&self, record: Box<Record>);

    /// What `/metrics` answers; asked only where the catalog says that it is served.
    fn metrics(&self) -> String {
        String::new()
    }

    /// Counts of what is in flight, shared by all threads.
    fn gauge(&self) -> &Gauge;

    /// Where replies are kept, if the catalog says that they are.
    fn store(&self) -> &Self::Store;
}

/// Keeps replies, so that later requests can go on from them. Bounded; what was kept may be forgotten at any time.
pub trait Store {
    /// Keeps a reply; must not block. What is kept before a `recall` is called is found by it.
    fn keep(&self, kept: Kept);

    /// What `ask` is about: a chain oldest first, one reply, or nothing.
    fn recall(&self, ask: Ask) -> impl Future<Output = Vec<Kept>>;
}

/// Keeps nothing.
impl Store for () {
    fn keep(&self, _: Kept) {}

    async fn recall(&self, _: Ask) -> Vec<Kept> {
        Vec::new()
    }
}

/// The body of an upstream's reply.
pub trait Upstream {
    /// The next bytes; `None` at the end the framing promised.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>>;

    /// Gives the whole body to the client as it is, unread and without the driver; asked before the first chunk. `false`
    /// where the host has no cheaper way than reading and writing.
    fn hand_through(&mut self) -> bool {
        false
    }
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
    buffered: AtomicU64,
    passthrough: Mutex<BTreeMap<Option<IpAddr>, u32>>,
    /// Exchanges under way.
    pub requests: AtomicU64,
    /// Those of them whose stream has begun.
    pub streams: AtomicU64,
    /// The host is shutting down: `/readyz` says so.
    pub draining: AtomicBool,
}

impl Gauge {
    /// Bytes of request bodies held in memory.
    pub fn buffered(&self) -> u64 {
        self.buffered.load(Ordering::Relaxed)
    }

    /// Reserves `bytes` more, unless all together would be over `limit`.
    pub(crate) fn reserve(&self, bytes: u64, limit: u64) -> bool {
        let before = self.buffered.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= limit;
        if !fits {
            self.release(bytes);
        }
        fits
    }

    pub(crate) fn release(&self, bytes: u64) {
        self.buffered.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Counts a passthrough exchange of `client` in, unless there are too many.
    pub(crate) fn enter(&self, client: Option<IpAddr>, per_client: u32, all: u32) -> bool {
        // A thread that panicked with the lock held left a map of plain numbers: still usable.
        let mut counts = self.passthrough.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.values().sum::<u32>() >= all || counts.get(&client).is_some_and(|n| *n >= per_client) {
            return false;
        }
        *counts.entry(client).or_default() += 1;
        true
    }

    pub(crate) fn leave(&self, client: Option<IpAddr>) {
        let mut counts = self.passthrough.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&client);
            }
        }
    }
}
