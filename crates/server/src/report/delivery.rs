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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use apex_core::url::Origin;
use http::request;
use tokio::sync::Notify;

use super::Ledger;
use crate::config::Network;

/// Where entries go, and how they are asked in.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) origin: Origin,
    pub(crate) head: request::Parts,
    pub(crate) network: Arc<Network>,
}

/// How entries become the body of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    pub(crate) before: &'static [u8],
    pub(crate) between: &'static [u8],
    pub(crate) after: &'static [u8],
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

/// Takes entries and brings them to their destination.
#[derive(Debug)]
pub(crate) struct Delivery {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    ledger: Arc<Ledger>,
    envelope: Envelope,
    bounds: Bounds,
    queue: Mutex<Queue>,
    /// Something changed that the courier may be waiting for.
    news: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Vec<u8>>,
    bytes: usize,
    destination: Option<Arc<Destination>>,
    /// Nothing more comes; until then the rest may be delivered.
    until: Option<Instant>,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // A thread that panicked with the lock held left a queue that is whole: entries go in and out one by one.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_full(&self, queue: &Queue) -> bool {
        queue.entries.len() >= self.bounds.batch || queue.bytes >= self.bounds.batch_bytes
    }
}

impl Delivery {
    pub(crate) fn new(ledger: Arc<Ledger>, envelope: Envelope, bounds: Bounds) -> Self {
        let (queue, news) = (Mutex::default(), Notify::new());
        Self { shared: Arc::new(Shared { ledger, envelope, bounds, queue, news }), thread: None }
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

    /// Takes one entry, that stands for one record. Never waits: what does not fit is counted.
    pub(crate) fn put(&self, entry: Vec<u8>) {
        let shared = &*self.shared;
        shared.ledger.produce(1);
        let mut queue = shared.queue();
        let fits = queue.entries.len() < shared.bounds.waiting && queue.bytes + entry.len() <= shared.bounds.bytes;
        if !fits || self.thread.is_none() || queue.until.is_some() {
            drop(queue);
            shared.ledger.give_up(1);
            return;
        }
        let (first, before) = (queue.entries.is_empty(), shared.is_full(&queue));
        queue.bytes += entry.len();
        queue.entries.push_back(entry);
        let filled = !before && shared.is_full(&queue);
        drop(queue);
        if first || filled {
            shared.news.notify_one();
        }
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
