//! A line of the log for each exchange.

use std::sync::Arc;
use std::time::Instant;

use apex_core::record::Record;

use super::{Ledger, Sink, line};
use crate::cli::LogFormat;
use crate::log::Writer;
use crate::platform::Snapshot;

/// Writes lines, many at a time.
#[derive(Debug)]
pub(crate) struct Lines {
    ledger: Arc<Ledger>,
    writer: Writer,
    format: LogFormat,
    batch: Vec<u8>,
    count: u64,
}

impl Lines {
    pub(crate) fn new(writer: Writer, format: LogFormat) -> Self {
        Self { ledger: Ledger::new("log"), writer, format, batch: Vec::new(), count: 0 }
    }

    fn flush(&mut self) {
        if self.count > 0 {
            let batch = std::mem::take(&mut self.batch);
            self.writer.write(batch, Some((self.ledger.clone(), std::mem::take(&mut self.count))));
        }
    }
}

impl Sink for Lines {
    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn configure(&mut self, snapshot: &Snapshot) {
        self.ledger.switch(snapshot.catalog.log_lines);
    }

    fn take(&mut self, record: &Arc<Record>) {
        self.ledger.produce(1);
        self.count += 1;
        line::write(&mut self.batch, record, self.format);
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    fn tick(&mut self) {
        self.flush();
    }

    fn finish(&mut self, until: Instant) {
        self.flush();
        self.writer.flush(until.saturating_duration_since(Instant::now()));
    }
}

/// Bytes that are written at once.
const BATCH: usize = 64 << 10;
