//! What should exist, as the orchestrator asks for it.

use clarateach_protocol::id::WorkshopId;
use clarateach_protocol::seat::{Binding, BoundLearner};

use super::{Store, StoreError};
use crate::model::{DesiredSeat, DesiredWorkshop, Seat, Wanted, Workshop, WorkshopStatus};

impl Store {
    /// What should exist of one workshop; `None` when nothing is known of it or nothing should be
    /// done about it now (scheduled, ended).
    ///
    /// # Errors
    /// When a read fails.
    pub async fn desired(&self, id: &WorkshopId) -> Result<Option<DesiredWorkshop>, StoreError> {
        match self.workshop(*id).await? {
            Some(workshop) => Ok(desired(workshop, self.seats(*id).await?)),
            None => Ok(None),
        }
    }

    /// What should exist in all.
    ///
    /// # Errors
    /// When a read fails.
    pub async fn desired_all(&self) -> Result<Vec<DesiredWorkshop>, StoreError> {
        let mut all = Vec::new();
        for workshop in self.workshops().await? {
            let seats = self.seats(workshop.spec.id).await?;
            all.extend(desired(workshop, seats));
        }
        Ok(all)
    }
}

fn desired(workshop: Workshop, seats: Vec<Seat>) -> Option<DesiredWorkshop> {
    let wanted = match workshop.status {
        WorkshopStatus::Scheduled | WorkshopStatus::Ended => return None,
        WorkshopStatus::Ending => Wanted::Absent,
        WorkshopStatus::Provisioning | WorkshopStatus::Ready | WorkshopStatus::Failed => {
            Wanted::Present
        }
    };
    let env = &workshop.env.0;
    let seats = seats.into_iter().map(|seat| DesiredSeat {
        number: seat.key.seat,
        generation: seat.generation,
        disk: seat.disk,
        kept: seat.kept,
        binding: Binding {
            learner: seat.assignment.map(|assignment| BoundLearner {
                name: assignment.name,
            }),
            env: env.clone(),
            files: Vec::new(),
        },
    });
    let seats = match wanted {
        Wanted::Present => seats.collect(),
        Wanted::Absent => Vec::new(),
    };
    Some(DesiredWorkshop {
        spec: workshop.spec,
        wanted,
        seats,
    })
}
