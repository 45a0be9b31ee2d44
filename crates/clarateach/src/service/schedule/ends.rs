//! When workshops end, by a clock that may jump: a state machine without I/O.
//!
//! Wall and monotonic clock are compared at each look. Where they disagree (a suspended laptop, a clock
//! set anew, the server's own start) nothing ends at once: what is due by the new time gets some
//! minutes, in which its instructor is warned and can extend it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use clarateach_protocol::id::WorkshopId;
use time::OffsetDateTime;

use crate::model::{EndWarning, ScheduleTimes};

/// Minutes before an end at which is warned, nearest first.
const WARNINGS: [u16; 3] = [1, 5, 15];

/// What follows from a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// Its time is over.
    End(WorkshopId),
    /// It ends at another time than is stored, until that is reached or changed.
    Postpone(WorkshopId, OffsetDateTime),
    /// It ends when it should, after all.
    Restore(WorkshopId),
    /// It is over, and nothing need be remembered of it.
    Forget(WorkshopId),
    /// Its end is near, or isn't any more.
    Warn(WorkshopId, Option<EndWarning>),
}

struct Postponed {
    /// The end that is stored.
    stored: OffsetDateTime,
    /// What the clock will show when it ends.
    wall: OffsetDateTime,
    /// When it ends.
    at: Instant,
}

/// What is remembered between two looks.
pub(super) struct Ends {
    times: ScheduleTimes,
    last: Option<(OffsetDateTime, Instant)>,
    /// Until when nothing is taken on the clock's word alone.
    doubtful_until: Option<Instant>,
    postponed: HashMap<WorkshopId, Postponed>,
    warned: HashMap<WorkshopId, EndWarning>,
}

impl Ends {
    pub(super) fn new(times: ScheduleTimes) -> Self {
        Self {
            times,
            last: None,
            doubtful_until: None,
            postponed: HashMap::new(),
            warned: HashMap::new(),
        }
    }

    /// Whether the clock jumped a moment ago.
    pub(super) fn is_doubtful(&self, now: Instant) -> bool {
        self.doubtful_until.is_some_and(|until| now < until)
    }

    /// Looks at every workshop that has an end.
    pub(super) fn look(
        &mut self,
        (wall, now): (OffsetDateTime, Instant),
        ends: &[(WorkshopId, OffsetDateTime)],
    ) -> Vec<Deed> {
        if self.has_jumped(wall, now) {
            tracing::info!("the clock jumped, or the server started: nothing ends for a moment");
            self.doubtful_until = Some(now + self.times.grace);
        }
        self.last = Some((wall, now));
        let ends: HashMap<_, _> = ends.iter().copied().collect();
        let mut deeds = self.forget(&ends, wall);
        for (id, stored) in ends {
            if self.is_doubtful(now) && stored <= wall && !self.postponed.contains_key(&id) {
                let postponed = Postponed {
                    stored,
                    wall: wall + self.times.grace,
                    at: now + self.times.grace,
                };
                deeds.push(Deed::Postpone(id, postponed.wall));
                self.postponed.insert(id, postponed);
            }
            let (end, left) = match self.postponed.get(&id) {
                Some(it) => (it.wall, it.at.saturating_duration_since(now)),
                None => (stored, (stored - wall).try_into().unwrap_or_default()),
            };
            if left.is_zero() {
                deeds.push(Deed::End(id));
            } else {
                deeds.extend(self.warn(id, end, left));
            }
        }
        deeds
    }

    fn has_jumped(&self, wall: OffsetDateTime, now: Instant) -> bool {
        let Some((last_wall, last)) = self.last else {
            return true;
        };
        let expected = last_wall + now.saturating_duration_since(last);
        (wall - expected).unsigned_abs() > self.times.jump
    }

    /// Forgets workshops that ended, ends that were set anew, and a jump that was taken back.
    fn forget(
        &mut self,
        ends: &HashMap<WorkshopId, OffsetDateTime>,
        wall: OffsetDateTime,
    ) -> Vec<Deed> {
        let mut deeds = Vec::new();
        self.postponed.retain(|id, it| {
            let stays = ends.get(id) == Some(&it.stored) && it.stored <= wall;
            match (stays, ends.contains_key(id)) {
                (true, _) => {}
                (false, true) => deeds.push(Deed::Restore(*id)),
                (false, false) => deeds.push(Deed::Forget(*id)),
            }
            stays
        });
        let gone = self.warned.extract_if(|id, _| !ends.contains_key(id));
        deeds.extend(gone.map(|(id, _)| Deed::Forget(id)));
        deeds
    }

    fn warn(&mut self, id: WorkshopId, ends_at: OffsetDateTime, left: Duration) -> Option<Deed> {
        let near = |minutes: &&u16| left <= Duration::from_secs(u64::from(**minutes) * 60);
        let minutes = WARNINGS.iter().find(near).copied();
        let warning = minutes.map(|minutes| EndWarning { minutes, ends_at });
        let before = match warning {
            Some(warning) => self.warned.insert(id, warning),
            None => self.warned.remove(&id),
        };
        (before != warning).then_some(Deed::Warn(id, warning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    /// Two clocks that only move when they are told to.
    struct Scene {
        ends: Ends,
        wall: OffsetDateTime,
        now: Instant,
        stored: Vec<(WorkshopId, OffsetDateTime)>,
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
            self.ends.look((self.wall, self.now), &self.stored)
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
            assert!(!deeds.contains(&Deed::End(id())), "after {second} s");
            warned.extend(minutes(&deeds));
        }
        assert_eq!(warned, [Some(15), Some(5), Some(1)]);
        assert_eq!(scene.after(SECOND), [Deed::End(id())]);
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
        assert_eq!(scene.after(MINUTE), [Deed::End(id())]);
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
        assert_eq!(scene.after(5 * MINUTE), [Deed::End(id())]);
        assert!(!scene.ends.is_doubtful(scene.now));
    }
}
