//! What every request may use: made once at the start, then shared.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Gate;
use crate::bind::Bound;
use crate::files::root::Root;
use crate::server::Limits;
use crate::terminal::registry::Terminals;

/// The state of one running server.
pub(crate) struct App {
    pub(crate) gate: Gate,
    pub(crate) bound: Arc<Bound>,
    pub(crate) root: Arc<Root>,
    pub(crate) terminals: Terminals,
    pub(crate) limits: Limits,
    /// The server's own ports, which `/ports` leaves out.
    pub(crate) own_ports: [u16; 2],
    /// Places for connections to programs of the learner.
    pub(crate) tunnels: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}
