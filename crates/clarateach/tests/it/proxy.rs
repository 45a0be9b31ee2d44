//! The real server between hostile clients and hostile seats, all on raw sockets.

mod client;
mod faults;
mod fields;
mod framing;
mod matrix;
mod paths;
mod seat;
mod session;
mod streams;
mod upgrades;
mod world;
