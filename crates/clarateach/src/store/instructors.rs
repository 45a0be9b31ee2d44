//! Instructors and their sessions.

use rusqlite::{OptionalExtension, Row, params};
use time::OffsetDateTime;

use super::rows::millis;
use super::{Store, StoreError};
use crate::model::Instructor;

/// SHA-256 of a session's or an API token.
pub type TokenHash = [u8; 32];

impl Store {
    /// Whether anybody can sign in yet.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn has_instructor(&self) -> Result<bool, StoreError> {
        self.read("look for an instructor", |db| {
            db.prepare_cached("SELECT 1 FROM instructors")?.exists([])
        })
        .await
    }

    /// Every instructor with the hash of their password.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn instructors(&self) -> Result<Vec<(Instructor, String)>, StoreError> {
        self.read("list the instructors", |db| {
            db.prepare_cached(
                "SELECT id, name, password_hash FROM instructors ORDER BY created_at",
            )?
            .query_map([], |row| Ok((instructor(row)?, row.get("password_hash")?)))?
            .collect()
        })
        .await
    }

    /// Makes the first instructor. `false`: there is one already.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn insert_first_instructor(
        &self,
        new: Instructor,
        password_hash: String,
    ) -> Result<bool, StoreError> {
        let now = millis(OffsetDateTime::now_utc());
        self.write("store the instructor", move |db| {
            let inserted = db.execute(
                "INSERT INTO instructors (id, name, password_hash, created_at)
                 SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM instructors)",
                params![new.id, new.name, password_hash, now],
            )?;
            Ok(inserted > 0)
        })
        .await
    }

    /// Gives an instructor another password and ends their sessions.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn set_password(&self, id: String, password_hash: String) -> Result<(), StoreError> {
        self.write("store the password", move |db| {
            db.execute(
                "UPDATE instructors SET password_hash = ?2 WHERE id = ?1",
                params![id, password_hash],
            )?;
            db.execute("DELETE FROM sessions WHERE instructor = ?1", [id])?;
            Ok(())
        })
        .await
    }

    /// Stores a session and drops expired ones.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn insert_session(
        &self,
        token: TokenHash,
        instructor: String,
        expires_at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let now = millis(OffsetDateTime::now_utc());
        self.write("store the session", move |db| {
            db.execute("DELETE FROM sessions WHERE expires_at <= ?1", [now])?;
            db.execute(
                "INSERT INTO sessions (token_hash, instructor, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
                params![token, instructor, now, millis(expires_at)],
            )?;
            Ok(())
        })
        .await
    }

    /// Whose session a token is, and until when.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn session(
        &self,
        token: TokenHash,
    ) -> Result<Option<(Instructor, OffsetDateTime)>, StoreError> {
        let now = millis(OffsetDateTime::now_utc());
        self.read("look up the session", move |db| {
            db.prepare_cached(
                "SELECT i.id AS id, i.name AS name, s.expires_at AS expires_at FROM sessions s
                 JOIN instructors i ON i.id = s.instructor WHERE s.token_hash = ?1 AND s.expires_at > ?2",
            )?
            .query_row(params![token, now], |row| {
                let seconds = row.get::<_, i64>("expires_at")? / 1000;
                let expires_at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
                Ok((instructor(row)?, expires_at))
            })
            .optional()
        })
        .await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn delete_session(&self, token: TokenHash) -> Result<(), StoreError> {
        self.write("end the session", move |db| {
            db.execute("DELETE FROM sessions WHERE token_hash = ?1", params![token])?;
            Ok(())
        })
        .await
    }
}

pub(super) fn instructor(row: &Row<'_>) -> rusqlite::Result<Instructor> {
    Ok(Instructor {
        id: row.get("id")?,
        name: row.get("name")?,
    })
}
