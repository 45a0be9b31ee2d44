//! Who wants a browser and who watches one: the proxy's side.

use std::sync::Arc;

use clarateach_protocol::id::SeatKey;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{BrowserPhase, BrowserProgress, Browsers, Demand, Standing, Trying, Watching};
use crate::model::BrowserPolicy;

impl Drop for Watching {
    fn drop(&mut self) {
        let browsers = Arc::clone(&self.browsers);
        browsers.change(self.seat, |entry, _| {
            entry.watchers = entry.watchers.saturating_sub(1);
            entry.used_at = Instant::now();
        });
    }
}

impl Browsers {
    /// Somebody wants the seat's browser now. What it is then; `None`: nobody knows the seat yet.
    pub fn ask(&self, seat: SeatKey) -> Option<Standing> {
        let now = Instant::now();
        let mut table = self.lock();
        let turn = table.next_turn;
        let entry = table.seats.get_mut(&seat)?;
        let was_in_use = self.is_in_use(entry, now);
        entry.used_at = now;
        let queues = entry.policy == BrowserPolicy::OnDemand && entry.demand == Demand::None;
        if queues {
            entry.demand = Demand::Queued(turn);
            table.next_turn += 1;
        }
        if queues || !was_in_use {
            table.stirred.insert(seat.workshop);
        }
        let standing = self.standing_in(&table, seat, now);
        drop(table);
        if queues {
            self.turn.notify_one();
            self.tell_everybody();
        } else if !was_in_use {
            self.tell_everybody();
        }
        standing
    }

    /// Somebody asks by hand, as with [`Browsers::ask`]. A browser that could not be started is tried
    /// again at once where somebody was told so already: whoever reads of it asks again on purpose.
    pub fn ask_by_hand(&self, seat: SeatKey) -> Option<Standing> {
        let mut table = self.lock();
        let entry = table.seats.get_mut(&seat)?;
        let failed = matches!(entry.progress, BrowserProgress::Failed(_));
        let tries = failed && entry.trying == Trying::Told;
        if tries {
            entry.trying = Trying::Asked;
            entry.progress = BrowserProgress::Starting(BrowserPhase::Container);
            table.stirred.insert(seat.workshop);
        }
        drop(table);
        if tries {
            self.tell_everybody();
        }
        self.ask(seat)
    }

    /// Somebody who asked was told that it could not be started.
    pub fn failure_was_told(&self, seat: SeatKey) {
        if let Some(entry) = self.lock().seats.get_mut(&seat)
            && entry.trying == Trying::ByItself
        {
            entry.trying = Trying::Told;
        }
    }

    /// What the seat's browser is; `None`: nobody knows the seat yet.
    #[must_use]
    pub fn standing(&self, seat: SeatKey) -> Option<Standing> {
        self.standing_in(&self.lock(), seat, Instant::now())
    }
    /// Counts changes of anything, from now on.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// A live connection to the seat's browser begins.
    #[must_use]
    pub fn watch(self: &Arc<Self>, seat: SeatKey) -> Watching {
        self.change(seat, |entry, _| entry.watchers += 1);
        Watching {
            browsers: Arc::clone(self),
            seat,
        }
    }
}
