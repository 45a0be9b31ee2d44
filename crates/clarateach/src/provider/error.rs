//! Why a provider could not do something, in words that an instructor can act on.

use std::time::Duration;

use clarateach_protocol::id::SeatKey;

use super::Instance;
use crate::model::Reason;

/// The cause of a provider's error; providers have libraries of their own, whose types stay inside.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a provider could not do something. Messages go to the instructor.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Another seat of that number exists: of another generation, or made from something else.
    #[error("{} exists already as generation {}", .0.key(), .0.generation)]
    Conflict(Box<Instance>),
    /// The engine doesn't answer at all.
    #[error("cannot reach the engine at {endpoint}: {source}. Hint: {hint}")]
    Unreachable {
        /// Where it should answer.
        endpoint: String,
        /// What to do.
        hint: String,
        /// What the connection said.
        source: Source,
    },
    /// The image isn't there and can't be had.
    #[error("image {image} is not available: {detail}. Hint: {}", image_hint(.image))]
    ImageMissing {
        /// Which image.
        image: String,
        /// What the engine said.
        detail: String,
    },
    /// No seat can be made of the image.
    #[error("no seat can be made of the image {image}: {detail}. Hint: {hint}")]
    ImageUnusable {
        /// Which image.
        image: String,
        /// What it lacks.
        detail: String,
        /// What to do.
        hint: String,
    },
    /// The seats' networks are used up.
    #[error("no free network in {pool}. Hint: end a workshop, or widen CLARATEACH_SEAT_NETWORKS")]
    NoSubnet {
        /// The pool that subnets are carved from.
        pool: String,
    },
    /// The firewall can't be set, and seats would not be isolated.
    #[error("cannot isolate seats: {operation}: {detail}. Hint: {hint}")]
    Isolation {
        /// What was tried.
        operation: String,
        /// What it said.
        detail: String,
        /// What to do.
        hint: String,
    },
    /// Seats could be made, and nobody could reach them.
    #[error("seats can't be reached from this machine: {detail}. Hint: {hint}")]
    Unreached {
        /// What was tried, and what it said.
        detail: String,
        /// What to do.
        hint: String,
    },
    /// A seat's disk could not be made, attached or removed.
    #[error("cannot {operation} the disk of {seat}: {detail}")]
    Disk {
        /// What was tried: "create", "mount", …
        operation: &'static str,
        /// Which seat.
        seat: SeatKey,
        /// What it said.
        detail: String,
    },
    /// A call to the engine failed.
    #[error("cannot {operation} {subject}: {source}")]
    Engine {
        /// What was tried: "create the container", …
        operation: &'static str,
        /// On what.
        subject: String,
        /// What the engine said.
        source: Source,
    },
    /// There is no such seat.
    #[error("there is no seat {0}")]
    NoSeat(SeatKey),
    /// A browser was asked for beside a seat that doesn't run.
    #[error("the seat {0} does not run, so it can have no browser")]
    NotRunning(SeatKey),
    /// A call took too long.
    #[error("{operation} took longer than {} s", .after.as_secs())]
    Deadline {
        /// What was tried.
        operation: String,
        /// How long it was given.
        after: Duration,
    },
    /// This provider, or this version of it, doesn't do that.
    #[error("{what} is not available with this provider")]
    Unsupported {
        /// What was asked.
        what: &'static str,
    },
}

impl ProviderError {
    /// A stable code for the API.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Conflict(_) => "conflict",
            Self::Unreachable { .. } => "engine_unreachable",
            Self::ImageMissing { .. } => "image_missing",
            Self::ImageUnusable { .. } => "image_unusable",
            Self::NoSubnet { .. } => "no_subnet",
            Self::Isolation { .. } => "isolation_unavailable",
            Self::Unreached { .. } => "seats_unreachable",
            Self::Disk { .. } => "disk",
            Self::Engine { .. } => "engine_error",
            Self::NoSeat(_) => "no_seat",
            Self::NotRunning(_) => "not_running",
            Self::Deadline { .. } => "deadline",
            Self::Unsupported { .. } => "unsupported",
        }
    }

    /// Whether nobody answered at all: it says nothing of what was asked about.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Deadline { .. })
    }

    /// Whether the same call may go through a little later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Engine { .. }
                | Self::Deadline { .. }
                | Self::Disk { .. }
                | Self::Conflict(_)
                | Self::NoSeat(_)
                | Self::NotRunning(_)
        )
    }

    /// The error as an instructor reads it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        Reason::new(self.code(), self.to_string())
    }
}

/// Ours are made on this machine and in no registry, others the other way round.
fn image_hint(image: &str) -> &'static str {
    if image.starts_with("clarateach/") {
        "build it with `./x images`"
    } else {
        "look at its name, `docker pull` it, or name another"
    }
}
