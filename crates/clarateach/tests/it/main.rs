//! Integration tests of the server crate: the real server, real sockets, real engines; one binary.

#![expect(clippy::unwrap_used, reason = "tests")]

mod api;
mod app;
mod conformance;
mod docker;
mod orchestrator;
mod proxy;
