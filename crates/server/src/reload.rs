//! A new configuration while the server runs: read whole, checked whole, swapped at once. One with problems changes
//! nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::{self, Environment, Loaded, Sources};
use crate::log::{Log, Verbosity};
use crate::models;
use crate::platform::{Shared, Snapshot};

/// Looks after the configuration of a running server.
#[derive(Debug)]
pub(crate) struct Reload {
    sources: Sources,
    shared: Arc<Shared>,
    listen: Option<String>,
    data_dir: Option<PathBuf>,
    tls: bool,
    /// Other files the configuration names.
    files: Vec<PathBuf>,
    seen: Vec<Option<Stamp>>,
}

/// What tells that a file is another one.
type Stamp = (SystemTime, u64);

impl Reload {
    pub(crate) fn new(sources: Sources, shared: Arc<Shared>, loaded: &Loaded) -> Self {
        let mut reload = Self {
            sources,
            shared,
            listen: loaded.settings.listen.clone(),
            data_dir: loaded.data_dir.clone(),
            tls: loaded.bind.tls.is_some(),
            files: loaded.files(),
            seen: Vec::new(),
        };
        reload.seen = reload.stamps();
        reload
    }

    /// Did a file change since the last time?
    pub(crate) fn changed(&mut self) -> bool {
        let stamps = self.stamps();
        let changed = stamps != self.seen;
        self.seen = stamps;
        changed
    }

    /// Reads the configuration again, and takes it if it is good.
    pub(crate) fn reload(&mut self, log: &Log) {
        let loaded = match config::load(&self.sources, &Environment::of_process(), Some(self.shared.own)) {
            Ok(loaded) => loaded,
            Err(problems) => {
                for problem in &problems.0 {
                    tracing::error!(%problem, "the new configuration has a problem");
                }
                self.shared.metrics.reloaded(false);
                tracing::error!("the old configuration stays in force");
                return;
            }
        };
        if loaded.settings.listen != self.listen {
            tracing::warn!("`listen` changed: this takes a restart");
        }
        if loaded.data_dir != self.data_dir {
            tracing::warn!("`data_dir` changed: this takes a restart");
        }
        if loaded.bind.tls.is_some() != self.tls {
            tracing::warn!("`tls` was switched on or off: this takes a restart");
        }
        let mut snapshot = Snapshot::new(&loaded);
        if snapshot.tls.is_some() != self.tls {
            snapshot.tls.clone_from(&self.shared.snapshot.load().tls);
        }
        self.files = loaded.files();
        self.seen = self.stamps();
        log.verbosity(Verbosity::of(&loaded.catalog));
        if snapshot.catalog.fetch_models.is_some() {
            snapshot.catalog = models::inherit(&self.shared.snapshot.load().catalog, &snapshot.catalog).into();
        }
        let snapshot = Arc::new(snapshot);
        self.shared.snapshot.store(snapshot.clone());
        self.shared.replies.configure(&snapshot.catalog);
        self.shared.reports.configure(&snapshot);
        self.shared.metrics.reloaded(true);
        tracing::info!("configuration reloaded");
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        let main = self.sources.locate(&Environment::of_process());
        let stamp = |path: &PathBuf| {
            let data = std::fs::metadata(path).ok()?;
            Some((data.modified().ok()?, data.len()))
        };
        main.iter().chain(&self.files).map(stamp).collect()
    }
}
