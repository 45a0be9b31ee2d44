//! Scenes of a class that go wrong: the real server as a process, learners who keep records of their own,
//! and seats simulated or of a real engine. What was lost is decided by those records.

mod burst;
mod classroom;
mod deletion;
mod devices;
mod elsewhere;
mod engine;
mod learner;
mod served;
pub(crate) use wait::runs_all;
mod wait;

mod ahead;
mod awake;
mod browsers;
mod floods;
mod front;
mod idle;
mod internal;
mod kills;
mod lost;
mod memory;
mod moods;
mod outages;
mod partial;
mod published;
mod restarts;
mod seat_work;
mod seats;
mod soak;
mod storage;
mod sweep;
mod upkeep;
