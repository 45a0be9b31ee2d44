//! Workshops made ahead: who asks for one that is alike gets it, in one commit.

use clarateach_protocol::id::WorkshopId;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::idempotency::{self, RequestKey};
use super::rows::{self, millis};
use super::{NewWorkshop, Store, StoreError};

/// How an attempt to claim one went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is the caller's now.
    Taken {
        /// Which.
        workshop: WorkshopId,
        /// How many seats it had; those above the number asked for are gone.
        seats_before: u16,
    },
    /// None is ready that is alike and has enough seats.
    None,
    /// A request of this key made a workshop before.
    Repeat {
        /// Which one.
        workshop: WorkshopId,
        /// SHA-256 of that request's body.
        body_hash: [u8; 32],
    },
}

impl Store {
    /// Gives the smallest ready standby workshop that `new` would fit to whoever asks: everything of
    /// `new` but its id is written to it, and the seats that it has more go.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn claim_standby(
        &self,
        new: NewWorkshop,
        key: Option<RequestKey>,
    ) -> Result<Claimed, StoreError> {
        self.write("claim a standby workshop", move |db| {
            let now = new.workshop.created_at;
            if let Some(key) = &key
                && let Some((workshop, body_hash)) = idempotency::find(db, key, now)?
            {
                return Ok(Claimed::Repeat {
                    workshop,
                    body_hash,
                });
            }
            let Some((workshop, seats_before)) = alike(db, &new)? else {
                return Ok(Claimed::None);
            };
            if !take(db, &workshop, &new)? {
                return Ok(Claimed::None);
            }
            if let Some(key) = &key {
                idempotency::remember(db, key, &workshop, now)?;
            }
            Ok(Claimed::Taken {
                workshop,
                seats_before,
            })
        })
        .await
    }
}

impl Store {
    /// Marks a standby workshop for removal, unless somebody claimed it meanwhile.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn end_standby(&self, id: WorkshopId) -> Result<bool, StoreError> {
        self.write("end a standby workshop", move |db| {
            let ended = db
                .prepare_cached(
                    "UPDATE workshops SET status = 'ending', reason_code = NULL, reason_message = NULL
                     WHERE id = ?1 AND standby = 1 AND status NOT IN ('ending', 'ended')",
                )?
                .execute([id.to_string()])?;
            Ok(ended > 0)
        })
        .await
    }
}

/// A ready one of the same spec whose first seats are all ready.
fn alike(db: &Connection, new: &NewWorkshop) -> rusqlite::Result<Option<(WorkshopId, u16)>> {
    let spec = &new.workshop.spec;
    db.prepare_cached(
        "SELECT w.id AS id, (SELECT count(*) FROM seats s WHERE s.workshop = w.id) AS seats
         FROM workshops w
         WHERE w.standby = 1 AND w.status = 'ready' AND w.image = :image
           AND w.memory_mib = :memory AND w.cpu_millis = :cpu AND w.pids = :pids AND w.disk_mib = :disk
           AND w.egress = :egress AND w.browser = :browser
           AND (SELECT count(*) FROM seats s
                WHERE s.workshop = w.id AND s.number <= :wanted AND s.condition = 'ready') = :wanted
         ORDER BY seats, w.created_at LIMIT 1",
    )?
    .query_row(
        named_params! {
            ":image": spec.image,
            ":memory": spec.resources.memory_mib,
            ":cpu": spec.resources.cpu_millis,
            ":pids": spec.resources.pids,
            ":disk": spec.resources.disk_mib,
            ":egress": rows::egress(&spec.egress),
            ":browser": rows::browser(spec.browser),
            ":wanted": new.seats,
        },
        |row| Ok((rows::parse(row, "id")?, row.get("seats")?)),
    )
    .optional()
}

/// `false`: the code is another workshop's.
fn take(db: &Connection, id: &WorkshopId, new: &NewWorkshop) -> rusqlite::Result<bool> {
    let workshop = &new.workshop;
    let taken = db
        .prepare_cached(
            "UPDATE OR IGNORE workshops SET standby = 0, name = ?2, code = ?3, owner = ?4, env = ?5,
                    created_at = ?6, starts_at = ?7, ends_at = ?8, idle_after = ?9, kept_until = ?10
             WHERE id = ?1",
        )?
        .execute(params![
            id.to_string(),
            workshop.name,
            workshop.code.to_string(),
            workshop.owner,
            rows::secrets(&workshop.env),
            millis(workshop.created_at),
            workshop.starts_at.map(millis),
            workshop.ends_at.map(millis),
            workshop.idle_after.map(rows::length_millis),
            workshop.kept_until.map(millis),
        ])?;
    if taken > 0 {
        db.prepare_cached("DELETE FROM seats WHERE workshop = ?1 AND number > ?2")?
            .execute(params![id.to_string(), new.seats])?;
    }
    Ok(taken > 0)
}
