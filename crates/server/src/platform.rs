//! The native host: tokio's clock and threads, the system's randomness, our own HTTP client.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use apex_core::catalog::Catalog;
use apex_core::exchange::{Outgoing, TransportError};
use apex_core::record::Record;
use apex_core::time::{Seed, Timestamp};
use apex_service::{Gauge, OutgoingBody, Platform};
use arc_swap::ArcSwap;
use http::response;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio_rustls::TlsAcceptor;

use crate::client::{self, Client, UpstreamBody};
use crate::config::{Loaded, Network};
use crate::metrics::Metrics;
use crate::replies::Replies;
use crate::report::Reports;
use crate::watch::Connections;

/// What all threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The configuration as of now; a request keeps the one it began with.
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) gauge: Gauge,
    /// Connections to upstreams.
    pub(crate) upstream: Arc<client::Counts>,
    pub(crate) metrics: Arc<Metrics>,
    /// Where this server listens.
    pub(crate) own: SocketAddr,
    pub(crate) reports: Reports,
    pub(crate) clock: Clock,
    pub(crate) replies: Replies,
    /// Runs what would hold up the thread of a connection.
    pub(crate) offload: Handle,
}

/// One configuration, ready for use.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) network: Arc<Network>,
    pub(crate) tls: Option<TlsAcceptor>,
}

impl Snapshot {
    pub(crate) fn new(loaded: &Loaded) -> Self {
        Self { catalog: loaded.catalog.clone(), network: loaded.network.clone(), tls: loaded.bind.tls.clone() }
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("catalog", &self.catalog).finish_non_exhaustive()
    }
}

/// One thread of the native server.
#[derive(Clone, Debug)]
pub(crate) struct Native(Rc<Thread>);

#[derive(Debug)]
struct Thread {
    shared: Arc<Shared>,
    client: Client,
    connections: Rc<Connections>,
    seeds: RefCell<Seeds>,
}

impl Native {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let (client, connections) = (Client::new(shared.upstream.clone()), Rc::new(Connections::new()));
        Self(Rc::new(Thread { shared, client, connections, seeds: RefCell::default() }))
    }

    pub(crate) fn connections(&self) -> &Rc<Connections> {
        &self.0.connections
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.0.shared.snapshot.load().catalog.clone()
    }

    pub(crate) fn tls(&self) -> Option<TlsAcceptor> {
        self.0.shared.snapshot.load().tls.clone()
    }
}

impl Platform for Native {
    type ClientBody = Incoming;
    type Upstream = UpstreamBody;
    type Sleep = Sleep;
    type Store = Replies;

    fn now(&self) -> Timestamp {
        self.0.shared.clock.now()
    }

    fn seed(&self) -> Seed {
        self.0.seeds.borrow_mut().next()
    }

    fn sleep(&self) -> Sleep {
        Sleep { clock: self.0.shared.clock, armed: None }
    }

    async fn send(
        &self,
        outgoing: Box<Outgoing>,
        body: OutgoingBody<Incoming>,
    ) -> Result<(response::Parts, UpstreamBody), TransportError> {
        let network = self.0.shared.snapshot.load().network.clone();
        self.0.client.send(outgoing, body, &network, self.0.shared.own).await
    }

    fn is_client_gone(error: &hyper::Error) -> bool {
        !client::is_broken_framing(error)
    }

    async fn offload<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        match self.0.shared.offload.spawn_blocking(job).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                // The job's fault is its request's fault, as if it had run here.
                Ok(panic) => resume_unwind(panic),
                // Only when the process ends.
                Err(_) => std::future::pending().await,
            },
        }
    }

    fn report(&self, record: Box<Record>) {
        self.0.shared.reports.put(record);
    }

    fn metrics(&self) -> String {
        self.0.shared.metrics.text(&self.0.shared)
    }

    fn gauge(&self) -> &Gauge {
        &self.0.shared.gauge
    }

    fn store(&self) -> &Replies {
        &self.0.shared.replies
    }
}

/// The wall clock as of the start, carried on by a monotonic one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    wall: Duration,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), wall }
    }

    pub(crate) fn now(self) -> Timestamp {
        micros(self.wall + self.start.elapsed())
    }

    fn instant(self, at: Timestamp) -> Instant {
        self.start + at.since(micros(self.wall))
    }
}

fn micros(since_epoch: Duration) -> Timestamp {
    Timestamp::from_micros(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
}

/// A timer that is set anew only when it fires, or when it would fire too late.
#[derive(Debug)]
pub(crate) struct Sleep {
    clock: Clock,
    armed: Option<(Timestamp, Pin<Box<tokio::time::Sleep>>)>,
}

impl apex_service::Sleep for Sleep {
    fn poll_until(&mut self, deadline: Timestamp, cx: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock;
        let at = |deadline| tokio::time::Instant::from_std(clock.instant(deadline));
        let (armed, sleep) =
            self.armed.get_or_insert_with(|| (deadline, Box::pin(tokio::time::sleep_until(at(deadline)))));
        if deadline < *armed {
            *armed = deadline;
            sleep.as_mut().reset(at(deadline));
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if clock.now() >= deadline {
                return Poll::Ready(());
            }
            *armed = deadline;
            sleep.as_mut().reset(at(deadline));
        }
    }
}

/// Random bits, drawn from the system many at a time.
#[derive(Debug)]
struct Seeds {
    drawn: [u8; 1024],
    used: usize,
}

impl Default for Seeds {
    fn default() -> Self {
        Self { drawn: [0; 1024], used: 1024 }
    }
}

impl Seeds {
    fn next(&mut self) -> Seed {
        if self.used >= self.drawn.len() {
            if let Err(error) = getrandom::fill(&mut self.drawn) {
                tracing::error!(%error, "the system has no randomness: request ids may repeat");
            }
            self.used = 0;
        }
        let bits = self.drawn.get(self.used..).and_then(|rest| rest.first_chunk::<16>()).copied().unwrap_or_default();
        self.used += 16;
        Seed(u128::from_le_bytes(bits))
    }
}

#[cfg(test)]
mod tests {
    use apex_service::Sleep as _;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_deadline_can_move_both_ways() {
        let clock = Clock::new();
        let mut sleep = Sleep { clock, armed: None };
        let start = clock.now();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(sleep.poll_until(start + Duration::from_secs(60), &mut cx).is_pending());
        // Earlier: must not wait for what was armed.
        let soon = start + Duration::from_millis(20);
        std::future::poll_fn(|cx| sleep.poll_until(soon, cx)).await;
        assert!(clock.now() >= soon);
        // Later: fires at the old time, and goes on.
        let later = clock.now() + Duration::from_millis(20);
        std::future::poll_fn(|cx| sleep.poll_until(later, cx)).await;
        assert!(clock.now() >= later && clock.now().since(start) < Duration::from_secs(30));
    }

    #[test]
    fn seeds_differ() {
        let mut seeds = Seeds::default();
        let drawn: Vec<Seed> = (0..200).map(|_| seeds.next()).collect();
        assert!(drawn.iter().enumerate().all(|(i, seed)| drawn.iter().skip(i + 1).all(|other| other != seed)));
    }
}
