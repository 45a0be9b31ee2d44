//! The one writer: a thread that takes queued jobs and commits as many as wait in one transaction.
//!
//! Each job runs in a savepoint of its own, so one that fails takes nobody along. Answers go out after
//! the commit: what was acknowledged is on disk.

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::StoreError;

/// Jobs that may wait; more callers wait their turn.
const QUEUE: usize = 256;
/// Jobs of one commit at the most.
const BATCH: usize = 128;

type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Gets the transaction, or why there is none.
type Job = Box<dyn FnOnce(Result<&Connection, &rusqlite::Error>) -> Reply + Send>;

pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
}

impl Writer {
    /// Starts the thread; it ends when the writer is dropped and the queue is empty.
    pub(super) fn start(connection: Connection) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_batches(&connection, jobs))
            .expect("a thread can be started while the server starts");
        Self { queue }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let result = match transaction {
                Ok(connection) => in_savepoint(connection, job)
                    .map_err(|source| StoreError::Query { operation, source }),
                Err(error) => Err(commit_error(error)),
            };
            Box::new(move |committed| {
                // Nobody listens any more when the caller gave up; the commit stands.
                let _ = sender.send(committed.and(result));
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
    connection.execute_batch(end).and(result)
}

fn write_batches(connection: &Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.blocking_recv() {
        let begun = connection.execute_batch("BEGIN IMMEDIATE");
        // Without a transaction a job's savepoint would be one, and commit what is then told to have failed.
        let transaction = begun.as_ref().map(|()| connection);
        let mut replies = vec![first(transaction)];
        while replies.len() < BATCH {
            match jobs.try_recv() {
                Ok(job) => replies.push(job(transaction)),
                Err(_) => break,
            }
        }
        let committed = begun.and_then(|()| connection.execute_batch("COMMIT"));
        if committed.is_err() && !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
        for reply in replies {
            reply(match &committed {
                Ok(()) => Ok(()),
                Err(error) => Err(commit_error(error)),
            });
        }
    }
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
