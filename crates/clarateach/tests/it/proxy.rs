//! The real server between hostile clients and hostile seats, all on raw sockets.

mod audit;
pub(crate) mod client;
mod credentials;
mod ends;
mod faults;
mod fields;
mod framing;
mod hostile;
mod load;
mod matrix;
mod paths;
mod refused;
pub(crate) mod seat;
mod session;
mod streams;
mod upgrades;
pub(crate) mod world;
