//! What happened, read from the request log: `logs` and `explain`. A gateway may be running meanwhile, or not.

mod explain;
mod table;
mod text;

use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apex_core::time::{Timestamp, duration};
use apex_store::{Filter, Found, Reader, StatusFilter};

use crate::cli::Asked;
use crate::config::{self, Environment, Sources};
use table::Table;

/// How often `--follow` looks.
const LOOK: Duration = Duration::from_millis(250);
/// Rows read at a time while following.
const BATCH: u32 = 1000;

/// `logs`: the newest requests that match, and with `--follow` those that come.
pub(crate) fn logs(sources: &Sources, asked: &Asked) -> Result<(), Box<dyn Error>> {
    let reader = open(sources)?;
    let now = now();
    let filter = Filter {
        since: asked.since.map(|when| when.before(now)),
        until: asked.until.map(|when| when.before(now)),
        provider: asked.provider.clone(),
        model: asked.model.clone(),
        status: asked.status,
        outcome: asked.outcome.clone(),
        mode: asked.mode.clone(),
        errors: asked.errors,
    };
    let mut out = io::stdout().lock();
    let mut table = Table::default();
    let mut last = reader.last_row()?;
    let mut entries = reader.newest(&filter, asked.limit)?;
    loop {
        last = entries.last().map_or(last, |entry| entry.row.max(last));
        let shown = if asked.json {
            entries.iter().map(|entry| text::json(entry, None)).collect()
        } else {
            table.rows(&entries)
        };
        match out.write_all(shown.as_bytes()).and_then(|()| out.flush()) {
            // Whoever read it has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            done => done?,
        }
        if !asked.follow {
            return Ok(());
        }
        if entries.len() < BATCH as usize {
            thread::sleep(LOOK);
        }
        let newest = reader.last_row()?;
        entries = reader.after(last, &filter, BATCH)?;
        if entries.len() < BATCH as usize {
            // What does not match is not looked at again.
            last = last.max(newest);
        }
    }
}

/// `explain`: one request, told from its beginning to its end.
pub(crate) fn explain(sources: &Sources, id: &str, json: bool) -> Result<(), Box<dyn Error>> {
    let reader = open(sources)?;
    let entry = match reader.find(id)? {
        Found::One(entry) => entry,
        Found::None => {
            let id = text::plain(id);
            return Err(
                format!("the request log knows no request {id}; it may be too old, or a second too young").into()
            );
        }
        Found::Several(ids) => {
            let ids: Vec<String> = ids.iter().map(|id| text::plain(id)).collect();
            return Err(format!("several requests begin so: {} ...", ids.join(", ")).into());
        }
    };
    let bodies = reader.bodies(entry.row)?;
    let shown = if json { text::json(&entry, bodies.as_ref()) } else { explain::text(&entry, bodies.as_ref()) };
    match io::stdout().lock().write_all(shown.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

fn open(sources: &Sources) -> Result<Reader, Box<dyn Error>> {
    let dir: Option<PathBuf> = config::data_dir(sources, &Environment::of_process());
    let dir = dir.ok_or("there is no data directory: this user has no home; use --data-dir")?;
    let hint = "has a gateway written one there, with log.requests on? --data-dir names another directory";
    Reader::open(&dir).map_err(|error| match error {
        apex_store::ReadError::Missing(_) => format!("{error}; {hint}").into(),
        apex_store::ReadError::Foreign(_) | apex_store::ReadError::Sqlite(_) => error.into(),
    })
}

/// A point in time as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Ago(Duration),
    At(Timestamp),
}

impl When {
    fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(time) => now - time,
            Self::At(at) => at,
        }
    }
}

pub(crate) fn when(text: &str) -> Result<When, String> {
    let parsed = duration(text).map(When::Ago).or_else(|| text::date(text).map(When::At));
    parsed.ok_or_else(|| "write it as 90s, 15m, 1h, 7d, 2026-11-25 or 2026-11-25T18:00:00Z".to_owned())
}

pub(crate) fn status(text: &str) -> Result<StatusFilter, String> {
    let class =
        || text.strip_suffix("xx")?.parse().ok().filter(|class| (1..=9).contains(class)).map(StatusFilter::Class);
    let exactly = || text.parse().ok().filter(|status| (100..=999).contains(status)).map(StatusFilter::Exactly);
    class().or_else(exactly).ok_or_else(|| "write it as 429 or 5xx".to_owned())
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_typed() {
        assert_eq!(when("1h"), Ok(When::Ago(Duration::from_secs(3600))));
        assert_eq!(when("2026-11-22T00:41:00Z"), Ok(When::At(Timestamp::from_micros(1_795_308_060_000_000))));
        assert!(when("yesterday").is_err());
        assert_eq!(status("429"), Ok(StatusFilter::Exactly(429)));
        assert_eq!(status("5xx"), Ok(StatusFilter::Class(5)));
        for bad in ["", "x", "5x", "50xx", "99", "-1", "0xx"] {
            assert!(status(bad).is_err(), "{bad}");
        }
    }
}
