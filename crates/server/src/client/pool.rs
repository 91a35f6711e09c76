//! Connections of one thread that wait for their next request. Nothing here is shared, so nothing is locked.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use apex_core::url::Origin;
use http::HeaderValue;

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

/// The connections of one thread, by where they lead.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    places: RefCell<HashMap<Key, Rc<Place>>>,
    counts: Arc<Counts>,
}

/// Connections to one place. Who has one of them knows the way back to it.
#[derive(Debug)]
pub(crate) struct Place {
    /// What `host` says there; none if that would be no header.
    pub(super) host: Option<HeaderValue>,
    #[expect(clippy::vec_box, reason = "a connection is handed around; its place in memory is not")]
    /// The last one given back is the first one taken: the others grow old and are closed.
    http1: RefCell<Vec<Box<Wire>>>,
    http2: RefCell<Vec<Shared>>,
    counts: Arc<Counts>,
}

impl Pool {
    pub(super) fn new(counts: Arc<Counts>) -> Self {
        Self { counts, ..Self::default() }
    }

    pub(super) fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Where connections for `key` are.
    pub(super) fn place(&self, key: &Key) -> Rc<Place> {
        let mut places = self.places.borrow_mut();
        if let Some(place) = places.get(key) {
            return place.clone();
        }
        let place = Rc::new(Place {
            host: HeaderValue::try_from(key.origin.authority()).ok(),
            http1: RefCell::default(),
            http2: RefCell::default(),
            counts: self.counts.clone(),
        });
        places.insert(key.clone(), place.clone());
        place
    }

    /// Closes what is old or was closed by the other side.
    pub(crate) fn reap(&self) {
        self.places.borrow_mut().retain(|_, place| {
            place.reap();
            // A connection that is in use will come back.
            Rc::strong_count(place) > 1 || !place.is_empty()
        });
    }

    /// How many connections are idle.
    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.places.borrow().values().map(|place| place.http1.borrow().len()).sum()
    }
}

impl Place {
    /// An idle connection that is still open.
    pub(super) fn take_http1(&self) -> Option<Box<Wire>> {
        loop {
            let mut wire = self.http1.borrow_mut().pop()?;
            self.counts.idle.fetch_sub(1, Ordering::Relaxed);
            if wire.is_idle() && wire.since.elapsed() < MAX_IDLE {
                return Some(wire);
            }
        }
    }

    /// A shared connection that takes one more request.
    pub(super) fn share_http2(&self) -> Option<Shared> {
        let mut all = self.http2.borrow_mut();
        all.retain(Shared::is_open);
        all.iter_mut().find(|one| one.has_room()).map(Shared::share)
    }

    pub(super) fn add_http2(&self, mut connection: Shared) -> Shared {
        let first = connection.share();
        self.http2.borrow_mut().push(connection);
        first
    }

    pub(super) fn give_back(&self, mut wire: Box<Wire>) {
        wire.since = Instant::now();
        let mut idle = self.http1.borrow_mut();
        if idle.len() < MAX_IDLE_WIRES {
            idle.push(wire);
            self.counts.idle.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn reap(&self) {
        let mut idle = self.http1.borrow_mut();
        let before = idle.len();
        idle.retain_mut(|wire| wire.since.elapsed() < MAX_IDLE && wire.is_idle());
        self.counts.idle.fetch_sub((before - idle.len()) as u64, Ordering::Relaxed);
        self.http2.borrow_mut().retain(|one| one.is_open() && !one.is_idle_for(MAX_IDLE));
    }

    fn is_empty(&self) -> bool {
        self.http1.borrow().is_empty() && self.http2.borrow().is_empty()
    }
}

const MAX_IDLE_WIRES: usize = 64;
const MAX_IDLE: Duration = Duration::from_secs(90);
