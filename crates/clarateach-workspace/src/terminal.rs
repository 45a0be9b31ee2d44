//! Terminals: they belong to the seat, not to a connection.
//!
//! [`session`] is the whole protocol as a state machine without I/O; [`task`] moves bytes between it
//! and the PTY; [`socket`] between it and one WebSocket; [`registry`] names them. [`ring`] keeps the
//! output, [`model`] what it looks like, [`title`] finds titles in it; [`pty`], [`tty`] and [`spawn`]
//! are the kernel's side.

pub(crate) mod session;

pub(crate) mod registry;
pub(crate) mod socket;

mod model;
mod pty;
mod ring;
mod spawn;
mod task;
mod title;
mod tty;

use std::time::Duration;

use clarateach_protocol::terminal::{
    ACK_DEADLINE_SECONDS, PING_INTERVAL_SECONDS, SILENCE_LIMIT_SECONDS,
};

/// How patient terminals are; tests make them less so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long a client may owe an ack, and hold its terminal back.
    pub(crate) ack_deadline: Duration,
    /// Between two pings.
    pub(crate) ping_interval: Duration,
    /// How long a client may be silent.
    pub(crate) silence_limit: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            ack_deadline: Duration::from_secs(ACK_DEADLINE_SECONDS),
            ping_interval: Duration::from_secs(PING_INTERVAL_SECONDS),
            silence_limit: Duration::from_secs(SILENCE_LIMIT_SECONDS),
        }
    }
}

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) cols: u16,
    pub(crate) rows: u16,
}

impl Size {
    /// Programs misbehave on 0, and allocate by the size.
    const LONGEST_SIDE: u16 = 1000;
    /// A wide character has to fit.
    const FEWEST_COLUMNS: u16 = 2;
    /// So have we: two screens of it are kept, 2 MiB each when they are full.
    const MOST_CELLS: u16 = u16::MAX;

    /// The nearest size that a terminal can have; one that is too large loses rows.
    pub(crate) fn clamped(cols: u16, rows: u16) -> Self {
        let cols = cols.clamp(Self::FEWEST_COLUMNS, Self::LONGEST_SIDE);
        let most_rows = Self::LONGEST_SIDE.min(2 * (Self::MOST_CELLS / cols));
        Self {
            cols,
            rows: rows.clamp(1, most_rows),
        }
    }
}
