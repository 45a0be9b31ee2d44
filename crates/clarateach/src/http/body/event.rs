//! Events, as they go over the wire.

use std::sync::Arc;

use serde::Serialize;
use time::OffsetDateTime;
use time::serde::rfc3339;
use utoipa::ToSchema;

use super::workshop::{EndCause, Progress, Reason, Seat, Workshop, WorkshopStatus};
use crate::addresses::{Addresses, HostKind};
use crate::feed::Change;
use crate::reach::ReachView;
use crate::service::WorkshopView;

/// Something that changed. Take a `workshop`, a `seat` or `workshops` in place of what was known of it.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::http) enum Event {
    /// Every workshop that has not ended, newest first: what the stream of all begins with.
    Workshops {
        /// Rises with each event, also over a restart of the server; `?after=` resumes behind it.
        id: u64,
        workshops: Vec<Workshop>,
    },
    /// All of one workshop: what its stream begins with, and what a new one is told by.
    Workshop { id: u64, workshop: Box<Workshop> },
    /// One seat.
    Seat {
        id: u64,
        /// Of which workshop.
        workshop: String,
        seat: Box<Seat>,
    },
    /// Where a workshop is in its life, and how far.
    Progress {
        id: u64,
        /// Which workshop.
        workshop: String,
        status: WorkshopStatus,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// Absent when nothing is being made or removed.
        #[serde(skip_serializing_if = "Option::is_none")]
        progress: Option<Progress>,
    },
    /// A workshop's end is near: no more than so many minutes are left. Comes at 15, 5 and 1.
    Warning {
        id: u64,
        /// Which workshop.
        workshop: String,
        minutes: u16,
        /// Why it ends then.
        cause: EndCause,
        #[serde(with = "rfc3339")]
        ends_at: OffsetDateTime,
    },
    /// Nothing of a workshop is left; its own stream ends after this.
    Ended {
        id: u64,
        /// Which workshop.
        workshop: String,
    },
    /// Another device was seen.
    Reach { id: u64, reach: Reach },
    /// Nothing happened for a while, and the connection lives. Comes on WebSockets only.
    Heartbeat,
}

/// Whether another device ever got a page and a live connection since the server started.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Reach {
    /// When one first got the join page.
    #[serde(with = "rfc3339::option")]
    #[schema(required)]
    page_at: Option<OffsetDateTime>,
    /// When one first had a WebSocket.
    #[serde(with = "rfc3339::option")]
    #[schema(required)]
    websocket_at: Option<OffsetDateTime>,
}

impl From<ReachView> for Reach {
    fn from(view: ReachView) -> Self {
        Self {
            page_at: view.page_at,
            websocket_at: view.websocket_at,
        }
    }
}

/// Writes events with the URLs that are right for whoever came by `host`.
pub(in crate::http) struct Pen<'a> {
    pub(in crate::http) addresses: &'a Addresses,
    pub(in crate::http) host: &'a HostKind,
}

impl Pen<'_> {
    pub(in crate::http) fn event(&self, id: u64, change: &Change) -> Event {
        match change {
            Change::Workshop(view) => Event::Workshop {
                id,
                workshop: Box::new(self.workshop(view)),
            },
            Change::Seat { workshop, seat } => Event::Seat {
                id,
                workshop: workshop.to_string(),
                seat: Box::new(Seat::from(seat.as_ref().clone())),
            },
            Change::Progress {
                workshop,
                status,
                reason,
                progress,
            } => Event::Progress {
                id,
                workshop: workshop.to_string(),
                status: (*status).into(),
                reason: reason.clone().map(Reason::from),
                progress: progress.map(Progress::from),
            },
            Change::Warning { workshop, warning } => Event::Warning {
                id,
                workshop: workshop.to_string(),
                minutes: warning.minutes,
                cause: warning.cause.into(),
                ends_at: warning.ends_at,
            },
            Change::Ended(workshop) => Event::Ended {
                id,
                workshop: workshop.to_string(),
            },
            Change::Reach(view) => Event::Reach {
                id,
                reach: (*view).into(),
            },
        }
    }

    pub(in crate::http) fn workshops(&self, id: u64, views: &[Arc<WorkshopView>]) -> Event {
        Event::Workshops {
            id,
            workshops: views.iter().map(|view| self.workshop(view)).collect(),
        }
    }

    pub(in crate::http) fn workshop(&self, view: &WorkshopView) -> Workshop {
        Workshop::new(view.clone(), self.addresses, self.host)
    }
}

impl Event {
    /// Its `type`.
    pub(in crate::http) fn kind(&self) -> &'static str {
        match self {
            Self::Workshops { .. } => "workshops",
            Self::Workshop { .. } => "workshop",
            Self::Seat { .. } => "seat",
            Self::Progress { .. } => "progress",
            Self::Warning { .. } => "warning",
            Self::Ended { .. } => "ended",
            Self::Reach { .. } => "reach",
            Self::Heartbeat => "heartbeat",
        }
    }

    /// Its number, where it has one.
    pub(in crate::http) fn id(&self) -> Option<u64> {
        match self {
            Self::Workshops { id, .. }
            | Self::Workshop { id, .. }
            | Self::Seat { id, .. }
            | Self::Progress { id, .. }
            | Self::Warning { id, .. }
            | Self::Ended { id, .. }
            | Self::Reach { id, .. } => Some(*id),
            Self::Heartbeat => None,
        }
    }
}
