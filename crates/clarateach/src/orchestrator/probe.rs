//! Whether a seat is what a learner needs: its terminal echoes, its files keep what is written, and
//! it is bound to what it should be. Each step that fails has a reason of its own.

pub(super) mod browser;
mod terminal;

use std::time::Duration;

use bytes::Bytes;
use clarateach_protocol::id::Generation;
use clarateach_protocol::route::Service;
use clarateach_protocol::seat::{BindRequest, Health};
use clarateach_protocol::token::Scope;
use http::{Method, StatusCode};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::seat_client::{Call, CallError, SeatClient};
use crate::model::Reason;
use crate::provider::ProviderError;
pub use terminal::EchoError;

/// The file that a probe makes and removes.
const PROBE_FILE: &str = "/files/.clarateach-probe";
/// Between two questions to a server that is still starting.
const KNOCK_EVERY: Duration = Duration::from_millis(100);

/// What a seat failed at.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Its server never answered.
    #[error("the seat's server did not answer within {} s of its start: {source}", .within.as_secs_f32())]
    Silent {
        /// How long it was given.
        within: Duration,
        /// What the last try said.
        source: CallError,
    },
    /// It answered before, and does not now.
    #[error("the seat's server does not answer: {0}")]
    NoAnswer(#[source] CallError),
    /// Another generation answers at its address.
    #[error("generation {found} answers at the seat's address, not {wanted}")]
    OtherGeneration {
        /// The one that should.
        wanted: Generation,
        /// The one that does.
        found: Generation,
    },
    /// It didn't take its binding.
    #[error("the seat did not take its learner and environment: {0}")]
    Bind(#[source] CallError),
    /// It took its binding and tells another.
    #[error("the seat took its learner and environment and does not show it")]
    NotBound,
    /// Its neighbours can't be kept from it.
    #[error("the seat could not be isolated: {0}")]
    Open(#[source] Box<ProviderError>),
    /// Its terminal doesn't echo.
    #[error("the seat's terminal does not echo: {0}")]
    Terminal(#[from] EchoError),
    /// Its files don't keep what is written.
    #[error("the seat could not {operation} a file: {source}")]
    Files {
        /// "write", "read" or "remove".
        operation: &'static str,
        /// What went wrong.
        source: CallError,
    },
}

impl ProbeError {
    /// The error as an instructor reads it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        let code = match self {
            Self::Silent { .. } | Self::NoAnswer(_) => "seat_silent",
            Self::OtherGeneration { .. } => "seat_other_generation",
            Self::Bind(_) | Self::NotBound => "seat_not_bound",
            Self::Open(_) => "seat_not_isolated",
            Self::Terminal(_) => "seat_terminal",
            Self::Files { .. } => "seat_files",
        };
        Reason::new(code, self.to_string())
    }
}

/// Waits for the seat's first answer (and says that it came), tries it out, and binds it. One that has a binding was tried
/// out before, in this start of it: a server that starts again among a hundred seats asks each of them one question.
///
/// # Errors
/// The first step that failed.
pub async fn probe(
    client: &SeatClient,
    binding: &BindRequest,
    first_answer: Duration,
    answered: impl FnOnce(),
) -> Result<(), ProbeError> {
    let health = wait_for_answer(client, first_answer).await?;
    answered();
    check_generation(client, &health)?;
    // Who has one was tried out: so this comes first.
    if health.bound.is_none() {
        try_out(client).await?;
    }
    if health.bound.as_deref() != Some(&binding.digest) {
        bind(client, binding).await?;
    }
    Ok(())
}

/// Tries a seat's terminal and its files, at once.
///
/// # Errors
/// When the terminal doesn't echo, or a file is not what was written.
pub async fn try_out(client: &SeatClient) -> Result<(), ProbeError> {
    let (echoed, kept) = tokio::join!(terminal::echo(client), keep_a_file(client));
    echoed?;
    kept
}

/// Binds the seat and makes sure that it shows it.
///
/// # Errors
/// When it doesn't take it.
pub async fn bind(client: &SeatClient, binding: &BindRequest) -> Result<(), ProbeError> {
    client.bind(binding).await.map_err(ProbeError::Bind)?;
    let health = client.health().await.map_err(ProbeError::Bind)?;
    check_generation(client, &health)?;
    if health.bound.as_deref() == Some(&binding.digest) {
        Ok(())
    } else {
        Err(ProbeError::NotBound)
    }
}

/// Asks a ready seat whether it still is; returns the binding that it tells.
///
/// # Errors
/// When it doesn't answer, or another generation does.
pub async fn ask(client: &SeatClient) -> Result<Option<String>, ProbeError> {
    let health = client.health().await.map_err(ProbeError::NoAnswer)?;
    check_generation(client, &health)?;
    Ok(health.bound)
}

async fn wait_for_answer(client: &SeatClient, within: Duration) -> Result<Health, ProbeError> {
    let deadline = Instant::now() + within;
    let mut last = CallError::Deadline(within);
    loop {
        let next = (Instant::now() + KNOCK_EVERY).min(deadline);
        match timeout_at(deadline, client.health()).await {
            Ok(Ok(health)) => return Ok(health),
            Ok(Err(error)) => last = error,
            Err(_) => {}
        }
        if Instant::now() >= deadline {
            return Err(ProbeError::Silent {
                within,
                source: last,
            });
        }
        sleep_until(next).await;
    }
}

fn check_generation(client: &SeatClient, health: &Health) -> Result<(), ProbeError> {
    if health.generation == client.generation() {
        Ok(())
    } else {
        Err(ProbeError::OtherGeneration {
            wanted: client.generation(),
            found: health.generation,
        })
    }
}

/// Writes a file, reads it and removes it. A seat whose disk its learner filled is a working seat:
/// it says so, and reads.
async fn keep_a_file(client: &SeatClient) -> Result<(), ProbeError> {
    let content = Bytes::from(nonce());
    let of = |method: Method, path, body: Option<Bytes>| {
        client.call(Call {
            service: Service::Files,
            method,
            path,
            scope: Some(Scope::Files),
            body: body.map(|bytes| (bytes, "application/octet-stream")),
        })
    };
    let failed = |operation| move |source| ProbeError::Files { operation, source };
    match of(Method::PUT, PROBE_FILE, Some(content.clone())).await {
        Ok(_) => {}
        Err(CallError::Refused { status, .. }) if status == StatusCode::INSUFFICIENT_STORAGE => {
            return of(Method::GET, "/files?path=", None)
                .await
                .map(drop)
                .map_err(failed("list"));
        }
        Err(source) => return Err(failed("write")(source)),
    }
    let read = of(Method::GET, PROBE_FILE, None)
        .await
        .map_err(failed("read"))?;
    if read != content {
        return Err(failed("read")(CallError::Malformed));
    }
    of(Method::DELETE, PROBE_FILE, None)
        .await
        .map(drop)
        .map_err(failed("remove"))
}

/// Sixteen letters and digits that no seat can know beforehand.
fn nonce() -> String {
    // Without randomness the probe still tells a dead seat from a live one.
    format!("{:016x}", getrandom::u64().unwrap_or_default())
}

#[cfg(test)]
mod tests;
