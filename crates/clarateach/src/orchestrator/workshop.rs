//! The loop of one workshop: looks, plans, acts, tells; until nothing of the workshop is left.
//!
//! All of its state is here and only this loop changes it. Every outward call is a task of its own,
//! whose outcome comes back as an [`Event`], so that a hanging engine holds up nothing but itself.
//! Start at [`WorkshopLoop::run`].

mod act;
mod browsers;
mod done;
mod look;
mod tell;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use clarateach_protocol::id::{SeatKey, SeatNumber, WorkshopId};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::hands::{Hands, Outcome};
use super::mailbox::Mailbox;
use super::progress::Board;
use super::reconcile::{self, Desired, Groundwork, Observation};
use super::seat::SeatTrack;
use super::sight::Sight;
use super::stage::Stage;
use crate::directory::{Directory, Reach};
use crate::model::{ObservedSeat, Wanted};

/// What a workshop's loop can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Letter {
    /// The provider can't be asked, or could not for a moment.
    Away,
    /// What is wanted may have changed.
    Wake,
    /// A browser may be wanted otherwise.
    Browsers,
    /// Something happened to a seat.
    Hint,
    /// Time to look after everything again.
    Reconcile,
    /// Somebody asks to try a failed seat again.
    Retry(SeatNumber),
}

/// What a workshop's loop reacts to.
enum Event {
    Letters(BTreeSet<Letter>),
    /// These ended, one at least.
    Done(Vec<Ended>),
    Due,
}

/// A task that ended, and what came of it.
type Ended = (Id, Result<Box<Outcome>, JoinError>);

/// What a task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Look,
    Prepare,
    Seat(SeatNumber),
    Ask(SeatNumber),
    Browser(SeatNumber),
    DestroyWorkshop,
}

/// What is wanted of the workshop.
enum Goal {
    /// Nobody looked yet.
    Unseen,
    /// The store says.
    Desired(Box<Desired>),
    /// The store was read and wants nothing of it: what is there is left behind.
    Orphaned,
}

/// A seat and what was told of it.
struct SeatEntry {
    track: SeatTrack,
    /// When anything was last done to it, by [`WorkshopLoop::clock`].
    touched: u64,
    /// A look came while something was being done to it.
    overlooked: bool,
    /// The incarnation that is being probed.
    probing: Option<String>,
    told: Option<ObservedSeat>,
    /// What the directory was told; `None`: nothing yet.
    reach: Option<Reach>,
}

/// Something that is tried until it works.
#[derive(Default)]
struct Attempts {
    failures: u32,
    not_before: Option<Instant>,
}

impl Attempts {
    fn is_waiting(&self, now: Instant) -> bool {
        self.not_before.is_some_and(|at| at > now)
    }
}

/// The loop of one workshop.
pub(super) struct WorkshopLoop {
    id: WorkshopId,
    hands: Hands,
    directory: Arc<Directory>,
    board: Arc<Board>,
    mail: Arc<Mailbox<Letter>>,
    goal: Goal,
    seats: BTreeMap<SeatNumber, SeatEntry>,
    groundwork: Groundwork,
    /// Something happened to it while it was being asserted.
    groundwork_doubted: bool,
    groundwork_attempts: Attempts,
    stage: Stage,
    told_stage: Stage,
    telling: Attempts,
    sight: Sight,
    look_wanted: bool,
    /// When hints that were gathered are looked after.
    look_at: Option<Instant>,
    look_attempts: Attempts,
    /// When the last look began.
    looked_at: Option<Instant>,
    /// When the look under way began, by [`WorkshopLoop::clock`].
    look_began: u64,
    /// Orders looks and actions: what was looked at before an action says nothing about after it.
    clock: u64,
    tasks: JoinSet<Box<Outcome>>,
    works: HashMap<Id, (Work, AbortHandle)>,
    finished: bool,
}

impl WorkshopLoop {
    pub(super) fn new(
        id: WorkshopId,
        hands: Hands,
        directory: Arc<Directory>,
        board: Arc<Board>,
        mail: Arc<Mailbox<Letter>>,
    ) -> Self {
        Self {
            id,
            hands,
            directory,
            board,
            mail,
            goal: Goal::Unseen,
            seats: BTreeMap::new(),
            groundwork: Groundwork::Missing,
            groundwork_doubted: false,
            groundwork_attempts: Attempts::default(),
            stage: Stage::Unknown,
            told_stage: Stage::Unknown,
            telling: Attempts::default(),
            sight: Sight::default(),
            look_wanted: true,
            look_at: None,
            look_attempts: Attempts::default(),
            looked_at: None,
            look_began: 0,
            clock: 0,
            tasks: JoinSet::new(),
            works: HashMap::new(),
            finished: false,
        }
    }

    /// Runs until nothing of the workshop is wanted or left, or until cancelled; what is under way
    /// then is cut off, and the next start finds it.
    pub(super) async fn run(mut self, cancel: CancellationToken) {
        while !self.finished {
            self.begin_what_is_due();
            tokio::select! {
                () = cancel.cancelled() => return,
                () = self.tell() => {}
            }
            let event = tokio::select! {
                () = cancel.cancelled() => return,
                event = self.next_event() => event,
            };
            match event {
                Event::Letters(letters) => letters.into_iter().for_each(|it| self.read(it)),
                Event::Done(ended) => {
                    for (id, outcome) in ended {
                        self.done(id, outcome).await;
                    }
                }
                Event::Due => {}
            }
        }
    }

    async fn next_event(&mut self) -> Event {
        let due = self.next_due();
        tokio::select! {
            letters = self.mail.take() => Event::Letters(letters),
            Some(first) = self.tasks.join_next_with_id() => {
                // A plan looks at every seat: one for all that came of a burst.
                let others = std::iter::from_fn(|| self.tasks.try_join_next_with_id());
                Event::Done(std::iter::once(first).chain(others).map(ended).collect())
            }
            () = sleep_until(due) => Event::Due,
        }
    }

    /// When something is due by itself; far away when nothing is.
    fn next_due(&self) -> Instant {
        let seats = self.seats.iter();
        let seats = seats.flat_map(|(number, seat)| [seat.track.due(), self.browser_due(*number)]);
        let seats = seats.flatten().filter(|_| self.present().is_some());
        let rest = [
            self.look_at,
            self.groundwork_attempts.not_before,
            self.telling.not_before,
            self.look_due(),
        ];
        let first = seats.chain(rest.into_iter().flatten()).min();
        first.unwrap_or_else(|| Instant::now() + self.hands.calls.settings.reconcile_every)
    }

    fn read(&mut self, letter: Letter) {
        match letter {
            Letter::Hint => {
                // Whoever hints is there to be asked.
                self.look_attempts.not_before = None;
                return self.look_soon();
            }
            Letter::Away => return self.lose_sight(),
            // Whoever looks at the workshop sees how its browsers are.
            Letter::Browsers => return self.board.announce(self.id),
            Letter::Wake => return self.look_again(),
            Letter::Reconcile => {
                self.groundwork_is_stale();
                // The directory is told again: it takes nothing of a generation that it doesn't know.
                self.seats.values_mut().for_each(|seat| seat.reach = None);
            }
            Letter::Retry(number) => {
                if let Some(seat) = self.seats.get_mut(&number) {
                    seat.track.retry();
                }
                self.groundwork_attempts = Attempts::default();
            }
        }
        self.look_wanted = true;
    }

    /// What the seats share is asserted again before anything is made.
    fn groundwork_is_stale(&mut self) {
        if self.groundwork == Groundwork::Ready {
            self.groundwork = Groundwork::Missing;
        }
    }

    /// Begins a look, the planned actions and the health questions whose time has come.
    fn begin_what_is_due(&mut self) {
        let now = Instant::now();
        self.groundwork_attempts.not_before.take_if(|at| *at <= now);
        self.look_attempts.not_before.take_if(|at| *at <= now);
        self.telling.not_before.take_if(|at| *at <= now);
        if self.groundwork == Groundwork::Waiting && !self.groundwork_attempts.is_waiting(now) {
            self.groundwork = Groundwork::Missing;
        }
        for (number, seat) in &mut self.seats {
            seat.track.wake(now);
            let key = SeatKey {
                workshop: self.id,
                seat: *number,
            };
            if self.hands.browsers.take_try(key) {
                seat.track.browser().try_now();
            }
        }
        self.begin_look(now);
        if self.look_attempts.failures == 0 {
            self.begin_plan(now);
        }
        // Where the provider says nothing, so that nothing is done, seats can be asked all the same.
        self.begin_questions(now);
        self.begin_browser_probes(now);
    }

    fn begin_plan(&mut self, now: Instant) {
        if self.is_under_way(Work::DestroyWorkshop) {
            // Wanted again or not: nothing is done to what is being removed.
            return;
        }
        let observed = self.observation(now);
        let actions = match &self.goal {
            Goal::Unseen => Vec::new(),
            Goal::Desired(desired) => reconcile::plan(desired, &observed),
            Goal::Orphaned => reconcile::plan_removal(&observed),
        };
        for action in actions {
            self.begin(action);
        }
    }

    fn observation(&self, now: Instant) -> Observation {
        let seats = self.seats.iter();
        Observation {
            groundwork: self.groundwork,
            seats: seats
                .map(|(number, seat)| {
                    let mut observed = seat.track.observation(now);
                    observed.browser_asked = self.browser_asked(*number, &observed);
                    (*number, observed)
                })
                .collect(),
        }
    }

    /// What the store wants, while it wants the workshop at all.
    fn present(&self) -> Option<&Desired> {
        match &self.goal {
            Goal::Desired(desired) if desired.wanted == Wanted::Present => Some(desired),
            Goal::Desired(_) | Goal::Orphaned | Goal::Unseen => None,
        }
    }

    fn is_under_way(&self, wanted: Work) -> bool {
        self.works.values().any(|(work, _)| *work == wanted)
    }

    fn key(&self, seat: SeatNumber) -> SeatKey {
        SeatKey {
            workshop: self.id,
            seat,
        }
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn spawn(&mut self, work: Work, task: impl Future<Output = Outcome> + Send + 'static) {
        let handle = self.tasks.spawn(async move { Box::new(task.await) });
        self.works.insert(handle.id(), (work, handle));
    }
}

fn ended(task: Result<(Id, Box<Outcome>), JoinError>) -> Ended {
    match task {
        Ok((id, outcome)) => (id, Ok(outcome)),
        Err(error) => (error.id(), Err(error)),
    }
}

#[cfg(test)]
mod tests;
