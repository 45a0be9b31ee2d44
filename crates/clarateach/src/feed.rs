//! What changes in workshops, as numbered events for whoever watches.
//!
//! Hints say that something of a workshop changed; [`Feed::run`] gathers them for a moment, looks at
//! the workshop once, and appends the differences from the last look to one bounded log. Subscribers
//! have a place in that log and nothing else: who is too slow for it gets a fresh snapshot. While
//! nobody watches, nothing is looked at. Knows no HTTP; URLs are added where events are written.

mod diff;
mod log;
mod watch;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clarateach_protocol::id::WorkshopId;
use time::OffsetDateTime;
use tokio::sync::{broadcast, watch as channel};

use crate::model::{EndWarning, Reason, Secrets, WorkshopStatus};
use crate::orchestrator::ProgressView;
use crate::reach::ReachView;
use crate::service::{SeatView, WorkshopView};

pub use log::Event;
use log::Log;

/// Workshops that a look is asked for before one is forgotten and all are looked at.
const ASKED_AT_MOST: usize = 64;

/// How long the feed waits.
#[derive(Debug, Clone, Copy)]
pub struct FeedTimes {
    /// For more changes, before it looks.
    pub gather: Duration,
    /// Before it tries again after the store failed.
    pub retry: Duration,
    /// For somebody to come back, before it forgets what it kept.
    pub linger: Duration,
    /// Between signs of life to a subscriber.
    pub heartbeat: Duration,
    /// For a subscriber to take an event.
    pub patience: Duration,
}

impl Default for FeedTimes {
    fn default() -> Self {
        Self {
            gather: Duration::from_millis(60),
            retry: Duration::from_secs(1),
            linger: Duration::from_secs(3 * 60),
            heartbeat: Duration::from_secs(15),
            patience: Duration::from_secs(20),
        }
    }
}

/// A change.
#[derive(Debug, Clone)]
pub enum Change {
    /// A workshop is there, or more of it changed than its seats: this is all of it.
    Workshop(Arc<WorkshopView>),
    /// One seat is now this.
    Seat {
        /// Of which workshop.
        workshop: WorkshopId,
        /// The seat.
        seat: Box<SeatView>,
    },
    /// How far a workshop is.
    Progress {
        /// Which.
        workshop: WorkshopId,
        /// Where it is in its life.
        status: WorkshopStatus,
        /// Why, where it failed.
        reason: Option<Reason>,
        /// What is being done.
        progress: Option<ProgressView>,
    },
    /// A workshop's end is near.
    Warning {
        /// Which.
        workshop: WorkshopId,
        /// How near.
        warning: EndWarning,
    },
    /// Nothing of a workshop is left.
    Ended(WorkshopId),
    /// Another device was seen.
    Reach(ReachView),
}

/// Whose changes somebody watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every workshop's.
    All,
    /// One's.
    One(WorkshopId),
}

/// What a subscriber gets.
#[derive(Debug)]
pub enum News {
    /// How things stand after the event of this number: to put in place of whatever was known.
    Snapshot {
        /// Resumes after it.
        id: u64,
        /// Every workshop of the scope, newest first; one that is watched alone and has ended is none.
        workshops: Vec<Arc<WorkshopView>>,
    },
    /// What came after, in order.
    Events(Vec<Arc<Event>>),
}

/// The events; clones share them.
#[derive(Clone)]
pub struct Feed {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    times: FeedTimes,
    /// Told after each change of the state.
    changed: channel::Sender<()>,
    subscribers: channel::Sender<usize>,
    /// Workshops that somebody wants looked at.
    asked: broadcast::Sender<WorkshopId>,
}

struct State {
    log: Log,
    /// As of the log's last event; `None` while nobody watches.
    published: Option<HashMap<WorkshopId, Arc<WorkshopView>>>,
}

impl Feed {
    /// A feed that tells nothing until [`Feed::run`] runs.
    #[must_use]
    pub fn new(times: FeedTimes) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    log: Log::starting_at(OffsetDateTime::now_utc()),
                    published: None,
                }),
                times,
                changed: channel::Sender::new(()),
                subscribers: channel::Sender::new(0),
                asked: broadcast::Sender::new(ASKED_AT_MOST),
            }),
        }
    }

    /// How long it waits.
    #[must_use]
    pub fn times(&self) -> FeedTimes {
        self.shared.times
    }

    /// Follows every workshop, from after the event of number `after` if all since then is kept.
    #[must_use]
    pub fn all(&self, after: Option<u64>) -> Subscription {
        self.subscribe(Scope::All, after)
    }

    /// Follows one workshop that was there a moment ago, as [`Feed::all`] does all.
    #[must_use]
    pub fn one(&self, view: WorkshopView, after: Option<u64>) -> Subscription {
        let id = view.workshop.spec.id;
        let subscription = self.subscribe(Scope::One(id), after);
        // It may be newer than the last look: it is no news that it is there, but it must not seem gone.
        let is_new = {
            let mut state = self.shared.lock();
            match &state.published {
                Some(published) if !published.contains_key(&id) => {
                    state.publish(id, Some(view));
                    true
                }
                _ => false,
            }
        };
        if is_new {
            self.shared.changed.send_replace(());
            // It may be older, too: an error says that nobody looks, and so nothing is published.
            let _ = self.shared.asked.send(id);
        }
        subscription
    }

    fn subscribe(&self, scope: Scope, after: Option<u64>) -> Subscription {
        self.shared.subscribers.send_modify(|count| *count += 1);
        Subscription {
            changed: self.shared.changed.subscribe(),
            shared: Arc::clone(&self.shared),
            scope,
            cursor: after,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes over how everything is now. On the first look there is nobody to tell differences to: all
    /// begin with a snapshot.
    fn publish_all(&mut self, views: Vec<WorkshopView>) {
        let id_of = |view: &WorkshopView| view.workshop.spec.id;
        let Some(published) = &self.published else {
            let views = views.into_iter().map(without_secrets);
            self.published = Some(views.map(|view| (id_of(&view), Arc::new(view))).collect());
            return;
        };
        let ids: HashSet<_> = views.iter().map(id_of).collect();
        let known = published.keys().copied();
        let gone: Vec<_> = known.filter(|id| !ids.contains(id)).collect();
        for id in gone {
            self.publish(id, None);
        }
        for view in views {
            self.publish(id_of(&view), Some(view));
        }
    }

    /// Takes over how a workshop is now, `None` for ended. Tells whether anything changed.
    fn publish(&mut self, id: WorkshopId, view: Option<WorkshopView>) -> bool {
        let Some(published) = &mut self.published else {
            return false;
        };
        let changes = match view {
            None => match published.remove(&id) {
                Some(_) => vec![Change::Ended(id)],
                None => Vec::new(),
            },
            Some(view) => {
                let view = Arc::new(without_secrets(view));
                let before = published.insert(id, Arc::clone(&view));
                diff::changes(before.as_deref(), &view)
            }
        };
        let changed = !changes.is_empty();
        for change in changes {
            self.log.append(change);
        }
        changed
    }
}

/// Nobody is told them, so nobody needs to keep them.
fn without_secrets(mut view: WorkshopView) -> WorkshopView {
    view.workshop.env = Secrets::default();
    view
}

/// A place in the log.
pub struct Subscription {
    shared: Arc<Shared>,
    changed: channel::Receiver<()>,
    scope: Scope,
    /// Everything up to here was told; `None`: nothing.
    cursor: Option<u64>,
}

impl Subscription {
    /// Waits for what is new. Dropping the wait loses nothing.
    pub async fn next(&mut self) -> News {
        loop {
            self.changed.mark_unchanged();
            if let Some(news) = self.take() {
                return news;
            }
            if self.changed.changed().await.is_err() {
                // The sender lives in what this holds on to.
                std::future::pending::<()>().await;
            }
        }
    }

    fn take(&mut self) -> Option<News> {
        let state = self.shared.lock();
        let published = state.published.as_ref()?;
        let kept = self
            .cursor
            .and_then(|cursor| state.log.after(cursor, self.scope));
        if let Some(taken) = kept {
            self.cursor = Some(taken.cursor);
            return (!taken.events.is_empty()).then_some(News::Events(taken.events));
        }
        let mut workshops: Vec<_> = match self.scope {
            Scope::All => published.values().cloned().collect(),
            Scope::One(id) => published.get(&id).cloned().into_iter().collect(),
        };
        workshops.sort_by(|one, other| {
            let key =
                |view: &WorkshopView| (view.workshop.created_at, view.workshop.spec.id.to_string());
            key(other).cmp(&key(one))
        });
        let id = state.log.head();
        self.cursor = Some(id);
        Some(News::Snapshot { id, workshops })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.subscribers.send_modify(|count| *count -= 1);
    }
}
