//! Whose silence it was, and what it leads to.

use super::*;

#[test]
fn a_silence_while_the_provider_was_away_is_no_death() {
    let mut scene = Scene::ready();
    scene.miss();
    scene.provider_away();
    scene.miss();
    scene.miss();
    scene.seen(running("one"));
    assert_eq!(scene.liveness(), Liveness::Unproven, "it is probed again");
    let since = scene.sight.now();
    scene.provider_away();
    scene.give_up(since);
    scene.seen(running("one"));
    assert_eq!(scene.liveness(), Liveness::Unproven, "it is probed again");
    assert_eq!(scene.track.deaths.len(), 0);
    // The same start answers again.
    scene.start("one");
    assert_eq!(scene.condition(), Some(SeatCondition::Ready));
}

#[test]
fn a_seat_whose_provider_just_came_back_gets_several_probes_and_not_more() {
    let mut scene = Scene::ready();
    scene.provider_away();
    for probe in 1..scene.settings.health.misses {
        scene.probe_in_vain();
        scene.seen(running("one"));
        assert_eq!(scene.liveness(), Liveness::Unreached, "{probe}");
        assert_eq!(scene.hold(), Hold::Free);
        let found = instance("one", InstanceStatus::Running);
        scene.track.reconnected(found, scene.now, &scene.settings);
        assert_eq!(scene.liveness(), Liveness::Unproven, "{probe}");
        assert_eq!(scene.hold(), Hold::Waiting);
        scene.now += scene.settings.health.again;
        assert_eq!(scene.hold(), Hold::Free);
    }
    // Each was given up while its provider was there: away again in between, it is no new beginning.
    scene.provider_away();
    scene.probe_in_vain();
    scene.seen(running("one"));
    assert!(scene.is_given_up());
    assert_eq!(scene.track.deaths.len(), 1);
}

#[test]
fn a_new_seat_is_not_given_up_for_attempts_that_fell_into_an_absence() {
    let mut scene = Scene::new();
    scene.seen(None);
    for attempt in 0..10 {
        let made = instance("one", InstanceStatus::Running);
        scene.track.created(made, scene.now, &scene.settings);
        let since = scene.sight.now();
        scene.provider_away();
        scene.give_up(since);
        scene.seen(running("one"));
        assert_eq!(scene.liveness(), Liveness::Unproven, "{attempt}");
    }
    assert_eq!(scene.condition(), Some(SeatCondition::Provisioning));
}

#[test]
fn what_ended_while_it_was_silent_died_of_what_its_provider_says() {
    let mut scene = Scene::ready();
    scene.probe_in_vain();
    scene.seen(stopped());
    let code = scene.track.condition().unwrap().reason.unwrap().code;
    assert_eq!(code, "seat_died");
    assert_eq!(scene.track.deaths.len(), 1);
}

#[test]
fn a_silent_seat_whose_provider_goes_is_probed_before_it_is_stopped() {
    let mut scene = Scene::ready();
    scene.probe_in_vain();
    scene.seen(running("one"));
    assert!(scene.is_given_up());
    scene.provider_away();
    assert_eq!(scene.liveness(), Liveness::Unproven);
    scene.start("one");
    scene.provider_away();
    assert!(scene.track.is_live(), "one that answers is not doubted");
}

#[test]
fn a_look_that_began_before_a_seat_was_given_up_says_nothing_of_its_silence() {
    let mut scene = Scene::ready();
    scene.probe_in_vain();
    let began = scene.clock;
    let judge = |scene: &mut Scene, began| {
        let now = scene.now;
        scene.track.judge(&scene.sight, began, now, &scene.settings);
    };
    judge(&mut scene, began);
    assert!(!scene.is_given_up());
    judge(&mut scene, began + 1);
    assert!(scene.is_given_up());
}
