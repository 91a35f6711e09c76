//! Delivery of reports over HTTP, on a thread of its own: bounded, batched, retried, counted.
//!
//! Whoever is slow or down at the other end costs its own records, and nothing else. An entry counts as delivered when
//! the other side said that it took it; an answer that got lost means that it may be told twice.

mod courier;
mod post;
#[cfg(test)]
mod tests;
mod trouble;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use apex_core::url::Origin;
use http::request;
use tokio::sync::Notify;

use super::Ledger;
use crate::config::Network;

/// Where entries go, and how they are asked in.
#[derive(Clone)]
pub(crate) struct Destination {
    pub(crate) origin: Origin,
    pub(crate) head: request::Parts,
    pub(crate) network: Arc<Network>,
    pub(crate) wrap: Wrap,
}

/// The body of a request, from the entries of a batch.
pub(crate) type Wrap = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// How the other side is spoken to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    /// Stands between two entries.
    pub(crate) between: &'static [u8],
    /// Does the body of a good answer say that the entries were taken?
    pub(crate) accepted: fn(&[u8]) -> bool,
}

/// Bounds of a delivery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Entries that wait.
    pub(crate) waiting: usize,
    /// Their bytes.
    pub(crate) bytes: usize,
    /// Entries in one request.
    pub(crate) batch: usize,
    /// Bytes in one request, if more than one entry.
    pub(crate) batch_bytes: usize,
    /// How long the first entry of a batch waits for others.
    pub(crate) gather: Duration,
    /// For one request and its answer.
    pub(crate) answer: Duration,
    /// How long a batch is tried again.
    pub(crate) retry: Duration,
    /// Before the first retry; doubled each time, up to `longest_pause`.
    pub(crate) pause: Duration,
    pub(crate) longest_pause: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            waiting: 10_000,
            bytes: 32 << 20,
            batch: 250,
            batch_bytes: 4 << 20,
            gather: Duration::from_secs(1),
            answer: Duration::from_secs(10),
            retry: Duration::from_secs(60),
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(15),
        }
    }
}

/// Bytes of memory that are kept for the next entry.
const SCRATCH: usize = 16 << 10;

/// Takes entries and brings them to their destination.
#[derive(Debug)]
pub(crate) struct Delivery {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Where the next entry is written, before it is known to fit.
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Shared {
    ledger: Arc<Ledger>,
    manners: Manners,
    bounds: Bounds,
    queue: Mutex<Queue>,
    /// Something changed that the courier may be waiting for.
    news: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// Oldest first; only the last one grows.
    batches: VecDeque<Batch>,
    entries: usize,
    bytes: usize,
    destination: Option<Arc<Destination>>,
    /// Nothing more comes; until then the rest may be delivered.
    until: Option<Instant>,
}

/// Entries that go together, as they will be sent.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    entries: usize,
}

impl Queue {
    fn add(&mut self, entry: &[u8], shared: &Shared) {
        self.entries += 1;
        self.bytes += entry.len();
        if let Some(batch) = self.batches.back_mut().filter(|batch| shared.bounds.has_room(batch, entry.len())) {
            self.bytes += shared.manners.between.len();
            batch.bytes.extend_from_slice(shared.manners.between);
            batch.bytes.extend_from_slice(entry);
            batch.entries += 1;
            return;
        }
        if let Some(done) = self.batches.back_mut() {
            done.bytes.shrink_to_fit();
        }
        self.batches.push_back(Batch { bytes: entry.to_vec(), entries: 1 });
    }

    /// The batch that has waited longest.
    fn take(&mut self) -> Option<Batch> {
        let batch = self.batches.pop_front()?;
        self.entries -= batch.entries;
        self.bytes -= batch.bytes.len();
        Some(batch)
    }
}

impl Bounds {
    /// Has a batch room for an entry of this length?
    fn has_room(&self, batch: &Batch, length: usize) -> bool {
        batch.entries < self.batch && batch.bytes.len() + length <= self.batch_bytes
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // A thread that panicked with the lock held left a queue that is whole: entries go in and out one by one.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is there a batch that can grow no more?
    fn is_full(&self, queue: &Queue) -> bool {
        queue.batches.len() > 1 || queue.batches.front().is_some_and(|batch| !self.bounds.has_room(batch, 1))
    }
}

impl Delivery {
    pub(crate) fn new(ledger: Arc<Ledger>, manners: Manners, bounds: Bounds) -> Self {
        let (queue, news) = (Mutex::default(), Notify::new());
        let shared = Arc::new(Shared { ledger, manners, bounds, queue, news });
        Self { shared, thread: None, scratch: Vec::new() }
    }

    /// From now on entries go there. The thread starts with the first destination.
    pub(crate) fn aim(&mut self, destination: Destination) {
        self.shared.queue().destination = Some(Arc::new(destination));
        if self.thread.is_none() {
            let shared = self.shared.clone();
            let name = self.shared.ledger.name().to_owned();
            match thread::Builder::new().name(name).spawn(move || courier::run(&shared)) {
                Ok(thread) => self.thread = Some(thread),
                Err(error) => tracing::error!(%error, sink = self.shared.ledger.name(), "a thread could not start"),
            }
        }
    }

    /// Takes one entry, that stands for one record; an empty one is none. Never waits: what does not fit is counted.
    pub(crate) fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let shared = &*self.shared;
        let is_open = |queue: &Queue| queue.entries < shared.bounds.waiting && queue.until.is_none();
        // What is full already is not worth the writing.
        if self.thread.is_none() || !is_open(&shared.queue()) {
            shared.ledger.produce(1);
            shared.ledger.give_up(1);
            return;
        }
        self.scratch.clear();
        write(&mut self.scratch);
        let entry = self.scratch.as_slice();
        if entry.is_empty() {
            return;
        }
        shared.ledger.produce(1);
        let mut queue = shared.queue();
        if !is_open(&queue) || queue.bytes + entry.len() > shared.bounds.bytes {
            drop(queue);
            shared.ledger.give_up(1);
            return;
        }
        let (first, before) = (queue.entries == 0, shared.is_full(&queue));
        queue.add(entry, shared);
        let filled = !before && shared.is_full(&queue);
        drop(queue);
        if first || filled {
            shared.news.notify_one();
        }
        // One large entry is no reason to keep its room.
        self.scratch.shrink_to(SCRATCH);
    }

    /// Delivers what is left until then; the rest is dropped, and counted.
    pub(crate) fn finish(&mut self, until: Instant) {
        self.shared.queue().until = Some(until);
        self.shared.news.notify_one();
        if let Some(thread) = self.thread.take() {
            // It keeps to the time.
            let _ = thread.join();
        }
    }
}
