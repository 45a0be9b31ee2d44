//! A terminal with a command in it: a real PTY, which is the command's controlling terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use tokio::process::Child;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{BINARY, Shell};

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Terminal {
    master: File,
    /// Keeps the terminal's settings after the command has ended.
    line: File,
    child: Child,
    shown: Arc<Mutex<String>>,
    changed: Arc<Notify>,
}

impl Shell {
    /// Runs a command in a terminal of its own, 80 columns wide.
    pub(super) fn in_terminal(&self, args: &[&str]) -> Terminal {
        let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        let line = File::options()
            .read(true)
            .write(true)
            .open(path.to_str().unwrap())
            .unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&line, size).unwrap();
        let side = || Stdio::from(line.try_clone().unwrap());
        // It makes the terminal the controlling one, so that Ctrl-C is a signal.
        let child = self
            .command("setsid")
            .args(["--ctty", BINARY])
            .args(args)
            .env("TERM", "xterm")
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .unwrap();
        let master = File::from(master);
        let (shown, changed) = (Arc::<Mutex<String>>::default(), Arc::<Notify>::default());
        let mut reading = master.try_clone().unwrap();
        let (kept, told) = (Arc::clone(&shown), Arc::clone(&changed));
        // Ends when the last one closed the terminal's other side.
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count) = reading.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]);
                kept.lock().unwrap().push_str(&text);
                told.notify_one();
            }
        });
        Terminal {
            master,
            line,
            child,
            shown,
            changed,
        }
    }
}

impl Terminal {
    pub(super) fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Waits until the terminal shows `part`.
    pub(super) async fn until(&self, part: &str) {
        self.until_times(part, 1).await;
    }

    /// Waits until the terminal has shown `part` so many times.
    pub(super) async fn until_times(&self, part: &str, times: usize) {
        let seen = async {
            while self.shown().matches(part).count() < times {
                self.changed.notified().await;
            }
        };
        let seen = timeout(PATIENCE, seen).await;
        assert!(seen.is_ok(), "no {part:?} in {:?}", self.shown());
    }

    pub(super) fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    pub(super) fn echoes(&self) -> bool {
        let settings = tcgetattr(&self.line).unwrap();
        settings.local_modes.contains(LocalModes::ECHO)
    }

    pub(super) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap()
    }

    /// Waits until the command has ended, and all that it wrote is read.
    pub(super) async fn ends(&mut self) -> ExitStatus {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        ended
            .unwrap_or_else(|_| panic!("it does not end: {:?}", self.shown()))
            .unwrap()
    }
}
