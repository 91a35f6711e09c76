//! The log, on stderr: lines for people on a terminal, JSON elsewhere.

mod writer;

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use apex_core::catalog::Catalog;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt};

pub(crate) use writer::Writer;

use crate::cli::LogFormat;

/// The log of this process.
#[derive(Debug)]
pub(crate) struct Log {
    level: Handle<Targets, Registry>,
    pub(crate) format: LogFormat,
    pub(crate) writer: Writer,
}

impl Log {
    /// Starts the log. Once in a process.
    pub(crate) fn start(format: Option<LogFormat>) -> Self {
        let text = io::stderr().is_terminal();
        let format = format.unwrap_or(if text { LogFormat::Text } else { LogFormat::Json });
        let (filter, level) = reload::Layer::new(targets(Verbosity::Normal));
        let writer = Writer::start();
        let lines = fmt::layer().with_writer(writer.clone());
        let lines = match format {
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
            LogFormat::Text => lines.with_ansi(text).boxed(),
        };
        // A second start (in tests) leaves the first in place.
        let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();

        // A fault ends its request, not the process, and must not go unseen.
        std::panic::set_hook(Box::new(|fault| tracing::error!(%fault, "a fault in the gateway: please report it")));
        Self { level, format, writer }
    }

    pub(crate) fn verbosity(&self, verbosity: Verbosity) {
        let _ = self.level.reload(targets(verbosity));
    }

    /// Writes what is left, unless nobody reads it.
    pub(crate) fn finish(self) {
        self.writer.flush(LAST);
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

/// Only our own events: libraries would log what clients send them.
fn targets(verbosity: Verbosity) -> Targets {
    let level = match verbosity {
        Verbosity::Debug => LevelFilter::DEBUG,
        Verbosity::Normal => LevelFilter::INFO,
    };
    Targets::new().with_target("apex", level).with_default(LevelFilter::WARN)
}

/// For the last lines to be read.
const LAST: Duration = Duration::from_secs(2);
