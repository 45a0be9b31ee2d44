//! Seats: what was observed of them, and their generation.

use clarateach_protocol::id::{Generation, SeatKey, WorkshopId};
use rusqlite::{OptionalExtension, params};
use time::OffsetDateTime;

use super::rows::{self, SEAT_COLUMNS};
use super::{Store, StoreError};
use crate::model::{ObservedSeat, Seat, SeatLock};

/// Whether the learner stays when a seat is made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupancy {
    /// Reset: same learner, new generation.
    Keep,
    /// Release: the seat is free afterwards.
    End,
}

impl Store {
    /// A workshop's seats with their assignments, by number.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn seats(&self, workshop: WorkshopId) -> Result<Vec<Seat>, StoreError> {
        self.read("list the seats", move |db| {
            db.prepare_cached(&format!(
                "SELECT {SEAT_COLUMNS} FROM seats s
                 LEFT JOIN assignments a ON a.workshop = s.workshop AND a.seat = s.number
                 WHERE s.workshop = ?1 ORDER BY s.number"
            ))?
            .query_map([workshop.to_string()], rows::seat)?
            .collect()
        })
        .await
    }

    /// Every seat of every workshop that has not ended.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn all_seats(&self) -> Result<Vec<Seat>, StoreError> {
        self.read("list all seats", |db| {
            db.prepare_cached(&format!(
                "SELECT {SEAT_COLUMNS} FROM seats s
                 LEFT JOIN assignments a ON a.workshop = s.workshop AND a.seat = s.number
                 ORDER BY s.workshop, s.number"
            ))?
            .query_map([], rows::seat)?
            .collect()
        })
        .await
    }

    /// One seat with its assignment.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn seat(&self, key: SeatKey) -> Result<Option<Seat>, StoreError> {
        self.read("read the seat", move |db| find_seat(db, key))
            .await
    }

    /// Stores what was observed of a seat; of another generation it is ignored.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn observe_seat(
        &self,
        key: SeatKey,
        generation: Generation,
        observed: ObservedSeat,
    ) -> Result<(), StoreError> {
        self.write("store a seat's condition", move |db| {
            let (code, message) = observed
                .reason
                .map(|reason| (reason.code, reason.message))
                .unzip();
            db.prepare_cached(
                "UPDATE seats SET condition = ?4, reason_code = ?5, reason_message = ?6
                 WHERE workshop = ?1 AND number = ?2 AND generation = ?3",
            )?
            .execute(params![
                key.workshop.to_string(),
                key.seat.get(),
                generation.0,
                rows::condition(observed.condition),
                code,
                message
            ])?;
            Ok(())
        })
        .await
    }

    /// Locks a seat or opens it; one that is locked stays locked since when it was. The seat as it is
    /// afterwards; `None`: no such seat.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn lock_seat(
        &self,
        key: SeatKey,
        lock: SeatLock,
    ) -> Result<Option<Seat>, StoreError> {
        let locked_at = match lock {
            SeatLock::Locked => Some(rows::millis(OffsetDateTime::now_utc())),
            SeatLock::Open => None,
        };
        self.write("lock the seat", move |db| {
            db.prepare_cached(
                "UPDATE seats SET locked_at = iif(?3 IS NULL, NULL, coalesce(locked_at, ?3))
                 WHERE workshop = ?1 AND number = ?2",
            )?
            .execute(params![key.workshop.to_string(), key.seat.get(), locked_at])?;
            find_seat(db, key)
        })
        .await
    }

    /// Gives a seat its next generation, and ends its assignment when asked to. The seat as it is
    /// afterwards; `None`: no such seat, or its workshop is ending.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn renew_seat(
        &self,
        key: SeatKey,
        occupancy: Occupancy,
    ) -> Result<Option<Seat>, StoreError> {
        self.write("renew the seat", move |db| {
            let place = params![key.workshop.to_string(), key.seat.get()];
            let renewed = db
                .prepare_cached(
                    "UPDATE seats SET generation = generation + 1, condition = 'provisioning',
                            reason_code = NULL, reason_message = NULL
                     WHERE workshop = ?1 AND number = ?2
                       AND workshop IN (SELECT id FROM workshops WHERE status NOT IN ('ending', 'ended'))",
                )?
                .execute(place)?;
            if renewed == 0 {
                return Ok(None);
            }
            if occupancy == Occupancy::End {
                db.prepare_cached("DELETE FROM assignments WHERE workshop = ?1 AND seat = ?2")?.execute(place)?;
            }
            find_seat(db, key)
        })
        .await
    }
}

fn find_seat(db: &rusqlite::Connection, key: SeatKey) -> rusqlite::Result<Option<Seat>> {
    db.prepare_cached(&format!(
        "SELECT {SEAT_COLUMNS} FROM seats s
         LEFT JOIN assignments a ON a.workshop = s.workshop AND a.seat = s.number
         WHERE s.workshop = ?1 AND s.number = ?2"
    ))?
    .query_row(
        params![key.workshop.to_string(), key.seat.get()],
        rows::seat,
    )
    .optional()
}
