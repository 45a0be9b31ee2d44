//! One change to a seat at a time, however many callers there are; and seats leave their network one by one.

use clarateach_protocol::id::{SeatKey, WorkshopId};
use tokio::sync::{Mutex, MutexGuard};

/// A fixed number of locks; seats of one workshop never share one.
#[derive(Debug)]
pub(super) struct SeatLocks([Mutex<()>; 256]);

impl Default for SeatLocks {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl SeatLocks {
    pub(super) async fn lock(&self, seat: &SeatKey) -> MutexGuard<'_, ()> {
        let index = (sum_of(&seat.workshop) + usize::from(seat.seat.get())) % self.0.len();
        self.0[index].lock().await
    }
}

/// A fixed number of locks; one workshop always has the same.
#[derive(Debug)]
pub(super) struct WorkshopLocks([Mutex<()>; 64]);

impl Default for WorkshopLocks {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl WorkshopLocks {
    pub(super) async fn lock(&self, workshop: &WorkshopId) -> MutexGuard<'_, ()> {
        self.0[sum_of(workshop) % self.0.len()].lock().await
    }
}

fn sum_of(workshop: &WorkshopId) -> usize {
    workshop.short().bytes().map(usize::from).sum()
}
