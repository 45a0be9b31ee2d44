//! What runs inside a measured terminal: this same binary, so that its work costs every contender the same.
//!
//! Each says [`READY`] with its process id first, so that starting is not measured.

use std::io::{Read, Write, stdin, stdout};

use anyhow::Result;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::work::Work;

/// Comes before the process id, and [`READY_END`] after it. Not in any command line that a shell echoes.
pub(crate) const READY: &str = "READY<";
pub(crate) const READY_END: u8 = b'>';

/// How much is written at once, as stdio does it for programs that print much.
const WRITE_BYTES: usize = 4096;

/// `stty raw -echo; cat`
pub(crate) fn echo() -> Result<()> {
    leave_bytes_alone()?;
    say_ready()?;
    let (mut input, mut output) = (stdin().lock(), stdout().lock());
    let mut buffer = [0; 64];
    loop {
        let count = input.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        output.write_all(&buffer[..count])?;
        output.flush()?;
    }
}

pub(crate) fn print(work: Work, bytes: u64) -> Result<()> {
    let text = work.text(bytes);
    leave_bytes_alone()?;
    say_ready()?;
    let (mut input, mut output) = (stdin().lock(), stdout().lock());
    let mut one = [0];
    while input.read(&mut one)? == 1 {
        for piece in text.chunks(WRITE_BYTES) {
            output.write_all(piece)?;
            output.flush()?;
        }
    }
    Ok(())
}

pub(crate) fn flood() -> Result<()> {
    let text = Work::Yes.text(1_000_000);
    leave_bytes_alone()?;
    say_ready()?;
    stdin().lock().read_exact(&mut [0])?;
    let mut output = stdout().lock();
    loop {
        for piece in text.chunks(WRITE_BYTES) {
            output.write_all(piece)?;
            output.flush()?;
        }
    }
}

/// `stty raw -echo`. Where the terminal translates line ends, its reader is woken once a line, and what a
/// byte costs depends on how late the reader is; so whole writes arrive.
fn leave_bytes_alone() -> Result<()> {
    let mut modes = tcgetattr(stdin())?;
    modes.make_raw();
    tcsetattr(stdin(), OptionalActions::Now, &modes)?;
    Ok(())
}

fn say_ready() -> Result<()> {
    let mut output = stdout().lock();
    write!(output, "{READY}{}", std::process::id())?;
    output.write_all(&[READY_END])?;
    Ok(output.flush()?)
}
