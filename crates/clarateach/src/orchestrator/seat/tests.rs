//! A seat's states, without a clock or an engine.

mod silence;

use std::time::Duration;

use clarateach_protocol::id::WorkshopId;

use super::super::reconcile::Hold;
use super::super::sight::{Sight, Unanswered};
use super::*;
use crate::provider::Endpoints;

const SECOND: Duration = Duration::from_secs(1);

fn instance(incarnation: &str, status: InstanceStatus) -> Instance {
    let address = "127.0.0.1:1".parse().unwrap();
    Instance {
        workshop: WorkshopId::from_random([1; 8]),
        seat: "1".parse().unwrap(),
        generation: Generation::FIRST,
        incarnation: incarnation.to_owned(),
        spec_digest: String::new(),
        id: "c1".to_owned(),
        ip: "127.0.0.1".parse().unwrap(),
        status,
        endpoints: Endpoints {
            terminal: address,
            files: address,
            browser: None,
        },
        browser: BrowserStatus::Absent,
        files: std::collections::BTreeSet::new(),
    }
}

fn running(incarnation: &str) -> Option<Instance> {
    Some(instance(incarnation, InstanceStatus::Running))
}

fn stopped() -> Option<Instance> {
    Some(instance("one", InstanceStatus::Stopped { reason: None }))
}

fn why() -> Reason {
    Reason::new("why", "because")
}

/// A seat and a clock that only moves when it is told to.
struct Scene {
    track: SeatTrack,
    sight: Sight,
    now: Instant,
    settings: Settings,
    /// What happens, in order.
    clock: u64,
}

impl Scene {
    fn new() -> Self {
        Self {
            track: SeatTrack::new(Generation::FIRST, Past::New),
            sight: Sight::default(),
            now: Instant::now(),
            settings: Settings::default(),
            clock: 0,
        }
    }

    /// First seen absent, made, and probed.
    fn ready() -> Self {
        let mut scene = Self::new();
        scene.seen(None);
        scene.start("one");
        scene
    }

    fn start(&mut self, incarnation: &str) {
        let made = instance(incarnation, InstanceStatus::Running);
        self.track.created(made, self.now, &self.settings);
        let next = self.now + self.settings.health.every;
        self.track
            .proven(incarnation.to_owned(), "digest".to_owned(), next);
    }

    /// The provider is asked what there is, and tells.
    fn seen(&mut self, instance: Option<Instance>) {
        self.clock += 1;
        self.track.seen(instance, self.now, &self.settings);
        let (began, now) = (self.clock, self.now);
        self.track.judge(&self.sight, began, now, &self.settings);
    }

    /// It is probed, in vain.
    fn probe_in_vain(&mut self) {
        let since = self.sight.now();
        self.give_up(since);
    }

    /// It was probed in vain, since then.
    fn give_up(&mut self, since: Since) {
        self.clock += 1;
        let incarnation = self.track.instance().unwrap().incarnation.clone();
        let question = Unanswered::new(incarnation, why(), since, self.clock);
        self.track.not_proven(question);
    }

    /// The provider is away, and back at once.
    fn provider_away(&mut self) {
        self.sight.lost();
        self.track.provider_was_away();
    }

    fn liveness(&self) -> Liveness {
        self.track.observation(self.now).liveness
    }

    fn is_given_up(&self) -> bool {
        matches!(self.liveness(), Liveness::Silent(_))
    }

    fn fail(&mut self) {
        self.track
            .attempt_failed(why(), Retry::Later, self.now, &self.settings);
    }

    fn miss(&mut self) {
        self.clock += 1;
        let asked = (self.sight.now(), self.clock);
        self.track.missed(why(), asked, self.now, &self.settings);
    }

    fn hold(&mut self) -> Hold {
        self.track.wake(self.now);
        self.track.observation(self.now).hold
    }

    fn condition(&self) -> Option<SeatCondition> {
        self.track.condition().map(|observed| observed.condition)
    }
}

#[test]
fn a_seat_that_ends_at_its_start_or_in_its_probe_waits_ever_longer() {
    let mut scene = Scene::ready();
    let stopped = || InstanceStatus::Stopped {
        reason: Some(why()),
    };
    scene.seen(Some(instance("one", stopped())));
    assert_eq!(
        scene.hold(),
        Hold::Free,
        "the first death is mended at once"
    );
    let dead = instance("two", stopped());
    scene.track.created(dead, scene.now, &scene.settings);
    assert_eq!(scene.hold(), Hold::Waiting);
    scene.now += 2 * SECOND;
    assert_eq!(scene.hold(), Hold::Free);
    let runs = instance("three", InstanceStatus::Running);
    scene.track.created(runs, scene.now, &scene.settings);
    assert_eq!(scene.hold(), Hold::Free);
    let dead = instance("three", stopped());
    scene
        .track
        .ended_in_probe(Some(dead), scene.now, &scene.settings);
    assert_eq!(scene.condition(), Some(SeatCondition::Recovering));
    assert_eq!(scene.track.condition().unwrap().reason, Some(why()));
    scene.now += SECOND / 2;
    assert_eq!(scene.hold(), Hold::Waiting);
}

#[test]
fn a_new_seat_is_given_up_after_its_attempts() {
    let mut scene = Scene::new();
    scene.seen(None);
    assert_eq!(scene.condition(), Some(SeatCondition::Provisioning));
    for _attempt in 0..2 {
        scene.fail();
        assert_eq!(scene.hold(), Hold::Waiting);
        scene.now += 5 * SECOND;
        assert_eq!(scene.hold(), Hold::Free);
    }
    scene.fail();
    assert_eq!(scene.hold(), Hold::Failed);
    assert_eq!(scene.track.condition().unwrap().reason, Some(why()));
    scene.track.retry();
    assert_eq!(scene.hold(), Hold::Free);
    assert_eq!(scene.condition(), Some(SeatCondition::Provisioning));
}

#[test]
fn what_no_retry_can_mend_fails_at_once() {
    let mut scene = Scene::new();
    scene.seen(None);
    scene
        .track
        .attempt_failed(why(), Retry::Useless, scene.now, &scene.settings);
    assert_eq!(scene.condition(), Some(SeatCondition::Failed));
}

#[test]
fn the_first_death_is_mended_at_once_and_later_ones_after_a_pause() {
    let mut scene = Scene::ready();
    scene.seen(stopped());
    assert_eq!(scene.condition(), Some(SeatCondition::Recovering));
    assert_eq!(scene.hold(), Hold::Free);
    scene.start("two");
    assert_eq!(scene.condition(), Some(SeatCondition::Ready));
    scene.seen(None);
    assert_eq!(scene.hold(), Hold::Waiting);
    let code = scene.track.condition().unwrap().reason.unwrap().code;
    assert_eq!(code, "seat_removed");
}

#[test]
fn one_death_is_counted_once() {
    let mut scene = Scene::ready();
    for _look in 0..20 {
        scene.seen(stopped());
    }
    assert_eq!(scene.condition(), Some(SeatCondition::Recovering));
    assert_eq!(scene.hold(), Hold::Free);
}

#[test]
fn repeated_deaths_within_the_window_fail_it() {
    let mut scene = Scene::ready();
    for death in 0..scene.settings.crash_limit {
        scene.seen(stopped());
        assert_eq!(
            scene.condition(),
            Some(SeatCondition::Recovering),
            "{death}"
        );
        scene.now += 60 * SECOND;
        scene.start(&death.to_string());
    }
    scene.seen(None);
    assert_eq!(scene.condition(), Some(SeatCondition::Failed));
}

#[test]
fn rare_deaths_never_fail_it() {
    let mut scene = Scene::ready();
    for death in 0..50 {
        scene.seen(stopped());
        assert_eq!(
            scene.condition(),
            Some(SeatCondition::Recovering),
            "{death}"
        );
        scene.now += scene.settings.crash_window / 2;
        scene.start(&death.to_string());
    }
}

#[test]
fn another_start_than_the_probed_one_is_not_ready() {
    let mut scene = Scene::ready();
    scene.seen(running("two"));
    assert_eq!(scene.condition(), Some(SeatCondition::Recovering));
}

#[test]
fn three_misses_in_a_row_are_a_death() {
    let mut scene = Scene::ready();
    scene.miss();
    scene.miss();
    scene.track.answered(scene.now, &scene.settings);
    scene.miss();
    scene.miss();
    assert_eq!(scene.condition(), Some(SeatCondition::Ready));
    scene.miss();
    assert_eq!(scene.condition(), Some(SeatCondition::Recovering));
    assert!(!scene.is_given_up(), "its provider may be away");
    scene.seen(running("one"));
    assert!(scene.is_given_up());
    assert_eq!(scene.track.condition().unwrap().reason, Some(why()));
}

#[test]
fn health_is_asked_once_a_period() {
    let mut scene = Scene::ready();
    assert!(!scene.track.take_question(scene.now));
    scene.now += scene.settings.health.every;
    assert!(scene.track.take_question(scene.now));
    assert!(!scene.track.take_question(scene.now), "asked already");
    scene.track.answered(scene.now, &scene.settings);
    assert_eq!(
        scene.track.due(),
        Some(scene.now + scene.settings.health.every)
    );
}

#[test]
fn what_ran_before_this_process_keeps_its_status_until_probed() {
    let mut scene = Scene::new();
    scene.seen(running("one"));
    assert_eq!(scene.condition(), None);
    let next = scene.now + SECOND;
    scene
        .track
        .proven("one".to_owned(), "digest".to_owned(), next);
    assert_eq!(scene.condition(), Some(SeatCondition::Ready));
}

#[test]
fn an_absent_engine_never_fails_a_seat_that_was_ready() {
    let mut scene = Scene::ready();
    scene.seen(stopped());
    for _attempt in 0..100 {
        scene.fail();
        assert_eq!(scene.condition(), Some(SeatCondition::Recovering));
        assert_eq!(scene.hold(), Hold::Waiting);
        scene.now += scene.settings.backoff.longest;
        assert_eq!(scene.hold(), Hold::Free);
    }
}

#[test]
fn what_was_ready_before_this_process_and_is_silent_is_recovering() {
    let mut scene = Scene::new();
    scene.track = SeatTrack::new(Generation::FIRST, Past::Ready);
    scene.seen(running("one"));
    assert_eq!(scene.condition(), None);
    scene.probe_in_vain();
    assert_eq!(scene.condition(), Some(SeatCondition::Recovering));
}

#[test]
fn nothing_is_due_while_something_is_done() {
    let mut scene = Scene::ready();
    scene.now += scene.settings.health.every;
    scene.track.begin();
    assert_eq!(scene.track.due(), None);
    assert!(!scene.track.take_question(scene.now));
    scene.track.end();
    assert!(scene.track.take_question(scene.now));
}

#[test]
fn what_stopped_before_this_process_is_recovering() {
    let mut scene = Scene::new();
    scene.seen(stopped());
    assert_eq!(scene.condition(), Some(SeatCondition::Recovering));
}

#[test]
fn another_generation_forgets_failures_and_keeps_what_is_to_be_removed() {
    let mut scene = Scene::ready();
    scene
        .track
        .attempt_failed(why(), Retry::Useless, scene.now, &scene.settings);
    assert_eq!(scene.condition(), Some(SeatCondition::Failed));
    scene.track.regenerated(Generation(2));
    assert_eq!(scene.condition(), Some(SeatCondition::Provisioning));
    assert_eq!(scene.hold(), Hold::Free);
    assert!(scene.track.instance().is_some());
    assert!(!scene.track.is_live());
}

#[test]
fn a_ready_seat_survives_that_its_groundwork_fails() {
    let mut scene = Scene::ready();
    scene.track.groundwork_failed(&why());
    assert_eq!(scene.condition(), Some(SeatCondition::Ready));
    scene.seen(None);
    scene.track.groundwork_failed(&why());
    assert_eq!(scene.condition(), Some(SeatCondition::Recovering));
}
