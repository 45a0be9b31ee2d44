//! The loop over all workshops: gives each a loop of its own, brings it its letters, and finds what
//! nobody told of (after a start, after a crash, left behind).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use clarateach_protocol::id::{SeatKey, WorkshopId};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::hands::{Hands, LookError};
use super::mailbox::Mailbox;
use super::progress::Board;
use super::workshop::{Letter, WorkshopLoop};
use crate::directory::Directory;
use crate::provider::Change;

/// What the orchestrator can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Message {
    /// What is wanted of a workshop may have changed.
    Wake(WorkshopId),
    /// Somebody asks to try a failed seat again.
    Retry(SeatKey),
}

enum Event {
    Messages(BTreeSet<Message>),
    Changed(Change),
    HintsEnded,
    /// Browsers of these workshops may be wanted otherwise.
    Stirred(BTreeSet<WorkshopId>),
    LoopEnded(Id, Result<(), JoinError>),
    Swept(Result<Vec<WorkshopId>, LookError>),
    SweepDue,
}

struct Loop {
    task: Id,
    mail: Arc<Mailbox<Letter>>,
}

pub(super) struct Supervisor {
    hands: Hands,
    directory: Arc<Directory>,
    board: Arc<Board>,
    mail: Arc<Mailbox<Message>>,
    cancel: CancellationToken,
    loops: HashMap<WorkshopId, Loop>,
    tasks: JoinSet<()>,
    sweeps: JoinSet<Result<Vec<WorkshopId>, LookError>>,
    sweep_failures: u32,
    /// A sweep found what there is.
    has_swept: bool,
    next_sweep: Instant,
    hints: BoxStream<'static, Change>,
}

impl Supervisor {
    pub(super) fn new(
        hands: Hands,
        directory: Arc<Directory>,
        board: Arc<Board>,
        mail: Arc<Mailbox<Message>>,
        cancel: CancellationToken,
    ) -> Self {
        let hints = hands.calls.provider.changes();
        Self {
            hands,
            directory,
            board,
            mail,
            cancel,
            loops: HashMap::new(),
            tasks: JoinSet::new(),
            sweeps: JoinSet::new(),
            sweep_failures: 0,
            has_swept: false,
            next_sweep: Instant::now(),
            hints,
        }
    }

    /// Runs until cancelled, and then until every workshop's loop has ended.
    pub(super) async fn run(mut self) {
        let cancel = self.cancel.clone();
        tokio::select! {
            () = cancel.cancelled() => {}
            () = self.begin_wanted() => {}
        }
        loop {
            let cancel = self.cancel.clone();
            let event = tokio::select! {
                () = cancel.cancelled() => break,
                event = self.next_event() => event,
            };
            self.handle(event);
        }
        self.sweeps.shutdown().await;
        while self.tasks.join_next().await.is_some() {}
    }

    /// What the store wants doesn't wait for the provider to tell what else there is. Where it can't be read, the sweep tells.
    async fn begin_wanted(&mut self) {
        for id in self.hands.wanted().await.unwrap_or_default() {
            self.mail_of(id);
        }
    }

    async fn next_event(&mut self) -> Event {
        tokio::select! {
            messages = self.mail.take() => Event::Messages(messages),
            stirred = self.hands.browsers.stirred() => Event::Stirred(stirred),
            hint = self.hints.next() => hint.map_or(Event::HintsEnded, Event::Changed),
            Some(ended) = self.tasks.join_next_with_id() => match ended {
                Ok((id, ())) => Event::LoopEnded(id, Ok(())),
                Err(error) => Event::LoopEnded(error.id(), Err(error)),
            },
            // A sweep that panicked is one that found nothing: the next one is due in time.
            Some(Ok(swept)) = self.sweeps.join_next() => Event::Swept(swept),
            () = sleep_until(self.next_sweep) => Event::SweepDue,
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Messages(messages) => {
                for message in messages {
                    match message {
                        Message::Wake(id) => self.mail_of(id).put(Letter::Wake),
                        Message::Retry(key) => {
                            self.mail_of(key.workshop).put(Letter::Retry(key.seat));
                        }
                    }
                }
            }
            Event::Changed(Change::Seat(key)) => {
                // One of a workshop without a loop is found by the next sweep, should it be ours.
                if let Some(known) = self.loops.get(&key.workshop) {
                    known.mail.put(Letter::Hint);
                }
            }
            Event::Changed(Change::Away) => self.tell_all(Letter::Away),
            Event::Changed(Change::Back) => self.tell_all(Letter::Hint),
            Event::Stirred(workshops) => {
                // One without a loop has no seat whose browser anybody could want.
                for known in workshops.iter().filter_map(|id| self.loops.get(id)) {
                    known.mail.put(Letter::Browsers);
                }
            }
            Event::HintsEnded => {
                // Sweeps go on without them; the next one asks for a new stream.
                self.hints = futures_util::stream::pending().boxed();
                self.sweep_failures = self.sweep_failures.max(1);
            }
            Event::LoopEnded(task, result) => self.loop_ended(task, result),
            Event::Swept(found) => self.swept(found),
            Event::SweepDue => self.begin_sweep(),
        }
    }

    fn tell_all(&self, letter: Letter) {
        self.loops.values().for_each(|known| known.mail.put(letter));
    }

    fn begin_sweep(&mut self) {
        self.next_sweep = Instant::now() + self.hands.calls.settings.reconcile_every;
        if !self.sweeps.is_empty() {
            return;
        }
        if self.sweep_failures > 0 {
            self.hints = self.hands.calls.provider.changes();
        }
        let hands = self.hands.clone();
        self.sweeps.spawn(async move { hands.sweep().await });
    }

    fn swept(&mut self, found: Result<Vec<WorkshopId>, LookError>) {
        match found {
            Ok(found) => {
                self.sweep_failures = 0;
                let is_first = !std::mem::replace(&mut self.has_swept, true);
                for id in found {
                    // One that has begun just now looks and asserts all by itself.
                    let has_begun = is_first && self.loops.contains_key(&id);
                    let mail = self.mail_of(id);
                    if !has_begun {
                        mail.put(Letter::Reconcile);
                    }
                }
            }
            Err(error) => {
                // Nothing is removed on the word of a store that could not be read.
                self.sweep_failures = self.sweep_failures.saturating_add(1);
                let pause = self.hands.calls.settings.backoff.pause(self.sweep_failures);
                self.next_sweep = self.next_sweep.min(Instant::now() + pause);
                tracing::error!(%error, "cannot tell which workshops should exist; trying again");
            }
        }
    }

    /// The mailbox of a workshop's loop, which is begun where there is none.
    fn mail_of(&mut self, id: WorkshopId) -> Arc<Mailbox<Letter>> {
        if let Some(known) = self.loops.get(&id) {
            return Arc::clone(&known.mail);
        }
        let mail = Arc::new(Mailbox::new());
        self.begin_loop(id, Arc::clone(&mail));
        mail
    }

    fn begin_loop(&mut self, id: WorkshopId, mail: Arc<Mailbox<Letter>>) {
        let workshop = WorkshopLoop::new(
            id,
            self.hands.clone(),
            Arc::clone(&self.directory),
            Arc::clone(&self.board),
            Arc::clone(&mail),
        );
        let task = self.tasks.spawn(workshop.run(self.cancel.clone())).id();
        self.loops.insert(id, Loop { task, mail });
    }

    fn loop_ended(&mut self, task: Id, result: Result<(), JoinError>) {
        let Some(id) = self
            .loops
            .iter()
            .find_map(|(id, known)| (known.task == task).then_some(*id))
        else {
            return;
        };
        let ended = self.loops.remove(&id);
        if let Err(error) = result {
            // The next sweep begins it anew, from what is there.
            tracing::error!(workshop = %id, %error, "the workshop's loop panicked");
            return;
        }
        if let Some(ended) = ended.filter(|ended| !ended.mail.is_empty()) {
            // A letter came while it ended.
            self.begin_loop(id, ended.mail);
        }
    }
}
