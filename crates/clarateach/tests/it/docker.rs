//! The Docker provider against the machine's real engine, attacks from inside real seats included.
//! They need root, an engine, `clarateach/workspace:latest` and the in-seat server: `./x test` sees to it.

mod attacks;
mod browser;
mod decoys;
mod disk;
mod drift;
mod fixture;
mod golden;
pub(crate) use fixture::host;
mod images;
mod life;
mod limits;
mod picture;
mod programs;
mod published;
mod registry;
mod residue;
mod shells;
