//! Starts a process in a new session with a PTY as its controlling terminal, and watches our side of
//! it.
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
use crate::oom;

/// Runs `command` on the PTY whose program side is `slave`. Blocks until it has been executed.
///
/// No other descriptor goes along: neither the server's own, all opened close-on-exec, nor one that
/// the server inherited.
pub(super) fn spawn_on(
    slave: OwnedFd,
    mut command: Command,
    children: &Children,
) -> io::Result<Started> {
    command
        .stdin(Stdio::from(slave.try_clone()?))
        .stdout(Stdio::from(slave.try_clone()?))
        .stderr(Stdio::from(slave));
    oom::goes_before_the_server(&mut command);
    // SAFETY: the closure runs in the forked child before exec and makes some system calls; it
    // neither allocates nor locks, and descriptors 0 to 2 are the slave by then. Marking the others
    // leaves them open until exec, so that `spawn` can still report a failure through its own.
    unsafe {
        command.pre_exec(move || {
            rustix::process::setsid()?;
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
            // Kernels before 5.11 don't know it; there only our own are closed.
            libc::syscall(
                libc::SYS_close_range,
                libc::STDERR_FILENO + 1,
                libc::c_int::MAX,
                libc::CLOSE_RANGE_CLOEXEC,
            );
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
