//! Browsers on demand: they start as long as the machine has room, first come, first served.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Error, Overcommit, Service};
use crate::model::{Amounts, WorkshopKind};

/// How often somebody who waits for room is looked after: seats end, workshops go.
const LOOK_EVERY: Duration = Duration::from_secs(2);

impl Service {
    /// Gives browsers their places until `stop`.
    pub async fn keep_browsers_in_turn(self, stop: CancellationToken) {
        let browsers = &self.inner.browsers;
        let keeping = async {
            loop {
                if browsers.is_queue_empty() {
                    browsers.turn().await;
                } else {
                    let _ = tokio::time::timeout(LOOK_EVERY, browsers.turn()).await;
                }
                if browsers.is_queue_empty() {
                    continue;
                }
                match self.room_for_browsers().await {
                    Ok(room) => browsers.admit(|count| room.is_none_or(|room| count <= room)),
                    Err(error) => {
                        tracing::warn!(%error, "cannot tell whether another browser fits; trying again");
                    }
                }
            }
        };
        stop.run_until_cancelled(keeping).await;
    }

    /// How many browsers on demand there may be; `None`: nothing limits them.
    async fn room_for_browsers(&self) -> Result<Option<u64>, Error> {
        let fit = self.browsers_that_fit().await?;
        Ok([fit, self.inner.most_browsers].into_iter().flatten().min())
    }

    /// How many fit beside all seats.
    async fn browsers_that_fit(&self) -> Result<Option<u64>, Error> {
        if self.inner.overcommit == Overcommit::Allow {
            return Ok(None);
        }
        let Some(machine) = self.machine().await? else {
            return Ok(None);
        };
        let store = &self.inner.store;
        let taken = [
            store.taken(WorkshopKind::Class).await?,
            store.taken(WorkshopKind::Standby).await?,
        ];
        Ok(Some(
            machine.browsers_left(taken.into_iter().sum::<Amounts>()),
        ))
    }
}
