//! The clock: workshops that begin to be made before they start, and end when they should.

use std::time::Duration;

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::{Error, Service};
use crate::model::WorkshopStatus;

/// How long before its start a workshop's seats are made.
pub(super) const LEAD: Duration = Duration::from_secs(10 * 60);
/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);

impl Service {
    /// Starts and ends workshops when they are due, until `stop`.
    pub async fn keep_schedule(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Err(error) = self.start_and_end_due().await {
                tracing::error!(%error, "cannot look for workshops that start or end");
            }
        }
    }

    async fn start_and_end_due(&self) -> Result<(), Error> {
        let now = OffsetDateTime::now_utc();
        for id in self.inner.store.forget_kept(now).await? {
            self.inner.orchestrator.wake(id);
        }
        let (starting, ending) = self.inner.store.due_workshops(now + LEAD, now).await?;
        for id in starting {
            self.inner
                .store
                .set_workshop_status(id, WorkshopStatus::Provisioning, None)
                .await?;
            self.inner.orchestrator.wake(id);
        }
        for id in ending {
            self.end_workshop(id).await?;
        }
        Ok(())
    }
}
