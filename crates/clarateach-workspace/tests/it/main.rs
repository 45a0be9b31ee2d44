//! The real server in this process, and a client that behaves as a page does.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod seat;

mod attach;
mod connection;
mod flow;
mod misuse;
mod screen;
mod sharing;
mod terminals;

mod auth;
mod binding;

mod archives;
mod confinement;
mod events;
mod exec;
mod files;
mod names;
mod search;
mod writing;

mod tunnel;

mod crashes;
mod memory;
mod process;
