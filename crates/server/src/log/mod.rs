//! The log, on stderr: lines for people on a terminal, JSON elsewhere. Records of exchanges are written by a thread of
//! their own, many at a time, so that no answer waits for the log.

mod line;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use apex_core::catalog::Catalog;
use apex_core::record::Record;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt};

use crate::cli::LogFormat;

/// The log of this process.
#[derive(Debug)]
pub(crate) struct Log {
    level: Handle<Targets, Registry>,
    records: Records,
    writer: JoinHandle<()>,
}

impl Log {
    /// Starts the log. Once in a process.
    pub(crate) fn start(format: Option<LogFormat>) -> Self {
        let text = io::stderr().is_terminal();
        let format = format.unwrap_or(if text { LogFormat::Text } else { LogFormat::Json });
        let (filter, level) = reload::Layer::new(targets(Verbosity::Normal));
        let lines = fmt::layer().with_writer(io::stderr);
        let lines = match format {
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
            LogFormat::Text => lines.with_ansi(text).boxed(),
        };
        // A second start (in tests) leaves the first in place.
        let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();

        // A fault ends its request, not the process, and must not go unseen.
        std::panic::set_hook(Box::new(|fault| tracing::error!(%fault, "a fault in the gateway: please report it")));

        let (sender, receiver) = sync_channel(CAPACITY);
        let dropped = Arc::new(AtomicU64::new(0));
        let records = Records { sender, dropped: dropped.clone() };
        let writer = thread::Builder::new().name("log".to_owned());
        let writer = writer.spawn(move || write(&receiver, format, &dropped));
        let writer = writer.unwrap_or_else(|_| thread::spawn(|| ()));
        Self { level, records, writer }
    }

    pub(crate) fn verbosity(&self, verbosity: Verbosity) {
        let _ = self.level.reload(targets(verbosity));
    }

    pub(crate) fn records(&self) -> Records {
        self.records.clone()
    }

    /// Writes what is left.
    pub(crate) fn finish(self) {
        if self.records.sender.send(Entry::End).is_ok() {
            let _ = self.writer.join();
        }
    }
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    Debug,
    Normal,
}

impl Verbosity {
    pub(crate) fn of(catalog: &Catalog) -> Self {
        if catalog.debug { Self::Debug } else { Self::Normal }
    }
}

/// Takes the records of exchanges. Never waits: what does not fit is counted.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    sender: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

impl Records {
    pub(crate) fn put(&self, record: Box<Record>) {
        if self.sender.try_send(Entry::Record(record)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[derive(Debug)]
enum Entry {
    End,
    Record(Box<Record>),
}

/// Only our own events: libraries would log what clients send them.
fn targets(verbosity: Verbosity) -> Targets {
    let level = match verbosity {
        Verbosity::Debug => LevelFilter::DEBUG,
        Verbosity::Normal => LevelFilter::INFO,
    };
    Targets::new().with_target("apex", level).with_default(LevelFilter::WARN)
}

fn write(entries: &Receiver<Entry>, format: LogFormat, dropped: &AtomicU64) {
    let mut lines = Vec::new();
    let mut told = 0;
    while let Ok(first) = entries.recv() {
        let mut next = Some(first);
        let mut end = false;
        if !matches!(next, Some(Entry::End)) {
            // A wake-up for each record would cost its request more than the record.
            thread::sleep(PAUSE);
        }
        loop {
            match next.take() {
                Some(Entry::Record(record)) => line::write(&mut lines, &record, format),
                Some(Entry::End) => end = true,
                None => {}
            }
            match entries.try_recv() {
                Ok(entry) => next = Some(entry),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        let _ = io::stderr().lock().write_all(&lines);
        lines.clear();
        let lost = dropped.load(Ordering::Relaxed);
        if lost > told {
            tracing::warn!(lost = lost - told, "records were lost: the log is too slow");
            told = lost;
        }
        if end {
            return;
        }
    }
}

const CAPACITY: usize = 16 << 10;
const PAUSE: Duration = Duration::from_millis(25);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let (sender, receiver) = sync_channel(2);
        let records = Records { sender, dropped: Arc::default() };
        for _ in 0..5 {
            records.put(Box::default());
        }
        assert_eq!((receiver.try_iter().count(), records.dropped.load(Ordering::Relaxed)), (2, 3));
    }
}
