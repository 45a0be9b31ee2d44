//! Where a workshop is as a whole, from where its seats are: pure.

use std::collections::BTreeMap;

use crate::model::{ObservedSeat, Reason, SeatCondition, Workshop, WorkshopStatus};

/// How far a workshop that should exist is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody looked yet: the store's word stands.
    Unknown,
    /// Its first seats are being made.
    Provisioning,
    /// Every seat was ready or given up, and one was ready.
    Ready,
    /// Every seat was given up.
    Failed(Reason),
}

impl Stage {
    /// The stage that a workshop was in by the store's word.
    pub(super) fn of(workshop: &Workshop) -> Self {
        match workshop.status {
            WorkshopStatus::Provisioning => Self::Provisioning,
            WorkshopStatus::Ready => Self::Ready,
            WorkshopStatus::Failed => Self::Failed(workshop.reason.clone().unwrap_or_else(no_seat)),
            WorkshopStatus::Scheduled | WorkshopStatus::Ending | WorkshopStatus::Ended => {
                Self::Unknown
            }
        }
    }

    /// The status and reason that the store should hold.
    pub(super) fn status(&self) -> Option<(WorkshopStatus, Option<Reason>)> {
        match self {
            Self::Unknown => None,
            Self::Provisioning => Some((WorkshopStatus::Provisioning, None)),
            Self::Ready => Some((WorkshopStatus::Ready, None)),
            Self::Failed(reason) => Some((WorkshopStatus::Failed, Some(reason.clone()))),
        }
    }

    /// The stage after this one, given every seat's condition; `None`: not known yet.
    pub(super) fn next(self, seats: &[Option<ObservedSeat>]) -> Self {
        if matches!(self, Self::Unknown | Self::Ready) {
            // Seats of a ready workshop come and go; the class goes on.
            return self;
        }
        let count = |wanted: SeatCondition| {
            let conditions = seats.iter().flatten();
            conditions.filter(|seat| seat.condition == wanted).count()
        };
        let failed = count(SeatCondition::Failed);
        if failed == seats.len() && failed > 0 {
            Self::Failed(most_telling(seats))
        } else if failed + count(SeatCondition::Ready) == seats.len() {
            Self::Ready
        } else {
            Self::Provisioning
        }
    }
}

/// Seats that need no more waiting for.
pub(super) fn settled(seats: &[Option<ObservedSeat>]) -> usize {
    let done = |seat: &&ObservedSeat| {
        matches!(seat.condition, SeatCondition::Ready | SeatCondition::Failed)
    };
    seats.iter().flatten().filter(done).count()
}

/// The reason that most seats give; of equals, the lowest seat's.
fn most_telling(seats: &[Option<ObservedSeat>]) -> Reason {
    let reasons = || {
        let told = seats.iter().flatten();
        told.filter_map(|seat| seat.reason.as_ref())
    };
    let mut counts = BTreeMap::<&str, usize>::new();
    for reason in reasons() {
        *counts.entry(&reason.code).or_default() += 1;
    }
    let most = counts.values().max();
    reasons()
        .find(|reason| counts.get(reason.code.as_str()) == most)
        .cloned()
        .unwrap_or_else(no_seat)
}

fn no_seat() -> Reason {
    Reason::new("no_seat", "no seat could be made")
}

#[cfg(test)]
mod tests {
    use super::*;
    use SeatCondition::{Failed, Provisioning, Ready};

    fn seats(conditions: &[SeatCondition]) -> Vec<Option<ObservedSeat>> {
        let seat = |condition: &SeatCondition| ObservedSeat {
            condition: *condition,
            reason: (*condition == Failed).then(|| Reason::new("engine_error", "why")),
        };
        conditions.iter().map(|it| Some(seat(it))).collect()
    }

    #[test]
    fn a_workshop_is_ready_with_the_seats_that_could_be_made() {
        let next = |conditions: &[_]| Stage::Provisioning.next(&seats(conditions));
        assert_eq!(next(&[Ready, Provisioning]), Stage::Provisioning);
        assert_eq!(next(&[Ready, Failed]), Stage::Ready);
        assert_eq!(next(&[Provisioning, Failed]), Stage::Provisioning);
        assert!(matches!(next(&[Failed, Failed]), Stage::Failed(_)));
    }

    #[test]
    fn a_ready_workshop_stays_ready_whatever_its_seats_do() {
        for conditions in [[Failed, Failed], [Provisioning, Provisioning]] {
            assert_eq!(Stage::Ready.next(&seats(&conditions)), Stage::Ready);
        }
    }

    #[test]
    fn a_seat_that_is_not_known_yet_is_waited_for() {
        let mut mixed = seats(&[Failed, Ready]);
        mixed.push(None);
        assert_eq!(Stage::Provisioning.next(&mixed), Stage::Provisioning);
        let again = Stage::Failed(no_seat()).next(&seats(&[Failed, Provisioning]));
        assert_eq!(again, Stage::Provisioning);
        assert_eq!(Stage::Unknown.next(&mixed), Stage::Unknown);
    }

    #[test]
    fn the_reason_that_most_seats_give_is_told() {
        let mut all = seats(&[Failed, Failed, Failed]);
        let odd = Reason::new("disk", "odd one");
        all[0].as_mut().unwrap().reason = Some(odd);
        let Stage::Failed(reason) = Stage::Provisioning.next(&all) else {
            panic!("not failed");
        };
        assert_eq!(reason.code, "engine_error");
    }
}
