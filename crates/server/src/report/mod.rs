//! Reports: one hop off the answer's path. A serving thread puts the record of a finished exchange into one bounded
//! queue and goes on; one thread takes the records out, many at a time, makes each fit to be shown, and hands it to
//! every sink. A sink that is slow, down or broken loses records of its own, counted in its ledger, and nothing else.

mod aepipe;
pub(crate) mod delivery;
mod ledger;
mod line;
mod lines;
mod requests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use apex_core::record::Record;

pub(crate) use aepipe::Aepipe;
pub(crate) use ledger::{Counts, Ledger};
pub(crate) use lines::Lines;
pub(crate) use requests::Requests;

use crate::platform::Snapshot;

/// Something records are reported to. It lives on the reporting thread: what takes long is done on a thread of its own,
/// behind a bounded queue (for HTTP: `Delivery`).
pub(crate) trait Sink: Send {
    /// Its counters. The sink says `produce` for each record it takes, and `deliver` or `give_up` for each of those later.
    fn ledger(&self) -> &Arc<Ledger>;

    /// The configuration, before the first record and whenever it changes. Switches the ledger on or off.
    fn configure(&mut self, snapshot: &Snapshot);

    /// Takes a record, while the ledger is on. Never waits.
    fn take(&mut self, record: &Arc<Record>);

    /// After every batch of records, and once a second.
    fn tick(&mut self) {}

    /// The end: what is left is delivered until then, or dropped.
    fn finish(&mut self, until: Instant) {
        let _ = until;
    }
}

/// Takes the records of exchanges. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Reports {
    /// Bounded by `depth`; a channel with bounds of its own would have room for all of them from the start.
    sender: Sender<Entry>,
    depth: Arc<AtomicU64>,
    ledgers: Arc<[Arc<Ledger>]>,
}

/// The reporting thread.
#[derive(Debug)]
pub(crate) struct Reporting {
    pub(crate) reports: Reports,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
enum Entry {
    Configure(Arc<Snapshot>),
    End,
    Record(Box<Record>),
}

impl Reporting {
    /// Starts the thread. Sinks are asked in this order.
    pub(crate) fn start(mut sinks: Vec<Box<dyn Sink>>, snapshot: &Snapshot) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let ledgers = sinks.iter().map(|sink| sink.ledger().clone()).collect();
        let reports = Reports { sender, depth: Arc::default(), ledgers };
        sinks.iter_mut().for_each(|sink| sink.configure(snapshot));
        let thread = thread::Builder::new().name("report".to_owned()).spawn({
            let reports = reports.clone();
            move || run(&receiver, &reports, sinks)
        })?;
        Ok(Self { reports, thread })
    }

    /// Reports what is left, within a limit, and says what became of all records.
    pub(crate) fn finish(self) {
        if self.reports.sender.send(Entry::End).is_ok() {
            let _ = self.thread.join();
        }
        for ledger in self.reports.ledgers.iter().filter(|ledger| ledger.is_on()) {
            let Counts { produced, delivered, dropped, .. } = ledger.counts();
            tracing::info!(sink = ledger.name(), produced, delivered, dropped, "reported");
        }
    }
}

impl Reports {
    /// Takes the record of a finished exchange. Never waits: what does not fit is counted.
    pub(crate) fn put(&self, record: Box<Record>) {
        let before = self.depth.fetch_add(1, Ordering::Relaxed);
        if before >= CAPACITY || self.sender.send(Entry::Record(record)).is_err() {
            self.depth.fetch_sub(1, Ordering::Relaxed);
            self.lose();
        }
    }

    /// The configuration changed.
    pub(crate) fn configure(&self, snapshot: &Arc<Snapshot>) {
        // If the thread is gone there is nobody to tell.
        let _ = self.sender.send(Entry::Configure(snapshot.clone()));
    }

    /// Records that no sink has seen yet.
    #[allow(dead_code, reason = "metrics tell it")]
    pub(crate) fn depth(&self) -> u64 {
        self.depth.load(Ordering::Relaxed)
    }

    /// One for each sink, switched off ones included.
    #[allow(dead_code, reason = "metrics tell them")]
    pub(crate) fn ledgers(&self) -> &[Arc<Ledger>] {
        &self.ledgers
    }

    fn lose(&self) {
        self.ledgers.iter().for_each(|ledger| ledger.lose());
    }
}

fn run(entries: &Receiver<Entry>, reports: &Reports, mut sinks: Vec<Box<dyn Sink>>) {
    let mut losses = Losses::default();
    loop {
        let mut next = match entries.recv_timeout(TICK) {
            Ok(entry) => Some(entry),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if matches!(next, Some(Entry::Record(_))) {
            // A wake-up for each record would cost its request more than the record.
            thread::sleep(PAUSE);
        }
        let mut end = false;
        let mut turn = 0;
        while let Some(entry) = next {
            match entry {
                Entry::Record(record) => {
                    reports.depth.fetch_sub(1, Ordering::Relaxed);
                    hand_out(record, reports, &mut sinks);
                    turn += 1;
                    if turn % TURN == 0 && reports.depth() < BEHIND {
                        // On a machine of few cores a request may be waiting for this one. Who is behind keeps it: under
                        // full load the others would leave nothing.
                        thread::yield_now();
                    }
                }
                Entry::Configure(snapshot) => sinks.iter_mut().for_each(|sink| sink.configure(&snapshot)),
                Entry::End => end = true,
            }
            next = entries.try_recv().ok();
        }
        sinks.iter_mut().for_each(|sink| sink.tick());
        losses.tell(reports);
        if end {
            let until = Instant::now() + LAST;
            // Side by side: one that uses up its time leaves the others theirs.
            thread::scope(|scope| {
                for sink in &mut sinks {
                    scope.spawn(move || sink.finish(until));
                }
            });
            return;
        }
    }
}

fn hand_out(record: Box<Record>, reports: &Reports, sinks: &mut [Box<dyn Sink>]) {
    // Bodies are read here, and they are foreign: a fault in one costs its own record.
    let Ok(record) = catch_unwind(AssertUnwindSafe(|| record.seal())) else {
        reports.lose();
        return;
    };
    for sink in sinks.iter_mut().filter(|sink| sink.ledger().is_on()) {
        sink.take(&record);
    }
}

/// Says now and then that records were lost.
#[derive(Default)]
struct Losses {
    /// For each sink: how many were told of, and when.
    told: Vec<(u64, Option<Instant>)>,
}

impl Losses {
    fn tell(&mut self, reports: &Reports) {
        self.told.resize(reports.ledgers.len(), (0, None));
        for (ledger, (told, last)) in reports.ledgers.iter().zip(&mut self.told) {
            let dropped = ledger.counts().dropped;
            if dropped > *told && last.is_none_or(|last| last.elapsed() >= QUIET) {
                tracing::warn!(sink = ledger.name(), lost = dropped - *told, "reports were lost");
                (*told, *last) = (dropped, Some(Instant::now()));
            }
        }
    }
}

/// Records that wait for the reporting thread.
const CAPACITY: u64 = 16 << 10;
const PAUSE: Duration = Duration::from_millis(25);
/// Records between two looks at whether others want the core: some tenth of a millisecond.
const TURN: u32 = 8;
const BEHIND: u64 = 200;
const TICK: Duration = Duration::from_secs(1);
/// For the sinks, at the end.
const LAST: Duration = Duration::from_secs(5);
/// Between two words on the losses of a sink.
const QUIET: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_lost_for_every_sink_that_is_on() {
        let (sender, receiver) = channel();
        let (on, off) = (Ledger::new("on"), Ledger::new("off"));
        on.switch(true);
        let depth = Arc::new(AtomicU64::new(CAPACITY - 2));
        let reports = Reports { sender, depth, ledgers: Arc::new([on.clone(), off.clone()]) };
        for _ in 0..5 {
            reports.put(Box::default());
        }
        assert_eq!((receiver.try_iter().count(), reports.depth()), (2, CAPACITY));
        assert_eq!(on.counts(), Counts { produced: 3, delivered: 0, dropped: 3, queued: 0 });
        assert_eq!(off.counts(), Counts::default());
    }
}
