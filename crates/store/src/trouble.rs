//! Why the request log cannot be written, in words an operator can act on.

use std::fmt;
use std::io;

use rusqlite::{Error, ErrorCode};

/// What is in the way. No text of a statement or a value gets into it.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The directory or the file cannot be made.
    Directory(io::Error),
    /// Another program's database.
    Foreign,
    /// A later version of the gateway wrote it.
    Newer,
    Sqlite(Error),
}

impl Trouble {
    /// Is it this row's fault? Then the next one may fare better.
    pub(crate) fn is_of_the_row(&self) -> bool {
        let Self::Sqlite(error) = self else { return false };
        matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch)
        )
    }

    /// Somebody else is writing: nothing is wrong, unless it lasts.
    pub(crate) fn is_busy(&self) -> bool {
        let Self::Sqlite(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(error) => write!(f, "the data directory cannot be used: {error}"),
            Self::Foreign => f.write_str("the file is another program's database"),
            Self::Newer => f.write_str("a newer version of the gateway wrote the file"),
            Self::Sqlite(error) => write_reason(f, error),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "SQLite's own words do for what is rare")]
fn write_reason(f: &mut fmt::Formatter<'_>, error: &Error) -> fmt::Result {
    let Error::SqliteFailure(failure, _) = error else { return f.write_str("the database gave an unexpected answer") };
    f.write_str(match failure.code {
        ErrorCode::CannotOpen => "the file cannot be opened",
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "another program keeps the database locked",
        ErrorCode::DatabaseCorrupt => "the file is damaged: move it away, and a new one is made",
        ErrorCode::DiskFull => "the disk is full",
        ErrorCode::NotADatabase => "the file is not a database",
        ErrorCode::ReadOnly => "the file may only be read",
        ErrorCode::SystemIoFailure => "the file could not be read or written",
        _ => return write!(f, "{failure}"),
    })
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Directory(error)
    }
}
