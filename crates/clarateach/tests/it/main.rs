//! Integration tests of the server crate: the real server, real sockets, real engines; one binary.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[cfg(test)]
mod api;
#[cfg(test)]
mod app;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod docker;
#[cfg(test)]
mod orchestrator;
#[cfg(test)]
mod proxy;
