//! Properties of the plan, against a model world that does what it is told.

mod world;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clarateach_protocol::id::{Generation, WorkshopId};
use clarateach_protocol::seat::Binding;
use proptest::prelude::*;

use super::*;
use crate::model::{BrowserPolicy, EgressPolicy, Reason, Resources, WorkshopSpec};
use crate::provider::Endpoints;
use world::{World, any_hold, any_liveness, any_observation, seat_of};

fn plan(desired: &DesiredWorkshop, observed: &Observation) -> Vec<Action> {
    super::plan(&Desired::new(desired.clone()), observed)
}

const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

fn number(seat: u16) -> SeatNumber {
    SeatNumber::new(seat).unwrap()
}

fn binding(variant: u8) -> Binding {
    Binding {
        learner: None,
        env: BTreeMap::from([("V".to_owned(), variant.to_string())]),
        files: Vec::new(),
    }
}

fn desired(wanted: Wanted, seats: u16) -> DesiredWorkshop {
    DesiredWorkshop {
        spec: WorkshopSpec {
            id: WorkshopId::from_random([7; 8]),
            image: "image".to_owned(),
            resources: Resources::default(),
            egress: EgressPolicy::Open,
            browser: BrowserPolicy::Off,
        },
        kind: crate::model::WorkshopKind::Class,
        wanted,
        seats: (1..=seats)
            .map(|seat| DesiredSeat {
                number: number(seat),
                generation: Generation(2),
                disk: Generation(2),
                kept: BTreeSet::new(),
                binding: binding(1),
            })
            .collect(),
    }
}

fn instance(seat: u16, generation: Generation, digest: &str, status: InstanceStatus) -> Instance {
    Instance {
        workshop: WorkshopId::from_random([7; 8]),
        seat: number(seat),
        generation,
        incarnation: "first".to_owned(),
        spec_digest: digest.to_owned(),
        id: format!("c{seat}"),
        ip: NOWHERE.ip(),
        status,
        endpoints: Endpoints {
            terminal: NOWHERE,
            files: NOWHERE,
            browser: None,
        },
        browser: BrowserStatus::Absent,
        files: BTreeSet::new(),
    }
}

fn right_digest(seat: u16) -> String {
    let desired = desired(Wanted::Present, seat);
    seat_spec(&desired, desired.seats.last().unwrap()).digest()
}

fn healthy(seat: u16) -> SeatObservation {
    SeatObservation {
        instance: Some(instance(
            seat,
            Generation(2),
            &right_digest(seat),
            InstanceStatus::Running,
        )),
        liveness: Liveness::Proven {
            incarnation: "first".to_owned(),
            bound: binding(1).digest(),
        },
        hold: Hold::Free,
        browser_hold: BrowserHold::Free,
        browser_asked: None,
    }
}
proptest! {
    #[test]
    fn every_action_is_legal(observed in any_observation(), seats in 0..=6_u16) {
        let desired = desired(Wanted::Present, seats);
        let actions = plan(&desired, &observed);
        let touched: Vec<_> = actions.iter().copied().filter_map(seat_of).collect();
        let distinct: BTreeSet<_> = touched.iter().collect();
        prop_assert_eq!(touched.len(), distinct.len(), "two actions for one seat: {:?}", actions);

        for action in actions {
            let seen = seat_of(action).and_then(|seat| observed.seats.get(&seat));
            let hold = seen.map_or(Hold::Free, |seat| seat.hold);
            let surplus = matches!(action, Action::Destroy { why: DestroyReason::Surplus, .. });
            prop_assert!(hold == Hold::Free || (surplus && hold == Hold::Failed));
            let instance = seen.and_then(|seat| seat.instance.as_ref());
            match action {
                Action::Prepare => prop_assert_eq!(observed.groundwork, Groundwork::Missing),
                Action::Create { .. } => {
                    prop_assert_eq!(observed.groundwork, Groundwork::Ready);
                    let stopped = InstanceStatus::Stopped { reason: None };
                    prop_assert!(instance.is_none_or(|it| it.status == stopped));
                }
                Action::SetBrowser { want, .. } => {
                    prop_assert_eq!(want, BrowserState::Absent, "none is wanted");
                    prop_assert!(instance.is_some_and(|it| it.browser != BrowserStatus::Absent));
                    prop_assert_eq!(seen.unwrap().browser_hold, BrowserHold::Free);
                }
                Action::Stop { .. } | Action::Probe { .. } | Action::Reconnect { .. } | Action::Bind { .. }
                | Action::Discard { .. } => {
                    prop_assert_eq!(&instance.unwrap().status, &InstanceStatus::Running);
                    prop_assert_eq!(instance.unwrap().generation, Generation(2));
                }
                Action::Destroy { .. } => prop_assert!(instance.is_some()),
                Action::DestroyWorkshop => prop_assert!(false, "the workshop is wanted"),
            }
        }
    }

    #[test]
    fn a_healthy_wanted_seat_is_left_alone(mut observed in any_observation(), seat in 1..=5_u16) {
        observed.seats.insert(number(seat), healthy(seat));
        let actions = plan(&desired(Wanted::Present, 5), &observed);
        prop_assert!(actions.into_iter().all(|action| seat_of(action) != Some(number(seat))));
    }

    #[test]
    fn a_running_wanted_seat_is_never_destroyed(
        mut observed in any_observation(), seat in 1..=5_u16, liveness in any_liveness(), hold in any_hold(),
    ) {
        observed.seats.insert(number(seat), SeatObservation { liveness, hold, ..healthy(seat) });
        for action in plan(&desired(Wanted::Present, 5), &observed) {
            let of_it = seat_of(action) == Some(number(seat));
            let makes_anew = matches!(action, Action::Destroy { .. } | Action::Create { .. });
            prop_assert!(!(of_it && makes_anew));
        }
    }

    #[test]
    fn a_failed_seat_waits_and_holds_nobody(mut observed in any_observation(), seat in 1..=5_u16) {
        observed.groundwork = Groundwork::Ready;
        observed.seats.get_mut(&number(seat)).into_iter().for_each(|seen| seen.hold = Hold::Free);
        let before = plan(&desired(Wanted::Present, 5), &observed);
        observed.seats.entry(number(seat)).or_default().hold = Hold::Failed;
        let after = plan(&desired(Wanted::Present, 5), &observed);
        let others: Vec<_> = before.into_iter().filter(|action| seat_of(*action) != Some(number(seat))).collect();
        prop_assert_eq!(after, others);
    }

    #[test]
    fn it_converges(mut observed in any_observation(), seats in 1..=6_u16, present: bool) {
        // What is held becomes free in time: that is the caller's part.
        for seat in observed.seats.values_mut() {
            (seat.hold, seat.browser_hold) = (Hold::Free, BrowserHold::Free);
        }
        observed.seats.retain(|_, seat| seat.instance.is_some());
        observed.groundwork = Groundwork::Missing;
        let wanted = if present { Wanted::Present } else { Wanted::Absent };
        let mut world = World { desired: desired(wanted, seats), observed, starts: 0 };
        // The longest way: destroy, create, probe, browser; or stop, create, probe, browser, discard; after a prepare.
        for _round in 0..7 {
            if world.is_as_wanted() { break; }
            for action in plan(&world.desired, &world.observed) { world.apply(action); }
        }
        prop_assert!(world.is_as_wanted(), "still {:?}", world.observed);
        if present {
            prop_assert_eq!(plan(&world.desired, &world.observed), vec![]);
        }
    }

    #[test]
    fn an_absent_workshop_is_destroyed_once_nothing_is_under_way(observed in any_observation()) {
        let actions = plan(&desired(Wanted::Absent, 5), &observed);
        let busy = observed.seats.values().any(|seat| seat.hold == Hold::Busy)
            || matches!(observed.groundwork, Groundwork::Busy | Groundwork::Waiting);
        prop_assert_eq!(actions, if busy { vec![] } else { vec![Action::DestroyWorkshop] });
    }
}

#[test]
fn nothing_is_prepared_for_seats_that_were_all_given_up() {
    let failed = SeatObservation {
        hold: Hold::Failed,
        ..SeatObservation::default()
    };
    let observed = Observation {
        groundwork: Groundwork::Missing,
        seats: BTreeMap::from([(number(1), failed)]),
    };
    assert_eq!(plan(&desired(Wanted::Present, 1), &observed), vec![]);
}

/// What is planned for a healthy seat's browser.
fn browser_action(policy: BrowserPolicy, browser: BrowserStatus) -> Option<BrowserState> {
    let mut desired = desired(Wanted::Present, 1);
    desired.spec.browser = policy;
    let mut seen = healthy(1);
    let instance = seen.instance.as_mut().unwrap();
    instance.spec_digest = seat_spec(&desired, &desired.seats[0]).digest();
    instance.browser = browser;
    let observed = Observation {
        groundwork: Groundwork::Ready,
        seats: BTreeMap::from([(number(1), seen)]),
    };
    match plan(&desired, &observed)[..] {
        [] => None,
        [Action::SetBrowser { want, .. }] => Some(want),
        ref other => panic!("{other:?} is planned for a healthy seat"),
    }
}

#[test]
fn a_stale_browser_goes_and_one_in_use_stays() {
    use BrowserPolicy::{Always, Off, OnDemand};
    let stale = BrowserStatus::Stale {
        reason: Reason::new("seat_restarted", "x"),
    };
    for (policy, there, planned) in [
        (OnDemand, BrowserStatus::Absent, None),
        (OnDemand, BrowserStatus::Running, None),
        (OnDemand, BrowserStatus::Paused, None),
        (OnDemand, stale.clone(), Some(BrowserState::Absent)),
        (Off, BrowserStatus::Absent, None),
        (Off, BrowserStatus::Running, Some(BrowserState::Absent)),
        (Off, stale.clone(), Some(BrowserState::Absent)),
        (Always, BrowserStatus::Absent, Some(BrowserState::Running)),
        (Always, BrowserStatus::Paused, Some(BrowserState::Running)),
        (Always, BrowserStatus::Running, None),
        (Always, stale.clone(), Some(BrowserState::Running)),
    ] {
        let told = format!("{policy:?}, {there:?}");
        assert_eq!(browser_action(policy, there), planned, "{told}");
    }
}

#[test]
fn who_asks_decides_about_a_browser_on_demand_alone() {
    use BrowserPolicy::{Always, Off, OnDemand};
    for (policy, asked, planned) in [
        (OnDemand, BrowserState::Running, Some(BrowserState::Running)),
        (OnDemand, BrowserState::Absent, None),
        (Off, BrowserState::Running, None),
        (Always, BrowserState::Absent, Some(BrowserState::Running)),
    ] {
        let mut desired = desired(Wanted::Present, 1);
        desired.spec.browser = policy;
        let mut seen = healthy(1);
        seen.instance.as_mut().unwrap().spec_digest =
            seat_spec(&desired, &desired.seats[0]).digest();
        seen.browser_asked = Some(asked);
        let observed = Observation {
            groundwork: Groundwork::Ready,
            seats: BTreeMap::from([(number(1), seen)]),
        };
        let want = match *plan(&desired, &observed) {
            [Action::SetBrowser { want, .. }] => Some(want),
            [] => None,
            ref other => panic!("{other:?}"),
        };
        assert_eq!(want, planned, "{policy:?} {asked:?}");
    }
}
