use super::*;

const SECOND: Duration = Duration::from_secs(1);
const STEPS: [Step; 4] = [Step::Create, Step::Start, Step::Probe, Step::Bind];

fn seats(done: u16, total: u16) -> Seats {
    Seats {
        done,
        total,
        is_held_up: false,
    }
}

fn number(seat: u16) -> SeatNumber {
    SeatNumber::new(seat).unwrap()
}

/// A workshop being made, with a clock that only moves when it is told to.
struct Scene {
    pace: Pace,
    boot: Boot,
    now: Instant,
    /// Every view that somebody could have seen, the newest last.
    seen: Vec<ProgressView>,
}

impl Scene {
    fn new(total: u16) -> Self {
        Self::with(Pace::default(), total)
    }

    fn with(pace: Pace, total: u16) -> Self {
        Self {
            pace,
            boot: Boot::new(seats(0, total)),
            now: Instant::now(),
            seen: Vec::new(),
        }
    }

    fn look(&mut self) -> ProgressView {
        let view = self.boot.view(&self.pace, self.now);
        self.seen.push(view);
        view
    }

    fn prepared(&mut self) -> ProgressView {
        self.boot.network(&self.pace, self.now);
        self.look();
        self.now += SECOND;
        self.boot.prepared(&mut self.pace, self.now);
        self.look()
    }

    fn step(&mut self, seat: u16, step: Step) -> ProgressView {
        self.boot.step(number(seat), step, &mut self.pace, self.now);
        self.look()
    }

    fn seen(&mut self, seats: Seats) -> ProgressView {
        self.boot.seen(seats, &self.pace);
        self.look()
    }

    fn pull(&mut self, permille: u16, of: Option<u64>) -> ProgressView {
        let pulled = Pulled {
            bytes: u64::from(permille) * 1000,
            of,
            permille,
        };
        self.boot.pulled(pulled, &self.pace, self.now);
        self.look()
    }

    /// Makes every seat, one after the other, each step in this time.
    fn make_all(&mut self, each: Duration) {
        let total = self.boot.total;
        for seat in 1..=total {
            for step in STEPS {
                self.step(seat, step);
                self.now += each;
            }
            self.seen(seats(seat, total));
        }
    }

    fn percents(&self) -> Vec<u8> {
        self.seen.iter().filter_map(|view| view.percent).collect()
    }
}

#[test]
fn the_percentage_rises_through_every_phase_and_leaves_the_last_one_to_being_ready() {
    let mut scene = Scene::new(3);
    assert_eq!(scene.look().percent, Some(0));
    scene.prepared();
    scene.make_all(SECOND);
    let percents = scene.percents();
    assert!(percents.is_sorted(), "{percents:?}");
    assert!(percents.iter().all(|it| *it < 100), "{percents:?}");
    assert_eq!(percents.last(), Some(&99));
    let phases: Vec<ProgressPhase> = scene.seen.iter().map(|view| view.phase).collect();
    assert_eq!(phases.first(), Some(&ProgressPhase::Image));
    assert!(phases.contains(&ProgressPhase::Network));
    assert!(phases.contains(&ProgressPhase::Bind));
}

#[test]
fn each_step_of_a_seat_moves_it() {
    let mut scene = Scene::new(1);
    scene.prepared();
    let percents = STEPS.map(|step| scene.step(1, step).percent);
    assert!(percents.is_sorted_by(|a, b| a < b), "{percents:?}");
}

#[test]
fn a_seat_that_fails_and_is_tried_again_takes_nothing_back() {
    let mut scene = Scene::new(2);
    scene.prepared();
    for step in STEPS {
        scene.step(1, step);
    }
    let before = scene.look().percent;
    scene.step(1, Step::Create);
    scene.step(1, Step::Start);
    assert_eq!(scene.look().percent, before);
    scene.make_all(SECOND);
    assert!(scene.percents().is_sorted(), "{:?}", scene.percents());
}

#[test]
fn the_phase_is_that_of_the_seat_that_is_least_far() {
    let mut scene = Scene::new(2);
    scene.prepared();
    scene.step(1, Step::Probe);
    assert_eq!(scene.look().phase, ProgressPhase::Create);
    scene.step(2, Step::Start);
    assert_eq!(scene.look().phase, ProgressPhase::Start);
}

#[test]
fn the_time_left_is_not_told_before_it_can_be_known() {
    let mut scene = Scene::new(10);
    assert_eq!(scene.prepared().seconds_left, None);
    assert_eq!(scene.step(1, Step::Create).seconds_left, None);
    scene.now += 5 * SECOND;
    let half = scene.seen(seats(5, 10)).seconds_left;
    assert_eq!(half, Some(5), "half of it took five seconds");
}

#[test]
fn the_next_workshop_is_told_what_the_last_one_took() {
    let mut first = Scene::new(4);
    first.prepared();
    first.make_all(SECOND);
    let mut pace = first.pace;
    first.boot.finish(&mut pace, first.now);
    let mut scene = Scene::with(pace, 4);
    let left = scene.prepared().seconds_left.unwrap();
    assert_eq!(left, 16);
    let mut told = Vec::new();
    for seat in 1..=4 {
        for step in STEPS {
            told.push(scene.step(seat, step).seconds_left.unwrap());
            scene.now += SECOND;
        }
        scene.seen(seats(seat, 4));
    }
    assert!(told.is_sorted_by(|a, b| a >= b), "{told:?}");
    assert!(told[8].abs_diff(8) <= 1, "{told:?}");
}

#[test]
fn nobody_knows_the_time_left_while_something_is_tried_again() {
    let mut first = Scene::new(2);
    first.prepared();
    first.make_all(SECOND);
    let mut pace = first.pace;
    first.boot.finish(&mut pace, first.now);
    let mut scene = Scene::with(pace, 2);
    assert!(scene.prepared().seconds_left.is_some());
    let held_up = Seats {
        is_held_up: true,
        ..seats(0, 2)
    };
    assert_eq!(scene.seen(held_up).seconds_left, None);
    assert!(scene.seen(seats(0, 2)).seconds_left.is_some());
}

#[test]
fn a_boot_that_takes_longer_than_ever_is_not_guessed_at() {
    let mut first = Scene::new(2);
    first.prepared();
    first.make_all(SECOND);
    let mut pace = first.pace;
    first.boot.finish(&mut pace, first.now);
    let mut scene = Scene::with(pace, 2);
    scene.prepared();
    scene.now += 60 * SECOND;
    assert_eq!(scene.look().seconds_left, None);
}

#[test]
fn a_pull_is_most_of_the_way_and_is_counted_by_what_is_fetched() {
    let mut first = Scene::new(1);
    first.prepared();
    first.make_all(SECOND);
    let mut pace = first.pace;
    first.boot.finish(&mut pace, first.now);
    let mut scene = Scene::with(pace, 1);
    assert_eq!(scene.pull(0, None).percent, Some(0));
    scene.now += 10 * SECOND;
    let fetched = scene.pull(250, Some(1_000_000));
    assert_eq!(fetched.pulled.unwrap().bytes, 250_000);
    let left = fetched.seconds_left.unwrap();
    assert!((30..=40).contains(&left), "{left} s");
    scene.now += 30 * SECOND;
    let there = scene.pull(1000, Some(1_000_000)).percent.unwrap();
    assert!((75..99).contains(&there), "{there} %");
    scene.prepared();
    scene.make_all(SECOND);
    let percents = scene.percents();
    assert!(percents.is_sorted(), "{percents:?}");
    assert_eq!(scene.look().pulled, None);
}

#[test]
fn a_retried_pull_takes_nothing_back() {
    let mut scene = Scene::new(1);
    scene.pull(0, Some(1000));
    scene.now += 10 * SECOND;
    let before = scene.pull(900, Some(1000)).percent;
    assert_eq!(scene.pull(100, Some(1000)).percent, before);
}
