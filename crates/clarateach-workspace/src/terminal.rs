//! Terminals: they belong to the seat, not to a connection.
//!
//! [`session`] is the whole protocol as a state machine without I/O; [`task`] moves bytes between it
//! and the PTY; [`socket`] between it and one WebSocket; [`registry`] names them. [`ring`] keeps the
//! output, [`title`] finds titles in it, [`pty`] and [`spawn`] are the kernel's side.

pub(crate) mod session;

pub(crate) mod registry;
pub(crate) mod socket;

mod pty;
mod ring;
mod spawn;
mod task;
mod title;

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

    /// The nearest size that a terminal can have.
    pub(crate) fn clamped(cols: u16, rows: u16) -> Self {
        Self {
            cols: cols.clamp(1, Self::LONGEST_SIDE),
            rows: rows.clamp(1, Self::LONGEST_SIDE),
        }
    }
}
