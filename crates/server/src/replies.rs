//! Where replies are kept that later requests go on from: `apex_store`'s database, if the configuration says so.

use std::path::PathBuf;
use std::time::Duration;

use apex_core::catalog::{Catalog, Place, Responses};
use apex_core::stored::{Ask, Kept};
use apex_service::Store;
use apex_store::Bounds;
use arc_swap::ArcSwapOption;
use tokio::sync::oneshot;

use crate::platform::Clock;

/// The store of this process, as it is configured now.
#[derive(Debug)]
pub(crate) struct Replies {
    clock: Clock,
    /// None if there is no place for it.
    dir: Option<PathBuf>,
    running: ArcSwapOption<Running>,
}

#[derive(Debug)]
struct Running {
    place: Place,
    replies: apex_store::Replies,
}

impl Replies {
    pub(crate) fn new(clock: Clock, dir: Option<PathBuf>, catalog: &Catalog) -> Self {
        let replies = Self { clock, dir, running: ArcSwapOption::empty() };
        replies.configure(catalog);
        replies
    }

    /// From now on. What is in memory is forgotten when the place changes.
    pub(crate) fn configure(&self, catalog: &Catalog) {
        let Some(Responses { place, max_age, max_entries, max_size }) = catalog.responses else {
            self.running.store(None);
            return;
        };
        let bounds = Bounds { max_age, max_entries, max_size };
        if let Some(running) = self.running.load().as_ref().filter(|running| running.place == place) {
            running.replies.bound(bounds);
            return;
        }
        let dir = self.dir.clone().filter(|_| place == Place::Disk);
        if place == Place::Disk && dir.is_none() {
            tracing::warn!("responses are kept in memory: this user has no data directory; --data-dir names one");
        }
        match apex_store::Replies::start(dir, bounds) {
            Ok(replies) => self.running.store(Some(Running { place, replies }.into())),
            Err(error) => tracing::warn!(%error, "responses are not kept: the store's thread cannot be started"),
        }
    }

    /// Waits until what was given is kept, for a while.
    pub(crate) fn finish(&self) {
        if let Some(running) = self.running.swap(None) {
            running.replies.flush(PATIENCE);
        }
    }
}

impl Store for Replies {
    fn keep(&self, kept: Kept) {
        if let Some(running) = self.running.load().as_ref() {
            running.replies.keep(kept);
        }
    }

    async fn recall(&self, ask: Ask) -> Vec<Kept> {
        let (sender, answer) = oneshot::channel();
        if let Some(running) = self.running.load().as_ref() {
            // Who asked may have left.
            running.replies.recall(ask, self.clock.now(), move |found| drop(sender.send(found)));
        }
        answer.await.unwrap_or_default()
    }
}

const PATIENCE: Duration = Duration::from_secs(5);
