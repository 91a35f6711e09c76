//! The thread that writes. A failure stops nothing but the log: what cannot be written waits within the bounds of the
//! queue, is tried again ever more seldom, and what does not fit is counted.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use apex_core::record::Record;
use apex_core::time::Timestamp;
use rusqlite::{Connection, TransactionBehavior};

use crate::column;
use crate::open::{self, FILE};
use crate::retain::{ROWS, Retain};
use crate::schema;
use crate::store::{Message, Shared};
use crate::trouble::Trouble;

#[derive(Debug)]
pub(crate) struct Writer {
    dir: PathBuf,
    messages: Receiver<Message>,
    shared: Arc<Shared>,
    insert: String,
    connection: Option<Connection>,
    /// Not yet in the database, oldest first.
    pending: VecDeque<Arc<Record>>,
    ill: Option<Illness>,
    /// The last reason that was told, and when: a disk that is full now and then is not told of each time.
    told: Option<(String, Instant)>,
    retain: Retain,
    /// When to look for what is to be forgotten.
    look: Instant,
}

/// The file cannot be written.
#[derive(Debug)]
struct Illness {
    since: Instant,
    retry: Instant,
    pause: Duration,
    is_told: bool,
}

impl Writer {
    pub(crate) fn new(dir: PathBuf, messages: Receiver<Message>, shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self {
            dir,
            messages,
            shared,
            insert: column::insert(),
            connection: None,
            pending: VecDeque::new(),
            ill: None,
            told: None,
            retain: Retain::default(),
            look: now,
        }
    }

    pub(crate) fn run(mut self) {
        // What is wrong with the file is told at the start, not with the first request.
        if let Err(trouble) = self.open().map(drop) {
            self.fail(&trouble);
        }
        loop {
            let end = self.gather();
            self.write(end);
            if end {
                return;
            }
            self.forget(0);
        }
    }

    /// Waits for something to do, and takes all there is. True at the end.
    fn gather(&mut self) -> bool {
        let retry = self.ill.as_ref().filter(|_| !self.pending.is_empty()).map(|ill| ill.retry);
        let until = retry.unwrap_or(self.look);
        match self.messages.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Message::Record(record)) => self.pending.push_back(record),
            Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => return true,
            Err(RecvTimeoutError::Timeout) => return false,
        }
        // One commit for many: a wake-up and a transaction for each record would cost more than the record.
        for _ in 0..GATHERINGS {
            thread::sleep(GATHER / GATHERINGS);
            if self.shared.counts().queued >= BATCH as u64 {
                // A busy gateway has enough for a commit at once: what waits is memory.
                break;
            }
        }
        for message in self.messages.try_iter() {
            match message {
                Message::Record(record) => self.pending.push_back(record),
                Message::End => return true,
            }
        }
        // Whatever is written may make the file too large.
        self.look = self.look.min(Instant::now() + SOON);
        false
    }

    /// Writes what is pending, if there is hope. At the end it is now or never.
    fn write(&mut self, end: bool) {
        while !self.pending.is_empty() {
            if !end && self.ill.as_ref().is_some_and(|ill| Instant::now() < ill.retry) {
                break;
            }
            match self.commit() {
                Ok(written) => {
                    self.recover();
                    if !end && self.retain.is_shrinking() {
                        self.forget(written);
                    }
                }
                Err(trouble) => {
                    self.fail(&trouble);
                    break;
                }
            }
        }
        if end {
            for record in self.pending.drain(..) {
                self.shared.dropped(&record);
            }
        }
    }

    /// One transaction, of as many records as it returns.
    fn commit(&mut self) -> Result<usize, Trouble> {
        let behind = self.pending.len() >= BATCH;
        let count = self.pending.len().min(if behind { BATCH } else { PIECE });
        let mut refused = Vec::new();
        self.open()?;
        let Some(connection) = &mut self.connection else { return Ok(0) };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut insert = transaction.prepare_cached(&self.insert)?;
        let mut insert_bodies = transaction.prepare_cached(column::INSERT_BODIES)?;
        let keep_bodies = self.shared.retention().bodies;
        for (at, record) in self.pending.iter().take(count).enumerate() {
            if at % TURN == 0 && !behind {
                // On a machine of few cores a request may be waiting for this one. Who is behind keeps it: under full
                // load the others would leave nothing.
                thread::yield_now();
            }
            let bodies = record.capture.shown().filter(|_| keep_bodies);
            let done =
                column::bind(&mut insert, record).and_then(|()| insert.raw_execute()).and_then(|_| match bodies {
                    Some(shown) => {
                        column::bind_bodies(&mut insert_bodies, transaction.last_insert_rowid(), shown)?;
                        insert_bodies.raw_execute().map(drop)
                    }
                    None => Ok(()),
                });
            match done.map_err(Trouble::from) {
                Ok(()) => {}
                Err(trouble) if trouble.is_of_the_row() => {
                    tracing::warn!(reason = %trouble, "the request log does not take a record");
                    refused.push(at);
                }
                Err(trouble) => return Err(trouble),
            }
        }
        drop((insert, insert_bodies));
        if !behind {
            thread::yield_now();
        }
        transaction.commit()?;
        for (at, record) in self.pending.drain(..count).enumerate() {
            if refused.contains(&at) { self.shared.dropped(&record) } else { self.shared.delivered(&record) }
        }
        Ok(count)
    }

    fn open(&mut self) -> Result<(), Trouble> {
        if self.connection.is_none() {
            self.connection = Some(open::for_writing(&self.dir, FILE, schema::MIGRATIONS)?);
        }
        Ok(())
    }

    fn fail(&mut self, trouble: &Trouble) {
        let now = Instant::now();
        let ill = self.ill.get_or_insert(Illness { since: now, retry: now, pause: FIRST_PAUSE, is_told: false });
        ill.retry = now + ill.pause;
        ill.pause = (ill.pause * 2).min(LAST_PAUSE);
        if !trouble.is_busy() {
            // Whatever happened to the file or its directory: the next try begins anew.
            self.connection = None;
        } else if now - ill.since < PATIENCE {
            return;
        }
        let reason = trouble.to_string();
        if self.told.as_ref().is_none_or(|(told, at)| *told != reason || now - *at > REMIND) {
            tracing::warn!(
                reason,
                file = %self.dir.join(FILE).display(),
                lost = self.shared.counts().dropped,
                "the request log cannot be written; requests are answered all the same"
            );
            ill.is_told = true;
            self.told = Some((reason, now));
        }
    }

    fn recover(&mut self) {
        if self.ill.take().is_some_and(|ill| ill.is_told) {
            tracing::info!(lost = self.shared.counts().dropped, "the request log is written again");
        }
    }

    /// One step of forgetting, when it is time, or as many as make up for what was `written`.
    fn forget(&mut self, written: usize) {
        let now = Instant::now();
        if now < self.look && written == 0 {
            return;
        }
        self.look = now + SELDOM;
        if self.connection.is_some() && !self.dir.join(FILE).exists() {
            // Somebody deleted it: the next commit makes a new one.
            self.connection = None;
        }
        let Some(connection) = self.connection.as_mut().filter(|_| self.ill.is_none()) else { return };
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = Timestamp::from_micros(u64::try_from(wall.as_micros()).unwrap_or(u64::MAX));
        let retention = self.shared.retention();
        let steps = written.div_ceil(usize::from(ROWS)).max(1);
        let step = |more, _| if more { self.retain.step(connection, retention, wall) } else { Ok(false) };
        match (0..steps).try_fold(true, step) {
            // Longer than it took: on a machine of few cores a request waits for each step.
            Ok(true) => self.look = Instant::now() + (now.elapsed() * 3).max(STEP),
            Ok(false) => {}
            Err(error) => {
                self.look = now + SOON;
                let trouble = Trouble::from(error);
                if !trouble.is_busy() {
                    tracing::warn!(reason = %trouble, "old entries of the request log could not be deleted");
                }
            }
        }
    }
}

/// How long records are collected before they are written: what a sudden death may cost, within a second in all.
const GATHER: Duration = Duration::from_millis(200);
/// How often it is looked whether there are enough before that.
const GATHERINGS: u32 = 8;
/// Records in one transaction: others may want to write, too.
const BATCH: usize = 500;
/// The same of one that is not behind: a commit is one piece of work, and on a machine of one core a request waits for it.
const PIECE: usize = 50;
/// Records between two looks at whether others want the core: some tenth of a millisecond.
const TURN: usize = 8;
/// Between tries, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// How long the database may be busy before it is worth a word.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two warnings of the same.
const REMIND: Duration = Duration::from_mins(10);
/// Between two looks for what is to be forgotten: while there is work, after writing, and otherwise.
const STEP: Duration = Duration::from_millis(20);
const SOON: Duration = Duration::from_secs(5);
const SELDOM: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests;
