use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// A workshop of two seats that nobody uses, two clocks that only move when they are told to, and looks
/// at their interval.
struct Scene {
    uses: Uses,
    rule: IdleRule,
    wall: OffsetDateTime,
    now: Instant,
    seats: BTreeMap<SeatNumber, Seen>,
}

fn id() -> WorkshopId {
    WorkshopId::from_random([1; 8])
}

fn number(number: u16) -> SeatNumber {
    SeatNumber::new(number).unwrap()
}

fn sample() -> Sample {
    Sample {
        start: ("a".to_owned(), None),
        inputs: 7,
        file_changes: 9,
        cpu: 100 * SECOND,
    }
}

impl Scene {
    /// One that ends after an hour of nobody using it, at the first look after the server's start.
    fn new() -> Self {
        let mut scene = Self {
            uses: Uses::new(ScheduleTimes::default()),
            rule: IdleRule {
                workshop: id(),
                after: HOUR,
                kept_until: None,
            },
            wall: OffsetDateTime::UNIX_EPOCH,
            now: Instant::now(),
            seats: [1, 2].map(|n| (number(n), Seen::Told(sample()))).into(),
        };
        scene.look();
        scene
    }

    fn look(&mut self) {
        let found = vec![(self.rule, self.seats.clone())];
        self.uses.look((self.wall, self.now), found);
    }

    fn tick(&mut self) {
        let interval = ScheduleTimes::default().idle_look;
        self.wall += interval;
        self.now += interval;
        self.look();
    }

    /// So much later, with looks in between.
    fn after(&mut self, time: Duration) -> &mut Self {
        let end = self.now + time;
        while self.now < end {
            self.tick();
        }
        self
    }

    fn change(&mut self, seat: u16, change: impl FnOnce(&mut Sample)) {
        let Some(Seen::Told(sample)) = self.seats.get_mut(&number(seat)) else {
            panic!("seat {seat} told nothing");
        };
        change(sample);
    }

    fn left(&self) -> Option<Duration> {
        self.uses.ends(self.now)[&id()].map(|end| end.left)
    }

    fn is_in_use(&self) -> bool {
        self.left().is_none()
    }
}

#[test]
fn a_workshop_that_nobody_uses_ends_after_its_time_and_not_before() {
    let mut scene = Scene::new();
    assert!(scene.is_in_use());
    assert_eq!(scene.after(59 * MINUTE).left(), Some(MINUTE));
    assert_eq!(scene.after(MINUTE).left(), Some(Duration::ZERO));
    let shown = scene.uses.shown(&id(), scene.now);
    assert_eq!(shown, Some(OffsetDateTime::UNIX_EPOCH + HOUR));
}

#[test]
fn it_ends_only_after_a_look_that_came_after_its_time() {
    let mut scene = Scene::new();
    scene.after(59 * MINUTE + 30 * SECOND);
    scene.now += 40 * SECOND;
    scene.wall += 40 * SECOND;
    let left = scene.left().unwrap();
    assert!(!left.is_zero() && left < SECOND, "{left:?}");
    // And that look may find that somebody is there.
    scene.change(1, |it| it.inputs += 1);
    scene.look();
    assert!(scene.is_in_use());
}

#[test]
fn keys_files_and_processor_time_in_any_seat_keep_it() {
    type Use = fn(&mut Sample);
    let uses: [(&str, Use); 5] = [
        ("a key", |it| it.inputs += 1),
        ("a file", |it| it.file_changes += 1),
        ("processor time", |it| it.cpu += SECOND),
        ("another learner", |it| it.start.1 = Some("as-1".to_owned())),
        ("another start", |it| it.start.0 = "b".to_owned()),
    ];
    for (what, used) in uses {
        let mut scene = Scene::new();
        scene.after(59 * MINUTE);
        scene.change(2, used);
        scene.tick();
        assert!(scene.is_in_use(), "{what}");
        let left = scene.after(59 * MINUTE).left();
        assert_eq!(left, Some(MINUTE), "{what}");
    }
}

#[test]
fn what_a_seats_own_server_uses_is_no_use() {
    let mut scene = Scene::new();
    for _ in 0..120 {
        scene.change(1, |it| it.cpu += Duration::from_millis(100));
        scene.tick();
    }
    assert_eq!(scene.left(), Some(Duration::ZERO));
}

#[test]
fn a_seat_that_does_not_answer_keeps_it_and_a_failed_one_does_not() {
    let mut scene = Scene::new();
    scene.seats.insert(number(2), Seen::Used);
    assert!(scene.after(3 * HOUR).is_in_use());
    scene.seats.insert(number(2), Seen::Dead);
    scene.tick();
    assert!(scene.is_in_use(), "what it did until now isn't known");
    assert_eq!(scene.after(HOUR).left(), Some(Duration::ZERO));
}

#[test]
fn a_class_that_is_on_is_kept_and_its_time_counts_from_its_end() {
    let mut scene = Scene::new();
    scene.rule.kept_until = Some(scene.wall + 8 * HOUR);
    assert!(scene.after(8 * HOUR).is_in_use());
    // From the last look in it, that is.
    assert_eq!(scene.after(59 * MINUTE).left(), Some(30 * SECOND));
}

#[test]
fn clocks_that_jump_and_machines_that_slept_count_as_a_use() {
    // A clock set anew; a laptop that slept, whose monotonic clock stood still; one whose clock went on.
    for (wall, now) in [(HOUR, SECOND), (9 * HOUR, SECOND), (9 * HOUR, 9 * HOUR)] {
        let mut scene = Scene::new();
        scene.after(58 * MINUTE);
        scene.wall += wall;
        scene.now += now;
        scene.look();
        assert!(scene.is_in_use(), "{wall:?} {now:?}");
        assert_eq!(scene.after(58 * MINUTE).left(), Some(2 * MINUTE));
    }
}

#[test]
fn somebody_who_joins_or_extends_is_heard_at_once() {
    let mut scene = Scene::new();
    scene.after(HOUR);
    let now = (scene.wall, scene.now);
    scene.uses.use_now(&id(), now);
    assert!(scene.is_in_use());
    // A page that does nothing from then on counts from then.
    assert_eq!(scene.after(HOUR).left(), Some(30 * SECOND));
}

#[test]
fn more_seats_are_a_use_and_a_workshop_without_a_rule_is_forgotten() {
    let mut scene = Scene::new();
    scene.after(30 * MINUTE);
    scene.seats.insert(number(3), Seen::Dead);
    scene.tick();
    assert!(scene.is_in_use());
    scene.uses.look((scene.wall, scene.now), Vec::new());
    assert_eq!(scene.uses.ends(scene.now), HashMap::new());
}
