//! One change to a seat at a time, however many callers there are.

use clarateach_protocol::id::SeatKey;
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
        let workshop: usize = seat.workshop.short().bytes().map(usize::from).sum();
        let index = (workshop + usize::from(seat.seat.get())) % self.0.len();
        self.0[index].lock().await
    }
}
