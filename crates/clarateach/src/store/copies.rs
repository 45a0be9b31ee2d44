//! The database as files: a copy of one in use, whether one can be used, and moving one away.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::{StoreError, check_integrity, open_connection, schema};

/// The database's file in a data directory.
pub const DATABASE: &str = "clarateach.db";
/// What SQLite keeps beside it while it is in use.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Whether a data directory has a database with anything in it.
#[must_use]
pub fn is_there(data_dir: &Path) -> bool {
    let file = data_dir.join(DATABASE).metadata();
    file.is_ok_and(|file| file.len() > 0)
}

/// Copies a database, also one in use, as it is at this moment into a new file. Neither readers nor the
/// writer wait for it.
///
/// # Errors
/// When it can't be read, or the copy can't be written.
pub fn snapshot(data_dir: &Path, to: &Path) -> Result<(), StoreError> {
    let path = data_dir.join(DATABASE);
    let connection = open_connection(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection
        .execute("VACUUM INTO ?1", [to.to_string_lossy()])
        .map_err(|source| StoreError::Query {
            operation: "copy the database",
            source,
        })?;
    Ok(())
}

/// Whether this version can use the database of a data directory.
///
/// # Errors
/// Why it can't.
pub fn verify(data_dir: &Path) -> Result<(), StoreError> {
    let path = data_dir.join(DATABASE);
    let connection = open_connection(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    check_integrity(&connection, &path)?;
    schema::refuse_newer(&connection, &path)
}

/// Moves the database of a data directory that nobody uses aside; where it is then. Nothing where there
/// is none.
///
/// # Errors
/// When it can't be moved.
pub fn set_aside(data_dir: &Path, word: &str) -> std::io::Result<Option<PathBuf>> {
    let path = data_dir.join(DATABASE);
    if !path.exists() {
        return Ok(None);
    }
    let seconds = time::OffsetDateTime::now_utc().unix_timestamp();
    let aside = data_dir.join(format!("{DATABASE}.{word}-{seconds}"));
    std::fs::rename(&path, &aside)?;
    for suffix in BESIDE {
        let beside = data_dir.join(format!("{DATABASE}{suffix}"));
        let moved = data_dir.join(format!("{DATABASE}.{word}-{seconds}{suffix}"));
        match std::fs::rename(beside, moved) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(Some(aside))
}

/// Tables of a connection that this version doesn't know.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
