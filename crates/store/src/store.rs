//! The handle of the log that is written, and its bounds.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SendError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use apex_core::record::{Attempt, Record};

use crate::retain::Retention;
use crate::writer::Writer;

/// The request log of this process. Records go in without waiting, and are written by a thread of its own.
#[derive(Debug)]
pub struct Store {
    sender: Sender<Message>,
    shared: Arc<Shared>,
    writer: JoinHandle<()>,
}

impl Store {
    /// Starts the log in the data directory `dir`, which is opened on the log's thread: nothing waits for it, and
    /// what is wrong with it is told in the operator's log.
    pub fn start(dir: PathBuf, retention: Retention) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        shared.retain(retention);
        let (sender, messages) = channel();
        let writer = Writer::new(dir, messages, shared.clone());
        let writer = thread::Builder::new().name("requests".to_owned()).spawn(move || writer.run())?;
        Ok(Self { sender, shared, writer })
    }

    /// Takes a record, unless there are too many that were not written yet. Never waits.
    pub fn put(&self, record: Arc<Record>) {
        if self.shared.produce(&record)
            && let Err(SendError(Message::Record(record))) = self.sender.send(Message::Record(record))
        {
            self.shared.dropped(&record);
        }
    }

    /// From now on.
    pub fn retain(&self, retention: Retention) {
        self.shared.retain(retention);
    }

    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }

    /// Writes what is left, and closes the file. What cannot be written at the first try is lost, and counted.
    pub fn finish(self) -> Counts {
        // If the thread ended by itself there is nothing to tell it.
        let _ = self.sender.send(Message::End);
        let _ = self.writer.join();
        self.shared.counts()
    }
}

/// What became of the records: `produced = delivered + dropped + queued`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub produced: u64,
    /// In the database.
    pub delivered: u64,
    /// Lost: there were too many, or the file could not be written until the end.
    pub dropped: u64,
    /// On their way.
    pub queued: u64,
}

#[derive(Debug)]
pub(crate) enum Message {
    End,
    Record(Arc<Record>),
}

/// What both sides of the queue count.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    produced: AtomicU64,
    delivered: AtomicU64,
    dropped: AtomicU64,
    queued: AtomicU64,
    bytes: AtomicU64,
    /// Microseconds.
    max_age: AtomicU64,
    max_size: AtomicU64,
    bodies: AtomicBool,
}

impl Shared {
    pub(crate) fn retain(&self, retention: Retention) {
        let micros = u64::try_from(retention.max_age.as_micros()).unwrap_or(u64::MAX);
        self.max_age.store(micros, Ordering::Relaxed);
        self.max_size.store(retention.max_size, Ordering::Relaxed);
        self.bodies.store(retention.bodies, Ordering::Relaxed);
    }

    pub(crate) fn retention(&self) -> Retention {
        Retention {
            max_age: Duration::from_micros(self.max_age.load(Ordering::Relaxed)),
            max_size: self.max_size.load(Ordering::Relaxed),
            bodies: self.bodies.load(Ordering::Relaxed),
        }
    }

    /// A record is there. Is there room for it? If not it is dropped.
    pub(crate) fn produce(&self, record: &Record) -> bool {
        let weight = weight(record);
        self.produced.fetch_add(1, Ordering::Relaxed);
        let bytes = self.bytes.fetch_add(weight, Ordering::Relaxed);
        let queued = self.queued.fetch_add(1, Ordering::Relaxed);
        let fits = queued < MAX_QUEUED && bytes.saturating_add(weight) <= MAX_BYTES;
        if !fits {
            self.dropped(record);
        }
        fits
    }

    fn release(&self, weight: u64) {
        self.bytes.fetch_sub(weight, Ordering::Relaxed);
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn delivered(&self, record: &Record) {
        self.release(weight(record));
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn dropped(&self, record: &Record) {
        self.release(weight(record));
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            produced: self.produced.load(Ordering::Relaxed),
            delivered: self.delivered.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            queued: self.queued.load(Ordering::Relaxed),
        }
    }
}

/// About what a record takes in memory. Everything of unbounded length counts.
fn weight(record: &Record) -> u64 {
    let texts = [
        Some(&record.request_id),
        Some(&record.method),
        Some(&record.path),
        record.label.as_ref(),
        record.user_agent.as_ref(),
        record.provider.as_ref(),
        record.client_model.as_ref(),
        record.upstream_model.as_ref(),
        record.upstream_request_id.as_ref(),
        record.response_id.as_ref(),
        record.response_model.as_ref(),
        record.error.as_ref(),
        record.detail.as_ref(),
        record.trace.as_ref(),
        record.adjustments.as_ref(),
    ];
    let text: usize = texts.into_iter().flatten().map(String::len).sum();
    let attempts: usize = record.attempts.iter().map(|attempt| size_of::<Attempt>() + attempt.target.len()).sum();
    let captured = record.capture.shown().map_or(0, |shown| {
        let texts = [&shown.target, &shown.request_head, &shown.request.text, &shown.response_head];
        texts.map(String::len).iter().sum::<usize>() + shown.response.text.len()
    });
    (size_of::<Record>() + text + attempts + captured) as u64
}

/// Records that may wait: some seconds of a busy gateway, or hours of a quiet one.
const MAX_QUEUED: u64 = 16 << 10;
const MAX_BYTES: u64 = 32 << 20;
