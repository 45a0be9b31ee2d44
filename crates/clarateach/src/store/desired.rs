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

    /// The workshops of which [`Store::desired`] knows something.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn desired_workshops(&self) -> Result<Vec<WorkshopId>, StoreError> {
        let workshops = self.all_workshops().await?.into_iter();
        let ids = workshops.map(|workshop| (wanted(workshop.status), workshop.spec.id));
        Ok(ids.filter_map(|(wanted, id)| wanted.map(|_| id)).collect())
    }
}

fn wanted(status: WorkshopStatus) -> Option<Wanted> {
    match status {
        WorkshopStatus::Scheduled | WorkshopStatus::Ended => None,
        WorkshopStatus::Ending => Some(Wanted::Absent),
        WorkshopStatus::Provisioning | WorkshopStatus::Ready | WorkshopStatus::Failed => {
            Some(Wanted::Present)
        }
    }
}

fn desired(workshop: Workshop, seats: Vec<Seat>) -> Option<DesiredWorkshop> {
    let wanted = wanted(workshop.status)?;
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
        kind: workshop.kind,
        wanted,
        seats,
    })
}
