//! Whether a seat's learner is there: live connections of theirs, and when they last did something.
//!
//! Presence follows from what was noted and the time, so nothing ticks: [`Attendance::seen_at`] says
//! what holds at an instant, and until when if nothing happens. Who wants to hear of changes that do
//! happen gives a call for them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use crate::model::{Presence, PresenceTimes};

/// Signs of life closer together than this are one: keystrokes come in hundreds.
const NOTED_EVERY: Duration = Duration::from_secs(1);

/// One assignment's attendance; clones share it.
#[derive(Clone)]
pub struct Attendance {
    shared: Arc<Shared>,
}

struct Shared {
    noted: Mutex<Noted>,
    times: PresenceTimes,
    /// Called after a change, outside the lock.
    changed: Box<dyn Fn() + Send + Sync>,
}

/// What happened, and when.
#[derive(Debug, Clone, Copy, Default)]
struct Noted {
    connections: usize,
    /// The latest sign of life of somebody connected.
    last_sign: Option<Moment>,
    /// The first sign of life since they were last idle or gone.
    active_since: Option<Moment>,
    /// When the last connection went.
    gone: Option<Moment>,
    /// When they chose to leave, unless they did something since.
    left: Option<Moment>,
}

/// On both clocks: one that only goes forward, and the one that people read.
#[derive(Debug, Clone, Copy)]
struct Moment {
    at: Instant,
    wall: OffsetDateTime,
}

impl Moment {
    fn now() -> Self {
        Self {
            at: Instant::now(),
            wall: OffsetDateTime::now_utc(),
        }
    }
}

/// What holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Whether the learner is there.
    pub presence: Presence,
    /// Since when, in UTC; `None` where nothing was noted yet.
    pub since: Option<OffsetDateTime>,
    /// When it becomes another if nothing happens.
    pub until: Option<Instant>,
}

/// A live connection; it ends when this is dropped.
pub struct Attending {
    attendance: Attendance,
}

impl Attendance {
    /// Nobody was there yet. `changed` is called whenever presence became another than before; it
    /// must not block.
    pub fn new(times: PresenceTimes, changed: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::new(Shared {
                noted: Mutex::default(),
                times,
                changed: Box::new(changed),
            }),
        }
    }

    /// A connection of the learner's begins, which is a sign of life.
    #[must_use]
    pub fn begin(&self) -> Attending {
        self.note(|noted, now, times| {
            noted.sign(now, times);
            noted.connections += 1;
            noted.left = None;
        });
        Attending {
            attendance: self.clone(),
        }
    }

    /// The learner did something: typed, or changed a file. Without a connection it is a program's
    /// doing, and says nothing about a person.
    pub fn sign_of_life(&self) {
        let now = Instant::now();
        let recent = {
            let noted = self.lock();
            noted.connections == 0
                || (noted.left.is_none()
                    && noted
                        .last_sign
                        .is_some_and(|last| now.duration_since(last.at) < NOTED_EVERY))
        };
        if !recent {
            self.note(|noted, now, times| {
                noted.sign(now, times);
                noted.left = None;
            });
        }
    }

    /// The learner said that they leave. A connection or a sign of life brings them back.
    pub fn leave(&self) {
        self.note(|noted, now, _| {
            noted.left.get_or_insert(now);
        });
    }

    /// Whether the learner is there at `now`.
    #[must_use]
    pub fn seen_at(&self, now: Instant) -> Seen {
        self.lock().seen_at(now, self.shared.times)
    }

    fn note(&self, change: impl FnOnce(&mut Noted, Moment, PresenceTimes)) {
        let now = Moment::now();
        let times = self.shared.times;
        let (before, after) = {
            let mut noted = self.lock();
            let before = noted.seen_at(now.at, times).presence;
            change(&mut noted, now, times);
            (before, noted.seen_at(now.at, times).presence)
        };
        if before != after {
            (self.shared.changed)();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.shared
            .noted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    fn sign(&mut self, now: Moment, times: PresenceTimes) {
        if self.seen_at(now.at, times).presence != Presence::Active {
            self.active_since = Some(now);
        }
        self.last_sign = Some(now);
    }

    fn seen_at(&self, now: Instant, times: PresenceTimes) -> Seen {
        let seen = |presence, since: Moment, until| Seen {
            presence,
            since: Some(since.wall),
            until,
        };
        let Some(last) = self.last_sign else {
            return Seen {
                presence: Presence::Never,
                since: None,
                until: None,
            };
        };
        if let Some(left) = self.left {
            return seen(Presence::Left, left, None);
        }
        if self.connections > 0 {
            let idle_at = last.at + times.idle_after;
            return if now < idle_at {
                seen(
                    Presence::Active,
                    self.active_since.unwrap_or(last),
                    Some(idle_at),
                )
            } else {
                seen(Presence::Idle, last, None)
            };
        }
        let gone = self.gone.unwrap_or(last);
        let left_at = gone.at + times.left_after;
        if now < left_at {
            seen(Presence::Away, gone, Some(left_at))
        } else {
            seen(Presence::Left, gone, None)
        }
    }
}

impl fmt::Debug for Attendance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attendance").field(&*self.lock()).finish()
    }
}

impl Attending {
    /// The learner did something on this connection.
    pub fn sign_of_life(&self) {
        self.attendance.sign_of_life();
    }
}

impl Drop for Attending {
    fn drop(&mut self) {
        self.attendance.note(|noted, now, _| {
            noted.connections -= 1;
            if noted.connections == 0 {
                noted.gone = Some(now);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::advance;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn attendance() -> (Attendance, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let attendance = Attendance::new(PresenceTimes::default(), move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        (attendance, calls)
    }

    fn now(attendance: &Attendance) -> Presence {
        attendance.seen_at(Instant::now()).presence
    }

    #[tokio::test(start_paused = true)]
    async fn a_learner_is_there_while_a_connection_is() {
        let (attendance, calls) = attendance();
        assert_eq!(now(&attendance), Presence::Never);
        let first = attendance.begin();
        let second = attendance.begin();
        drop(first);
        assert_eq!(now(&attendance), Presence::Active);
        drop(second);
        assert_eq!(now(&attendance), Presence::Away);
        assert_eq!(calls.load(Ordering::Relaxed), 2, "never, active, away");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_nothing_is_idle_until_they_do_something() {
        let (attendance, calls) = attendance();
        let connection = attendance.begin();
        let Seen { until, .. } = attendance.seen_at(Instant::now());
        assert_eq!(until, Some(Instant::now() + 2 * MINUTE));
        advance(MINUTE).await;
        connection.sign_of_life();
        advance(MINUTE + Duration::from_secs(59)).await;
        assert_eq!(now(&attendance), Presence::Active);
        advance(Duration::from_secs(1)).await;
        assert_eq!(now(&attendance), Presence::Idle);
        let before = calls.load(Ordering::Relaxed);
        connection.sign_of_life();
        assert_eq!(now(&attendance), Presence::Active);
        assert_eq!(calls.load(Ordering::Relaxed), before + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn keystrokes_keep_the_moment_since_which_somebody_is_active() {
        let (attendance, calls) = attendance();
        let connection = attendance.begin();
        let since = attendance.seen_at(Instant::now()).since;
        for _ in 0..10 {
            advance(MINUTE).await;
            connection.sign_of_life();
        }
        assert_eq!(attendance.seen_at(Instant::now()).since, since);
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_stays_away_has_left() {
        let (attendance, _) = attendance();
        drop(attendance.begin());
        advance(14 * MINUTE).await;
        assert_eq!(now(&attendance), Presence::Away);
        advance(MINUTE).await;
        assert_eq!(now(&attendance), Presence::Left);
        let _back = attendance.begin();
        assert_eq!(now(&attendance), Presence::Active);
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_stays_left_when_the_page_closes_and_is_back_with_a_sign_of_life() {
        let (attendance, _) = attendance();
        let (page, tablet) = (attendance.begin(), attendance.begin());
        attendance.leave();
        drop(page);
        assert_eq!(now(&attendance), Presence::Left);
        tablet.sign_of_life();
        assert_eq!(now(&attendance), Presence::Active);
        attendance.leave();
        drop(tablet);
        attendance.leave();
        // A program's upload is no person.
        attendance.sign_of_life();
        assert_eq!(now(&attendance), Presence::Left);
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_came_has_not_left() {
        let (attendance, calls) = attendance();
        attendance.leave();
        assert_eq!(now(&attendance), Presence::Never);
        assert_eq!(calls.load(Ordering::Relaxed), 0);
    }
}
