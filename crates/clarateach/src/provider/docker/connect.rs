//! The engine's API with a deadline on every call and its errors in our words.
//!
//! Everything else here talks to the engine through [`Engine`], never to bollard's futures alone. A
//! [`Connector`] makes one at first use, so that a server can start before its engine.

use std::fmt;
use std::future::Future;
use std::io;
use std::time::Duration;

use bollard::errors::Error as BollardError;
use bollard::models::SystemInfo;
use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::sync::OnceCell;

use super::endpoint::Surroundings;
use crate::provider::ProviderError;

/// Answers that only read the engine's records.
pub(super) const READ: Duration = Duration::from_secs(15);
/// Calls that make, start or remove something: slow on a loaded machine with 50 of them at once.
pub(super) const WRITE: Duration = Duration::from_secs(60);

/// An engine that may not be there yet.
#[derive(Debug, Default)]
pub(super) struct Connector(OnceCell<Engine>);

impl Connector {
    /// The engine, found at the first call that it answers.
    pub(super) async fn engine(&self) -> Result<&Engine, ProviderError> {
        self.0.get_or_try_init(Engine::connect).await
    }
}

/// A negotiated connection to an engine.
#[derive(Debug)]
pub(super) struct Engine {
    docker: Docker,
    endpoint: String,
    cpus: u32,
    architecture: String,
}

/// The engine understood a call and refused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the engine says: {} ({})", self.message, self.status)
    }
}

impl std::error::Error for Refusal {}

impl Engine {
    /// Connects to the engine that `docker` would use, and agrees on an API version.
    async fn connect() -> Result<Self, ProviderError> {
        let endpoint = Surroundings::of_process().find().map_err(|unusable| {
            let endpoint = unusable.endpoint.clone();
            let hint = unusable.hint.clone();
            ProviderError::Unreachable {
                endpoint,
                hint,
                source: Box::new(unusable),
            }
        })?;
        let seconds = WRITE.as_secs();
        let docker = if endpoint.starts_with("unix://") {
            Docker::connect_with_unix(&endpoint, seconds, API_DEFAULT_VERSION)
        } else {
            Docker::connect_with_http(&endpoint, seconds, API_DEFAULT_VERSION)
        };
        let unreachable = |error| unreachable(&endpoint, error);
        let docker = docker.map_err(unreachable)?;
        let negotiation = tokio::time::timeout(READ, docker.negotiate_version()).await;
        let docker = negotiation
            .unwrap_or(Err(BollardError::RequestTimeoutError))
            .map_err(unreachable)?;
        let mut engine = Self {
            docker,
            endpoint,
            cpus: 1,
            architecture: String::new(),
        };
        let info = engine.info().await?;
        engine.cpus = info.ncpu.and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
        engine.architecture = info.architecture.unwrap_or_default();
        Ok(engine)
    }

    /// What the engine says of itself and its machine.
    pub(super) async fn info(&self) -> Result<SystemInfo, ProviderError> {
        self.call("ask", "the engine", READ, self.docker.info())
            .await
    }

    /// Whether it answers now.
    pub(super) async fn ping(&self) -> Result<(), ProviderError> {
        self.call("ask", "the engine", READ, self.docker.ping())
            .await
            .map(drop)
    }

    /// CPUs of its machine.
    pub(super) fn cpus(&self) -> u32 {
        self.cpus
    }

    /// Its machine's, as `uname -m` says; empty where it doesn't say.
    pub(super) fn architecture(&self) -> &str {
        &self.architecture
    }

    /// The client that calls are made with.
    pub(super) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Where the engine answers.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A call that must succeed.
    pub(super) async fn call<T>(
        &self,
        operation: &'static str,
        subject: impl fmt::Display,
        deadline: Duration,
        call: impl Future<Output = Result<T, BollardError>>,
    ) -> Result<T, ProviderError> {
        self.attempt(operation, &subject, deadline, call)
            .await?
            .map_err(|refusal| refused(operation, subject, refusal))
    }

    /// A call about something that may be absent: `None` then.
    pub(super) async fn find<T>(
        &self,
        operation: &'static str,
        subject: impl fmt::Display,
        deadline: Duration,
        call: impl Future<Output = Result<T, BollardError>>,
    ) -> Result<Option<T>, ProviderError> {
        match self.attempt(operation, &subject, deadline, call).await? {
            Ok(value) => Ok(Some(value)),
            Err(Refusal { status: 404, .. }) => Ok(None),
            Err(refusal) => Err(refused(operation, subject, refusal)),
        }
    }

    /// A call whose refusal the caller looks at.
    pub(super) async fn attempt<T>(
        &self,
        operation: &'static str,
        subject: impl fmt::Display,
        deadline: Duration,
        call: impl Future<Output = Result<T, BollardError>>,
    ) -> Result<Result<T, Refusal>, ProviderError> {
        let late = || ProviderError::Deadline {
            operation: format!("{operation} {subject}"),
            after: deadline,
        };
        match tokio::time::timeout(deadline, call).await {
            Err(_) | Ok(Err(BollardError::RequestTimeoutError)) => Err(late()),
            Ok(Ok(value)) => Ok(Ok(value)),
            Ok(Err(BollardError::DockerResponseServerError {
                status_code: status,
                message,
            })) => Ok(Err(Refusal { status, message })),
            Ok(Err(error)) if is_connection(&error) => Err(unreachable(&self.endpoint, error)),
            Ok(Err(error)) => Err(ProviderError::Engine {
                operation,
                subject: subject.to_string(),
                source: Box::new(error),
            }),
        }
    }
}

/// A refusal as the error that an instructor reads.
pub(super) fn refused(
    operation: &'static str,
    subject: impl fmt::Display,
    refusal: Refusal,
) -> ProviderError {
    ProviderError::Engine {
        operation,
        subject: subject.to_string(),
        source: Box::new(refusal),
    }
}

/// Whether a name is in use.
pub(super) fn is_taken(error: &ProviderError) -> bool {
    let ProviderError::Engine { source, .. } = error else {
        return false;
    };
    let refusal = source.downcast_ref::<Refusal>();
    refusal.is_some_and(|refusal| refusal.status == 409)
}

/// Whether the engine never answered, as opposed to an answer that makes no sense.
fn is_connection(error: &BollardError) -> bool {
    matches!(
        error,
        BollardError::HyperLegacyError { .. }
            | BollardError::HyperResponseError { .. }
            | BollardError::IOError { .. }
            | BollardError::SocketNotFoundError(_)
    )
}

fn unreachable(endpoint: &str, error: BollardError) -> ProviderError {
    let hint = match &error {
        error if is_permission(error) => "run as root, or as a member of the group docker",
        _ => {
            "install and start Docker Engine (`./x engine` does both), or set DOCKER_HOST to where it runs"
        }
    };
    ProviderError::Unreachable {
        endpoint: endpoint.to_owned(),
        hint: hint.to_owned(),
        source: first_cause(&error).into(),
    }
}

/// What the system said, under what the layers above it made of that.
fn first_cause(error: &BollardError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Whether an operating system's "permission denied" is somewhere in the chain of causes.
fn is_permission(error: &BollardError) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        let denied = error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
        if denied {
            return true;
        }
        cause = error.source();
    }
    false
}
