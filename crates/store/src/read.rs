//! Reading the log, also while a gateway writes it, and one that an older gateway wrote.

use std::fmt;
use std::path::{Path, PathBuf};

use apex_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};

use crate::column::{COLUMNS, Cell, Kind};
use crate::filter::Filter;
use crate::open::{self, FILE};
use crate::schema;

/// A request log, opened for reading.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

/// One exchange, as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Grows with each exchange that ended.
    pub row: i64,
    pub started: Timestamp,
    /// What is known, named and ordered as the fields of the log line.
    pub fields: Vec<(&'static str, Cell)>,
    /// Every attempt, as a JSON array; see the documentation of the log.
    pub tries: Option<String>,
}

/// Heads and bodies of an exchange, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bodies {
    /// Path and query of the request.
    pub target: String,
    /// One `name: value` a line.
    pub request_head: String,
    pub request: Body,
    pub response_head: String,
    pub response: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    pub text: String,
    /// It is not all of it.
    pub truncated: bool,
    /// A stream whose events were put together.
    pub reassembled: bool,
}

impl Entry {
    pub fn get(&self, name: &str) -> Option<&Cell> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, cell)| cell)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Cell::Text(text) => Some(text),
            Cell::Millis(_) | Cell::Number(_) | Cell::Truth(_) => None,
        }
    }

    pub fn number(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Cell::Number(number) => Some(*number),
            Cell::Millis(_) | Cell::Text(_) | Cell::Truth(_) => None,
        }
    }

    pub fn time(&self, name: &str) -> Option<std::time::Duration> {
        match self.get(name)? {
            Cell::Millis(time) => Some(*time),
            Cell::Number(_) | Cell::Text(_) | Cell::Truth(_) => None,
        }
    }

    pub fn is(&self, name: &str) -> bool {
        self.get(name) == Some(&Cell::Truth(true))
    }
}

/// What an id, or its beginning, led to.
#[derive(Debug, PartialEq)]
pub enum Found {
    None,
    One(Box<Entry>),
    /// Ids that begin so; the first few.
    Several(Vec<String>),
}

/// Why the log cannot be read.
#[derive(Debug)]
pub enum ReadError {
    /// There is no database at this path.
    Missing(PathBuf),
    /// What is there is not a request log.
    Foreign(PathBuf),
    Sqlite(rusqlite::Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "there is no request log at {}", path.display()),
            Self::Foreign(path) => write!(f, "{} is not a request log", path.display()),
            Self::Sqlite(error) => write!(f, "the request log cannot be read: {error}"),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// The inner query reads an index, and not the rows.
const FIND: &str = "SELECT * FROM exchanges WHERE id IN
    (SELECT id FROM exchanges WHERE request_id >= ? AND request_id < ? ORDER BY request_id, id DESC LIMIT 5)
    ORDER BY request_id, id DESC";

impl Reader {
    /// The log in the data directory `dir`.
    pub fn open(dir: &Path) -> Result<Self, ReadError> {
        let path = dir.join(FILE);
        if !path.is_file() {
            return Err(ReadError::Missing(path));
        }
        let connection = open::for_reading(&path)?;
        let ours = |connection: &Connection| {
            let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
            Ok::<_, rusqlite::Error>(id == schema::APPLICATION_ID && schema::version(connection)? > 0)
        };
        match ours(&connection) {
            Ok(true) => Ok(Self { connection }),
            Ok(false) => Err(ReadError::Foreign(path)),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
                Err(ReadError::Foreign(path))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The newest `limit` exchanges that match, oldest first.
    pub fn newest(&self, filter: &Filter, limit: u32) -> Result<Vec<Entry>, ReadError> {
        let (condition, mut bound) = filter.condition();
        bound.push(Value::from(i64::from(limit)));
        let sql = format!("SELECT * FROM exchanges WHERE {condition} ORDER BY id DESC LIMIT ?");
        let mut entries = self.select(&sql, bound)?;
        entries.reverse();
        Ok(entries)
    }

    /// The next `limit` after row `after` that match, oldest first.
    pub fn after(&self, after: i64, filter: &Filter, limit: u32) -> Result<Vec<Entry>, ReadError> {
        let (condition, mut bound) = filter.condition();
        bound.extend([Value::from(after), Value::from(i64::from(limit))]);
        let sql = format!("SELECT * FROM exchanges WHERE {condition} AND id > ? ORDER BY id LIMIT ?");
        self.select(&sql, bound)
    }

    /// The row written last; 0 if there is none.
    pub fn last_row(&self) -> Result<i64, ReadError> {
        Ok(self.connection.query_row("SELECT coalesce(max(id), 0) FROM exchanges", (), |row| row.get(0))?)
    }

    /// The exchange with this id, or with the only id that begins so.
    pub fn find(&self, id: &str) -> Result<Found, ReadError> {
        // Above every text that begins with `id`.
        let end = format!("{id}\u{10ffff}");
        let mut entries = self.select(FIND, vec![Value::from(id.to_owned()), Value::from(end)])?;
        // The whole id comes before all that only begin so.
        if entries.first().and_then(|entry| entry.text("request_id")) == Some(id) {
            entries.truncate(1);
        }
        let ids = || entries.iter().filter_map(|entry| entry.text("request_id")).map(str::to_owned).collect();
        match entries.len() {
            0 => Ok(Found::None),
            1 => Ok(entries.pop().map_or(Found::None, |entry| Found::One(Box::new(entry)))),
            _ => Ok(Found::Several(ids())),
        }
    }

    /// Heads and bodies of the exchange in this row, if they were kept.
    pub fn bodies(&self, row: i64) -> Result<Option<Bodies>, ReadError> {
        if !self.connection.table_exists(None, "bodies")? {
            return Ok(None);
        }
        let mut statement = self.connection.prepare_cached("SELECT * FROM bodies WHERE exchange = ?")?;
        let bodies = statement.query_row([row], |row| {
            Ok(Bodies {
                target: row.get("target")?,
                request_head: row.get("request_head")?,
                request: Body {
                    text: row.get("request_body")?,
                    truncated: row.get("request_truncated")?,
                    reassembled: false,
                },
                response_head: row.get("response_head")?,
                response: Body {
                    text: row.get("response_body")?,
                    truncated: row.get("response_truncated")?,
                    reassembled: row.get("response_reassembled")?,
                },
            })
        });
        Ok(bodies.optional()?)
    }

    fn select(&self, sql: &str, bound: Vec<Value>) -> Result<Vec<Entry>, ReadError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        // By name: a log of another version has other columns.
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let at = |wanted: &str| names.iter().position(|name| name == wanted);
        let columns: Vec<_> = COLUMNS.iter().filter_map(|(name, kind)| Some((at(name)?, *name, *kind))).collect();
        let tries = at("tries");
        let entries = statement.query_map(params_from_iter(bound), |row| entry(row, &columns, tries))?;
        Ok(entries.collect::<Result<_, _>>()?)
    }
}

fn entry(row: &Row<'_>, columns: &[(usize, &'static str, Kind)], tries: Option<usize>) -> rusqlite::Result<Entry> {
    let mut fields = Vec::with_capacity(columns.len());
    for (at, name, kind) in columns {
        if let Some(cell) = kind.cell(row.get_ref(*at)?) {
            fields.push((*name, cell));
        }
    }
    let started: i64 = row.get("started")?;
    Ok(Entry {
        row: row.get("id")?,
        started: Timestamp::from_micros(u64::try_from(started).unwrap_or(0)),
        fields,
        tries: tries.map_or(Ok(None), |at| row.get(at))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_looked_for_in_an_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, schema::MIGRATIONS).unwrap();
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {FIND}")).unwrap();
        let steps = plan.query_map(["a", "b"], |row| row.get::<_, String>("detail")).unwrap();
        let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
        assert!(steps.iter().any(|step| step.contains("USING COVERING INDEX exchanges_time")), "{steps:?}");
        assert!(!steps.iter().any(|step| step == "SCAN exchanges"), "{steps:?}");
    }
}
