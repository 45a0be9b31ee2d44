//! Instructors: the one-time set-up, signing in, sessions.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::{Error, Service, input};
use crate::auth::{password, secret};
use crate::model::Instructor;

/// How long a session lasts.
const SESSION: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// The name of an instructor who gave none.
const DEFAULT_NAME: &str = "Instructor";

/// The secret of the set-up link, while nobody can sign in; in memory only.
#[derive(Default)]
pub(super) struct Setup {
    secret: Mutex<Option<String>>,
    used: CancellationToken,
}

/// A session that was opened or found.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Whose.
    pub instructor: Instructor,
    /// Until when.
    pub expires_at: OffsetDateTime,
}

impl Service {
    /// The secret of the one-time set-up link; `None` once there is an instructor.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn setup_secret(&self) -> Result<Option<String>, Error> {
        if self.inner.store.has_instructor().await? {
            return Ok(None);
        }
        let mut secret = self
            .inner
            .setup
            .secret
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(Some(
            secret.get_or_insert_with(secret::random_token).clone(),
        ))
    }

    /// Waits until the set-up link was used.
    pub async fn until_set_up(&self) {
        self.inner.setup.used.cancelled().await;
    }

    /// Makes the first instructor, for whoever holds the set-up link. Answers with a session's token.
    ///
    /// # Errors
    /// [`Error::BadSetupSecret`] when the link is used or wrong, [`Error::Invalid`] for a short password.
    pub async fn set_up(
        &self,
        address: IpAddr,
        given: &str,
        name: Option<&str>,
        new_password: String,
    ) -> Result<(String, SignedIn), Error> {
        self.inner.sign_in_failures.check(address)?;
        let expected = self.setup_secret().await?;
        if !expected.is_some_and(|expected| secret::equal(&expected, given)) {
            self.inner.sign_in_failures.failed(address);
            return Err(Error::BadSetupSecret);
        }
        check_password(&new_password)?;
        let instructor = Instructor {
            id: secret::random_id("in"),
            name: name.map_or(Ok(DEFAULT_NAME.to_owned()), |name| {
                input::name("name", name)
            })?,
        };
        let hash = password::hash(new_password).await;
        if !self
            .inner
            .store
            .insert_first_instructor(instructor.clone(), hash)
            .await?
        {
            return Err(Error::BadSetupSecret);
        }
        *self
            .inner
            .setup
            .secret
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
        self.inner.setup.used.cancel();
        self.open_session(instructor).await
    }

    /// Sets the password from the operator's file; makes the instructor when there is none.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a short password, or when the store can't be written.
    pub async fn set_password_from_operator(&self, new_password: String) -> Result<(), Error> {
        check_password(&new_password)?;
        match self.inner.store.instructors().await?.into_iter().next() {
            None => {
                let instructor = Instructor {
                    id: secret::random_id("in"),
                    name: DEFAULT_NAME.to_owned(),
                };
                self.inner
                    .store
                    .insert_first_instructor(instructor, password::hash(new_password).await)
                    .await?;
            }
            Some((instructor, phc)) => {
                // Sessions end with a password; the same one again at the next start ends none.
                if !password::verify(new_password.clone(), phc).await {
                    self.inner
                        .store
                        .set_password(instructor.id, password::hash(new_password).await)
                        .await?;
                    self.inner.revoked.send_replace(());
                }
            }
        }
        Ok(())
    }

    /// Opens a session for a name and password; without a name there must be one instructor only.
    ///
    /// # Errors
    /// [`Error::BadCredentials`], [`Error::SetupRequired`], [`Error::TooManyAttempts`].
    pub async fn sign_in(
        &self,
        address: IpAddr,
        name: Option<&str>,
        given: String,
    ) -> Result<(String, SignedIn), Error> {
        self.inner.sign_in_failures.check(address)?;
        let instructors = self.inner.store.instructors().await?;
        if instructors.is_empty() {
            return Err(Error::SetupRequired);
        }
        let only = instructors.len() == 1;
        let claimed = instructors.into_iter().find(|(instructor, _)| {
            name.map_or(only, |name| {
                instructor.name.eq_ignore_ascii_case(name.trim())
            })
        });
        if let Some((instructor, phc)) = claimed
            && given.len() <= password::MAX_BYTES
            && password::verify(given, phc).await
        {
            return self.open_session(instructor).await;
        }
        self.inner.sign_in_failures.failed(address);
        Err(Error::BadCredentials)
    }

    async fn open_session(&self, instructor: Instructor) -> Result<(String, SignedIn), Error> {
        let token = secret::random_token();
        let expires_at = OffsetDateTime::now_utc() + SESSION;
        self.inner
            .store
            .insert_session(secret::hash(&token), instructor.id.clone(), expires_at)
            .await?;
        Ok((
            token,
            SignedIn {
                instructor,
                expires_at,
            },
        ))
    }

    /// Whose session a token is.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], or [`Error::SetupRequired`] when nobody can sign in yet.
    pub async fn session(&self, token: Option<&str>) -> Result<SignedIn, Error> {
        if let Some(token) = token
            && let Some((instructor, expires_at)) =
                self.inner.store.session(secret::hash(token)).await?
        {
            return Ok(SignedIn {
                instructor,
                expires_at,
            });
        }
        if self.inner.store.has_instructor().await? {
            Err(Error::Unauthenticated)
        } else {
            Err(Error::SetupRequired)
        }
    }

    /// Ends a session; one that isn't there is fine.
    ///
    /// # Errors
    /// When the store can't be written.
    pub async fn sign_out(&self, token: &str) -> Result<(), Error> {
        self.inner.store.delete_session(secret::hash(token)).await?;
        self.inner.revoked.send_replace(());
        Ok(())
    }
}

fn check_password(text: &str) -> Result<(), Error> {
    if text.chars().count() < password::MIN_CHARACTERS {
        let message = format!(
            "a password has at least {} characters",
            password::MIN_CHARACTERS
        );
        return Err(Error::invalid("password", message));
    }
    if text.len() > password::MAX_BYTES {
        return Err(Error::invalid(
            "password",
            format!("a password has at most {} bytes", password::MAX_BYTES),
        ));
    }
    Ok(())
}
