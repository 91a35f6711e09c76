//! Writes to stderr on a thread of its own: whoever reads our log may be slow, and nobody here waits for it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

use crate::report::Ledger;

/// Takes what is to be written. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Writer(SyncSender<Chunk>);

/// Says whether the records in a chunk were written.
type Receipt = (Arc<Ledger>, u64);

#[derive(Debug)]
enum Chunk {
    Bytes(Vec<u8>, Option<Receipt>),
    /// Everything before it was written.
    Mark(SyncSender<()>),
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start() -> Self {
        let (sender, receiver) = sync_channel(CAPACITY);
        // Without the thread everything is lost, and counted.
        let _ = thread::Builder::new().name("log".to_owned()).spawn(move || run(&receiver, io::stderr()));
        Self(sender)
    }

    /// Writes `bytes`, if they fit. Never waits.
    pub(crate) fn write(&self, bytes: Vec<u8>, receipt: Option<Receipt>) {
        let count = receipt.as_ref().map(|(ledger, n)| (ledger.clone(), *n));
        if self.0.try_send(Chunk::Bytes(bytes, receipt)).is_err()
            && let Some((ledger, n)) = count
        {
            ledger.give_up(n);
        }
    }

    /// Waits until everything is written, within `limit`.
    pub(crate) fn flush(&self, limit: Duration) {
        let until = Instant::now() + limit;
        let (done, written) = sync_channel(1);
        let mut mark = Chunk::Mark(done);
        while let Err(TrySendError::Full(back)) = self.0.try_send(mark) {
            if Instant::now() >= until {
                return;
            }
            mark = back;
            thread::sleep(PAUSE);
        }
        let _ = written.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

/// One event of `tracing` is one call.
impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::write(self, bytes.to_vec(), None);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Writer {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

fn run(chunks: &Receiver<Chunk>, mut out: impl io::Write) {
    while let Ok(chunk) = chunks.recv() {
        match chunk {
            Chunk::Bytes(bytes, receipt) => {
                let written = out.write_all(&bytes);
                if let Some((ledger, n)) = receipt {
                    if written.is_ok() { ledger.deliver(n) } else { ledger.give_up(n) }
                }
            }
            Chunk::Mark(done) => {
                let _ = done.send(());
            }
        }
    }
}

/// Chunks that wait. The largest are those of records, some 64 KiB each.
const CAPACITY: usize = 256;
const PAUSE: Duration = Duration::from_millis(5);
