//! Any world that can be observed, and one in which every action succeeds.

use proptest::prelude::*;

use super::*;

fn any_status() -> impl Strategy<Value = InstanceStatus> {
    prop_oneof![
        3 => Just(InstanceStatus::Running),
        1 => Just(InstanceStatus::Stopped { reason: None }),
        1 => Just(InstanceStatus::Error { reason: Reason::new("x", "x") }),
    ]
}

pub(super) fn any_liveness() -> impl Strategy<Value = Liveness> {
    prop_oneof![
        Just(Liveness::Unproven),
        Just(Liveness::Unreached),
        Just(Liveness::Silent(Silence::on_order())),
        (prop_oneof!["first", "other"], 0..3_u8).prop_map(|(incarnation, variant)| {
            Liveness::Proven {
                incarnation,
                bound: binding(variant).digest(),
            }
        }),
    ]
}

pub(super) fn any_hold() -> impl Strategy<Value = Hold> {
    prop_oneof![
        4 => Just(Hold::Free),
        1 => Just(Hold::Busy),
        1 => Just(Hold::Waiting),
        1 => Just(Hold::Failed),
    ]
}

fn any_browser() -> impl Strategy<Value = BrowserStatus> {
    prop_oneof![
        3 => Just(BrowserStatus::Absent),
        1 => Just(BrowserStatus::Running),
        1 => Just(BrowserStatus::Paused),
        1 => Just(BrowserStatus::Stale { reason: Reason::new("x", "x") }),
    ]
}

fn any_seat(seat: u16) -> impl Strategy<Value = SeatObservation> {
    let files = proptest::collection::btree_set((1..4_u32).prop_map(Generation), 0..3);
    let there = (1..4_u32, any::<bool>(), any_status(), any_browser(), files).prop_map(
        move |(generation, right, status, browser, files)| {
            let digest = if right {
                right_digest(seat)
            } else {
                "else".to_owned()
            };
            Instance {
                browser,
                files,
                ..instance(seat, Generation(generation), &digest, status)
            }
        },
    );
    (
        proptest::option::weighted(0.8, there),
        any_liveness(),
        any_hold(),
        prop_oneof![4 => Just(BrowserHold::Free), 1 => Just(BrowserHold::Waiting)],
    )
        .prop_map(|(instance, liveness, hold, browser_hold)| SeatObservation {
            instance,
            liveness,
            hold,
            browser_hold,
            browser_asked: None,
        })
}

fn any_groundwork() -> impl Strategy<Value = Groundwork> {
    prop_oneof![
        Just(Groundwork::Missing),
        Just(Groundwork::Busy),
        Just(Groundwork::Waiting),
        Just(Groundwork::Ready),
    ]
}

prop_compose! {
    pub(super) fn any_observation()(
        groundwork in any_groundwork(),
        seats in (any_seat(1), any_seat(2), any_seat(3), any_seat(4), any_seat(5)),
        hidden in proptest::collection::btree_set(1..=5_u16, 0..3),
    ) -> Observation {
        let (a, b, c, d, e) = seats;
        let seats = (1..).map(number).zip([a, b, c, d, e]);
        Observation {
            groundwork,
            seats: seats.filter(|(seat, _)| !hidden.contains(&seat.get())).collect(),
        }
    }
}

pub(super) fn seat_of(action: Action) -> Option<SeatNumber> {
    match action {
        Action::Prepare | Action::DestroyWorkshop => None,
        Action::Create { seat }
        | Action::Stop { seat }
        | Action::Probe { seat }
        | Action::Reconnect { seat }
        | Action::Bind { seat }
        | Action::SetBrowser { seat, .. }
        | Action::Discard { seat }
        | Action::Destroy { seat, .. } => Some(seat),
    }
}

/// A world in which every action succeeds.
pub(super) struct World {
    pub(super) desired: DesiredWorkshop,
    pub(super) observed: Observation,
    pub(super) starts: u32,
}

impl World {
    pub(super) fn apply(&mut self, action: Action) {
        match action {
            Action::Prepare => self.observed.groundwork = Groundwork::Ready,
            Action::DestroyWorkshop => self.observed.seats.clear(),
            Action::Destroy { seat, .. } => {
                self.observed.seats.remove(&seat);
            }
            Action::Create { seat } => self.start(seat),
            Action::Discard { seat } => {
                let keep = files_kept(self.wanted(seat));
                let seen = self.observed.seats.get_mut(&seat).unwrap();
                let files = &mut seen.instance.as_mut().unwrap().files;
                files.retain(|generation| keep.contains(generation));
            }
            Action::Stop { seat } => {
                let seen = self.observed.seats.get_mut(&seat).unwrap();
                seen.liveness = Liveness::Unproven;
                seen.instance.as_mut().unwrap().status = InstanceStatus::Stopped { reason: None };
            }
            Action::Reconnect { seat } => {
                let seen = self.observed.seats.get_mut(&seat).unwrap();
                seen.liveness = Liveness::Unproven;
            }
            Action::SetBrowser { seat, want } => {
                let seen = self.observed.seats.get_mut(&seat).unwrap();
                seen.instance.as_mut().unwrap().browser = match want {
                    BrowserState::Running => BrowserStatus::Running,
                    BrowserState::Paused => BrowserStatus::Paused,
                    BrowserState::Absent => BrowserStatus::Absent,
                };
            }
            Action::Probe { seat } | Action::Bind { seat } => {
                let wanted = self.wanted(seat).binding.digest();
                let seen = self.observed.seats.get_mut(&seat).unwrap();
                let incarnation = seen.instance.as_ref().unwrap().incarnation.clone();
                seen.liveness = Liveness::Proven {
                    incarnation,
                    bound: wanted,
                };
            }
        }
    }

    fn wanted(&self, seat: SeatNumber) -> &DesiredSeat {
        let mut seats = self.desired.seats.iter();
        seats.find(|wanted| wanted.number == seat).unwrap()
    }

    fn start(&mut self, seat: SeatNumber) {
        self.starts += 1;
        let spec = seat_spec(&self.desired, self.wanted(seat));
        let seen = self.observed.seats.entry(seat).or_default();
        let mut made = instance(
            seat.get(),
            spec.generation,
            &spec.digest(),
            InstanceStatus::Running,
        );
        made.incarnation = format!("start-{}", self.starts);
        if let Some(stopped) = &seen.instance {
            assert_eq!(stopped.generation, made.generation);
            assert!(matches!(stopped.status, InstanceStatus::Stopped { .. }));
        }
        seen.instance = Some(made);
    }

    pub(super) fn is_as_wanted(&self) -> bool {
        if self.desired.wanted == Wanted::Absent {
            return self.observed.seats.is_empty();
        }
        let wanted: BTreeSet<_> = self.desired.seats.iter().map(|seat| seat.number).collect();
        let there: BTreeSet<_> = self.observed.seats.keys().copied().collect();
        let right = |seat: &DesiredSeat| {
            let seen = &self.observed.seats[&seat.number];
            let instance = seen.instance.as_ref().unwrap();
            instance.generation == seat.generation
                && instance.files.is_subset(&files_kept(seat))
                && instance.status == InstanceStatus::Running
                && instance.browser == BrowserStatus::Absent
                && seen.liveness
                    == Liveness::Proven {
                        incarnation: instance.incarnation.clone(),
                        bound: seat.binding.digest(),
                    }
        };
        wanted == there && self.desired.seats.iter().all(right)
    }
}
