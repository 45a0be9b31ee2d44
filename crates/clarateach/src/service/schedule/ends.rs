//! When workshops end, by a clock that may jump: a state machine without I/O.
//!
//! Wall and monotonic clock are compared at each look. Where they disagree (a suspended laptop, a clock
//! set anew, the server's own start) nothing ends at once: what is due by the new time gets some
//! minutes, in which its instructor is warned and can extend it. A workshop that nobody uses may end
//! before its time: when, is told from outside (`service/idle.rs`), and warned of in the same way.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use clarateach_protocol::id::WorkshopId;
use time::OffsetDateTime;

use super::super::idle::IdleEnd;
use crate::model::{EndCause, EndWarning, ScheduleTimes};

/// Minutes before an end at which is warned, nearest first.
const WARNINGS: [u16; 3] = [1, 5, 15];

/// What follows from a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// Its time is over, or nobody used it for long.
    End(WorkshopId, EndCause),
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

    /// Looks at every workshop that has an end, by its time or because nobody uses it.
    pub(super) fn look(
        &mut self,
        (wall, now): (OffsetDateTime, Instant),
        ends: &[(WorkshopId, OffsetDateTime)],
        idle: &HashMap<WorkshopId, Option<IdleEnd>>,
    ) -> Vec<Deed> {
        if self.has_jumped(wall, now) {
            tracing::info!("the clock jumped, or the server started: nothing ends for a moment");
            self.doubtful_until = Some(now + self.times.grace);
        }
        self.last = Some((wall, now));
        let ends: HashMap<_, _> = ends.iter().copied().collect();
        let mut deeds = self.forget(&ends, idle, wall);
        let others = idle.keys().filter(|id| !ends.contains_key(id));
        let all: Vec<_> = ends.keys().chain(others).copied().collect();
        for id in all {
            let stored = ends.get(&id).copied();
            let by_time =
                stored.map(|stored| self.end_by_time(id, stored, (wall, now), &mut deeds));
            let by_idle = idle.get(&id).copied().flatten();
            let by_idle = by_idle.map(|it| (EndCause::Idle, it.wall, it.left));
            let first = by_time.into_iter().chain(by_idle);
            let first = first.min_by_key(|(_, _, left)| *left);
            match first {
                Some((cause, _, Duration::ZERO)) => deeds.push(Deed::End(id, cause)),
                end => deeds.extend(self.warn(id, end)),
            }
        }
        deeds
    }

    /// When it ends by its stored time, or a while later where that came by surprise.
    fn end_by_time(
        &mut self,
        id: WorkshopId,
        stored: OffsetDateTime,
        (wall, now): (OffsetDateTime, Instant),
        deeds: &mut Vec<Deed>,
    ) -> (EndCause, OffsetDateTime, Duration) {
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
        (EndCause::Time, end, left)
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
        idle: &HashMap<WorkshopId, Option<IdleEnd>>,
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
        let is_gone = |id: &WorkshopId| !ends.contains_key(id) && !idle.contains_key(id);
        let gone = self.warned.extract_if(|id, _| is_gone(id));
        deeds.extend(gone.map(|(id, _)| Deed::Forget(id)));
        deeds
    }

    fn warn(
        &mut self,
        id: WorkshopId,
        end: Option<(EndCause, OffsetDateTime, Duration)>,
    ) -> Option<Deed> {
        let warning = end.and_then(|(cause, ends_at, left)| {
            let near = |minutes: &&u16| left <= Duration::from_secs(u64::from(**minutes) * 60);
            let minutes = WARNINGS.iter().find(near).copied()?;
            Some(EndWarning {
                cause,
                minutes,
                ends_at,
            })
        });
        let before = match warning {
            Some(warning) => self.warned.insert(id, warning),
            None => self.warned.remove(&id),
        };
        (before != warning).then_some(Deed::Warn(id, warning))
    }
}

#[cfg(test)]
mod tests;
