//! The real server in this process, and a client that behaves as a page does.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod client;
mod seat;

mod attach;
mod flow;
mod sharing;
mod terminals;

mod auth;
mod binding;

mod confinement;
mod files;
mod writing;

mod tunnel;

mod process;
