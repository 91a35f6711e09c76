//! What became of the records of one sink, exactly: `produced = delivered + dropped + queued`, at every moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The counters of one sink.
#[derive(Debug)]
pub(crate) struct Ledger {
    name: &'static str,
    on: AtomicBool,
    produced: AtomicU64,
    delivered: AtomicU64,
    dropped: AtomicU64,
}

/// What a ledger says at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Records for this sink.
    pub(crate) produced: u64,
    /// The sink has them.
    pub(crate) delivered: u64,
    /// It never will.
    pub(crate) dropped: u64,
    /// Neither yet.
    pub(crate) queued: u64,
}

impl Ledger {
    pub(crate) fn new(name: &'static str) -> Arc<Self> {
        let zero = AtomicU64::default;
        Arc::new(Self { name, on: AtomicBool::new(false), produced: zero(), delivered: zero(), dropped: zero() })
    }

    /// The sink's name, as in metrics and the log.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Is the sink switched on? One that is off takes no records and loses none.
    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    pub(crate) fn switch(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    /// `n` records are there for the sink.
    pub(crate) fn produce(&self, n: u64) {
        self.produced.fetch_add(n, Ordering::AcqRel);
    }

    /// `n` of those produced are where they belong.
    pub(crate) fn deliver(&self, n: u64) {
        self.delivered.fetch_add(n, Ordering::AcqRel);
    }

    /// `n` of those produced are given up.
    pub(crate) fn give_up(&self, n: u64) {
        self.dropped.fetch_add(n, Ordering::AcqRel);
    }

    /// A record did not even get to the sink.
    pub(crate) fn lose(&self) {
        if self.is_on() {
            self.produce(1);
            self.give_up(1);
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        // In this order nothing is delivered or dropped that was not produced before.
        let (delivered, dropped) = (self.delivered.load(Ordering::Acquire), self.dropped.load(Ordering::Acquire));
        let produced = self.produced.load(Ordering::Acquire);
        Counts { produced, delivered, dropped, queued: produced.saturating_sub(delivered + dropped) }
    }
}
