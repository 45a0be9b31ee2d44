//! How many failures an address, and everybody together, may make in a minute.
//!
//! Only failures count: a class of thirty behind one address joins unhindered, a guesser does not.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Error;

const WINDOW: Duration = Duration::from_secs(60);
/// Addresses remembered at the most; past that, expired ones are dropped, then all.
const MAX_ADDRESSES: usize = 10_000;

pub(super) struct FailureBudget {
    per_address: u32,
    in_all: u32,
    state: Mutex<State>,
}

struct State {
    all: Count,
    addresses: HashMap<IpAddr, Count>,
}

/// Failures since a window's start.
#[derive(Clone, Copy)]
struct Count {
    since: Instant,
    failures: u32,
}

impl Count {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            failures: 0,
        }
    }

    fn at(self, now: Instant) -> Self {
        if now.duration_since(self.since) >= WINDOW {
            Self::new(now)
        } else {
            self
        }
    }

    fn wait(self, limit: u32, now: Instant) -> Option<Duration> {
        let current = self.at(now);
        (current.failures >= limit)
            .then(|| WINDOW.saturating_sub(now.duration_since(current.since)))
    }
}

impl FailureBudget {
    /// So many failures a minute from one address, and in all.
    pub(super) fn new(per_address: u32, in_all: u32) -> Self {
        let state = State {
            all: Count::new(Instant::now()),
            addresses: HashMap::new(),
        };
        Self {
            per_address,
            in_all,
            state: Mutex::new(state),
        }
    }

    /// Refuses an address that has failed too often, before its attempt is looked at.
    pub(super) fn check(&self, address: IpAddr) -> Result<(), Error> {
        let now = Instant::now();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let own = state
            .addresses
            .get(&address)
            .and_then(|count| count.wait(self.per_address, now));
        match own.or_else(|| state.all.wait(self.in_all, now)) {
            Some(retry_after) => Err(Error::TooManyAttempts { retry_after }),
            None => Ok(()),
        }
    }

    /// Counts a failure.
    pub(super) fn failed(&self, address: IpAddr) {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.all = state.all.at(now);
        state.all.failures += 1;
        if state.addresses.len() >= MAX_ADDRESSES {
            state
                .addresses
                .retain(|_, count| now.duration_since(count.since) < WINDOW);
        }
        if state.addresses.len() >= MAX_ADDRESSES {
            state.addresses.clear();
        }
        let own = state
            .addresses
            .entry(address)
            .or_insert_with(|| Count::new(now));
        *own = own.at(now);
        own.failures += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_one_address_shut_out_that_address_only() {
        let budget = FailureBudget::new(3, 100);
        let (guesser, learner) = (IpAddr::from([198, 18, 0, 1]), IpAddr::from([198, 18, 0, 2]));
        for _ in 0..3 {
            assert!(budget.check(guesser).is_ok());
            budget.failed(guesser);
        }
        assert!(matches!(
            budget.check(guesser),
            Err(Error::TooManyAttempts { .. })
        ));
        assert!(budget.check(learner).is_ok());
    }

    #[test]
    fn many_addresses_share_the_budget_of_all() {
        let budget = FailureBudget::new(3, 10);
        for last in 0..10 {
            budget.failed(IpAddr::from([198, 18, 0, last]));
        }
        assert!(budget.check(IpAddr::from([198, 18, 1, 1])).is_err());
    }
}
