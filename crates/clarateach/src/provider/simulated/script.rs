//! What tests let happen to simulated seats and their machine.

use std::sync::atomic::Ordering;
use std::time::Duration;

use clarateach_protocol::id::{SeatKey, SeatNumber};

use super::fault::Script;
use super::{Failure, Fault, SimulatedProvider};
use crate::model::{Capacity, Reason};
use crate::provider::{Change, Finding, Progress, Pulled};

impl SimulatedProvider {
    /// Lets something go wrong with a seat number, in every workshop.
    pub fn inject(&self, seat: SeatNumber, fault: Fault) {
        self.state().script.add(seat, fault);
    }

    /// Lets nothing go wrong any more.
    pub fn heal(&self) {
        self.state().script = Script::default();
        for seat in self.all_seats() {
            seat.answer_again();
        }
    }

    /// Lets `prepare` fail, so many times.
    pub fn fail_prepare(&self, times: u32, failure: Failure) {
        self.state().script.fail_prepare(times, failure);
    }

    /// Lets starting or waking a browser fail, so many times.
    pub fn fail_browsers(&self, times: u32, failure: Failure) {
        self.state().script.fail_browsers(times, failure);
    }

    /// Lets `list` fail, so many times.
    pub fn fail_list(&self, times: u32) {
        self.state().script.fail_list(times);
    }

    /// Lets no call through, as while an engine is down; its seats go on running.
    pub fn go_down(&self) {
        self.down.store(true, Ordering::Relaxed);
        self.say(Change::Away);
    }

    /// Lets calls through again.
    pub fn come_back(&self) {
        self.down.store(false, Ordering::Relaxed);
        self.say(Change::Back);
    }

    /// How many calls were not let through.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// Kills a seat's processes, as running out of memory does.
    pub fn kill(&self, key: &SeatKey) {
        if let Some(seat) = self.seat(key) {
            let reason = Reason::new("out_of_memory", "the seat ran out of memory");
            seat.stop(Some(reason));
            self.changed(*key);
        }
    }

    /// Lets a seat's servers take connections and answer nothing, until its next start.
    pub fn hang(&self, key: &SeatKey) {
        if let Some(seat) = self.seat(key) {
            seat.hang();
        }
    }

    /// Lets nobody reach a seat that goes on, until it is reconnected.
    pub fn lose_way(&self, key: &SeatKey) {
        self.state().lost_ways.insert(*key);
        self.hang(key);
    }

    /// Removes a seat behind the orchestrator's back, as `docker rm -f` does.
    pub fn remove_by_hand(&self, key: &SeatKey) {
        self.take(key);
        self.changed(*key);
    }

    /// Lets the machine be so large.
    pub fn limit(&self, capacity: Capacity) {
        self.state().capacity = Some(capacity);
    }

    /// Lets every image lack this.
    pub fn image_lacks(&self, finding: Finding) {
        self.state().image_lacks.push(finding);
    }

    /// Lets the next `prepare` pull an image: what it says, and how long it pauses after each.
    pub fn pull(&self, steps: Vec<(Pulled, Duration)>) {
        self.state().pull = steps;
    }

    pub(super) async fn pretend_to_pull(&self, progress: &Progress) {
        let steps = std::mem::take(&mut self.state().pull);
        for (pulled, pause) in steps {
            progress.pulled(pulled);
            tokio::time::sleep(pause).await;
        }
    }

    /// How often a seat was made or started.
    #[must_use]
    pub fn creations(&self, key: &SeatKey) -> u32 {
        self.state().creations.get(key).copied().unwrap_or_default()
    }

    /// How many seats were being made at once, at the most.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.most_creating.load(Ordering::Relaxed)
    }
}
