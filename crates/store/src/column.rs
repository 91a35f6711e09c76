//! From the fields of a record to the columns of its row, and back. Both have the same names and the same order.

use std::time::Duration;

use apex_core::capture::Shown;
use apex_core::json::array;
use apex_core::record::line::{Value, all};
use apex_core::record::{Attempt, Record};
use rusqlite::Statement;
use rusqlite::types::{Null, ValueRef};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Millis,
    Number,
    Text,
    Truth,
}

/// The columns besides `id`, `started` and `tries`: the fields of a record, every one of them.
pub(crate) const COLUMNS: &[(&str, Kind)] = &[
    ("request_id", Kind::Text),
    ("mode", Kind::Text),
    ("method", Kind::Text),
    ("path", Kind::Text),
    ("label", Kind::Text),
    ("client_dialect", Kind::Text),
    ("upstream_dialect", Kind::Text),
    ("provider", Kind::Text),
    ("via", Kind::Text),
    ("model", Kind::Text),
    ("upstream_model", Kind::Text),
    ("resolved", Kind::Text),
    ("stream", Kind::Truth),
    ("status", Kind::Number),
    ("upstream_status", Kind::Number),
    ("upstream_request_id", Kind::Text),
    ("response_id", Kind::Text),
    ("response_model", Kind::Text),
    ("attempts", Kind::Number),
    ("outcome", Kind::Text),
    ("error", Kind::Text),
    ("detail", Kind::Text),
    ("duration_ms", Kind::Millis),
    ("upstream_head_ms", Kind::Millis),
    ("first_byte_ms", Kind::Millis),
    ("first_content_ms", Kind::Millis),
    ("request_bytes", Kind::Number),
    ("upstream_bytes", Kind::Number),
    ("response_bytes", Kind::Number),
    ("input_tokens", Kind::Number),
    ("cache_read_tokens", Kind::Number),
    ("cache_write_tokens", Kind::Number),
    ("cache_write_5m_tokens", Kind::Number),
    ("cache_write_1h_tokens", Kind::Number),
    ("output_tokens", Kind::Number),
    ("reasoning_tokens", Kind::Number),
    ("stop", Kind::Text),
    ("cost_micros", Kind::Number),
    ("cost_basis", Kind::Text),
    ("user_agent", Kind::Text),
    ("adjustments", Kind::Text),
    ("trace", Kind::Text),
];

/// The statement that takes a record.
pub(crate) fn insert() -> String {
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let places = vec!["?"; names.len() + 2];
    format!("INSERT INTO exchanges (started, tries, {}) VALUES ({})", names.join(", "), places.join(", "))
}

/// Binds `record` to a statement made by [`insert`].
pub(crate) fn bind(statement: &mut Statement<'_>, record: &Record) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(1, number(record.started.as_micros()))?;
    statement.raw_bind_parameter(2, (!record.attempts.is_empty()).then(|| tries(&record.attempts)))?;
    for (at, (_, value)) in (3_usize..).zip(all(record)) {
        match value {
            Some(Value::Millis(time)) => statement.raw_bind_parameter(at, millis(time))?,
            Some(Value::Number(n)) => statement.raw_bind_parameter(at, number(n))?,
            Some(Value::Text(text)) => statement.raw_bind_parameter(at, text)?,
            Some(Value::Truth(truth)) => statement.raw_bind_parameter(at, truth)?,
            None => statement.raw_bind_parameter(at, Null)?,
        }
    }
    Ok(())
}

/// `[{"target":"https://..","started_ms":0.1,"head_ms":300,"ended_ms":812.3,"status":200}]`; what is unknown is left out.
fn tries(attempts: &[Attempt]) -> String {
    let mut out = Vec::new();
    array(&mut out, |all| {
        for attempt in attempts {
            all.obj(|one| {
                one.text("target", &attempt.target);
                let times =
                    [("started_ms", Some(attempt.started)), ("head_ms", attempt.head), ("ended_ms", attempt.ended)];
                for (name, time) in times {
                    if let Some(time) = time {
                        one.raw(name, &format!("{:.3}", millis(time)));
                    }
                }
                if let Some(status) = attempt.status {
                    one.uint("status", status.into());
                }
                if let Some(error) = attempt.error {
                    one.text("error", error);
                }
            });
        }
    });
    String::from_utf8_lossy(&out).into_owned()
}

/// Takes what was captured of an exchange, and the row it belongs to.
pub(crate) const INSERT_BODIES: &str = "INSERT INTO bodies (exchange, target, request_head, request_body,
    request_truncated, response_head, response_body, response_truncated, response_reassembled)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Binds to [`INSERT_BODIES`].
pub(crate) fn bind_bodies(statement: &mut Statement<'_>, row: i64, shown: &Shown) -> rusqlite::Result<()> {
    let (request, response) = (&shown.request, &shown.response);
    statement.raw_bind_parameter(1, row)?;
    statement.raw_bind_parameter(2, &shown.target)?;
    statement.raw_bind_parameter(3, &shown.request_head)?;
    statement.raw_bind_parameter(4, &request.text)?;
    statement.raw_bind_parameter(5, request.truncated)?;
    statement.raw_bind_parameter(6, &shown.response_head)?;
    statement.raw_bind_parameter(7, &response.text)?;
    statement.raw_bind_parameter(8, response.truncated)?;
    statement.raw_bind_parameter(9, response.reassembled)
}

/// SQLite's integers have a sign. No size or count comes near the limit.
fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Exact to the microsecond, as times are, for three centuries.
fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A value read from a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Millis(Duration),
    Number(u64),
    Text(String),
    Truth(bool),
}

impl Kind {
    /// The value of a column of this kind; none where nothing is known.
    pub(crate) fn cell(self, value: ValueRef<'_>) -> Option<Cell> {
        match (self, value) {
            (Self::Millis, ValueRef::Real(ms)) => {
                let micros = Duration::try_from_secs_f64(ms.max(0.0) / 1000.0).ok()? + Duration::from_nanos(500);
                Some(Cell::Millis(Duration::from_micros(u64::try_from(micros.as_micros()).ok()?)))
            }
            (Self::Number, ValueRef::Integer(n)) => Some(Cell::Number(u64::try_from(n).unwrap_or(0))),
            (Self::Text, ValueRef::Text(text)) => Some(Cell::Text(String::from_utf8_lossy(text).into_owned())),
            (Self::Truth, ValueRef::Integer(n)) => Some(Cell::Truth(n != 0)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new field of the record needs a column: a migration, and a row of the table above.
    #[test]
    fn every_field_has_its_column() {
        let fields: Vec<&str> = all(&Record::default()).map(|(name, _)| name).collect();
        let columns: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        assert_eq!(fields, columns);
    }
}
