//! Learners on seats: taking the first free one, and finding one's own again.

use clarateach_protocol::id::WorkshopId;
use rusqlite::{Connection, OptionalExtension, params};
use time::OffsetDateTime;

use super::rows::{self, SEAT_COLUMNS};
use super::{Store, StoreError};
use crate::model::Seat;

/// A learner who wants a seat.
#[derive(Debug, Clone)]
pub struct NewAssignment {
    /// Random.
    pub id: String,
    /// The workshop.
    pub workshop: WorkshopId,
    /// Who.
    pub name: String,
    /// SHA-256 of their reconnect code.
    pub reconnect_hash: [u8; 32],
    /// The client's id of this attempt: a repeat gets the same seat.
    pub request_id: Option<String>,
    /// When.
    pub joined_at: OffsetDateTime,
}

/// How an attempt to sit down went.
#[derive(Debug, Clone)]
pub enum Seated {
    /// On this seat, which has the assignment; an earlier attempt's when it was a repeat.
    On(Box<Seat>),
    /// Every seat has its learner.
    Full,
    /// Seats are free, but none can be used just now.
    NoneReady,
    /// The workshop is not open: scheduled, failed, or ending.
    NotOpen,
}

impl Store {
    /// Puts a learner on the free, ready seat with the lowest number, in one commit.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn assign_seat(&self, new: NewAssignment) -> Result<Seated, StoreError> {
        self.write("assign a seat", move |db| assign(db, &new))
            .await
    }

    /// The seat of a reconnect code's hash in a workshop.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn seat_of_reconnect(
        &self,
        workshop: WorkshopId,
        reconnect_hash: [u8; 32],
    ) -> Result<Option<Seat>, StoreError> {
        self.read("look up a reconnect code", move |db| {
            assigned_seat(
                db,
                "a.workshop = ?1 AND a.reconnect_hash = ?2",
                params![workshop.to_string(), reconnect_hash],
            )
        })
        .await
    }
}

fn assign(db: &Connection, new: &NewAssignment) -> rusqlite::Result<Seated> {
    let workshop = new.workshop.to_string();
    if let Some(request_id) = &new.request_id {
        let repeat = assigned_seat(
            db,
            "a.workshop = ?1 AND a.request_id = ?2",
            params![workshop, request_id],
        )?;
        if let Some(seat) = repeat {
            return Ok(Seated::On(Box::new(seat)));
        }
    }
    let open = db
        .prepare_cached(
            "SELECT 1 FROM workshops WHERE id = ?1 AND status IN ('provisioning', 'ready')",
        )?
        .exists([&workshop])?;
    if !open {
        return Ok(Seated::NotOpen);
    }
    let free = "SELECT s.number FROM seats s INDEXED BY free_seats
                WHERE s.workshop = ?1 AND s.taken = 0 AND s.locked_at IS NULL";
    let ready: Option<u16> = db
        .prepare_cached(&format!(
            "{free} AND s.condition = 'ready' ORDER BY s.number LIMIT 1"
        ))?
        .query_row([&workshop], |row| row.get(0))
        .optional()?;
    let Some(number) = ready else {
        let coming = db
            .prepare_cached(&format!(
                "{free} AND s.condition IN ('provisioning', 'recovering')"
            ))?
            .exists([&workshop])?;
        return Ok(if coming {
            Seated::NoneReady
        } else {
            Seated::Full
        });
    };
    db.prepare_cached(
        "INSERT INTO assignments (id, workshop, seat, name, reconnect_hash, request_id, joined_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        new.id,
        workshop,
        number,
        new.name,
        new.reconnect_hash,
        new.request_id,
        rows::millis(new.joined_at)
    ])?;
    let seat = assigned_seat(db, "a.id = ?1", params![new.id])?;
    Ok(seat.map_or(Seated::Full, |seat| Seated::On(Box::new(seat))))
}

fn assigned_seat(
    db: &Connection,
    which: &str,
    values: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<Option<Seat>> {
    db.prepare_cached(&format!(
        "SELECT {SEAT_COLUMNS} FROM assignments a
         JOIN seats s ON s.workshop = a.workshop AND s.number = a.seat WHERE {which}"
    ))?
    .query_row(values, rows::seat)
    .optional()
}
