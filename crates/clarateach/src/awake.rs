//! A laptop that is the classroom must not fall asleep under its class: while any workshop is there, this
//! holds systemd-logind's inhibitor locks for sleep, idling and the lid.
//!
//! The lock is `systemd-inhibit`'s, which runs for as long as we hold the other end of its input: it goes
//! with this process, however that ends. Machines without logind do as they always did.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::model::WorkshopStatus;
use crate::service::Service;

/// Between two looks that nothing called for.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// For the lock to go when its input has ended.
const RELEASE: Duration = Duration::from_secs(2);
/// What the machine must not do by itself (systemd-inhibit(1)).
const WHAT: &str = "--what=sleep:idle:handle-lid-switch";

/// Holds the lock while there is something to hold it for.
pub(crate) struct Awake {
    program: OsString,
    held: Option<Child>,
    /// It was said that there is no lock to be had here.
    is_told: bool,
}

impl Awake {
    /// With the program that takes the lock.
    pub(crate) fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            held: None,
            is_told: false,
        }
    }

    /// Holds the lock while a class runs, until `stop`.
    pub(crate) async fn keep(mut self, service: Service, stop: CancellationToken) {
        let mut changes = service.changes();
        let keeping = async {
            loop {
                if let Ok(workshops) = service.workshops().await {
                    let runs = workshops.iter().any(|view| {
                        matches!(
                            view.workshop.status,
                            WorkshopStatus::Provisioning | WorkshopStatus::Ready
                        )
                    });
                    self.set(runs).await;
                }
                // Changes come in bursts: one look for those of a moment.
                let _ = tokio::time::timeout(LOOK_EVERY, changes.recv()).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        stop.run_until_cancelled(keeping).await;
        self.release().await;
    }

    async fn set(&mut self, wanted: bool) {
        let is_held = match &mut self.held {
            Some(child) => child.try_wait().is_ok_and(|ended| ended.is_none()),
            None => false,
        };
        if !is_held && self.held.take().is_some() {
            self.tell("it ended at once: no systemd-logind here");
        }
        match (wanted, is_held) {
            (true, false) if !self.is_told => self.take(),
            (false, true) => self.release().await,
            _ => {}
        }
    }

    fn take(&mut self) {
        let command = Command::new(&self.program)
            .args([
                WHAT,
                "--who=ClaraTeach",
                "--why=A class is running",
                "--mode=block",
                "cat",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        match command {
            Ok(child) => self.held = Some(child),
            Err(error) => self.tell(&error.to_string()),
        }
    }

    async fn release(&mut self) {
        if let Some(mut child) = self.held.take() {
            // `cat` ends with its input, and the lock with `cat`.
            drop(child.stdin.take());
            let _ = tokio::time::timeout(RELEASE, child.wait()).await;
        }
    }

    /// Once: it is no fault of a server's machine that it has no lid.
    fn tell(&mut self, why: &str) {
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::debug!(
                why,
                "the machine may sleep while a class runs: no inhibitor lock"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    use super::*;

    /// A logind of a test's own: its lock is a file, there as long as the command runs.
    fn fake(folder: &Path, script: &str) -> PathBuf {
        let program = folder.join("systemd-inhibit");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        program
    }

    async fn until(what: &str, condition: impl Fn() -> bool) {
        let waiting = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(waited.is_ok(), "never: {what}");
    }

    #[tokio::test]
    async fn the_lock_is_held_while_it_is_wanted_and_not_longer() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, log) = (folder.path().join("lock"), folder.path().join("log"));
        let script = format!(
            "echo \"$1\" >> {1}\ntouch {0}\nshift 4\n\"$@\"\nrm {0}",
            lock.display(),
            log.display()
        );
        let mut awake = Awake::new(fake(folder.path(), &script));
        awake.set(false).await;
        assert!(!log.exists());
        for _ in 0..2 {
            awake.set(true).await;
            until("held", || lock.exists()).await;
            // Asked again, it is the same lock.
            awake.set(true).await;
            awake.set(false).await;
            until("released", || !lock.exists()).await;
        }
        let taken = std::fs::read_to_string(&log).unwrap();
        assert_eq!(taken, format!("{WHAT}\n{WHAT}\n"));
    }

    #[tokio::test]
    async fn where_there_is_no_logind_it_is_tried_once() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = format!("echo tried >> {}\nexit 1", log.display());
        let mut awake = Awake::new(fake(folder.path(), &script));
        awake.set(true).await;
        until("told", || log.exists()).await;
        let ended = async {
            while !awake.is_told {
                awake.set(true).await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ended)
            .await
            .expect("its end is never seen");
        awake.set(true).await;
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "tried\n");
        let mut nowhere = Awake::new(folder.path().join("none"));
        nowhere.set(true).await;
        assert!(nowhere.is_told);
    }
}
