//! The one writer: a thread that takes queued jobs and commits as many as wait in one transaction.
//!
//! Each job runs in a savepoint of its own, so one that fails takes nobody along. Answers go out after
//! the commit: what was acknowledged is on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::StoreError;

/// Jobs that may wait; more callers wait their turn.
const QUEUE: usize = 256;
/// Jobs of one commit at the most.
const BATCH: usize = 128;

type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Without a connection nothing is done: there is no transaction to do it in.
type Job = Box<dyn FnOnce(Option<&Connection>) -> Reply + Send>;

pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests look"))]
    counts: Arc<Counts>,
}

/// What the thread did, for tests.
#[derive(Default)]
struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
}

#[cfg(test)]
impl Writer {
    pub(super) fn commits(&self) -> u64 {
        self.counts.ended.load(Ordering::SeqCst)
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    pub(super) fn is_writing(&self) -> bool {
        self.counts.begun.load(Ordering::SeqCst) > self.commits()
    }
}

impl Writer {
    /// Starts the thread; it ends when the writer is dropped and the queue is empty.
    pub(super) fn start(connection: Connection) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let counts = Arc::<Counts>::default();
        let counted = Arc::clone(&counts);
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_batches(&connection, jobs, &counted))
            .expect("a thread can be started while the server starts");
        Self { queue, counts }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = connection.map(|connection| {
                in_savepoint(connection, job)
                    .map_err(|source| StoreError::Query { operation, source })
            });
            Box::new(move |committed| {
                let answer = match (result, committed) {
                    (Some(Ok(value)), Ok(())) => Ok(value),
                    (Some(Err(error)), _) => Err(error),
                    (_, Err(error)) => Err(error),
                    (None, Ok(())) => Err(StoreError::Closed { operation }),
                };
                // Nobody listens any more when the caller gave up; the commit stands.
                let _ = sender.send(answer);
            })
        });
        let closed = || StoreError::Closed { operation };
        self.queue.send(job).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.execute_batch("SAVEPOINT job")?;
    let result = job(connection);
    let end = if result.is_ok() {
        "RELEASE job"
    } else {
        "ROLLBACK TO job; RELEASE job"
    };
    let ended = connection.execute_batch(end);
    // Where the disk is full SQLite has rolled back everything, the savepoint too: why counts.
    result.and_then(|value| ended.map(|()| value))
}

fn write_batches(connection: &Connection, mut jobs: mpsc::Receiver<Job>, counts: &Counts) {
    while let Some(first) = jobs.blocking_recv() {
        let begun = connection.execute_batch("BEGIN IMMEDIATE");
        counts.begun.fetch_add(1, Ordering::SeqCst);
        // Without a transaction nothing is done: all who wait are told so. SQLite ends one by itself
        // where the disk is full.
        let inside = || (begun.is_ok() && !connection.is_autocommit()).then_some(connection);
        let mut replies = vec![first(inside())];
        while replies.len() < BATCH {
            match jobs.try_recv() {
                Ok(job) => replies.push(job(inside())),
                Err(_) => break,
            }
        }
        let ended = begun.is_ok() && connection.is_autocommit();
        let committed = match begun {
            Ok(()) if ended => Err(rolled_back()),
            Ok(()) => connection.execute_batch("COMMIT"),
            Err(error) => Err(error),
        };
        if committed.is_err() && !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
        counts.ended.fetch_add(1, Ordering::SeqCst);
        for reply in replies {
            reply(match &committed {
                Ok(()) => Ok(()),
                Err(error) => Err(commit_error(error)),
            });
        }
    }
}

/// For jobs that went with another one's failure: the same may go through now.
fn rolled_back() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
        Some("the transaction was rolled back".to_owned()),
    )
}

/// One failure for every job of the batch; `rusqlite::Error` can't be cloned.
fn commit_error(error: &rusqlite::Error) -> StoreError {
    let source = match error {
        rusqlite::Error::SqliteFailure(code, message) => {
            rusqlite::Error::SqliteFailure(*code, message.clone())
        }
        other => rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ERROR),
            Some(other.to_string()),
        ),
    };
    StoreError::Query {
        operation: "commit",
        source,
    }
}
