//! A terminal as its kernel sees it: who is in its foreground, which characters interrupt. Holds our end of the PTY
//! beside the task's, until the terminal's own end.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer};
use rustix::termios::{LocalModes, QueueSelector, SpecialCodeIndex, tcflush, tcgetattr, tcgetpgrp};

/// `None` once the terminal has ended.
pub(crate) struct Tty(Mutex<Option<OwnedFd>>);

/// What runs in a terminal's foreground.
#[derive(Debug, Default)]
pub(crate) struct Foreground {
    /// Its name, as the kernel has it (15 bytes).
    pub(crate) command: Option<String>,
    pub(crate) folder: Option<PathBuf>,
}

impl Tty {
    pub(super) fn of(master: &OwnedFd) -> io::Result<Self> {
        Ok(Self(Mutex::new(Some(master.try_clone()?))))
    }

    pub(super) fn close(&self) {
        *self.0.lock() = None;
    }

    /// The foreground group's leader, or nothing that can be known.
    pub(crate) fn foreground(&self) -> Foreground {
        let group = self.0.lock().as_ref().and_then(|tty| tcgetpgrp(tty).ok());
        let Some(group) = group.map(Pid::as_raw_pid) else {
            return Foreground::default();
        };
        let command = fs::read_to_string(format!("/proc/{group}/comm")).ok();
        Foreground {
            command: command.map(|name| name.trim_end_matches('\n').to_owned()),
            folder: fs::read_link(format!("/proc/{group}/cwd")).ok(),
        }
    }

    /// Whether this character makes the line discipline send a signal (termios(3): ISIG).
    pub(super) fn interrupts(&self, byte: u8) -> bool {
        let tty = self.0.lock();
        let Some(modes) = tty.as_ref().and_then(|tty| tcgetattr(tty).ok()) else {
            return false;
        };
        let signals = [
            SpecialCodeIndex::VINTR,
            SpecialCodeIndex::VQUIT,
            SpecialCodeIndex::VSUSP,
        ];
        modes.local_modes.contains(LocalModes::ISIG)
            && !modes.local_modes.contains(LocalModes::NOFLSH)
            // 0 switches a character off.
            && byte != 0
            && signals.iter().any(|signal| modes.special_codes[*signal] == byte)
    }

    /// Empties what the kernel holds for a program that doesn't read.
    pub(super) fn flush_input(&self) {
        let tty = self.0.lock();
        let Some(master) = tty.as_ref() else { return };
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        // Best effort: without it the interrupt only takes longer. Towards the program first, then what it holds.
        let _ = tcflush(master, QueueSelector::OFlush);
        if let Ok(program_side) = ioctl_tiocgptpeer(master, flags) {
            let _ = tcflush(&program_side, QueueSelector::IFlush);
        }
    }

    /// Tells the shell and what runs in its foreground that the terminal goes away.
    pub(super) fn hang_up(&self, leader: Pid) {
        let tty = self.0.lock();
        let foreground = tty.as_ref().and_then(|tty| tcgetpgrp(tty).ok());
        let groups = [Some(leader), foreground.filter(|group| *group != leader)];
        for group in groups.into_iter().flatten() {
            // A group that is gone already is what we want.
            let _ = kill_process_group(group, Signal::HUP);
            let _ = kill_process_group(group, Signal::CONT);
        }
    }
}
