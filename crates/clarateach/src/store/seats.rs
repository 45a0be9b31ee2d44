//! Seats: what was observed of them, and their generation.

use clarateach_protocol::id::{Generation, SeatKey, WorkshopId};
use rusqlite::{Connection, OptionalExtension, params};
use time::OffsetDateTime;

use super::rows::{self, SEAT_COLUMNS};
use super::{Store, StoreError};
use crate::model::{ObservedSeat, Seat, SeatCondition, SeatLock};

/// Whether the learner stays when a seat is made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupancy {
    /// Reset: same learner, new generation.
    Keep,
    /// Release: the seat is free afterwards.
    End,
}

/// Resets of a seat that can be undone, one after the other.
const RESETS_KEPT: u32 = 3;

/// What became of an undo.
#[derive(Debug, Clone)]
pub enum Undone {
    /// The seat as it is now.
    To(Box<Seat>),
    /// No reset of this learner's seat can be undone any more.
    Nothing,
    /// No such seat, or its workshop is ending.
    NoSeat,
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

    /// Gives a seat its next generation. Where its learner stays, the files of this one are kept until
    /// `until`; otherwise its assignment ends, and all that is kept of it with it. The seat as it is
    /// afterwards; `None`: no such seat, or its workshop is ending.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn renew_seat(
        &self,
        key: SeatKey,
        occupancy: Occupancy,
        until: OffsetDateTime,
    ) -> Result<Option<Seat>, StoreError> {
        self.write("renew the seat", move |db| {
            let place = params![key.workshop.to_string(), key.seat.get()];
            let Some(before) = find_seat(db, key)? else {
                return Ok(None);
            };
            let renewed = db
                .prepare_cached(
                    "UPDATE seats SET generation = generation + 1, disk = NULL, condition = 'provisioning',
                            reason_code = NULL, reason_message = NULL
                     WHERE workshop = ?1 AND number = ?2
                       AND workshop IN (SELECT id FROM workshops WHERE status NOT IN ('ending', 'ended'))",
                )?
                .execute(place)?;
            if renewed == 0 {
                return Ok(None);
            }
            match occupancy {
                Occupancy::Keep => keep_disk(db, &before, until)?,
                Occupancy::End => {
                    db.prepare_cached("DELETE FROM assignments WHERE workshop = ?1 AND seat = ?2")?.execute(place)?;
                    db.prepare_cached("DELETE FROM kept_disks WHERE workshop = ?1 AND seat = ?2")?.execute(place)?;
                }
            }
            find_seat(db, key)
        })
        .await
    }
}

impl Store {
    /// Gives a seat its next generation, with the files that its last reset left behind; those that it
    /// has now are not kept.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn undo_reset(
        &self,
        key: SeatKey,
        now: OffsetDateTime,
    ) -> Result<Undone, StoreError> {
        self.write("undo the reset", move |db| {
            let Some(seat) = find_seat(db, key)? else {
                return Ok(Undone::NoSeat);
            };
            let assignment = seat.assignment.map(|assignment| assignment.id);
            let kept: Option<u32> = db
                .prepare_cached(
                    "SELECT disk FROM kept_disks
                     WHERE workshop = ?1 AND seat = ?2 AND assignment IS ?3 AND until > ?4
                     ORDER BY until DESC, disk DESC LIMIT 1",
                )?
                .query_row(
                    params![key.workshop.to_string(), key.seat.get(), assignment, rows::millis(now)],
                    |row| row.get(0),
                )
                .optional()?;
            let Some(disk) = kept else {
                return Ok(Undone::Nothing);
            };
            let renewed = db
                .prepare_cached(
                    "UPDATE seats SET generation = generation + 1, disk = ?3, condition = 'provisioning',
                            reason_code = NULL, reason_message = NULL
                     WHERE workshop = ?1 AND number = ?2
                       AND workshop IN (SELECT id FROM workshops WHERE status NOT IN ('ending', 'ended'))",
                )?
                .execute(params![key.workshop.to_string(), key.seat.get(), disk])?;
            if renewed == 0 {
                return Ok(Undone::NoSeat);
            }
            db.prepare_cached("DELETE FROM kept_disks WHERE workshop = ?1 AND seat = ?2 AND disk = ?3")?
                .execute(params![key.workshop.to_string(), key.seat.get(), disk])?;
            let after = find_seat(db, key)?;
            Ok(after.map_or(Undone::NoSeat, |seat| Undone::To(Box::new(seat))))
        })
        .await
    }

    /// Forgets what was kept until now. Tells of which workshops.
    ///
    /// # Errors
    /// When a read or the write fails.
    pub async fn forget_kept(&self, now: OffsetDateTime) -> Result<Vec<WorkshopId>, StoreError> {
        let now = rows::millis(now);
        let due = move |db: &Connection| -> rusqlite::Result<Vec<WorkshopId>> {
            db.prepare_cached("SELECT DISTINCT workshop FROM kept_disks WHERE until <= ?1")?
                .query_map([now], |row| rows::parse(row, "workshop"))?
                .collect()
        };
        if self
            .read("look for disks kept for too long", due)
            .await?
            .is_empty()
        {
            return Ok(Vec::new());
        }
        self.write("forget disks kept for too long", move |db| {
            let workshops = due(db)?;
            db.prepare_cached("DELETE FROM kept_disks WHERE until <= ?1")?
                .execute([now])?;
            Ok(workshops)
        })
        .await
    }
}

/// Keeps the files that a seat has, and those of the last resets before. What was never ready has
/// nothing in it, and pushes nothing out.
fn keep_disk(db: &Connection, seat: &Seat, until: OffsetDateTime) -> rusqlite::Result<()> {
    if seat.observed.condition == SeatCondition::Provisioning {
        return Ok(());
    }
    let (workshop, number) = (seat.key.workshop.to_string(), seat.key.seat.get());
    let assignment = seat.assignment.as_ref().map(|assignment| &assignment.id);
    db.prepare_cached(
        "INSERT INTO kept_disks (workshop, seat, disk, assignment, until) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![workshop, number, seat.disk.0, assignment, rows::millis(until)])?;
    db.prepare_cached(
        "DELETE FROM kept_disks WHERE workshop = ?1 AND seat = ?2 AND disk NOT IN
            (SELECT disk FROM kept_disks WHERE workshop = ?1 AND seat = ?2
             ORDER BY until DESC, disk DESC LIMIT ?3)",
    )?
    .execute(params![workshop, number, RESETS_KEPT])?;
    Ok(())
}

fn find_seat(db: &Connection, key: SeatKey) -> rusqlite::Result<Option<Seat>> {
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
