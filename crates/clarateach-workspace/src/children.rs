//! Processes of the seat: the one place that starts them and waits for them.
//!
//! As pid 1 the server inherits every orphan and must reap it. One waiter for all, so that nobody
//! takes an exit status that somebody else waits for: `std` and `tokio` children wait by themselves
//! and would race with it, so they are not used elsewhere.

use std::collections::HashMap;
use std::io;
use std::process::Command;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::process::{Pid, WaitOptions, WaitStatus, wait, waitpid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// What happens to ended processes that the server did not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphans {
    /// They are reaped: the server is pid 1 or a subreaper, and the only waiter of its process.
    Reap,
    /// They are left alone: other code in this process waits for children of its own.
    Leave,
}

/// Every running child, with whoever waits for its exit code.
pub(crate) struct Children {
    orphans: Orphans,
    waiting: Mutex<HashMap<Pid, oneshot::Sender<i32>>>,
}

/// A started process: its id, and its exit code (128 + signal when a signal ended it) in time.
pub(crate) struct Started {
    pub(crate) pid: Pid,
    pub(crate) exit: oneshot::Receiver<i32>,
}

impl Children {
    pub(crate) fn new(orphans: Orphans) -> Self {
        Self {
            orphans,
            waiting: Mutex::default(),
        }
    }

    /// Starts a process. Blocks until it has been executed.
    pub(crate) fn spawn(&self, command: &mut Command) -> io::Result<Started> {
        // Held while forking: a child that ends at once must find itself in the table, and `spawn`
        // itself waits for a child that could not execute.
        let mut waiting = self.waiting.lock();
        let child = command.spawn()?;
        let pid = Pid::from_raw(child.id().cast_signed())
            .ok_or_else(|| io::Error::other("a process without an id"))?;
        let (sender, exit) = oneshot::channel();
        waiting.insert(pid, sender);
        Ok(Started { pid, exit })
    }

    /// Reaps on every SIGCHLD until the server stops.
    pub(crate) async fn reap_until(self: Arc<Self>, stop: CancellationToken) -> io::Result<()> {
        let mut ended = signal(SignalKind::child())?;
        loop {
            self.reap();
            tokio::select! {
                _ = ended.recv() => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    fn reap(&self) {
        let mut waiting = self.waiting.lock();
        match self.orphans {
            Orphans::Reap => {
                while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
                    if let Some(sender) = waiting.remove(&pid) {
                        // Nobody waits any more when the terminal's task is gone.
                        let _ = sender.send(exit_code(status));
                    }
                }
            }
            Orphans::Leave => {
                let pids: Vec<Pid> = waiting.keys().copied().collect();
                for pid in pids {
                    if let Ok(Some((_, status))) = waitpid(Some(pid), WaitOptions::NOHANG)
                        && let Some(sender) = waiting.remove(&pid)
                    {
                        let _ = sender.send(exit_code(status));
                    }
                }
            }
        }
    }
}

fn exit_code(status: WaitStatus) -> i32 {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => -1,
    }
}
