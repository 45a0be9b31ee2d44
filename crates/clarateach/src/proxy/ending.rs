//! What puts an end to an exchange, whatever is under way in it.

use std::time::Duration;

use futures_util::future::select_all;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::error::ProxyError;
use super::seconds_since_1970;

/// A token's time, and what else may end before it. Looking costs little; waiting is set up only where
/// something has to be waited for.
#[derive(Clone)]
pub(crate) struct Ending {
    at: Instant,
    tokens: Vec<CancellationToken>,
}

impl Ending {
    /// At `expires_at` (seconds since 1970 UTC) at the latest.
    pub(crate) fn at(expires_at: u64) -> Self {
        let left = expires_at.saturating_sub(seconds_since_1970());
        Self {
            at: Instant::now() + Duration::from_secs(left),
            tokens: Vec::with_capacity(5),
        }
    }

    /// Or when that is cancelled.
    pub(crate) fn or_when(&mut self, token: &CancellationToken) {
        self.tokens.push(token.clone());
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        self.tokens.iter().any(CancellationToken::is_cancelled) || Instant::now() >= self.at
    }

    /// What an exchange failed with, which is of no interest once it is over: the ending closed what broke.
    pub(crate) fn or(&self, error: ProxyError) -> ProxyError {
        if self.is_over() {
            ProxyError::SeatUnavailable
        } else {
            error
        }
    }

    /// Completes when it is over.
    pub(crate) async fn over(self) {
        let tokens = self.tokens.into_iter();
        let cancelled = tokens.map(|token| Box::pin(token.cancelled_owned()));
        let cancelled: Vec<std::pin::Pin<Box<WaitForCancellationFutureOwned>>> =
            cancelled.collect();
        tokio::select! {
            _ = select_all(cancelled) => {}
            () = tokio::time::sleep_until(self.at) => {}
        }
    }
}
