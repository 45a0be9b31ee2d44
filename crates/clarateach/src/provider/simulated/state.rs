//! What there is of simulated seats: workshops, their networks, and files that are no seat's now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use clarateach_protocol::id::{Generation, SeatKey, SeatNumber, WorkshopId};

use super::SimulatedProvider;
use super::fault::Script;
use super::files::FileTree;
use super::network::Network;
use super::seat::Seat;
use crate::model::Capacity;
use crate::provider::{Finding, Instance, ProviderError, Pulled, SeatSpec};

#[derive(Default)]
pub(super) struct State {
    pub(super) workshops: BTreeMap<WorkshopId, Workshop>,
    pub(super) script: Script,
    pub(super) creations: BTreeMap<SeatKey, u32>,
    pub(super) starts: u64,
    /// Seats that nobody reaches before they are reconnected.
    pub(super) lost_ways: BTreeSet<SeatKey>,
    pub(super) capacity: Option<Capacity>,
    /// What the next pull says, and how long it pauses after each.
    pub(super) pull: Vec<(Pulled, Duration)>,
    /// What every image lacks.
    pub(super) image_lacks: Vec<Finding>,
}

pub(super) struct Workshop {
    pub(super) network: Network,
    pub(super) seats: BTreeMap<SeatNumber, Arc<Seat>>,
    /// Files of generations that are no seat's now.
    pub(super) kept: BTreeMap<(SeatNumber, Generation), FileTree>,
}

impl Workshop {
    pub(super) fn instance(&self, seat: &Seat) -> Instance {
        let mut instance = seat.instance();
        let of_seat = self
            .kept
            .keys()
            .filter(|(number, _)| *number == instance.seat);
        instance
            .files
            .extend(of_seat.map(|(_, generation)| *generation));
        instance
    }
}

impl SimulatedProvider {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn seat(&self, key: &SeatKey) -> Option<Arc<Seat>> {
        let state = self.state();
        let workshop = state.workshops.get(&key.workshop)?;
        workshop.seats.get(&key.seat).cloned()
    }

    pub(super) fn all_seats(&self) -> Vec<Arc<Seat>> {
        let state = self.state();
        let workshops = state.workshops.values();
        workshops
            .flat_map(|workshop| workshop.seats.values().cloned())
            .collect()
    }

    /// Takes a seat out and ends it; its files are what is left.
    pub(super) fn take(&self, key: &SeatKey) -> Option<(Generation, FileTree)> {
        let taken = {
            let mut state = self.state();
            let workshop = state.workshops.get_mut(&key.workshop);
            workshop.and_then(|workshop| workshop.seats.remove(&key.seat))
        };
        let seat = taken?;
        seat.stop(None);
        let files = std::mem::take(&mut *seat.files.lock().unwrap_or_else(PoisonError::into_inner));
        Some((seat.disk, files))
    }

    /// Makes or starts a seat; everything of it that takes no time.
    pub(super) fn make(
        &self,
        spec: &SeatSpec,
        never_answers: bool,
    ) -> Result<Instance, ProviderError> {
        let key = spec.key();
        let mut state = self.state();
        state.starts += 1;
        let incarnation = format!("start-{}", state.starts);
        let workshop = state
            .workshops
            .get_mut(&key.workshop)
            .ok_or_else(|| engine_error(&key, "the workshop has no network: prepare it first"))?;
        let seat = match workshop.seats.get(&key.seat) {
            Some(seat) if seat.is_of(spec) => Arc::clone(seat),
            Some(other) => {
                return Err(ProviderError::Conflict(Box::new(workshop.instance(other))));
            }
            None => {
                let address = workshop.network.address(key.seat);
                let kept = workshop.kept.remove(&(key.seat, spec.disk));
                let seat = Seat::new(spec, address, self.keys.clone(), kept.unwrap_or_default());
                workshop.seats.insert(key.seat, Arc::clone(&seat));
                seat
            }
        };
        let started = seat
            .start(incarnation)
            .map_err(|error| engine_error(&key, error))?;
        if never_answers {
            seat.hang();
        }
        let instance = workshop.instance(&seat);
        if started {
            *state.creations.entry(key).or_default() += 1;
        }
        Ok(instance)
    }
}

fn engine_error(
    key: &SeatKey,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ProviderError {
    ProviderError::Engine {
        operation: "create",
        subject: key.to_string(),
        source: source.into(),
    }
}

/// Counts a creation while it lasts, cut off or not.
pub(super) struct Creating<'a>(&'a SimulatedProvider);

impl<'a> Creating<'a> {
    pub(super) fn begin(simulated: &'a SimulatedProvider) -> Self {
        let now = simulated.creating.fetch_add(1, Ordering::Relaxed) + 1;
        simulated.most_creating.fetch_max(now, Ordering::Relaxed);
        Self(simulated)
    }
}

impl Drop for Creating<'_> {
    fn drop(&mut self) {
        self.0.creating.fetch_sub(1, Ordering::Relaxed);
    }
}
