//! Test client: a terminal's other end, scripted. It behaves as the page does: acknowledges what it has
//! taken every 64 KiB or 100 ms, counts positions, resumes.
//!
//! For tests, benches and e2e only; a dev-dependency, never shipped. What goes wrong panics with what was
//! waited for. Start at [`TerminalClient::attach`]; [`Endpoint`] says where (straight at an in-seat server, or
//! through the gateway), [`Attach`] what, [`Acks`] and [`Pace`] how well-behaved.

mod client;
mod endpoint;
mod link;
mod record;

pub use client::{Acks, Attached, Event, TerminalClient};
pub use endpoint::{Attach, Endpoint, Socket};
pub use link::{Link, Pace};
pub use record::Recorded;
