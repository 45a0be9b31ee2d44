//! Integration tests of the server crate: the real server, real sockets, real engines; one binary.

mod api;
mod app;
mod conformance;
mod docker;
mod orchestrator;
mod proxy;
