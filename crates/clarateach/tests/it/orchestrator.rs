//! Scenes of the orchestrator, with simulated seats and a real store.

mod failure;
mod life;
mod world;
