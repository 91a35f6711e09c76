//! Metrics for Prometheus, derived from the records of exchanges on the reporting thread, and from what the gateway's
//! parts count anyway. No metric is counted on an answer's path.

mod family;
mod listener;
mod names;
mod state;

pub(crate) use listener::serve;
pub(crate) use names::route;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use apex_core::record::Record;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use crate::platform::{Shared, Snapshot};
use crate::report::{Ledger, Sink};
use family::Families;
use names::Names;

/// What was counted so far.
pub(crate) struct Metrics {
    registry: Registry,
    families: Families,
    names: Mutex<Names>,
    /// Configurations so far, the first one included.
    version: AtomicU64,
    refused: AtomicU64,
    started: f64,
}

impl Metrics {
    pub(crate) fn new() -> Arc<Self> {
        let mut registry = Registry::default();
        let families = Families::register(&mut registry);
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let (names, version, refused) = (Mutex::default(), AtomicU64::new(1), AtomicU64::new(0));
        Arc::new(Self { registry, families, names, version, refused, started })
    }

    /// A new configuration is in force, or was refused.
    pub(crate) fn reloaded(&self, taken: bool) {
        let count = if taken { &self.version } else { &self.refused };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything, as Prometheus reads it.
    pub(crate) fn text(&self, shared: &Shared) -> String {
        let mut out = String::with_capacity(32 << 10);
        let mut now = Registry::default();
        now.register_collector(Box::new(state::State::read(self, shared)));
        // Writing into memory cannot fail.
        let _ = text::encode_registry(&mut out, &self.registry);
        let _ = text::encode_registry(&mut out, &now);
        let _ = text::encode_eof(&mut out);
        out
    }

    fn count(&self, record: &Record) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let names = names.of(record);
        self.families.count(record, &names);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Counts the records.
#[derive(Debug)]
pub(crate) struct Counter {
    ledger: Arc<Ledger>,
    metrics: Arc<Metrics>,
}

impl Counter {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { ledger: Ledger::new("metrics"), metrics }
    }
}

impl Sink for Counter {
    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn configure(&mut self, snapshot: &Snapshot) {
        self.ledger.switch(snapshot.catalog.metrics.enabled);
    }

    fn take(&mut self, record: &Arc<Record>) {
        self.ledger.produce(1);
        self.metrics.count(record);
        self.ledger.deliver(1);
    }
}
