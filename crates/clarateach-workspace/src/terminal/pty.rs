//! The kernel's side of a terminal: a pseudoterminal pair, and the end of everything that runs on it.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{InputModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};
use tokio::time::{Instant, sleep};

use super::Size;

/// How long programs have to save their work after SIGHUP.
const HANGUP_GRACE: Duration = Duration::from_millis(500);
/// How long to go on killing what keeps starting new processes.
const KILL_LIMIT: Duration = Duration::from_secs(3);
const KILL_INTERVAL: Duration = Duration::from_millis(20);

/// Both ends: ours (non-blocking) and the program's.
pub(super) fn open_pair(size: Size) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    unlockpt(&master)?;
    // By ioctl rather than by name: works where /dev/pts is mounted elsewhere or not at all.
    let slave = ioctl_tiocgptpeer(&master, flags)?;
    let mut modes = tcgetattr(&slave)?;
    modes.input_modes |= InputModes::IUTF8;
    tcsetattr(&slave, OptionalActions::Now, &modes)?;
    resize(&master, size)?;
    fcntl_setfl(&master, OFlags::NONBLOCK)?;
    Ok((master, slave))
}

pub(super) fn resize(master: impl AsFd, size: Size) -> io::Result<()> {
    let size = Winsize {
        ws_col: size.cols,
        ws_row: size.rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(tcsetwinsize(master, size)?)
}

/// Waits until nothing is left of the session that `leader` made; kills what doesn't go by itself.
pub(super) async fn end_session(leader: Pid) {
    let begun = Instant::now();
    while begun.elapsed() < KILL_LIMIT {
        let members = session_members(leader);
        if members.is_empty() {
            return;
        }
        if begun.elapsed() >= HANGUP_GRACE {
            for member in members {
                let _ = kill_process(member, Signal::KILL);
            }
        }
        sleep(KILL_INTERVAL).await;
    }
    tracing::warn!(
        session = leader.as_raw_pid(),
        "processes of a closed terminal are still there"
    );
}

/// Every live process of a session; zombies are their parents' business.
fn session_members(leader: Pid) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
        .filter(|pid| {
            fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid()))
                .is_ok_and(|stat| is_live_member(&stat, leader))
        })
        .collect()
}

/// proc(5): `pid (name) state ppid pgrp session …`; the name may hold anything, parentheses too.
fn is_live_member(stat: &str, leader: Pid) -> bool {
    let Some((_, fields)) = stat.rsplit_once(')') else {
        return false;
    };
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next();
    let session = fields.nth(2).and_then(|session| session.parse().ok());
    !matches!(state, Some("Z" | "X")) && session == Some(leader.as_raw_pid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_told_by_their_session() {
        let leader = Pid::from_raw(7).unwrap();
        assert!(is_live_member("9 (a b) S 1 8 7 34816 9", leader));
        assert!(is_live_member("9 (x) S 1 1 1) S 1 8 7 0", leader));
        assert!(!is_live_member("9 (sh) Z 1 8 7 0", leader));
        assert!(!is_live_member("9 (sh) S 7 7 8 0", leader));
        assert!(!is_live_member("", leader));
    }
}
