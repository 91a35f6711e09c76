//! Says that a sink does not take reports: at once, then now and then, and when it is over.

use std::time::{Duration, Instant};

pub(super) struct Trouble {
    sink: &'static str,
    told: Option<Instant>,
    failures: u64,
}

impl Trouble {
    pub(super) const fn new(sink: &'static str) -> Self {
        Self { sink, told: None, failures: 0 }
    }

    pub(super) fn tell(&mut self, why: &str) {
        self.failures += 1;
        if self.told.is_none_or(|told| told.elapsed() >= QUIET) {
            self.told = Some(Instant::now());
            tracing::warn!(sink = self.sink, failures = self.failures, why, "reports could not be delivered");
        }
    }

    pub(super) fn over(&mut self) {
        if std::mem::take(&mut self.failures) > 0 {
            self.told = None;
            tracing::info!(sink = self.sink, "reports are delivered again");
        }
    }
}

const QUIET: Duration = Duration::from_secs(30);
