use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Two clocks that only move when they are told to.
struct Scene {
    ends: Ends,
    wall: OffsetDateTime,
    now: Instant,
    stored: Vec<(WorkshopId, OffsetDateTime)>,
    idle: HashMap<WorkshopId, Option<IdleEnd>>,
}

fn id() -> WorkshopId {
    WorkshopId::from_random([1; 8])
}

impl Scene {
    /// A server that has run for long, with a workshop that ends after this.
    fn of(left: Duration) -> Self {
        let mut scene = Self {
            ends: Ends::new(ScheduleTimes::default()),
            wall: OffsetDateTime::UNIX_EPOCH,
            now: Instant::now(),
            stored: Vec::new(),
            idle: HashMap::new(),
        };
        assert_eq!(scene.after(SECOND), []);
        assert_eq!(scene.after(10 * MINUTE), []);
        scene.stored = vec![(id(), scene.wall + left)];
        scene
    }

    fn after(&mut self, time: Duration) -> Vec<Deed> {
        self.wall += time;
        self.now += time;
        self.look()
    }

    /// The wall clock alone moves.
    fn jump(&mut self, by: time::Duration) -> Vec<Deed> {
        self.wall += by;
        self.look()
    }

    fn look(&mut self) -> Vec<Deed> {
        self.ends
            .look((self.wall, self.now), &self.stored, &self.idle)
    }
}

fn minutes(deeds: &[Deed]) -> Vec<Option<u16>> {
    let warned = |deed: &Deed| match deed {
        Deed::Warn(_, warning) => Some(warning.map(|it| it.minutes)),
        _ => None,
    };
    deeds.iter().filter_map(warned).collect()
}

#[test]
fn an_end_is_warned_of_three_times_and_then_comes() {
    let mut scene = Scene::of(60 * MINUTE);
    let mut warned = Vec::new();
    for second in 0..60 * 60 - 1 {
        let deeds = scene.after(SECOND);
        assert!(
            !deeds.contains(&Deed::End(id(), EndCause::Time)),
            "after {second} s"
        );
        warned.extend(minutes(&deeds));
    }
    assert_eq!(warned, [Some(15), Some(5), Some(1)]);
    assert_eq!(scene.after(SECOND), [Deed::End(id(), EndCause::Time)]);
}

#[test]
fn an_extended_workshop_takes_its_warning_back() {
    let mut scene = Scene::of(10 * MINUTE);
    assert_eq!(minutes(&scene.look()), [Some(15)]);
    scene.stored[0].1 += 60 * MINUTE;
    assert_eq!(minutes(&scene.after(SECOND)), [None]);
    assert_eq!(scene.after(SECOND), []);
    scene.stored.clear();
    assert_eq!(scene.after(SECOND), []);
}

#[test]
fn a_suspended_machine_ends_nothing_at_once() {
    let mut scene = Scene::of(60 * MINUTE);
    let deeds = scene.jump(time::Duration::hours(9));
    let ends_at = scene.wall + 5 * MINUTE;
    let warning = EndWarning {
        cause: EndCause::Time,
        minutes: 5,
        ends_at,
    };
    assert_eq!(
        deeds,
        [
            Deed::Postpone(id(), ends_at),
            Deed::Warn(id(), Some(warning))
        ]
    );
    assert_eq!(minutes(&scene.after(4 * MINUTE)), [Some(1)]);
    assert_eq!(scene.after(MINUTE), [Deed::End(id(), EndCause::Time)]);
}

#[test]
fn an_instructor_who_is_back_in_time_extends_it() {
    let mut scene = Scene::of(60 * MINUTE);
    scene.jump(time::Duration::hours(9));
    scene.stored[0].1 = scene.wall + 90 * MINUTE;
    let deeds = scene.after(SECOND);
    assert_eq!(deeds[0], Deed::Restore(id()));
    assert_eq!(minutes(&deeds), [None]);
    assert_eq!(scene.after(10 * MINUTE), []);
}

#[test]
fn a_clock_that_was_wrong_for_a_moment_changes_nothing() {
    let mut scene = Scene::of(60 * MINUTE);
    scene.jump(time::Duration::days(365));
    let deeds = scene.jump(-time::Duration::days(365));
    assert_eq!(deeds[0], Deed::Restore(id()));
    assert_eq!(minutes(&deeds), [None]);
    for _ in 0..10 {
        assert_eq!(scene.after(4 * MINUTE), []);
    }
}

#[test]
fn a_server_that_starts_after_an_end_leaves_time_to_extend() {
    let mut scene = Scene::of(MINUTE);
    scene.wall += 60 * MINUTE;
    scene.ends = Ends::new(ScheduleTimes::default());
    assert!(matches!(scene.look()[0], Deed::Postpone(..)));
    assert!(scene.ends.is_doubtful(scene.now));
    assert_eq!(scene.after(5 * MINUTE), [Deed::End(id(), EndCause::Time)]);
    assert!(!scene.ends.is_doubtful(scene.now));
}

/// A use ends after this, unless there is another.
fn idle_for(scene: &Scene, left: Duration) -> HashMap<WorkshopId, Option<IdleEnd>> {
    let wall = scene.wall + left;
    HashMap::from([(id(), Some(IdleEnd { wall, left }))])
}

#[test]
fn a_workshop_that_nobody_uses_is_warned_of_and_ends_before_its_time() {
    let mut scene = Scene::of(24 * 60 * MINUTE);
    scene.idle = idle_for(&scene, 20 * MINUTE);
    assert_eq!(scene.look(), []);
    scene.idle = idle_for(&scene, 14 * MINUTE);
    let warning = EndWarning {
        cause: EndCause::Idle,
        minutes: 15,
        ends_at: scene.wall + 14 * MINUTE,
    };
    assert_eq!(scene.look(), [Deed::Warn(id(), Some(warning))]);
    scene.idle = idle_for(&scene, Duration::ZERO);
    assert_eq!(scene.look(), [Deed::End(id(), EndCause::Idle)]);
}

#[test]
fn who_uses_it_again_takes_the_warning_back_also_of_one_without_an_end() {
    for ends in [true, false] {
        let mut scene = Scene::of(24 * 60 * MINUTE);
        if !ends {
            scene.stored.clear();
        }
        scene.idle = idle_for(&scene, 4 * MINUTE);
        assert_eq!(minutes(&scene.look()), [Some(5)], "{ends}");
        scene.idle = HashMap::from([(id(), None)]);
        assert_eq!(scene.look(), [Deed::Warn(id(), None)], "{ends}");
        assert_eq!(scene.look(), [], "{ends}");
        scene.idle = idle_for(&scene, MINUTE);
        scene.look();
        scene.idle.clear();
        scene.stored.clear();
        assert_eq!(scene.look(), [Deed::Forget(id())], "{ends}");
    }
}

#[test]
fn the_nearer_end_is_the_one_that_is_warned_of() {
    let mut scene = Scene::of(4 * MINUTE);
    scene.idle = idle_for(&scene, 10 * MINUTE);
    let cause = |deeds: &[Deed]| match deeds {
        [Deed::Warn(_, Some(warning))] => (warning.cause, warning.minutes),
        other => panic!("{other:?}"),
    };
    assert_eq!(cause(&scene.look()), (EndCause::Time, 5));
}
