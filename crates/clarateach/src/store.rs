//! SQLite (WAL, `synchronous=FULL`): all SQL is here and below, and no rules.
//!
//! One writer thread runs queued writes and commits them together, so that a burst of joins costs one
//! sync; a write is answered only after its commit. Readers have connections of their own and never
//! wait for the writer. Start at [`Store::open`].

mod adopt;
mod assignments;
mod copies;
mod desired;
mod idempotency;
mod instructors;
mod origins;
mod rows;
mod schema;
mod seats;
mod standby;
mod tokens;
mod workshops;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

pub use adopt::{AdoptedLearner, AdoptedSeat, AdoptedWorkshop};
pub use assignments::{NewAssignment, Seated};
pub use copies::{DATABASE, is_there, set_aside, snapshot, verify};
pub use idempotency::{Inserted, RequestKey};
pub use instructors::TokenHash;
pub use origins::{Noted, NumberWish};
pub use seats::{Occupancy, Undone};
pub use standby::Claimed;
pub use workshops::{IdleRule, NewWorkshop};

/// How long a reader or the writer waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the database could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file can't be opened or isn't a database of ours.
    #[error("cannot open the database {path}: {source}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Its tables can't be brought to this version.
    #[error("cannot migrate the database {path}: {source}")]
    Migrate {
        /// Which file.
        path: PathBuf,
        /// What went wrong.
        source: rusqlite_migration::Error,
    },
    /// A newer ClaraTeach wrote it.
    #[error(
        "the database {path} was written by a newer ClaraTeach. Hint: run that version, or use another --data-dir"
    )]
    NewerSchema {
        /// Which file.
        path: PathBuf,
    },
    /// Its content is damaged.
    #[error(
        "the database {path} is damaged: {detail}. Hint: `clarateach restore FILE` brings a backup back; without one, `clarateach recover` adopts the seats that are there"
    )]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What the check found.
        detail: String,
    },
    /// A statement failed.
    #[error("cannot {operation}: {source}")]
    Query {
        /// What was tried.
        operation: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The store was closed, or its writer is gone.
    #[error("cannot {operation}: the database is closed")]
    Closed {
        /// What was tried.
        operation: &'static str,
    },
}

impl StoreError {
    /// Whether the disk has no room for the write.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Query { source, .. } if source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull))
    }

    /// Whether somebody else held the database for too long; nothing was written then.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        let Self::Query { source, .. } = self else {
            return false;
        };
        matches!(
            source.sqlite_error_code(),
            Some(DatabaseBusy | DatabaseLocked)
        )
    }
}

/// The database; clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    writer: writer::Writer,
    readers: Mutex<Vec<Connection>>,
}

impl Store {
    /// Opens or makes the database in `data_dir` and brings its tables to this version.
    ///
    /// # Errors
    /// When the file can't be opened, is damaged, or was written by a newer version.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let path = data_dir.join(DATABASE);
        let connection = open_connection(
            &path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        )?;
        check_integrity(&connection, &path)?;
        let connection = schema::migrate(connection, &path)?;
        Ok(Self {
            inner: Arc::new(Inner {
                path,
                writer: writer::Writer::start(connection),
                readers: Mutex::new(Vec::new()),
            }),
        })
    }

    /// Queues a write; answers after the commit that it became part of. When `job` fails, nothing
    /// that it did stays.
    async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.inner.writer.run(operation, job).await
    }

    /// Runs a read on a connection of its own, off the runtime's threads.
    async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        let run = move || {
            let pooled = lock(&inner.readers).pop();
            let connection = match pooled {
                Some(connection) => connection,
                None => open_connection(&inner.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
            };
            let answer = job(&connection).map_err(|source| StoreError::Query { operation, source });
            lock(&inner.readers).push(connection);
            answer
        };
        tokio::task::spawn_blocking(run)
            .await
            .map_err(|_| StoreError::Closed { operation })?
    }
}

#[cfg(test)]
impl Store {
    /// Commits so far.
    fn commits(&self) -> u64 {
        self.inner.writer.commits()
    }

    /// Writes that wait.
    fn queued(&self) -> usize {
        self.inner.writer.queued()
    }

    /// Whether a transaction is open.
    fn is_writing(&self) -> bool {
        self.inner.writer.is_writing()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_connection(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let open = || {
        let connection =
            Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        if flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) {
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "full")?;
            connection.pragma_update(None, "secure_delete", true)?;
        }
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    };
    open().map_err(|source: rusqlite::Error| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            StoreError::Corrupt {
                path: path.to_owned(),
                detail: source.to_string(),
            }
        }
        _ => StoreError::Open {
            path: path.to_owned(),
            source,
        },
    })
}

fn check_integrity(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let verdict: Result<String, _> =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    let detail = match verdict {
        Ok(verdict) if verdict == "ok" => return Ok(()),
        Ok(finding) => finding,
        Err(error) => error.to_string(),
    };
    Err(StoreError::Corrupt {
        path: path.to_owned(),
        detail,
    })
}

#[cfg(test)]
mod tests;
