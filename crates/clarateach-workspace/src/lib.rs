//! The in-seat server: terminals and files of one seat.
//!
//! Everything around it belongs to the seat's learner, so it holds no secret but the binding's and
//! trusts only tokens that the platform made for exactly this seat. Start at [`Server`]; then
//! `http` (routes), `terminal` (the session and its PTY) and `files` (the tree below the root).
//! The library knows no command line: `main` and `cli` do.

mod app;
mod auth;
mod bind;
mod children;
mod exec;
mod files;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod home;
mod http;
mod oom;
mod ports;
mod server;
mod shell;
mod stats;
mod terminal;

pub use children::Orphans;
pub use home::prepare_home;
pub use server::{Config, Limits, Server, StartError};
