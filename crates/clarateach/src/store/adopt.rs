//! Workshops that exist and that the database lost: written with their seats in one commit.

use clarateach_protocol::id::{Generation, SeatNumber};
use rusqlite::params;
use time::OffsetDateTime;

use super::rows::millis;
use super::workshops::insert_row;
use super::{Store, StoreError};
use crate::model::Workshop;

/// A workshop as it was found.
#[derive(Debug, Clone)]
pub struct AdoptedWorkshop {
    /// The row.
    pub workshop: Workshop,
    /// Its seats.
    pub seats: Vec<AdoptedSeat>,
}

/// A seat as it was found.
#[derive(Debug, Clone)]
pub struct AdoptedSeat {
    /// Its number.
    pub number: SeatNumber,
    /// The generation that is there.
    pub generation: Generation,
    /// The generation whose files it has.
    pub disk: Generation,
    /// Since when nobody gets in, where that must be so.
    pub locked_at: Option<OffsetDateTime>,
    /// Who sits there, where that is known.
    pub learner: Option<AdoptedLearner>,
}

/// A learner whose assignment was lost.
#[derive(Debug, Clone)]
pub struct AdoptedLearner {
    /// A new id of the assignment.
    pub assignment: String,
    /// Their name.
    pub name: String,
    /// SHA-256 of their new reconnect code.
    pub reconnect_hash: [u8; 32],
}

impl Store {
    /// Writes a workshop that exists. `false`: the database has its id or its code.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn adopt(&self, found: AdoptedWorkshop) -> Result<bool, StoreError> {
        self.write("adopt a workshop", move |db| {
            if !insert_row(db, &found.workshop)? {
                return Ok(false);
            }
            let id = found.workshop.spec.id.to_string();
            let now = millis(found.workshop.created_at);
            let mut seat_row = db.prepare_cached(
                // Files may be in it: what doesn't answer is brought back, not made anew.
                "INSERT INTO seats (workshop, number, generation, condition, disk, locked_at)
                 VALUES (?1, ?2, ?3, 'recovering', ?4, ?5)",
            )?;
            let mut learner_row = db.prepare_cached(
                "INSERT INTO assignments (id, workshop, seat, name, reconnect_hash, joined_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for seat in &found.seats {
                let disk = (seat.disk != seat.generation).then_some(seat.disk.0);
                let locked_at = seat.locked_at.map(millis);
                let number = seat.number.get();
                seat_row.execute(params![id, number, seat.generation.0, disk, locked_at])?;
                if let Some(learner) = &seat.learner {
                    learner_row.execute(params![
                        learner.assignment,
                        id,
                        number,
                        learner.name,
                        learner.reconnect_hash,
                        now
                    ])?;
                }
            }
            Ok(true)
        })
        .await
    }
}
