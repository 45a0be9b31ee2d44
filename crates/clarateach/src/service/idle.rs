//! Workshops that end when nobody uses them: looks at their seats, and tells the schedule, which warns
//! first. What counts as a use is decided in `idle/uses.rs`.

mod uses;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clarateach_protocol::id::{SeatNumber, WorkshopId};
use futures_util::StreamExt;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

pub(super) use self::uses::IdleEnd;
use self::uses::{Sample, Seen, Uses};
use super::{Error, Service};
use crate::model::{Presence, ScheduleTimes, Seat, SeatCondition, Workshop};

/// Seats that are asked at once.
const ASKED_AT_ONCE: usize = 16;
/// That a workshop ends when nobody uses it, as shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdleView {
    /// For how long nobody must have used it.
    pub after: Duration,
    /// Until then a class is on, and it doesn't end for that.
    pub kept_until: Option<OffsetDateTime>,
    /// When it ends if nobody uses it until then; `None` while somebody does.
    pub ends_at: Option<OffsetDateTime>,
}

/// What is known of uses.
pub(super) struct Table(Mutex<Uses>);

impl Table {
    pub(super) fn new(times: ScheduleTimes) -> Self {
        Self(Mutex::new(Uses::new(times)))
    }

    fn lock(&self) -> MutexGuard<'_, Uses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody did something in a workshop.
    pub(super) fn use_now(&self, id: &WorkshopId) {
        let now = (OffsetDateTime::now_utc(), Instant::now());
        self.lock().use_now(id, now);
    }

    /// When workshops end if nobody uses them.
    pub(super) fn ends(&self, now: Instant) -> HashMap<WorkshopId, Option<IdleEnd>> {
        self.lock().ends(now)
    }

    pub(super) fn view(&self, workshop: &Workshop) -> Option<IdleView> {
        let shown = self.lock().shown(&workshop.spec.id, Instant::now());
        let now = OffsetDateTime::now_utc();
        workshop.idle_after.map(|after| IdleView {
            after,
            kept_until: workshop.kept_until.filter(|until| *until > now),
            ends_at: shown,
        })
    }
}

impl Service {
    /// Looks now and then whether workshops that end when nobody uses them are used, until `stop`.
    pub async fn keep_watch_for_uses(self, stop: CancellationToken) {
        let mut looks = tokio::time::interval(self.inner.schedule.idle_look);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(looks.tick()).await.is_some() {
            let look = stop.run_until_cancelled(self.look_for_uses()).await;
            if let Some(Err(error)) = look {
                tracing::error!(%error, "cannot look whether workshops are used");
            }
        }
    }

    async fn look_for_uses(&self) -> Result<(), Error> {
        let began = (OffsetDateTime::now_utc(), Instant::now());
        let mut found = Vec::new();
        for rule in self.inner.store.idle_rules().await? {
            let seats = self.inner.store.seats(rule.workshop).await?;
            let seen = futures_util::stream::iter(seats)
                .map(|seat| async move { (seat.key.seat, self.look_at_seat(&seat).await) })
                .buffer_unordered(ASKED_AT_ONCE);
            let seen: BTreeMap<SeatNumber, Seen> = seen.collect().await;
            found.push((rule, seen));
        }
        let changed = self.inner.idle.lock().look(began, found);
        for id in changed {
            self.inner.orchestrator.wake(id);
        }
        Ok(())
    }

    /// Whoever can't be asked may be at work.
    async fn look_at_seat(&self, seat: &Seat) -> Seen {
        let key = seat.key;
        match seat.observed.condition {
            SeatCondition::Failed => return Seen::Dead,
            SeatCondition::Ready => {}
            _ => return Seen::Used,
        }
        let is_there = self.inner.directory.presence(&key).presence == Presence::Active;
        let entry = self.inner.directory.lookup(&key);
        let upstream = entry.as_ref().and_then(|entry| entry.upstream());
        let (Some((incarnation, endpoints)), false) =
            (upstream, is_there || self.inner.browsers.is_watched(key))
        else {
            return Seen::Used;
        };
        let asked = self
            .inner
            .orchestrator
            .stats(key, incarnation.generation, endpoints);
        let (stats, activity) = match asked.await {
            Ok(stats) => match stats.activity {
                Some(activity) => (stats, activity),
                None => return Seen::Used,
            },
            Err(error) => {
                tracing::debug!(workshop = %key.workshop, seat = %key.seat, %error, "a seat doesn't tell whether it is used");
                return Seen::Used;
            }
        };
        let assignment = seat.assignment.as_ref().map(|it| it.id.clone());
        Seen::Told(Sample {
            start: (incarnation.name().to_owned(), assignment),
            inputs: activity.inputs,
            file_changes: activity.file_changes,
            cpu: Duration::from_micros(stats.cpu.used_microseconds),
        })
    }
}
