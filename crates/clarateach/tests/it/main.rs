//! Integration tests of the server crate: the real server, real sockets, real engines; one binary.

#[cfg(test)]
mod api;
#[cfg(test)]
mod app;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod docker;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod orchestrator;
#[cfg(test)]
mod origins;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod room;
#[cfg(test)]
mod tokens;
