//! The tables, and how they came to be. A migration is never changed once released: a new one is added at the end.

use rusqlite::{Connection, TransactionBehavior};

use crate::trouble::Trouble;

/// What each version adds. The version of a database, its `user_version`, is how many of these it has had.
pub(crate) const MIGRATIONS: &[&str] = &[V1, V2, V3];

/// One row for each exchange. `id` only grows, so that a reader can follow; `started` is in microseconds since the
/// epoch. The other columns are named as the fields of the log line.
const V1: &str = "
CREATE TABLE exchanges (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    started INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    mode TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    label TEXT,
    client_dialect TEXT,
    upstream_dialect TEXT,
    provider TEXT,
    via TEXT,
    model TEXT,
    upstream_model TEXT,
    stream INTEGER NOT NULL,
    status INTEGER NOT NULL,
    upstream_status INTEGER,
    upstream_request_id TEXT,
    attempts INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    error TEXT,
    detail TEXT,
    duration_ms REAL NOT NULL,
    upstream_head_ms REAL,
    first_byte_ms REAL,
    request_bytes INTEGER NOT NULL,
    upstream_bytes INTEGER NOT NULL,
    response_bytes INTEGER NOT NULL,
    input_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    output_tokens INTEGER,
    reasoning_tokens INTEGER,
    adjustments TEXT,
    trace TEXT
) STRICT;
CREATE INDEX exchanges_started ON exchanges (started);
CREATE INDEX exchanges_request_id ON exchanges (request_id);
CREATE INDEX exchanges_provider ON exchanges (provider);
CREATE INDEX exchanges_model ON exchanges (model);
CREATE INDEX exchanges_status ON exchanges (status);
CREATE INDEX exchanges_outcome ON exchanges (outcome);
";

/// Every attempt (a JSON array), what it cost, what the first version left out; heads and bodies, where they are kept.
const V2: &str = "
ALTER TABLE exchanges ADD COLUMN resolved TEXT;
ALTER TABLE exchanges ADD COLUMN first_content_ms REAL;
ALTER TABLE exchanges ADD COLUMN cache_write_5m_tokens INTEGER;
ALTER TABLE exchanges ADD COLUMN cache_write_1h_tokens INTEGER;
ALTER TABLE exchanges ADD COLUMN stop TEXT;
ALTER TABLE exchanges ADD COLUMN cost_micros INTEGER;
ALTER TABLE exchanges ADD COLUMN cost_basis TEXT;
ALTER TABLE exchanges ADD COLUMN user_agent TEXT;
ALTER TABLE exchanges ADD COLUMN tries TEXT;
CREATE TABLE bodies (
    exchange INTEGER PRIMARY KEY REFERENCES exchanges (id) ON DELETE CASCADE,
    target TEXT NOT NULL,
    request_head TEXT NOT NULL,
    request_body TEXT NOT NULL,
    request_truncated INTEGER NOT NULL,
    response_head TEXT NOT NULL,
    response_body TEXT NOT NULL,
    response_truncated INTEGER NOT NULL,
    response_reassembled INTEGER NOT NULL
) STRICT;
";

/// What the upstream calls its reply and its model. Each index costs every insert, and one of random ids most: its pages
/// are all over the file, and each insert writes one of them. One index grows at its end instead, and an id is looked for
/// by reading it from there, which is a tenth of the file. Other questions are about the newest rows, which need none;
/// failures are few.
const V3: &str = "
ALTER TABLE exchanges ADD COLUMN response_id TEXT;
ALTER TABLE exchanges ADD COLUMN response_model TEXT;
DROP INDEX exchanges_started;
DROP INDEX exchanges_request_id;
DROP INDEX exchanges_provider;
DROP INDEX exchanges_model;
DROP INDEX exchanges_status;
DROP INDEX exchanges_outcome;
CREATE INDEX exchanges_time ON exchanges (started, request_id);
CREATE INDEX exchanges_failed ON exchanges (id) WHERE (status >= 400 OR outcome NOT IN ('completed', 'relayed'));
";

/// Marks the file as ours: `apex` in ASCII.
pub(crate) const APPLICATION_ID: i32 = 0x6170_6578;

/// Brings the database to the newest version, in one transaction.
pub(crate) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), Trouble> {
    let newest = migrations.len();
    if version(connection)? == newest {
        return Ok(());
    }
    // Another gateway may be at it: the version is read again under the lock.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    let Some(missing) = migrations.get(found..) else { return Err(Trouble::Newer) };
    if found == 0 && transaction.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get::<_, i64>(0))? > 0 {
        return Err(Trouble::Foreign);
    }
    for migration in missing {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", u32::try_from(newest).unwrap_or(u32::MAX))?;
    Ok(transaction.commit()?)
}

pub(crate) fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}
