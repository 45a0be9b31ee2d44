//! Whether somebody who signed in still is: for connections that last longer than a request.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::watch;

use super::{Error, Service};
use crate::auth::secret;
use crate::store::TokenHash;

/// Looked at again after this long although nobody said that anything changed.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// After a look that failed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What somebody signed in with; no secret, only its hash.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A session's cookie.
    Session {
        /// Finds it.
        hash: TokenHash,
        /// When it ends by itself.
        expires_at: OffsetDateTime,
    },
    /// An API token.
    ApiToken {
        /// Finds it.
        hash: TokenHash,
    },
}

impl Credential {
    /// That of a session.
    #[must_use]
    pub fn session(token: &str, expires_at: OffsetDateTime) -> Self {
        Self::Session {
            hash: secret::hash(token),
            expires_at,
        }
    }

    /// That of a program.
    #[must_use]
    pub fn api_token(text: &str) -> Self {
        Self::ApiToken {
            hash: secret::hash(text),
        }
    }

    fn left(&self) -> Duration {
        match self {
            Self::ApiToken { .. } => Duration::MAX,
            Self::Session { expires_at, .. } => {
                let left = *expires_at - OffsetDateTime::now_utc();
                left.try_into().unwrap_or_default()
            }
        }
    }
}

/// A watch on a credential.
pub struct Standing {
    service: Service,
    credential: Credential,
    revoked: watch::Receiver<()>,
    /// It must be looked up before it is believed.
    in_doubt: bool,
    failing: bool,
}

impl Service {
    /// Watches a credential.
    #[must_use]
    pub fn standing(&self, credential: Credential) -> Standing {
        Standing {
            revoked: self.inner.revoked.subscribe(),
            service: self.clone(),
            credential,
            in_doubt: true,
            failing: false,
        }
    }

    async fn is_good(&self, credential: &Credential) -> Result<bool, Error> {
        let store = &self.inner.store;
        Ok(match credential {
            Credential::Session { hash, .. } => store.session(*hash).await?.is_some(),
            Credential::ApiToken { hash } => {
                let now = OffsetDateTime::now_utc();
                store.use_token(*hash, now).await?.is_some()
            }
        })
    }
}

impl Standing {
    /// Completes when the credential is good no longer: signed out, revoked, expired. Dropping the
    /// wait and waiting again is fine.
    pub async fn over(&mut self) {
        loop {
            if self.in_doubt {
                match self.service.is_good(&self.credential).await {
                    Ok(true) => (self.in_doubt, self.failing) = (false, false),
                    Ok(false) => return,
                    Err(error) => {
                        if !self.failing {
                            tracing::error!(%error, "cannot look whether somebody is still signed in; trying again");
                        }
                        self.failing = true;
                        tokio::time::sleep(LOOK_AGAIN).await;
                        continue;
                    }
                }
            }
            let wait = self.credential.left().min(LOOK_EVERY);
            // An error would say that the service is gone, which this holds.
            let _ = tokio::time::timeout(wait, self.revoked.changed()).await;
            self.in_doubt = true;
        }
    }
}
