//! API tokens: stored as their hash, shown without it.

use rusqlite::{OptionalExtension, Row, params};
use time::OffsetDateTime;

use super::instructors::instructor;
use super::rows::{millis, time};
use super::{Store, StoreError, TokenHash};
use crate::model::{ApiToken, Instructor};

/// Uses closer together than this are not written down again.
const USE_MILLIS: i64 = 60_000;

impl Store {
    /// Stores an API token of an instructor.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn insert_token(
        &self,
        token: ApiToken,
        hash: TokenHash,
        instructor: String,
    ) -> Result<(), StoreError> {
        self.write("store the API token", move |db| {
            db.execute(
                "INSERT INTO api_tokens (id, token_hash, instructor, name, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![token.id, hash, instructor, token.name, millis(token.created_at)],
            )?;
            Ok(())
        })
        .await
    }

    /// An instructor's API tokens, oldest first.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn tokens(&self, instructor: String) -> Result<Vec<ApiToken>, StoreError> {
        self.read("list the API tokens", move |db| {
            db.prepare_cached(
                "SELECT id, name, created_at, last_used_at FROM api_tokens
                 WHERE instructor = ?1 ORDER BY created_at, id",
            )?
            .query_map([instructor], api_token)?
            .collect()
        })
        .await
    }

    /// Whose an API token is. Remembers that it was used at `now`, at most once a minute.
    ///
    /// # Errors
    /// When the read or the write fails.
    pub async fn use_token(
        &self,
        hash: TokenHash,
        now: OffsetDateTime,
    ) -> Result<Option<Instructor>, StoreError> {
        let now = millis(now);
        let found = self
            .read("look up the API token", move |db| {
                db.prepare_cached(
                    "SELECT i.id AS id, i.name AS name, t.last_used_at AS last_used_at
                     FROM api_tokens t JOIN instructors i ON i.id = t.instructor
                     WHERE t.token_hash = ?1",
                )?
                .query_row([hash], |row| {
                    let last: Option<i64> = row.get("last_used_at")?;
                    Ok((instructor(row)?, last))
                })
                .optional()
            })
            .await?;
        let Some((owner, last)) = found else {
            return Ok(None);
        };
        if last.is_none_or(|last| last <= now - USE_MILLIS) {
            self.write("store the API token's use", move |db| {
                db.execute(
                    "UPDATE api_tokens SET last_used_at = ?2 WHERE token_hash = ?1",
                    params![hash, now],
                )
            })
            .await?;
        }
        Ok(Some(owner))
    }

    /// Forgets an instructor's API token. `false`: they have none of that id.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn delete_token(&self, instructor: String, id: String) -> Result<bool, StoreError> {
        self.write("revoke the API token", move |db| {
            let deleted = db.execute(
                "DELETE FROM api_tokens WHERE instructor = ?1 AND id = ?2",
                params![instructor, id],
            )?;
            Ok(deleted > 0)
        })
        .await
    }
}

fn api_token(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    let last: Option<i64> = row.get("last_used_at")?;
    Ok(ApiToken {
        id: row.get("id")?,
        name: row.get("name")?,
        created_at: time(row.get("created_at")?)?,
        last_used_at: last.map(time).transpose()?,
    })
}
