//! Which workshop an `Idempotency-Key` made: written in one commit with the workshop.

use std::time::Duration;

use clarateach_protocol::id::WorkshopId;
use rusqlite::{Connection, OptionalExtension, params};
use time::OffsetDateTime;

use super::rows::{millis, parse};
use super::workshops::{insert_row, insert_seats};
use super::{NewWorkshop, Store, StoreError};

/// How long a key is remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// What tells a repeat of a request from a second one.
#[derive(Debug, Clone)]
pub struct RequestKey {
    /// Whose key it is.
    pub instructor: String,
    /// What the client made up.
    pub key: String,
    /// SHA-256 of the request's body.
    pub body_hash: [u8; 32],
}

/// How an insertion went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// The workshop is stored, and its key with it.
    Stored,
    /// Its id or code is taken; draw others.
    Taken,
    /// A request of this key made a workshop before.
    Repeat {
        /// Which one.
        workshop: WorkshopId,
        /// SHA-256 of that request's body.
        body_hash: [u8; 32],
    },
}

impl Store {
    /// Inserts a workshop and its seats, once for each key; forgets keys that are too old.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn insert_workshop_once(
        &self,
        new: NewWorkshop,
        key: Option<RequestKey>,
    ) -> Result<Inserted, StoreError> {
        let now = new.workshop.created_at;
        self.write("store the workshop", move |db| {
            if let Some(key) = &key
                && let Some((workshop, body_hash)) = find(db, key, now)?
            {
                return Ok(Inserted::Repeat {
                    workshop,
                    body_hash,
                });
            }
            let id = new.workshop.spec.id;
            if !insert_row(db, &new.workshop)? {
                return Ok(Inserted::Taken);
            }
            insert_seats(db, &id, 1..=new.seats)?;
            if let Some(key) = &key {
                remember(db, key, &id, now)?;
            }
            Ok(Inserted::Stored)
        })
        .await
    }

    /// The workshop that a request of this key made, and SHA-256 of that request's body.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn made_by(
        &self,
        key: RequestKey,
        now: OffsetDateTime,
    ) -> Result<Option<(WorkshopId, [u8; 32])>, StoreError> {
        self.read("look up the idempotency key", move |db| find(db, &key, now))
            .await
    }
}

/// Notes which workshop a request of this key made; forgets keys that are too old.
pub(super) fn remember(
    db: &Connection,
    key: &RequestKey,
    workshop: &WorkshopId,
    now: OffsetDateTime,
) -> rusqlite::Result<()> {
    db.execute(
        "DELETE FROM idempotency_keys WHERE created_at <= ?1",
        [millis(now - REMEMBERED)],
    )?;
    db.execute(
        "INSERT INTO idempotency_keys (instructor, key, body_hash, workshop, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            key.instructor,
            key.key,
            key.body_hash,
            workshop.to_string(),
            millis(now)
        ],
    )?;
    Ok(())
}

pub(super) fn find(
    db: &Connection,
    key: &RequestKey,
    now: OffsetDateTime,
) -> rusqlite::Result<Option<(WorkshopId, [u8; 32])>> {
    db.prepare_cached(
        "SELECT workshop, body_hash FROM idempotency_keys
         WHERE instructor = ?1 AND key = ?2 AND created_at > ?3",
    )?
    .query_row(
        params![key.instructor, key.key, millis(now - REMEMBERED)],
        |row| Ok((parse(row, "workshop")?, row.get("body_hash")?)),
    )
    .optional()
}
