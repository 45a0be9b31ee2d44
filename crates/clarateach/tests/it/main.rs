//! Integration tests of the server crate: the real server, real sockets, real engines; one binary.

#[cfg(test)]
mod admission;
#[cfg(test)]
mod api;
#[cfg(test)]
mod app;
#[cfg(test)]
mod browsers;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod docker;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod events;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod idle;
#[cfg(test)]
mod images;
#[cfg(test)]
mod in_seat;
#[cfg(test)]
mod locks;
#[cfg(test)]
mod orchestrator;
#[cfg(test)]
mod origins;
#[cfg(test)]
mod presence;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod reach;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod room;
#[cfg(test)]
mod scenes;
#[cfg(test)]
mod schedule;
#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod standby;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod undo;
#[cfg(test)]
mod watcher;
