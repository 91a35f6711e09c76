//! What is forgotten: exchanges that are too old, and the oldest of those that are too many. In small steps, so that
//! records never wait long for one.

use std::time::Duration;

use apex_core::time::Timestamp;
use rusqlite::{Connection, TransactionBehavior};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub max_age: Duration,
    /// Bytes of the database file. Its write-ahead log beside it takes a few MiB more.
    pub max_size: u64,
    /// Heads and bodies, too, where they were captured.
    pub bodies: bool,
}

/// Rows that one step deletes at most.
pub(crate) const ROWS: u16 = 200;
/// Pages that it gives back to the file system.
const PAGES: i64 = 128;

/// The work that is under way.
#[derive(Debug, Default)]
pub(crate) struct Retain {
    /// The file was too large, and is being brought well below the limit: not a row at a time at the brink.
    shrinking: bool,
}

impl Retain {
    /// Is the file too large, as of the last step?
    pub(crate) const fn is_shrinking(&self) -> bool {
        self.shrinking
    }

    /// One step. Is there more to do?
    pub(crate) fn step(
        &mut self,
        connection: &mut Connection,
        retention: Retention,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        let oldest = i64::try_from((now - retention.max_age).as_micros()).unwrap_or(i64::MAX);
        if delete(
            connection,
            "SELECT id FROM exchanges WHERE started < ?1 ORDER BY started LIMIT ?2",
            oldest,
            i64::from(ROWS),
        )? {
            return Ok(true);
        }
        let (used, free) = pages(connection)?;
        let goal = if self.shrinking { retention.max_size / 10 * 9 } else { retention.max_size };
        self.shrinking = used > goal;
        if self.shrinking {
            // Rows with bodies are large: not many more go than must.
            let rows: i64 = connection.query_row("SELECT max(id) - min(id) + 1 FROM exchanges", (), |row| {
                Ok(row.get::<_, Option<i64>>(0)?.unwrap_or(0))
            })?;
            let excess = i64::try_from(u128::from(used - goal) * u128::from(rows.unsigned_abs()) / u128::from(used));
            let rows = excess.unwrap_or(i64::MAX).clamp(1, i64::from(ROWS));
            if delete(connection, "SELECT id FROM exchanges WHERE id > ?1 ORDER BY id LIMIT ?2", 0, rows)? {
                return Ok(true);
            }
        }
        // A few free pages are soon used again; many are given back.
        if free <= PAGES {
            return Ok(false);
        }
        let mut vacuum = connection.prepare_cached(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        let mut rows = vacuum.raw_query();
        while rows.next()?.is_some() {}
        drop(rows);
        drop(vacuum);
        if free > 2 * PAGES {
            return Ok(true);
        }
        // Now the file itself shrinks, not only the database in it.
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))?;
        Ok(false)
    }
}

/// Deletes the rows that `which` selects, if there are any.
fn delete(connection: &mut Connection, which: &str, bound: i64, rows: i64) -> rusqlite::Result<bool> {
    // Nothing to do is the rule: no lock is taken to find out.
    if !connection.prepare_cached(which)?.exists((bound, 1))? {
        return Ok(false);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = format!("DELETE FROM exchanges WHERE id IN ({which})");
    let deleted = transaction.prepare_cached(&sql)?.execute((bound, rows))?;
    transaction.commit()?;
    Ok(deleted > 0)
}

/// Bytes in use, and pages that are free.
fn pages(connection: &Connection) -> rusqlite::Result<(u64, i64)> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (all, free, size) = (pragma("page_count")?, pragma("freelist_count")?, pragma("page_size")?);
    Ok((u64::try_from((all - free).saturating_mul(size)).unwrap_or(0), free))
}
