//! The loop that looks at workshops while somebody watches.

use std::collections::{HashMap, HashSet};

use clarateach_protocol::id::WorkshopId;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{Change, Feed};
use crate::reach::Reach;
use crate::service::{Error, Service};

/// What is to be looked at.
#[derive(Default)]
struct Stale {
    workshops: HashSet<WorkshopId>,
    /// Hints were lost.
    all: bool,
    reach: bool,
}

impl Stale {
    fn is_empty(&self) -> bool {
        self.workshops.is_empty() && !self.all && !self.reach
    }

    fn hint(&mut self, hint: Result<WorkshopId, RecvError>) {
        match hint {
            Ok(id) => {
                self.workshops.insert(id);
            }
            Err(RecvError::Lagged(_)) => self.all = true,
            // Whoever gave hints is gone: the server stops.
            Err(RecvError::Closed) => {}
        }
    }

    /// Takes what is waiting.
    fn drain(&mut self, hints: &mut broadcast::Receiver<WorkshopId>) {
        use tokio::sync::broadcast::error::TryRecvError;
        loop {
            match hints.try_recv() {
                Ok(id) => self.hint(Ok(id)),
                Err(TryRecvError::Lagged(missed)) => self.hint(Err(RecvError::Lagged(missed))),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }
}

/// What a watch remembers.
struct Watch<'a> {
    feed: &'a Feed,
    service: &'a Service,
    reach: &'a Reach,
    stale: Stale,
    /// When somebody's presence will be another, by workshop.
    due: HashMap<WorkshopId, Instant>,
    /// The store failed, and that was logged.
    failing: bool,
}

impl Feed {
    /// Looks at workshops while somebody watches, until `stop`.
    pub async fn run(self, service: Service, reach: Reach, stop: CancellationToken) {
        let watching = async {
            loop {
                let mut subscribers = self.shared.subscribers.subscribe();
                if subscribers.wait_for(|count| *count > 0).await.is_err() {
                    return;
                }
                Watch {
                    feed: &self,
                    service: &service,
                    reach: &reach,
                    stale: Stale::default(),
                    due: HashMap::new(),
                    failing: false,
                }
                .run()
                .await;
                let mut state = self.shared.lock();
                state.published = None;
                state.log.break_off();
            }
        };
        stop.run_until_cancelled(watching).await;
    }

    /// Completes when nobody has watched for long enough.
    async fn unwatched(&self) {
        let mut subscribers = self.shared.subscribers.subscribe();
        loop {
            // An error would say that the feed is gone, which this borrows.
            let _ = subscribers.wait_for(|count| *count == 0).await;
            let back = subscribers.wait_for(|count| *count > 0);
            if timeout(self.shared.times.linger, back).await.is_err() {
                return;
            }
        }
    }
}

impl Watch<'_> {
    async fn run(mut self) {
        let times = self.feed.shared.times;
        // Hints first, then the look: what changes in between is looked at again.
        let mut changes = self.service.changes();
        let mut presences = self.service.presence_changes();
        let mut asked = self.feed.shared.asked.subscribe();
        let mut reach = self.reach.subscribe();
        self.stale.all = true;
        let mut unwatched = std::pin::pin!(self.feed.unwatched());
        loop {
            if self.stale.is_empty() {
                let due = self.due.values().min().copied();
                tokio::select! {
                    hint = changes.recv() => self.stale.hint(hint),
                    hint = presences.recv() => self.stale.hint(hint),
                    hint = asked.recv() => self.stale.hint(hint),
                    Ok(()) = reach.changed() => self.stale.reach = true,
                    () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                    () = &mut unwatched => return,
                }
                sleep(times.gather).await;
            }
            self.stale.drain(&mut changes);
            self.stale.drain(&mut presences);
            self.stale.drain(&mut asked);
            let now = Instant::now();
            let due = self.due.extract_if(|_, due| *due <= now);
            self.stale.workshops.extend(due.map(|(id, _)| id));
            self.look().await;
            if self.failing {
                sleep(times.retry).await;
            }
        }
    }

    /// Looks at what is stale. What could not be looked at stays so.
    async fn look(&mut self) {
        if std::mem::take(&mut self.stale.reach) {
            let view = self.reach.view();
            self.feed.shared.lock().log.append(Change::Reach(view));
            self.feed.shared.changed.send_replace(());
        }
        let outcome = if self.stale.all {
            self.look_at_all().await
        } else {
            self.look_at_each().await
        };
        match outcome {
            Ok(()) => self.failing = false,
            Err(error) => {
                if !self.failing {
                    tracing::error!(%error, "cannot read workshops for those who watch; trying again");
                }
                self.failing = true;
            }
        }
    }

    async fn look_at_all(&mut self) -> Result<(), Error> {
        let views = self.service.workshops().await?;
        self.stale.workshops.clear();
        self.stale.all = false;
        let ids: HashSet<_> = views.iter().map(|view| view.workshop.spec.id).collect();
        self.due.retain(|id, _| ids.contains(id));
        for id in &ids {
            self.plan(*id);
        }
        self.feed.shared.lock().publish_all(views);
        self.feed.shared.changed.send_replace(());
        Ok(())
    }

    async fn look_at_each(&mut self) -> Result<(), Error> {
        for id in self.stale.workshops.clone() {
            let view = match self.service.workshop(id).await {
                Ok(view) => Some(view),
                Err(Error::NotFound(_)) => None,
                Err(error) => return Err(error),
            };
            self.stale.workshops.remove(&id);
            match view {
                Some(_) => self.plan(id),
                None => {
                    self.due.remove(&id);
                }
            }
            if self.feed.shared.lock().publish(id, view) {
                self.feed.shared.changed.send_replace(());
            }
        }
        Ok(())
    }

    /// Remembers when to look again although nothing happens.
    fn plan(&mut self, id: WorkshopId) {
        match self.service.presence_changes_at(id) {
            Some(at) => self.due.insert(id, at),
            None => self.due.remove(&id),
        };
    }
}
