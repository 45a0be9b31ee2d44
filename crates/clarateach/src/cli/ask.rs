//! Questions on the terminal: a password that nobody sees, a yes or a no.
//!
//! The line is read on a thread of its own, so that a signal ends the question at once; dropping it
//! brings the terminal's echo back, whichever way it ends.

use std::io::{IsTerminal, Write};

use anyhow::{Context, bail};
use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};

/// SIGTSTP, Ctrl-Z (signal(7); the same number on every architecture of Linux but MIPS).
const SUSPEND: i32 = 20;

/// Whether somebody is there to ask.
pub(super) fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a yes; anything else is a no.
pub(super) async fn yes(question: &str) -> anyhow::Result<bool> {
    say(&format!("{question} [y/N] "));
    let answer = line().await?.unwrap_or_else(|| {
        say("\n");
        String::new()
    });
    let answer = answer.trim().to_lowercase();
    Ok(answer == "y" || answer == "yes")
}

/// Asks for a password; the terminal shows nothing of what is typed.
pub(super) async fn password(prompt: &str) -> anyhow::Result<String> {
    let mut suspend = signal(SignalKind::from_raw(SUSPEND)).context("cannot listen for Ctrl-Z")?;
    // Silent before the prompt: what is typed as soon as it is seen must count.
    let mut silenced = Silenced::begin()?;
    say(prompt);
    let mut reading = std::pin::pin!(line());
    let answer = loop {
        tokio::select! {
            answer = &mut reading => break answer,
            _ = suspend.recv() => {
                drop(silenced);
                kill_process(getpid(), Signal::STOP).context("cannot stop for Ctrl-Z")?;
                silenced = Silenced::begin()?;
                say(prompt);
            }
        }
    };
    drop(silenced);
    match answer? {
        Some(password) if !password.is_empty() => Ok(password),
        _ => bail!("no password was given"),
    }
}

/// One line without its end; `None` at the end of the input.
async fn line() -> anyhow::Result<Option<String>> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|bytes| {
            let line = line.trim_end_matches(['\r', '\n']).to_owned();
            (bytes > 0).then_some(line)
        })
    });
    read.await
        .context("the terminal's reader ended")?
        .context("cannot read from the terminal")
}

fn say(text: &str) {
    // Where nobody reads, nobody has to be asked.
    let _ = write!(std::io::stderr(), "{text}");
    let _ = std::io::stderr().flush();
}

/// A terminal without echo, until this is dropped.
struct Silenced {
    before: Termios,
}

impl Silenced {
    fn begin() -> anyhow::Result<Self> {
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).context("cannot read the terminal's settings")?;
        let mut silent = before.clone();
        silent
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL);
        // Flush: what was typed before was shown.
        tcsetattr(&stdin, OptionalActions::Flush, &silent)
            .context("cannot silence the terminal")?;
        Ok(Self { before })
    }
}

impl Drop for Silenced {
    fn drop(&mut self) {
        // Now: waiting for what was printed would wait for ever where nobody reads.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
        say("\n");
    }
}
