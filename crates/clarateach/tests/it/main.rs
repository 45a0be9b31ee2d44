//! Integration tests of the server crate: the real server, real sockets, real engines; one binary.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod api;
mod app;
mod conformance;
mod docker;
mod orchestrator;
mod proxy;
