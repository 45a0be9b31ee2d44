//! API tokens: what programs sign in with, until their instructor revokes them.

use time::OffsetDateTime;

use super::{Error, Service, input};
use crate::auth::secret;
use crate::model::{ApiToken, Instructor};

impl Service {
    /// Makes an API token. Answers with its text too, which nobody can read again.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is none.
    pub async fn create_token(
        &self,
        owner: &Instructor,
        name: &str,
    ) -> Result<(ApiToken, String), Error> {
        let text = secret::api_token();
        let token = ApiToken {
            id: secret::random_id("tk"),
            name: input::name("name", name)?,
            created_at: OffsetDateTime::now_utc(),
            last_used_at: None,
        };
        self.inner
            .store
            .insert_token(token.clone(), secret::hash(&text), owner.id.clone())
            .await?;
        tracing::info!(token = %token.id, instructor = %owner.id, "API token created");
        Ok((token, text))
    }

    /// An instructor's API tokens, oldest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn tokens(&self, owner: &Instructor) -> Result<Vec<ApiToken>, Error> {
        Ok(self.inner.store.tokens(owner.id.clone()).await?)
    }

    /// Revokes an API token of this instructor: from here on it opens nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] when they have none of that id.
    pub async fn revoke_token(&self, owner: &Instructor, id: String) -> Result<(), Error> {
        let (store, instructor) = (&self.inner.store, owner.id.clone());
        if !store.delete_token(instructor, id.clone()).await? {
            return Err(Error::NotFound("API token"));
        }
        self.inner.revoked.send_replace(());
        tracing::info!(token = %id, instructor = %owner.id, "API token revoked");
        Ok(())
    }

    /// Whose an API token is.
    ///
    /// # Errors
    /// [`Error::BadToken`] when it is nobody's.
    pub async fn token_owner(&self, text: &str) -> Result<Instructor, Error> {
        if !text.starts_with(secret::API_TOKEN_PREFIX) {
            return Err(Error::BadToken);
        }
        self.inner
            .store
            .use_token(secret::hash(text), OffsetDateTime::now_utc())
            .await?
            .ok_or(Error::BadToken)
    }
}
