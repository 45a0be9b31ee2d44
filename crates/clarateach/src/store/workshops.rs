//! Workshops: made with their seats in one commit, and kept as a name and a code after their end.

use std::time::Duration;

use clarateach_protocol::code::JoinCode;
use clarateach_protocol::id::{Generation, WorkshopId};
use rusqlite::{Connection, OptionalExtension, named_params, params};
use time::OffsetDateTime;

use super::rows;
use super::{Store, StoreError};
use crate::model::{Amounts, Reason, Workshop, WorkshopKind, WorkshopStatus};

/// A workshop to insert, with its seats.
#[derive(Debug, Clone)]
pub struct NewWorkshop {
    /// The row.
    pub workshop: Workshop,
    /// How many seats, numbered from 1.
    pub seats: u16,
}

/// A workshop that ends when nobody uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdleRule {
    /// Which.
    pub workshop: WorkshopId,
    /// For how long nobody must have used it.
    pub after: Duration,
    /// Until then a class is on.
    pub kept_until: Option<OffsetDateTime>,
}

impl Store {
    /// Inserts a workshop and its seats. `false`: its id or code is taken; draw others.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn insert_workshop(&self, new: NewWorkshop) -> Result<bool, StoreError> {
        self.write("store the workshop", move |db| {
            if !insert_row(db, &new.workshop)? {
                return Ok(false);
            }
            insert_seats(db, &new.workshop.spec.id, 1..=new.seats)?;
            Ok(true)
        })
        .await
    }

    /// One workshop, ended ones included.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn workshop(&self, id: WorkshopId) -> Result<Option<Workshop>, StoreError> {
        self.read("read the workshop", move |db| {
            db.prepare_cached("SELECT * FROM workshops WHERE id = ?1")?
                .query_row([id.to_string()], rows::workshop)
                .optional()
        })
        .await
    }

    /// The workshop of a join code, ended ones included.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn workshop_of_code(&self, code: JoinCode) -> Result<Option<Workshop>, StoreError> {
        self.read("look up the join code", move |db| {
            db.prepare_cached("SELECT * FROM workshops WHERE code = ?1 AND standby = 0")?
                .query_row([code.to_string()], rows::workshop)
                .optional()
        })
        .await
    }

    /// Every class that has not ended, newest first.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn workshops(&self) -> Result<Vec<Workshop>, StoreError> {
        let mut all = self.all_workshops().await?;
        all.retain(|workshop| workshop.kind == WorkshopKind::Class);
        Ok(all)
    }

    /// The same with those that nobody asked for yet.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn all_workshops(&self) -> Result<Vec<Workshop>, StoreError> {
        self.read("list the workshops", |db| {
            db.prepare_cached(
                "SELECT * FROM workshops WHERE status <> 'ended' ORDER BY created_at DESC, id",
            )?
            .query_map([], rows::workshop)?
            .collect()
        })
        .await
    }

    /// What the seats of workshops count with together. Scheduled ones hold nothing yet.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn taken(&self, kind: WorkshopKind) -> Result<Amounts, StoreError> {
        self.read("add up what seats may use", move |db| {
            let sizes = db
                .prepare_cached(
                    "SELECT count(*) AS seats, memory_mib, cpu_millis, pids, disk_mib, browser
                     FROM workshops w JOIN seats s ON s.workshop = w.id
                     WHERE w.status IN ('provisioning', 'ready', 'failed') AND w.standby = ?1
                     GROUP BY w.id",
                )?
                .query_map([kind == WorkshopKind::Standby], |row| {
                    Ok(Amounts::with_browsers(
                        row.get::<_, u32>("seats")?.into(),
                        rows::resources(row)?,
                        rows::read_browser(&row.get::<_, String>("browser")?)?,
                    ))
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(sizes.into_iter().sum())
        })
        .await
    }

    /// Sets a workshop's status, unless it is ending or ended: from there only
    /// [`Store::workshop_gone`] leads on. Tells whether it was changed.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn set_workshop_status(
        &self,
        id: WorkshopId,
        status: WorkshopStatus,
        reason: Option<Reason>,
    ) -> Result<bool, StoreError> {
        self.write("store the workshop's status", move |db| {
            let (code, message) = reason.map(|reason| (reason.code, reason.message)).unzip();
            let changed = db
                .prepare_cached(
                    "UPDATE workshops SET status = ?2, reason_code = ?3, reason_message = ?4
                     WHERE id = ?1 AND status NOT IN ('ending', 'ended')",
                )?
                .execute(params![
                    id.to_string(),
                    rows::workshop_status(status),
                    code,
                    message
                ])?;
            Ok(changed > 0)
        })
        .await
    }

    /// Forgets everything of a workshop but its name and code, and calls it ended.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn workshop_gone(&self, id: WorkshopId) -> Result<(), StoreError> {
        let now = rows::millis(OffsetDateTime::now_utc());
        self.write("forget the workshop", move |db| {
            db.prepare_cached("DELETE FROM seats WHERE workshop = ?1")?.execute([id.to_string()])?;
            super::origins::free_numbers_of(db, &id.to_string())?;
            db.prepare_cached(
                "UPDATE workshops SET status = 'ended', env = '{}', reason_code = NULL, reason_message = NULL,
                        ended_at = coalesce(ended_at, ?2) WHERE id = ?1",
            )?
            .execute(params![id.to_string(), now])?;
            Ok(())
        })
        .await
    }

    /// Adds `count` seats behind the highest number, at most up to `limit` in all. Tells how many
    /// there are now; `None`: there would be too many, or the workshop is ending.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn add_seats(
        &self,
        id: WorkshopId,
        count: u16,
        limit: u16,
    ) -> Result<Option<u16>, StoreError> {
        self.write("add seats", move |db| {
            let open = db
                .prepare_cached(
                    "SELECT 1 FROM workshops WHERE id = ?1 AND status NOT IN ('ending', 'ended')",
                )?
                .exists([id.to_string()])?;
            if !open {
                return Ok(None);
            }
            let highest: u16 = db
                .prepare_cached("SELECT coalesce(max(number), 0) FROM seats WHERE workshop = ?1")?
                .query_row([id.to_string()], |row| row.get(0))?;
            let Some(total) = highest.checked_add(count).filter(|total| *total <= limit) else {
                return Ok(None);
            };
            insert_seats(db, &id, highest + 1..=total)?;
            Ok(Some(total))
        })
        .await
    }

    /// Scheduled workshops that start before `starting`.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn workshops_to_start(
        &self,
        starting: OffsetDateTime,
    ) -> Result<Vec<(WorkshopId, bool)>, StoreError> {
        let starting = rows::millis(starting);
        self.read("look for workshops that start", move |db| {
            db.prepare_cached(
                "SELECT id, overcommit FROM workshops
                 WHERE status = 'scheduled' AND starts_at <= ?1 ORDER BY starts_at, created_at",
            )?
            .query_map([starting], |row| {
                Ok((rows::parse(row, "id")?, row.get("overcommit")?))
            })?
            .collect()
        })
        .await
    }

    /// Remembers of a scheduled workshop that it may be overcommitted when it is made.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn allow_overcommit(&self, id: WorkshopId) -> Result<(), StoreError> {
        self.write("store that a workshop may be overcommitted", move |db| {
            db.prepare_cached("UPDATE workshops SET overcommit = 1 WHERE id = ?1")?
                .execute([id.to_string()])?;
            Ok(())
        })
        .await
    }

    /// Every workshop that ends by itself, and when.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn ends(&self) -> Result<Vec<(WorkshopId, OffsetDateTime)>, StoreError> {
        self.read("look for workshops that end", |db| {
            db.prepare_cached(
                "SELECT id, ends_at FROM workshops
                 WHERE status NOT IN ('ending', 'ended') AND ends_at IS NOT NULL",
            )?
            .query_map([], |row| {
                Ok((rows::parse(row, "id")?, rows::time(row.get("ends_at")?)?))
            })?
            .collect()
        })
        .await
    }

    /// Sets when a workshop ends (`None`: as before), and until when a class is on. `false`: it is ending
    /// or ended.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn set_end(
        &self,
        id: WorkshopId,
        ends_at: Option<OffsetDateTime>,
        kept_until: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let (ends_at, kept_until) = (ends_at.map(rows::millis), rows::millis(kept_until));
        self.write("store the workshop's end", move |db| {
            let changed = db
                .prepare_cached(
                    "UPDATE workshops SET ends_at = coalesce(?2, ends_at), kept_until = ?3
                     WHERE id = ?1 AND status NOT IN ('ending', 'ended')",
                )?
                .execute(params![id.to_string(), ends_at, kept_until])?;
            Ok(changed > 0)
        })
        .await
    }

    /// Every workshop that is ready and ends when nobody uses it.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn idle_rules(&self) -> Result<Vec<IdleRule>, StoreError> {
        self.read("look for workshops that end when nobody uses them", |db| {
            db.prepare_cached(
                "SELECT id, idle_after, kept_until FROM workshops
                 WHERE status = 'ready' AND standby = 0 AND idle_after IS NOT NULL",
            )?
            .query_map([], |row| {
                Ok(IdleRule {
                    workshop: rows::parse(row, "id")?,
                    after: rows::length(row, "idle_after")?.unwrap_or_default(),
                    kept_until: row
                        .get::<_, Option<i64>>("kept_until")?
                        .map(rows::time)
                        .transpose()?,
                })
            })?
            .collect()
        })
        .await
    }

    /// Marks a workshop for removal; learners can't join from this commit on. Tells whether there
    /// is anything to remove; `None`: no such workshop.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn end_workshop(&self, id: WorkshopId) -> Result<Option<bool>, StoreError> {
        self.write("end the workshop", move |db| {
            let status: Option<String> = db
                .prepare_cached("SELECT status FROM workshops WHERE id = ?1")?
                .query_row([id.to_string()], |row| row.get(0))
                .optional()?;
            let Some(status) = status else { return Ok(None) };
            if status == rows::workshop_status(WorkshopStatus::Ended) {
                return Ok(Some(false));
            }
            db.prepare_cached("UPDATE workshops SET status = 'ending', reason_code = NULL, reason_message = NULL WHERE id = ?1")?
                .execute([id.to_string()])?;
            db.prepare_cached("UPDATE seats SET condition = 'terminating', reason_code = NULL, reason_message = NULL WHERE workshop = ?1")?
                .execute([id.to_string()])?;
            Ok(Some(true))
        })
        .await
    }
}

pub(super) fn insert_row(db: &Connection, workshop: &Workshop) -> rusqlite::Result<bool> {
    let resources = workshop.spec.resources;
    let inserted = db
        .prepare_cached(
            "INSERT INTO workshops (id, name, code, owner, status, image, memory_mib, cpu_millis, pids, disk_mib,
                                    egress, browser, env, created_at, starts_at, ends_at, idle_after, kept_until,
                                    standby)
             VALUES (:id, :name, :code, :owner, :status, :image, :memory_mib, :cpu_millis, :pids, :disk_mib,
                     :egress, :browser, :env, :created_at, :starts_at, :ends_at, :idle_after, :kept_until,
                     :standby)
             ON CONFLICT DO NOTHING",
        )?
        .execute(named_params! {
            ":id": workshop.spec.id.to_string(),
            ":name": workshop.name,
            ":code": workshop.code.to_string(),
            ":owner": workshop.owner,
            ":status": rows::workshop_status(workshop.status),
            ":image": workshop.spec.image,
            ":memory_mib": resources.memory_mib,
            ":cpu_millis": resources.cpu_millis,
            ":pids": resources.pids,
            ":disk_mib": resources.disk_mib,
            ":egress": rows::egress(&workshop.spec.egress),
            ":browser": rows::browser(workshop.spec.browser),
            ":env": rows::secrets(&workshop.env),
            ":created_at": rows::millis(workshop.created_at),
            ":starts_at": workshop.starts_at.map(rows::millis),
            ":ends_at": workshop.ends_at.map(rows::millis),
            ":idle_after": workshop.idle_after.map(rows::length_millis),
            ":kept_until": workshop.kept_until.map(rows::millis),
            ":standby": workshop.kind == WorkshopKind::Standby,
        })?;
    Ok(inserted > 0)
}

pub(super) fn insert_seats(
    db: &Connection,
    id: &WorkshopId,
    numbers: std::ops::RangeInclusive<u16>,
) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO seats (workshop, number, generation, condition) VALUES (?1, ?2, ?3, 'provisioning')",
    )?;
    for number in numbers {
        insert.execute(params![id.to_string(), number, Generation::FIRST.0])?;
    }
    Ok(())
}
