//! What the directory knows of one seat: whose it is, and its present start with all that is kept for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clarateach_protocol::id::Generation;
use clarateach_protocol::origin::SeatPort;
use clarateach_protocol::token::Role;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::attendance::Attendance;
use crate::model::SeatLock;
use crate::provider::Endpoints;
use crate::proxy::connections::Connections;
use crate::proxy::minted::MintedTokens;

/// Whose a seat is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenancy {
    /// The generation whose tokens are good.
    pub generation: Generation,
    /// The assignment's id, while somebody sits there.
    pub assignment: Option<String>,
    /// When the workshop ends by itself; no token lives longer.
    pub ends_at: Option<OffsetDateTime>,
    /// When it ends if nobody uses it until then, once that is near. Tokens live on: who works keeps it.
    pub idle_ends_at: Option<OffsetDateTime>,
}

impl Tenancy {
    /// Whether credentials and connections of `other` are still good under this one.
    pub(super) fn continues(&self, other: &Self) -> bool {
        self.generation == other.generation && self.assignment == other.assignment
    }
}

/// A seat that answered its probes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Which start of it.
    pub incarnation: String,
    /// Where its services answer.
    pub endpoints: Endpoints,
}

/// Whether a seat can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// It answered its probes.
    Live(Live),
    /// It runs, and doesn't answer or isn't proven: connections may still work.
    Silent,
    /// It doesn't run, or its network is lost: nothing comes through its connections any more, and
    /// nothing need say so to whoever holds them.
    Gone,
}

/// One seat, as it was when it was looked up.
#[derive(Clone)]
pub struct SeatEntry {
    pub(super) tenancy: Tenancy,
    pub(super) tenancy_ended: CancellationToken,
    /// Cancelled when learners are shut out, and with `tenancy_ended`.
    pub(super) learners_out: CancellationToken,
    pub(super) lock: SeatLock,
    pub(super) attendance: Attendance,
    /// Exchanges under way, whoever's they are.
    pub(super) exchanges: Arc<AtomicUsize>,
    /// Ports that are open to the class, each with what ends when it is closed.
    pub(super) open_ports: BTreeMap<SeatPort, CancellationToken>,
    pub(super) incarnation: Option<Arc<Incarnation>>,
    pub(super) endpoints: Option<Endpoints>,
}

/// A place for a request or a live connection of one seat, free again when dropped.
pub(crate) struct ExchangePlace(Arc<AtomicUsize>);

impl Drop for ExchangePlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One start of a seat, with all that the proxy keeps for it: none of it is ever used for another.
pub struct Incarnation {
    pub(super) name: String,
    pub(crate) generation: Generation,
    pub(crate) ended: CancellationToken,
    pub(crate) connections: Connections,
    pub(crate) tokens: MintedTokens,
}

impl Incarnation {
    pub(super) fn new(name: String, generation: Generation) -> Arc<Self> {
        Arc::new(Self {
            name,
            generation,
            ended: CancellationToken::new(),
            connections: Connections::default(),
            tokens: MintedTokens::default(),
        })
    }

    /// Its name: unlike that of every other start of the seat.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the start of that name.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name
    }
}

impl SeatEntry {
    /// A seat of which nothing else is known yet.
    pub(super) fn new(tenancy: Tenancy, attendance: Attendance) -> Self {
        let tenancy_ended = CancellationToken::new();
        Self {
            tenancy,
            learners_out: tenancy_ended.child_token(),
            tenancy_ended,
            lock: SeatLock::Open,
            attendance,
            exchanges: Arc::default(),
            open_ports: BTreeMap::new(),
            incarnation: None,
            endpoints: None,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn tenancy(&self) -> &Tenancy {
        &self.tenancy
    }

    /// Cancelled when the tenancy ends: release, reset, delete.
    #[must_use]
    pub fn tenancy_ended(&self) -> &CancellationToken {
        &self.tenancy_ended
    }

    /// Whether learners are let in.
    #[must_use]
    pub fn lock(&self) -> SeatLock {
        self.lock
    }

    /// Cancelled when whoever has that role is let in no longer: with the tenancy, and for learners
    /// when the seat is locked.
    #[must_use]
    pub fn shut_out(&self, role: Role) -> &CancellationToken {
        match role {
            Role::Learner => &self.learners_out,
            Role::Instructor => &self.tenancy_ended,
        }
    }

    /// Ports that are open to the class.
    pub fn open_ports(&self) -> impl Iterator<Item = SeatPort> {
        self.open_ports.keys().copied()
    }

    /// Cancelled when the port is closed to the class; `None`: it isn't open.
    pub(crate) fn port_closed(&self, port: SeatPort) -> Option<&CancellationToken> {
        self.open_ports.get(&port)
    }

    /// Its learner's live connections.
    #[must_use]
    pub fn attendance(&self) -> &Attendance {
        &self.attendance
    }

    /// A place for one exchange more, unless `limit` are under way.
    pub(crate) fn begin_exchange(&self, limit: usize) -> Option<ExchangePlace> {
        if self.exchanges.fetch_add(1, Ordering::Relaxed) < limit {
            return Some(ExchangePlace(Arc::clone(&self.exchanges)));
        }
        self.exchanges.fetch_sub(1, Ordering::Relaxed);
        None
    }

    /// Where it answers; `None` while it isn't live.
    pub(crate) fn upstream(&self) -> Option<(Arc<Incarnation>, Endpoints)> {
        Some((self.incarnation.clone()?, self.endpoints?))
    }
}
