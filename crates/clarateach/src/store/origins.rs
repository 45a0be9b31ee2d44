//! Own origins: ports that are open to the class, and numbers that stand for a seat's target.

use std::ops::RangeInclusive;

use clarateach_protocol::id::{Generation, SeatKey, SeatNumber};
use clarateach_protocol::origin::{SeatPort, Target};
use rusqlite::{Connection, OptionalExtension, Row, params};
use time::OffsetDateTime;

use super::rows;
use super::{Store, StoreError};
use crate::origins::{Audience, Numbered};

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noted<T> {
    /// Written down; what holds now.
    As(T),
    /// The seat is of another generation, or gone.
    Superseded,
    /// The seat has as many as one may.
    TooMany,
    /// None is free.
    Full,
}

/// Who asks for a number, and what it may be.
pub struct NumberWish {
    /// The seat.
    pub seat: SeatKey,
    /// What of it.
    pub target: Target,
    /// Where to choose from.
    pub range: RangeInclusive<u16>,
    /// Numbers that are no good.
    pub refused: Vec<u16>,
}

impl Store {
    /// Opens a port of a seat to the class or closes it; the open ones afterwards. At most `limit`.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn set_audience(
        &self,
        seat: SeatKey,
        generation: Generation,
        (port, audience): (SeatPort, Audience),
        limit: usize,
    ) -> Result<Noted<Vec<SeatPort>>, StoreError> {
        self.write("store the open port", move |db| {
            let (workshop, number) = (seat.workshop.to_string(), seat.seat.get());
            let current: Option<u32> = db
                .prepare_cached("SELECT generation FROM seats WHERE workshop = ?1 AND number = ?2")?
                .query_row(params![workshop, number], |row| row.get(0))
                .optional()?;
            if current != Some(generation.0) {
                return Ok(Noted::Superseded);
            }
            db.prepare_cached(
                "DELETE FROM open_ports WHERE workshop = ?1 AND seat = ?2 AND (generation <> ?3 OR port = ?4)",
            )?
            .execute(params![workshop, number, generation.0, port.get()])?;
            let mut open = open_ports(db, seat, generation)?;
            if audience == Audience::Class {
                if open.len() >= limit {
                    return Ok(Noted::TooMany);
                }
                db.prepare_cached(
                    "INSERT INTO open_ports (workshop, seat, generation, port) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![workshop, number, generation.0, port.get()])?;
                open.push(port);
            }
            Ok(Noted::As(open))
        })
        .await
    }

    /// Every port that is open to its class.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn all_open_ports(&self) -> Result<Vec<(SeatKey, SeatPort)>, StoreError> {
        self.read("list the open ports", |db| {
            db.prepare_cached(
                "SELECT o.workshop AS workshop, o.seat AS seat, o.port AS port FROM open_ports o
                 JOIN seats s ON s.workshop = o.workshop AND s.number = o.seat AND s.generation = o.generation",
            )?
            .query_map([], |row| Ok((seat_key(row)?, port(row)?)))?
            .collect()
        })
        .await
    }

    /// The number of a seat's target: the one that it has, or a free one, those never used first and
    /// then the one that has been free for longest.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn number(&self, wish: NumberWish, limit: usize) -> Result<Noted<u16>, StoreError> {
        self.write("store the preview port", move |db| {
            let (workshop, seat) = (wish.seat.workshop.to_string(), wish.seat.seat.get());
            let exists: Option<u16> = db
                .prepare_cached("SELECT number FROM seats WHERE workshop = ?1 AND number = ?2")?
                .query_row(params![workshop, seat], |row| row.get(0))
                .optional()?;
            if exists.is_none() {
                return Ok(Noted::Superseded);
            }
            let held: Vec<(u16, String)> = db
                .prepare_cached("SELECT number, target FROM preview_ports WHERE workshop = ?1 AND seat = ?2")?
                .query_map(params![workshop, seat], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let target = wish.target.to_string();
            let has = held.iter().find(|(_, held)| *held == target);
            match has {
                Some((number, _)) if wish.range.contains(number) && !wish.refused.contains(number) => {
                    return Ok(Noted::As(*number));
                }
                Some((number, _)) => free(db, "number = ?1", params![number])?,
                None if held.len() >= limit => return Ok(Noted::TooMany),
                None => {}
            }
            let Some(number) = free_number(db, &wish)? else {
                return Ok(Noted::Full);
            };
            db.prepare_cached(
                "INSERT INTO preview_ports (number, workshop, seat, target) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (number) DO UPDATE SET workshop = ?2, seat = ?3, target = ?4, freed_at = NULL",
            )?
            .execute(params![number, workshop, seat, target])?;
            Ok(Noted::As(number))
        })
        .await
    }

    /// Every number that stands for something.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn numbers(&self) -> Result<Vec<Numbered>, StoreError> {
        self.read("list the preview ports", |db| {
            db.prepare_cached(
                "SELECT number, workshop, seat, target FROM preview_ports WHERE workshop IS NOT NULL",
            )?
            .query_map([], |row| {
                Ok(Numbered {
                    number: row.get("number")?,
                    seat: seat_key(row)?,
                    target: rows::parse(row, "target")?,
                })
            })?
            .collect()
        })
        .await
    }
}

/// Frees the numbers of a workshop that is over.
pub(super) fn free_numbers_of(db: &Connection, workshop: &str) -> rusqlite::Result<()> {
    free(db, "workshop = ?1", params![workshop])
}

fn free(db: &Connection, which: &str, value: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<()> {
    let now = rows::millis(OffsetDateTime::now_utc());
    db.prepare_cached(&format!(
        "UPDATE preview_ports SET workshop = NULL, seat = NULL, target = NULL, freed_at = {now} WHERE {which}"
    ))?
    .execute(value)?;
    Ok(())
}

/// Browsers keep what a page stored by its number, so what was free for longest is used first.
fn free_number(db: &Connection, wish: &NumberWish) -> rusqlite::Result<Option<u16>> {
    let known: Vec<(u16, Option<i64>)> = db
        .prepare_cached("SELECT number, freed_at FROM preview_ports")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let usable = |number: &u16| !wish.refused.contains(number);
    let mut range = wish.range.clone();
    let never_used =
        range.find(|number| usable(number) && !known.iter().any(|(known, _)| known == number));
    let freed = known
        .iter()
        .filter(|(number, _)| wish.range.contains(number) && usable(number))
        .filter_map(|(number, freed)| Some((freed.as_ref()?, *number)))
        .min();
    Ok(never_used.or(freed.map(|(_, number)| number)))
}

fn open_ports(
    db: &Connection,
    seat: SeatKey,
    generation: Generation,
) -> rusqlite::Result<Vec<SeatPort>> {
    db.prepare_cached(
        "SELECT port FROM open_ports WHERE workshop = ?1 AND seat = ?2 AND generation = ?3 ORDER BY port",
    )?
    .query_map(
        params![seat.workshop.to_string(), seat.seat.get(), generation.0],
        port,
    )?
    .collect()
}

fn seat_key(row: &Row<'_>) -> rusqlite::Result<SeatKey> {
    let number: u16 = row.get("seat")?;
    Ok(SeatKey {
        workshop: rows::parse(row, "workshop")?,
        seat: SeatNumber::new(number).map_err(damaged)?,
    })
}

fn port(row: &Row<'_>) -> rusqlite::Result<SeatPort> {
    let number: u16 = row.get("port")?;
    SeatPort::new(number).map_err(damaged)
}

fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Integer, Box::new(error))
}
