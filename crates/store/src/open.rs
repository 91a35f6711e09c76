//! The file: where it is, who may read it, and how SQLite is told to treat it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::schema::{self, migrate};
use crate::trouble::Trouble;

/// Name of the database in the data directory.
pub const FILE: &str = "requests.db";

/// How long another gateway, or somebody's shell, may hold a database before it counts as trouble. Only the database's
/// own thread waits.
const BUSY: Duration = Duration::from_secs(2);

/// Opens the database `name` for writing, with the tables of `migrations`; makes the directory and the file if they are not
/// there, readable by their owner only.
pub(crate) fn for_writing(dir: &Path, name: &str, migrations: &[&str]) -> Result<Connection, Trouble> {
    let path = make(dir, name)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    if schema::version(&connection)? > migrations.len() {
        return Err(Trouble::Newer);
    }
    // These two before the first table, or never. Pages of twice the usual size are written with half the calls.
    connection.pragma_update(None, "page_size", 8192)?;
    // It lets the file shrink in small steps.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    // Readers do not stop the writer, and a commit is one append. NORMAL: a commit survives the death of this process;
    // the last ones may be lost with the machine, and the file stays whole either way.
    connection.query_row("PRAGMA journal_mode = WAL", (), |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.query_row("PRAGMA journal_size_limit = 4194304", (), |_| Ok(()))?;
    // In pages: as many bytes as by default.
    connection.query_row("PRAGMA wal_autocheckpoint = 500", (), |_| Ok(()))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    migrate(&mut connection, migrations)?;
    Ok(connection)
}

/// Opens the log for reading, while a gateway writes or without one.
pub(crate) fn for_reading(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// The path of the database, which is there afterwards. SQLite gives its companions the mode of the file.
fn make(dir: &Path, name: &str) -> io::Result<PathBuf> {
    let mut directory = DirBuilder::new();
    directory.recursive(true);
    let mut file = OpenOptions::new();
    file.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        directory.mode(0o700);
        file.mode(0o600);
    }
    directory.create(dir)?;
    let path = dir.join(name);
    file.open(&path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // One that was made by other means, or came from a backup.
        if fs::metadata(&path)?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(path)
}
