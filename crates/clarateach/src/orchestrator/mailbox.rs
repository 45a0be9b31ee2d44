//! A mailbox that never loses a letter, never blocks the sender, and holds equal letters once: its
//! size is bounded by how many different things can be said.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

pub(super) struct Mailbox<T> {
    letters: Mutex<BTreeSet<T>>,
    arrival: Notify,
}

impl<T: Ord> Mailbox<T> {
    pub(super) fn new() -> Self {
        Self {
            letters: Mutex::new(BTreeSet::new()),
            arrival: Notify::new(),
        }
    }

    pub(super) fn put(&self, letter: T) {
        self.letters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(letter);
        self.arrival.notify_one();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.letters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    /// Everything that came since the last call, as soon as there is anything. For one reader;
    /// dropping the future loses nothing.
    pub(super) async fn take(&self) -> BTreeSet<T> {
        loop {
            let letters =
                std::mem::take(&mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner));
            if !letters.is_empty() {
                return letters;
            }
            self.arrival.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn equal_letters_are_one_and_none_is_lost() {
        let mailbox = Mailbox::new();
        for letter in [2, 1, 2, 2] {
            mailbox.put(letter);
        }
        assert_eq!(mailbox.take().await, BTreeSet::from([1, 2]));
        let (taken, ()) = tokio::join!(mailbox.take(), async { mailbox.put(3) });
        assert_eq!(taken, BTreeSet::from([3]));
    }
}
