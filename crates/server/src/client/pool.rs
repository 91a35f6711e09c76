//! Connections of one thread that wait for their next request. Nothing here is shared, so nothing is locked.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use apex_core::url::Origin;

use super::Counts;
use super::http1::Wire;
use super::http2::Shared;

/// What connections can be exchanged for each other. A client's word must not get a connection that only the
/// configuration may open, so how far it may reach is part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) origin: Origin,
    pub(crate) public: bool,
}

/// The idle connections of one thread.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    #[expect(clippy::vec_box, reason = "a connection is handed around; its place in memory is not")]
    /// The last one given back is the first one taken: the others grow old and are closed.
    http1: RefCell<HashMap<Key, Vec<Box<Wire>>>>,
    http2: RefCell<HashMap<Key, Vec<Shared>>>,
    counts: Arc<Counts>,
}

impl Pool {
    pub(super) fn new(counts: Arc<Counts>) -> Self {
        Self { counts, ..Self::default() }
    }

    pub(super) fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// An idle connection that is still open.
    pub(super) fn take_http1(&self, key: &Key) -> Option<Box<Wire>> {
        loop {
            let mut wire = self.http1.borrow_mut().get_mut(key)?.pop()?;
            self.counts.idle.fetch_sub(1, Ordering::Relaxed);
            if wire.is_idle() && wire.since.elapsed() < MAX_IDLE {
                return Some(wire);
            }
        }
    }

    /// A shared connection that takes one more request.
    pub(super) fn share_http2(&self, key: &Key) -> Option<Shared> {
        let mut all = self.http2.borrow_mut();
        let shared = all.get_mut(key)?;
        shared.retain(Shared::is_open);
        shared.iter_mut().find(|one| one.has_room()).map(Shared::share)
    }

    pub(super) fn add_http2(&self, key: &Key, mut connection: Shared) -> Shared {
        let first = connection.share();
        self.http2.borrow_mut().entry(key.clone()).or_default().push(connection);
        first
    }

    pub(super) fn give_back(&self, key: Key, mut wire: Box<Wire>) {
        wire.since = Instant::now();
        let mut all = self.http1.borrow_mut();
        let idle = all.entry(key).or_default();
        if idle.len() < MAX_PER_KEY {
            idle.push(wire);
            self.counts.idle.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Closes what is old or was closed by the other side.
    pub(crate) fn reap(&self) {
        self.http1.borrow_mut().retain(|_, idle| {
            let before = idle.len();
            idle.retain_mut(|wire| wire.since.elapsed() < MAX_IDLE && wire.is_idle());
            self.counts.idle.fetch_sub((before - idle.len()) as u64, Ordering::Relaxed);
            !idle.is_empty()
        });
        self.http2.borrow_mut().retain(|_, shared| {
            shared.retain(|one| one.is_open() && !one.is_idle_for(MAX_IDLE));
            !shared.is_empty()
        });
    }

    /// How many connections are idle.
    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.http1.borrow().values().map(Vec::len).sum()
    }
}

const MAX_PER_KEY: usize = 64;
const MAX_IDLE: Duration = Duration::from_secs(90);
