//! Out of memory, a learner's program goes and the server stays.
#![expect(unsafe_code, reason = "a program's score is set between fork and exec")]

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::{Mode, OFlags};

/// Far enough that what a program uses hardly matters (proc(5): a thousandth of memory a point).
const SCORE_ABOVE_OURS: i32 = 500;
const MAX_SCORE: i32 = 1000;

/// The program will have a higher `oom_score_adj` than the server, and so will all that it starts. Raising needs no
/// privilege; where it can't be written, the kernel chooses as it likes.
pub(crate) fn goes_before_the_server(command: &mut Command) {
    let own = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default();
    let own: i32 = own.trim().parse().unwrap_or(0);
    let score = (own + SCORE_ABOVE_OURS).min(MAX_SCORE).to_string();
    // SAFETY: the closure runs in the forked child before exec and makes three system calls; it neither allocates nor
    // locks.
    unsafe {
        command.pre_exec(move || {
            let path = c"/proc/self/oom_score_adj";
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            if let Ok(file) = rustix::fs::open(path, flags, Mode::empty()) {
                let _ = rustix::io::write(&file, score.as_bytes());
            }
            Ok(())
        });
    }
}
