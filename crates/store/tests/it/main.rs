//! The request log from outside: written by one thread, read by others.

#![cfg(test)] // so that clippy takes its helpers for what they are

mod kept;
mod read;
mod written;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use apex_core::record::Record;
use apex_core::time::Timestamp;
use apex_store::{Counts, Retention, Store};

/// More than any test keeps.
pub(crate) const ALL: Retention = Retention { max_age: Duration::from_secs(86_400), max_size: 1 << 30, bodies: true };

/// A directory of its own, not there yet, gone at the end.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("apex-store-it-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes `records`, and closes the log.
pub(crate) fn write(dir: &Dir, records: impl IntoIterator<Item = Record>) -> Counts {
    let store = Store::start(dir.path().to_owned(), ALL).unwrap();
    records.into_iter().for_each(|record| store.put(Arc::new(record)));
    store.finish()
}

/// Waits until `done`, with a limit.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap())
}

/// A record with this id, of now.
pub(crate) fn record(id: &str) -> Record {
    Record { request_id: id.to_owned(), started: now(), ..Record::default() }
}
