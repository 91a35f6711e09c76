//! The request log: a row in the data directory for each exchange.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use apex_core::catalog::RequestLog;
use apex_core::record::Record;
use apex_store::{Counts, Retention, Store};

use super::{Ledger, Sink};
use crate::platform::Snapshot;

/// Hands records to the store, which writes them on a thread of its own.
#[derive(Debug)]
pub(crate) struct Requests {
    ledger: Arc<Ledger>,
    /// None if there is no place for it.
    dir: Option<PathBuf>,
    /// Not before it is switched on.
    store: Option<Store>,
    /// What of the store's counts is in the ledger.
    told: Counts,
}

impl Requests {
    pub(crate) fn new(dir: Option<PathBuf>) -> Self {
        Self { ledger: Ledger::new("requests"), dir, store: None, told: Counts::default() }
    }

    fn start(&mut self, retention: Retention) -> bool {
        if self.store.is_some() {
            return true;
        }
        let Some(dir) = self.dir.clone() else {
            tracing::warn!("there is no request log: this user has no data directory; --data-dir names one");
            return false;
        };
        match Store::start(dir, retention) {
            Ok(store) => self.store = Some(store),
            Err(error) => tracing::warn!(%error, "there is no request log: its thread cannot be started"),
        }
        self.store.is_some()
    }

    /// What the store did since the last time.
    fn tell(&mut self, counts: Counts) {
        self.ledger.deliver(counts.delivered - self.told.delivered);
        self.ledger.give_up(counts.dropped - self.told.dropped);
        self.told = counts;
    }
}

impl Sink for Requests {
    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn configure(&mut self, snapshot: &Snapshot) {
        let RequestLog { enabled, bodies, max_age, max_size } = snapshot.catalog.request_log;
        let retention = Retention { max_age, max_size, bodies };
        let on = enabled && self.start(retention);
        if let Some(store) = &self.store {
            store.retain(retention);
        }
        self.ledger.switch(on);
    }

    fn take(&mut self, record: &Arc<Record>) {
        if let Some(store) = &self.store {
            self.ledger.produce(1);
            store.put(record.clone());
        }
    }

    fn tick(&mut self) {
        if let Some(counts) = self.store.as_ref().map(Store::counts) {
            self.tell(counts);
        }
    }

    fn finish(&mut self, _until: Instant) {
        if let Some(store) = self.store.take() {
            let counts = store.finish();
            self.tell(counts);
        }
    }
}
