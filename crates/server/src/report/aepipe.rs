//! The two stores of an aepipe, each with a delivery of its own: lines are large, points are not.

use std::sync::Arc;
use std::time::Instant;

use apex_core::catalog::Aepipe as Settings;
use apex_core::record::Record;
use apex_core::report::aepipe::{MAX_ENTRIES, Store, is_accepted};

use super::delivery::{Bounds, Delivery, Destination, Manners};
use super::{Ledger, Sink};
use crate::platform::Snapshot;

/// One store of an aepipe.
#[derive(Debug)]
pub(crate) struct Aepipe {
    store: Store,
    ledger: Arc<Ledger>,
    delivery: Delivery,
    settings: Option<Settings>,
}

impl Aepipe {
    pub(crate) fn new(store: Store) -> Self {
        let ledger = Ledger::new(match store {
            Store::Raw => "aepipe-raw",
            Store::Requests => "aepipe-requests",
        });
        let manners = Manners { between: b",", accepted: is_accepted };
        let bounds = Bounds { batch: MAX_ENTRIES, ..Bounds::default() };
        Self { store, delivery: Delivery::new(ledger.clone(), manners, bounds), ledger, settings: None }
    }
}

impl Sink for Aepipe {
    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn configure(&mut self, snapshot: &Snapshot) {
        self.settings.clone_from(&snapshot.catalog.aepipe);
        let head = self.settings.as_ref().and_then(|settings| Some((settings, self.store.head(settings)?)));
        self.ledger.switch(head.is_some());
        if let Some((settings, head)) = head {
            let (origin, network) = (settings.base.origin.clone(), snapshot.network.clone());
            let (before, after) = self.store.envelope();
            let wrap = Arc::new(move |entries: &[u8]| [before, entries, after].concat());
            self.delivery.aim(Destination { origin, head, network, wrap });
        }
    }

    fn take(&mut self, record: &Arc<Record>) {
        if let Some(settings) = &self.settings {
            let (store, settings) = (self.store, settings);
            self.delivery.put(|out| store.write(record, settings, out));
        }
    }

    fn finish(&mut self, until: Instant) {
        self.delivery.finish(until);
    }
}
