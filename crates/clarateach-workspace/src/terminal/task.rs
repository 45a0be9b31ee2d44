//! A terminal's task: owns the PTY, moves bytes between it and the session, until the process ends.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::Size;
use super::pty;
use super::registry::Terminal;
use super::session::Reading;

/// Taken from the PTY between two looks at everything else.
const READ_BUDGET: usize = 64 * 1024;
/// The kernel gives at most 4 KiB at once (`N_TTY_BUF_SIZE`, less one byte); a few of them go into the
/// session together.
const READ_BUFFER: usize = 16 * 1024;
const FULL_READ: usize = 4095;
/// Output of so many bytes is sent at once.
const FLUSH_BYTES: usize = 16 * 1024;
/// Less output waits so long for more, unless it answers input or nothing was sent for as long.
const FLUSH_DELAY: Duration = Duration::from_millis(5);
/// The model parses so long after the last output: what is echoed goes first, and in a flood most need not be
/// parsed at all.
const QUIET: Duration = Duration::from_millis(10);
/// How long an ended process's background jobs may go on filling its terminal.
const DRAIN_LIMIT: Duration = Duration::from_millis(500);

/// When clients are woken for output that the session has.
struct Flush {
    pending: usize,
    answers_input: bool,
    last: Instant,
}

impl Flush {
    fn due(&self) -> Option<Instant> {
        match self.pending {
            0 => None,
            _ if self.answers_input || self.pending >= FLUSH_BYTES => Some(self.last),
            _ => Some(self.last + FLUSH_DELAY),
        }
    }

    fn done(&mut self, now: Instant) {
        self.pending = 0;
        self.answers_input = false;
        self.last = now;
    }
}

/// Whether the PTY can still give output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Open,
    /// Every program closed its end.
    HungUp,
}

/// Runs until the process has ended and its output is in the session.
pub(super) async fn run(
    terminal: Arc<Terminal>,
    master: AsyncFd<OwnedFd>,
    mut exit: oneshot::Receiver<i32>,
) {
    let mut buffer = vec![0; READ_BUFFER];
    let mut side = Side::Open;
    let mut size = terminal.session.lock().size();
    let mut last_output = Instant::now();
    let mut flush = Flush {
        pending: 0,
        answers_input: false,
        last: Instant::now(),
    };
    let code = loop {
        let now = Instant::now();
        let (reading, has_input, resize_due, catch_up_due) = {
            let mut session = terminal.session.lock();
            if session.resize_due(now).is_some_and(|due| due <= now) {
                session.set_size(now);
            }
            follow_size(&master, &mut size, session.size());
            let quiet = if session.is_answering() {
                Duration::ZERO
            } else {
                QUIET
            };
            (
                session.reading(now),
                !session.waiting_input().is_empty(),
                session.resize_due(now),
                session.is_behind().then_some(last_output + quiet),
            )
        };
        let flush_due = flush.due();
        if flush_due.is_some_and(|due| due <= now) {
            terminal.session.lock().wake_all();
            flush.done(now);
            continue;
        }
        if catch_up_due.is_some_and(|due| due <= now) {
            terminal.session.lock().catch_up_some();
            tokio::task::yield_now().await;
            continue;
        }
        let held_until = match reading {
            Reading::Open => None,
            Reading::HeldUntil(until) => Some(until),
        };
        let timers = [flush_due, held_until, resize_due, catch_up_due];
        let timer = timers.into_iter().flatten().min();
        tokio::select! {
            ready = master.readable(), if held_until.is_none() && side == Side::Open => {
                let Ok(mut guard) = ready else { side = Side::HungUp; continue };
                last_output = Instant::now();
                match read_some(&terminal, master.get_ref(), &mut buffer, &mut flush) {
                    Read::Empty => guard.clear_ready(),
                    Read::HungUp => side = Side::HungUp,
                    // Floods must leave room for acks, input and other terminals.
                    Read::Budget => tokio::task::yield_now().await,
                }
            }
            ready = master.writable(), if has_input => {
                let Ok(mut guard) = ready else { continue };
                if write_some(&terminal, master.get_ref()) == Written::Full {
                    guard.clear_ready();
                }
                flush.answers_input = true;
            }
            () = terminal.wake.notified() => {}
            () = sleep_until(timer.unwrap_or(now)), if timer.is_some() => {}
            code = &mut exit => break code.unwrap_or(-1),
        }
    };
    drain(&terminal, master.get_ref(), &mut buffer, &mut flush);
    terminal.session.lock().exited(code);
    terminal.input_room.notify_waiters();
}

fn follow_size(master: &AsyncFd<OwnedFd>, size: &mut Size, wanted: Size) {
    if *size != wanted {
        *size = wanted;
        if let Err(error) = pty::resize(master.get_ref(), wanted) {
            tracing::warn!(%error, "a terminal could not be resized");
        }
    }
}

enum Read {
    Budget,
    Empty,
    HungUp,
}

fn read_some(terminal: &Terminal, master: &OwnedFd, buffer: &mut [u8], flush: &mut Flush) -> Read {
    let mut taken = 0;
    while taken < READ_BUDGET {
        let (filled, end) = fill(master, buffer);
        if filled > 0 {
            terminal.session.lock().output(&buffer[..filled]);
            flush.pending += filled;
            taken += filled;
        }
        if let Some(end) = end {
            return end;
        }
    }
    Read::Budget
}

/// Reads until the buffer is nearly full or there is no more. Less than a full read was all there was:
/// what comes later makes the descriptor ready again, so asking once more would only cost.
fn fill(master: &OwnedFd, buffer: &mut [u8]) -> (usize, Option<Read>) {
    let mut filled = 0;
    while buffer.len() - filled > FULL_READ {
        match rustix::io::read(master, &mut buffer[filled..]) {
            Ok(0) => return (filled, Some(Read::HungUp)),
            Ok(count) => {
                filled += count;
                if count < FULL_READ {
                    return (filled, Some(Read::Empty));
                }
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return (filled, Some(Read::Empty)),
            // EIO: nobody has the other end open any more.
            Err(_) => return (filled, Some(Read::HungUp)),
        }
    }
    (filled, None)
}

#[derive(PartialEq, Eq)]
enum Written {
    All,
    Full,
}

fn write_some(terminal: &Terminal, master: &OwnedFd) -> Written {
    let mut session = terminal.session.lock();
    let was_full = session.is_input_full();
    let mut outcome = Written::All;
    while !session.waiting_input().is_empty() {
        let wrote = match rustix::io::write(master, session.waiting_input()) {
            Ok(count) => count,
            Err(Errno::INTR) => 0,
            Err(error) => {
                if io::Error::from(error).kind() != io::ErrorKind::WouldBlock {
                    // Nobody will read it.
                    let rest = session.waiting_input().len();
                    session.input_written(rest);
                }
                outcome = Written::Full;
                break;
            }
        };
        session.input_written(wrote);
    }
    if was_full && !session.is_input_full() {
        terminal.input_room.notify_waiters();
    }
    outcome
}

/// Takes what the ended process left behind.
fn drain(terminal: &Terminal, master: &OwnedFd, buffer: &mut [u8], flush: &mut Flush) {
    let until = Instant::now() + DRAIN_LIMIT;
    while Instant::now() < until {
        let before = flush.pending;
        let end = read_some(terminal, master, buffer, flush);
        // A short read isn't the end here: nothing will make the descriptor ready for us again.
        if matches!(end, Read::HungUp) || flush.pending == before {
            return;
        }
    }
}
