//! Seats that are servers inside this process: the real in-seat protocols, scripted content, scripted
//! faults, no shell and no isolation. For tests, load and page development.
//!
//! Every seat has a loopback address of its own and the real ports, like a seat on a bridge. Nothing
//! survives the process. Start at [`SimulatedProvider::new`]; faults are in [`Fault`].

mod browser;
mod events;
mod fault;
mod files;
mod http;
mod network;
mod script;
mod search;
mod seat;
mod socket;
mod state;
mod terminal;
mod tunnel;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use clarateach_protocol::id::{Generation, SeatKey, WorkshopId};
use clarateach_protocol::token::VerifyingKeys;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use tokio::sync::broadcast;

use super::{
    BrowserState, Change, Finding, ImageReport, Instance, Level, Phase, Progress, Provider,
    ProviderError, ProviderReport, Removal, SeatSpec,
};
use crate::browser::BrowserDoor;
use crate::model::{Capacity, WorkshopSpec};
use fault::Step;
pub use fault::{Failure, Fault};
use network::Network;
use state::{Creating, State, Workshop};

/// Hints that a slow listener can be behind before it misses some.
const BEHIND_AT_MOST: usize = 1024;

/// The provider of simulated seats.
pub struct SimulatedProvider {
    keys: VerifyingKeys,
    state: Mutex<State>,
    changes: broadcast::Sender<Change>,
    /// Set while no call gets through.
    down: AtomicBool,
    refused: AtomicUsize,
    creating: AtomicUsize,
    most_creating: AtomicUsize,
}

impl SimulatedProvider {
    /// A provider whose seats take tokens signed by these keys.
    #[must_use]
    pub fn new(keys: VerifyingKeys) -> Self {
        Self {
            keys,
            state: Mutex::new(State::default()),
            changes: broadcast::Sender::new(BEHIND_AT_MOST),
            down: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
            creating: AtomicUsize::new(0),
            most_creating: AtomicUsize::new(0),
        }
    }

    /// Begins a call from outside.
    fn reach(&self) -> Result<(), ProviderError> {
        if !self.down.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(ProviderError::Unreachable {
            endpoint: "this process".to_owned(),
            hint: "it was told to be down".to_owned(),
            source: "scripted failure".into(),
        })
    }

    fn changed(&self, key: SeatKey) {
        self.say(Change::Seat(key));
    }

    fn say(&self, change: Change) {
        // An error says that nobody listens.
        let _ = self.changes.send(change);
    }
}

#[async_trait]
impl Provider for SimulatedProvider {
    async fn preflight(&self, _workshop: &WorkshopSpec) -> Result<(), ProviderError> {
        self.reach()
    }

    async fn check_image(
        &self,
        image: &str,
        progress: &Progress,
    ) -> Result<ImageReport, ProviderError> {
        self.reach()?;
        self.pretend_to_pull(progress).await;
        let mut findings = vec![Finding {
            level: Level::Warning,
            code: "simulated_seats",
            message: "seats are simulated: no image is looked at".to_owned(),
            remedy: Some("use --provider docker for a class".to_owned()),
        }];
        findings.extend(self.state().image_lacks.iter().cloned());
        Ok(ImageReport {
            image: image.to_owned(),
            id: None,
            architecture: None,
            size_mib: None,
            findings,
        })
    }

    async fn prepare(
        &self,
        workshop: &WorkshopSpec,
        progress: &Progress,
    ) -> Result<(), ProviderError> {
        self.reach()?;
        progress.begin(Phase::Image);
        self.pretend_to_pull(progress).await;
        progress.begin(Phase::Network);
        let mut state = self.state();
        if let Some(failure) = state.script.next_prepare() {
            return Err(failure.error("prepare", &workshop.id.to_string()));
        }
        if let Entry::Vacant(place) = state.workshops.entry(workshop.id) {
            let network = Network::claim().map_err(|source| ProviderError::Engine {
                operation: "make the network of",
                subject: workshop.id.to_string(),
                source: source.into(),
            })?;
            place.insert(Workshop {
                network,
                seats: BTreeMap::new(),
                kept: BTreeMap::new(),
            });
        }
        Ok(())
    }

    async fn create_telling(
        &self,
        spec: &SeatSpec,
        progress: &Progress,
    ) -> Result<Instance, ProviderError> {
        self.reach()?;
        progress.begin(Phase::Create);
        let _creating = Creating::begin(self);
        let key = spec.key();
        let steps = self.state().script.next_create(key.seat);
        let mut never_answers = false;
        for step in steps {
            match step {
                Step::Wait(pause) => tokio::time::sleep(pause).await,
                Step::Hang => std::future::pending().await,
                Step::Fail(failure) => return Err(failure.error("create", &key.to_string())),
                Step::NeverAnswer => never_answers = true,
            }
        }
        progress.begin(Phase::Start);
        let instance = self.make(spec, never_answers)?;
        self.changed(key);
        Ok(instance)
    }

    async fn set_browser(
        &self,
        seat: &SeatKey,
        want: BrowserState,
    ) -> Result<Instance, ProviderError> {
        self.reach()?;
        let there = self.seat(seat).ok_or(ProviderError::NoSeat(*seat))?;
        if want == BrowserState::Running
            && let Some(failure) = self.state().script.next_browser()
        {
            return Err(failure.error("start the browser", &format!("of {seat}")));
        }
        let could = there
            .set_browser(want)
            .map_err(|source| ProviderError::Engine {
                operation: "start the browser",
                subject: format!("of {seat}"),
                source: source.into(),
            })?;
        if !could {
            return Err(ProviderError::NotRunning(*seat));
        }
        self.changed(*seat);
        Ok(there.instance())
    }

    async fn browser_door(&self, seat: &SeatKey) -> Result<Option<BrowserDoor>, ProviderError> {
        self.reach()?;
        Ok(self.seat(seat).and_then(|seat| seat.browser_door()))
    }

    async fn stop(&self, key: &SeatKey) -> Result<(), ProviderError> {
        self.reach()?;
        if let Some(seat) = self.seat(key) {
            seat.stop(None);
            self.changed(*key);
        }
        Ok(())
    }

    async fn reconnect(&self, key: &SeatKey) -> Result<Instance, ProviderError> {
        self.reach()?;
        let seat = self.seat(key).ok_or(ProviderError::NoSeat(*key))?;
        if self.state().lost_ways.remove(key) {
            seat.answer_again();
        }
        Ok(seat.instance())
    }

    async fn destroy(&self, key: &SeatKey) -> Result<(), ProviderError> {
        self.retire(key, &BTreeSet::new()).await
    }

    async fn retire(
        &self,
        key: &SeatKey,
        keep: &BTreeSet<Generation>,
    ) -> Result<(), ProviderError> {
        self.reach()?;
        if let Some((disk, files)) = self.take(key)
            && let Some(workshop) = self.state().workshops.get_mut(&key.workshop)
        {
            workshop.kept.insert((key.seat, disk), files);
        }
        self.discard(key, keep).await?;
        self.changed(*key);
        Ok(())
    }

    async fn discard(
        &self,
        key: &SeatKey,
        keep: &BTreeSet<Generation>,
    ) -> Result<(), ProviderError> {
        self.reach()?;
        if let Some(workshop) = self.state().workshops.get_mut(&key.workshop) {
            workshop
                .kept
                .retain(|(number, generation), _| *number != key.seat || keep.contains(generation));
        }
        Ok(())
    }

    async fn destroy_workshop(&self, id: &WorkshopId) -> Result<Removal, ProviderError> {
        self.reach()?;
        let taken = self.state().workshops.remove(id);
        for seat in taken.iter().flat_map(|workshop| workshop.seats.values()) {
            seat.stop(None);
        }
        Ok(Removal::Whole)
    }

    async fn list(&self, workshop: Option<&WorkshopId>) -> Result<Vec<Instance>, ProviderError> {
        self.reach()?;
        let mut state = self.state();
        if let Some(failure) = state.script.next_list() {
            return Err(failure.error("list", "seats"));
        }
        let chosen = state
            .workshops
            .iter()
            .filter(|(id, _)| workshop.is_none_or(|wanted| wanted == *id));
        Ok(chosen
            .flat_map(|(_, workshop)| workshop.seats.values().map(|seat| workshop.instance(seat)))
            .collect())
    }

    async fn seal(&self, _seat: &SeatKey) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn list_workshops(&self) -> Result<Vec<WorkshopId>, ProviderError> {
        self.reach()?;
        Ok(self.state().workshops.keys().copied().collect())
    }

    fn changes(&self) -> BoxStream<'static, Change> {
        let hints = self.changes.subscribe();
        unfold(hints, async |mut hints| {
            loop {
                match hints.recv().await {
                    Ok(change) => return Some((change, hints)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }

    async fn capacity(&self) -> Result<Option<Capacity>, ProviderError> {
        Ok(self.state().capacity)
    }

    async fn check(&self) -> Result<ProviderReport, ProviderError> {
        self.reach()?;
        Ok(ProviderReport {
            provider: "simulated",
            findings: vec![Finding {
                level: Level::Warning,
                code: "simulated_seats",
                message: "seats are simulated: no shell, no isolation, nothing is kept".to_owned(),
                remedy: Some("use --provider docker for a class".to_owned()),
            }],
        })
    }
}

/// Ends every seat's servers with it.
impl Drop for SimulatedProvider {
    fn drop(&mut self) {
        for seat in self.all_seats() {
            seat.stop(None);
        }
    }
}

#[cfg(test)]
mod tests;
