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

use rustix::fs::{Mode, OFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::children::{Children, Started};

/// Far enough that what a program uses hardly matters (proc(5): a thousandth of memory a point).
const OOM_SCORE_ABOVE_OURS: i32 = 500;
const MAX_OOM_SCORE: i32 = 1000;

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
    let oom_score = oom_score_of_children();
    // SAFETY: the closure runs in the forked child before exec and makes some system calls; it
    // neither allocates nor locks, and descriptors 0 to 2 are the slave by then. Marking the others
    // leaves them open until exec, so that `spawn` can still report a failure through its own.
    unsafe {
        command.pre_exec(move || {
            rustix::process::setsid()?;
            // Where it can't be written, the kernel chooses as it likes.
            if let Ok(file) = rustix::fs::open(
                c"/proc/self/oom_score_adj",
                OFlags::WRONLY | OFlags::CLOEXEC,
                Mode::empty(),
            ) {
                let _ = rustix::io::write(&file, oom_score.as_bytes());
            }
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

/// Above the server's own: out of memory, a learner's program goes and the terminal stays.
fn oom_score_of_children() -> String {
    let own = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default();
    let own: i32 = own.trim().parse().unwrap_or(0);
    (own + OOM_SCORE_ABOVE_OURS).min(MAX_OOM_SCORE).to_string()
}

/// Has the runtime watch our side of a PTY.
pub(super) fn register(master: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    let both = Interest::READABLE | Interest::WRITABLE;
    // SAFETY: an `OwnedFd` gives the same open descriptor until it is dropped, and is reachable only
    // through the `AsyncFd`, which deregisters first.
    unsafe { AsyncFd::register_with_interest(master, both) }.map_err(io::Error::from)
}
