//! Starts a process in a new session with a PTY as its controlling terminal, and watches our side of
//! it. The only unsafe code.
#![expect(
    unsafe_code,
    reason = "fork and exec, and a descriptor that epoll knows by number"
)]

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::children::{Children, Started};

/// Runs `command` on the PTY whose program side is `slave`. Blocks until it has been executed.
///
/// No descriptor of the server goes along: all are opened close-on-exec.
pub(super) fn spawn_on(
    slave: OwnedFd,
    mut command: Command,
    children: &Children,
) -> io::Result<Started> {
    command
        .stdin(Stdio::from(slave.try_clone()?))
        .stdout(Stdio::from(slave.try_clone()?))
        .stderr(Stdio::from(slave));
    // SAFETY: the closure runs in the forked child before exec and makes two system calls; it
    // neither allocates nor locks, and descriptor 0 is the slave by then.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
            Ok(())
        });
    }
    children.spawn(&mut command)
}

/// Has the runtime watch our side of a PTY.
pub(super) fn register(master: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    let both = Interest::READABLE | Interest::WRITABLE;
    // SAFETY: an `OwnedFd` gives the same open descriptor until it is dropped, and is reachable only
    // through the `AsyncFd`, which deregisters first.
    unsafe { AsyncFd::register_with_interest(master, both) }.map_err(io::Error::from)
}
