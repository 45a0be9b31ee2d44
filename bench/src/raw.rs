//! The baseline: a PTY, a program on it, and nothing in between.

use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// As large as a reader would have it; the kernel gives 4 KiB at most.
const READ_BYTES: usize = 64 * 1024;

pub(crate) struct RawTerminal {
    master: OwnedFd,
    child: Child,
    buffer: Vec<u8>,
}

impl RawTerminal {
    /// Runs a program of ours on a PTY. It has no shell and no controlling terminal.
    pub(crate) fn start(arguments: &[String]) -> Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).context("opening a PTY")?;
        unlockpt(&master)?;
        let slave = ioctl_tiocgptpeer(&master, flags)?;
        let size = Winsize {
            ws_col: 80,
            ws_row: 24,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size)?;
        let child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::from(slave.try_clone()?))
            .stdout(Stdio::from(slave))
            .spawn()
            .context("starting a program on a PTY")?;
        let buffer = vec![0; READ_BYTES];
        Ok(Self {
            master,
            child,
            buffer,
        })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let wrote = rustix::io::write(&self.master, bytes)?;
        ensure!(wrote == bytes.len(), "the PTY took {wrote} bytes only");
        Ok(())
    }

    /// Blocks until there is output.
    pub(crate) fn receive(&mut self) -> Result<&[u8]> {
        let count = rustix::io::read(&self.master, &mut self.buffer[..])?;
        Ok(&self.buffer[..count])
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
