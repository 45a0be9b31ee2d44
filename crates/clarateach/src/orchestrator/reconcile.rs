//! What to do next: a pure function from what should be and what is to actions.
//!
//! Level-triggered: it knows no history and no clock. Whoever calls it carries out the actions,
//! observes again and asks again, until nothing is left to do. What is under way, backing off or
//! given up is part of the observation ([`Hold`], [`Groundwork`]). Start at [`plan`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use clarateach_protocol::id::{Generation, SeatNumber};

use super::sight::{Silence, Unanswered};
use crate::model::{BrowserPolicy, DesiredSeat, DesiredWorkshop, Wanted};
use crate::provider::{BrowserState, BrowserStatus, Instance, InstanceStatus, SeatSpec};

/// What should exist of one workshop, with the digests that every plan compares: they cost far more than a plan.
#[derive(Debug, Clone)]
pub struct Desired {
    workshop: DesiredWorkshop,
    /// In the order of its seats.
    digests: Vec<Digests>,
}

#[derive(Debug, Clone)]
struct Digests {
    /// [`SeatSpec::digest`] of what the seat is made from.
    spec: String,
    /// Of what it is bound to.
    binding: String,
}

impl Desired {
    /// Of what the store says.
    #[must_use]
    pub fn new(workshop: DesiredWorkshop) -> Self {
        let seats = workshop.seats.iter();
        let digests = seats.map(|seat| Digests {
            spec: seat_spec(&workshop, seat).digest(),
            binding: seat.binding.digest(),
        });
        Self {
            digests: digests.collect(),
            workshop,
        }
    }

    fn seats(&self) -> impl Iterator<Item = (&DesiredSeat, &Digests)> {
        self.workshop.seats.iter().zip(&self.digests)
    }

    /// The seat of that number, where it has one.
    #[must_use]
    pub fn seat(&self, number: SeatNumber) -> Option<&DesiredSeat> {
        let seats = &self.workshop.seats;
        let at = seats.binary_search_by_key(&number, |seat| seat.number);
        at.ok().map(|at| &seats[at])
    }
}

impl Deref for Desired {
    type Target = DesiredWorkshop;

    fn deref(&self) -> &DesiredWorkshop {
        &self.workshop
    }
}

/// One thing to do. At most one a seat in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Make what the seats share, or assert it again.
    /// Legal while the workshop is wanted and its groundwork is [`Groundwork::Missing`].
    Prepare,
    /// Make a seat, or start a stopped one with its files kept.
    /// Legal on [`Groundwork::Ready`], where no instance has that number, or where the wanted
    /// generation of the wanted spec is stopped.
    Create {
        /// Which seat.
        seat: SeatNumber,
    },
    /// Stop a seat that runs and doesn't answer, so that it can be created again.
    /// Legal on a running instance of the wanted generation that is [`Liveness::Silent`].
    Stop {
        /// Which seat.
        seat: SeatNumber,
    },
    /// Ask a seat's terminal, files and binding; binds it.
    /// Legal on a running instance of the wanted generation that nobody probed in this incarnation.
    Probe {
        /// Which seat.
        seat: SeatNumber,
    },
    /// Make the way to a seat anew; its programs go on.
    /// Legal on a running instance of the wanted generation that is [`Liveness::Unreached`].
    Reconnect {
        /// Which seat.
        seat: SeatNumber,
    },
    /// Give a seat another binding.
    /// Legal on a running instance that was probed in this incarnation with another binding.
    Bind {
        /// Which seat.
        seat: SeatNumber,
    },
    /// Bring a seat's browser to a state.
    /// Legal on a running instance that was probed in this incarnation, has its binding, and whose
    /// browser is in another state.
    SetBrowser {
        /// Which seat.
        seat: SeatNumber,
        /// To which state.
        want: BrowserState,
    },
    /// Remove a seat; with its files but those that are wanted or kept. Never legal on a healthy instance of the wanted generation and
    /// spec.
    Destroy {
        /// Which seat.
        seat: SeatNumber,
        /// What is wrong with it.
        why: DestroyReason,
    },
    /// Remove what is kept of a seat's earlier generations and isn't wanted any more.
    /// Legal on an instance of the wanted generation and spec that has such files.
    Discard {
        /// Which seat.
        seat: SeatNumber,
    },
    /// Remove the workshop with all its seats.
    /// Legal while the workshop is not wanted and nothing of it is under way; alone in its plan.
    DestroyWorkshop,
}

/// Why a seat is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DestroyReason {
    /// The workshop has no seat of that number.
    Surplus,
    /// It is of another generation: the seat was reset or released.
    OtherGeneration,
    /// It was made from something else than is wanted now.
    OtherSpec,
    /// It is half made or damaged.
    Damaged,
}

/// What is, as far as is known.
#[derive(Debug, Clone)]
pub struct Observation {
    /// What the seats share.
    pub groundwork: Groundwork,
    /// Every seat that is wanted or there.
    pub seats: BTreeMap<SeatNumber, SeatObservation>,
}

/// What the seats of a workshop share: image, network, firewall; or its removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Groundwork {
    /// To be made, or due to be asserted again.
    Missing,
    /// Being made or removed right now.
    Busy,
    /// Making or removing it failed; it is tried again later.
    Waiting,
    /// Made, and asserted lately.
    Ready,
}

/// One seat, as far as is known.
#[derive(Debug, Clone, Default)]
pub struct SeatObservation {
    /// What the provider has of it.
    pub instance: Option<Instance>,
    /// Whether it answers.
    pub liveness: Liveness,
    /// What stands in the way of acting.
    pub hold: Hold,
    /// What stands in the way of acting on its browser alone: a seat without one is a seat.
    pub browser_hold: BrowserHold,
    /// What the workshop's policy and those who ask and watch want its browser to be; `None`: nobody said.
    pub browser_asked: Option<BrowserState>,
}

/// What stands in the way of acting on a seat's browser.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BrowserHold {
    /// Nothing.
    #[default]
    Free,
    /// The last action failed; the next waits for its time.
    Waiting,
}

/// Whether a seat answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Liveness {
    /// Nobody asked yet.
    #[default]
    Unproven,
    /// It answered a probe.
    Proven {
        /// The incarnation that answered.
        incarnation: String,
        /// Digest of the binding that it has.
        bound: String,
    },
    /// It runs, and was asked in vain; the next look tells whether that is its own doing.
    Unanswered(Unanswered),
    /// It runs, and was asked in vain while its provider was there, which was away before: it may have lost the way.
    Unreached,
    /// It runs, and was asked in vain while its provider was there.
    Silent(Silence),
}

/// What stands in the way of acting on a seat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hold {
    /// Nothing.
    #[default]
    Free,
    /// An action on it is under way.
    Busy,
    /// The last one failed; the next waits for its time.
    Waiting,
    /// Given up until somebody asks for a retry.
    Failed,
}

/// What to do next to come from `observed` to `desired`; empty when nothing can or need be done.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observation) -> Vec<Action> {
    match desired.wanted {
        Wanted::Absent => plan_removal(observed),
        Wanted::Present => plan_presence(desired, observed),
    }
}

/// What to do next where nothing is wanted: the workshop ends, or the store knows nothing of it.
#[must_use]
pub fn plan_removal(observed: &Observation) -> Vec<Action> {
    let held = matches!(observed.groundwork, Groundwork::Busy | Groundwork::Waiting);
    let acting = observed.seats.values().any(|seat| seat.hold == Hold::Busy);
    if held || acting {
        Vec::new()
    } else {
        vec![Action::DestroyWorkshop]
    }
}

fn plan_presence(desired: &Desired, observed: &Observation) -> Vec<Action> {
    let unseen = SeatObservation::default();
    let seen = |number: SeatNumber| observed.seats.get(&number).unwrap_or(&unseen);

    let mut wanted = desired.seats.iter();
    let given_up = wanted.all(|seat| seen(seat.number).hold == Hold::Failed);
    let prepare =
        (observed.groundwork == Groundwork::Missing && !given_up).then_some(Action::Prepare);

    let browser = desired.spec.browser;
    let seats = desired.seats().filter_map(|(seat, digests)| {
        let seen = seen(seat.number);
        plan_seat((seat, digests), browser, seen, observed.groundwork)
    });
    let surplus = observed
        .seats
        .iter()
        .filter(|(number, _)| desired.seat(**number).is_none())
        .filter_map(|(number, seat)| plan_surplus(*number, seat));
    prepare.into_iter().chain(surplus).chain(seats).collect()
}

fn plan_surplus(number: SeatNumber, seen: &SeatObservation) -> Option<Action> {
    let held = matches!(seen.hold, Hold::Busy | Hold::Waiting);
    (seen.instance.is_some() && !held).then_some(Action::Destroy {
        seat: number,
        why: DestroyReason::Surplus,
    })
}

fn plan_seat(
    (wanted, digests): (&DesiredSeat, &Digests),
    browser: BrowserPolicy,
    seen: &SeatObservation,
    groundwork: Groundwork,
) -> Option<Action> {
    let seat = wanted.number;
    if seen.hold != Hold::Free {
        return None;
    }
    let create = (groundwork == Groundwork::Ready).then_some(Action::Create { seat });
    let Some(instance) = &seen.instance else {
        return create;
    };
    if let Some(why) = misfit(wanted, digests, instance) {
        return Some(Action::Destroy { seat, why });
    }
    match &instance.status {
        InstanceStatus::Error { .. } => Some(Action::Destroy {
            seat,
            why: DestroyReason::Damaged,
        }),
        InstanceStatus::Stopped { .. } => create,
        InstanceStatus::Running => {
            plan_running(&digests.binding, browser, instance, seen).or_else(|| {
                let is_kept = |it: &Generation| *it == wanted.disk || wanted.kept.contains(it);
                let useless = !instance.files.iter().all(is_kept);
                useless.then_some(Action::Discard { seat })
            })
        }
    }
}

/// Generations whose files a wanted seat has or may get back.
#[must_use]
pub fn files_kept(seat: &DesiredSeat) -> BTreeSet<Generation> {
    let mut kept = seat.kept.clone();
    kept.insert(seat.disk);
    kept
}

/// Why an instance can't become the wanted seat, however often it is started.
fn misfit(wanted: &DesiredSeat, digests: &Digests, instance: &Instance) -> Option<DestroyReason> {
    if instance.generation != wanted.generation {
        return Some(DestroyReason::OtherGeneration);
    }
    (instance.spec_digest != digests.spec).then_some(DestroyReason::OtherSpec)
}

fn plan_running(
    binding: &str,
    browser: BrowserPolicy,
    instance: &Instance,
    seen: &SeatObservation,
) -> Option<Action> {
    let seat = instance.seat;
    match &seen.liveness {
        Liveness::Silent(_) => Some(Action::Stop { seat }),
        Liveness::Unanswered(_) => None,
        Liveness::Unreached => Some(Action::Reconnect { seat }),
        Liveness::Proven { incarnation, bound } if *incarnation == instance.incarnation => {
            if bound != binding {
                return Some(Action::Bind { seat });
            }
            plan_browser(browser, instance, seen)
        }
        Liveness::Proven { .. } | Liveness::Unproven => Some(Action::Probe { seat }),
    }
}

/// One that can't be used goes, also where nobody asks for the next.
fn plan_browser(
    policy: BrowserPolicy,
    instance: &Instance,
    seen: &SeatObservation,
) -> Option<Action> {
    let stale = matches!(instance.browser, BrowserStatus::Stale { .. });
    let want = match (policy, seen.browser_asked) {
        (BrowserPolicy::Off, _) => BrowserState::Absent,
        (BrowserPolicy::Always, _) => BrowserState::Running,
        (BrowserPolicy::OnDemand, Some(asked)) => asked,
        (BrowserPolicy::OnDemand, None) if stale => BrowserState::Absent,
        (BrowserPolicy::OnDemand, None) => return None,
    };
    let hold = seen.browser_hold;
    let due = hold == BrowserHold::Free && !instance.browser.is(want);
    due.then_some(Action::SetBrowser {
        seat: instance.seat,
        want,
    })
}

/// What a wanted seat is made from.
#[must_use]
pub fn seat_spec(desired: &DesiredWorkshop, seat: &DesiredSeat) -> SeatSpec {
    SeatSpec {
        workshop: desired.spec.clone(),
        number: seat.number,
        generation: seat.generation,
        disk: seat.disk,
    }
}

#[cfg(test)]
mod tests;
