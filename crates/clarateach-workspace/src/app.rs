//! What every request may use: made once at the start, then shared.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Gate;
use crate::bind::Bound;
use crate::exec;
use crate::files::events::Events;
use crate::files::root::Root;
use crate::server::Limits;
use crate::stats::Kills;
use crate::terminal::registry::Terminals;

/// The state of one running server.
pub(crate) struct App {
    pub(crate) gate: Gate,
    pub(crate) bound: Arc<Bound>,
    pub(crate) root: Arc<Root>,
    pub(crate) events: Arc<Events>,
    /// Archives that are packed or unpacked at once.
    pub(crate) archive_places: Arc<Semaphore>,
    /// Searches that run at once.
    pub(crate) search_places: Arc<Semaphore>,
    pub(crate) terminals: Terminals,
    pub(crate) limits: Limits,
    pub(crate) kills: Kills,
    /// Programs that `/exec` runs at once.
    pub(crate) exec_places: Arc<Semaphore>,
    pub(crate) bench: exec::Bench,
    /// The server's own ports, which `/ports` leaves out.
    pub(crate) own_ports: [u16; 2],
    /// Places for connections to programs of the learner.
    pub(crate) tunnels: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}
