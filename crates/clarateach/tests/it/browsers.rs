//! Seats' browsers through the real server, on simulated seats: asked for, entered, queued, frozen, and
//! there again after whatever happened to their seats.

mod life;
mod turns;
mod visits;
pub(crate) mod world;
