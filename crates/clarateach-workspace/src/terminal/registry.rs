//! The seat's terminals by name: made, found, listed, closed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use clarateach_protocol::id::TerminalName;
use clarateach_protocol::terminal::{AttachQuery, CreateTerminal, TerminalInfo};
use parking_lot::Mutex;
use rustix::process::Pid;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Mutex as AsyncMutex, Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::pty;
use super::session::Session;
use super::socket::MAX_CLIENTS;
use super::spawn::{register, spawn_on};
use super::title::sanitise;
use super::tty::Tty;
use super::{Patience, Size, task};
use crate::bind::Bound;
use crate::children::{Children, Started};
use crate::shell::{self, NoShell, Shell};

/// More than a person uses; each may cost a ring and a shell.
pub(crate) const MAX_TERMINALS: usize = 16;
const DEFAULT_SIZE: Size = Size { cols: 80, rows: 24 };

/// Why a terminal can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TerminalError {
    #[error("there is no terminal {name:?}: list them with GET /terminals")]
    NotFound { name: String },
    #[error("there is a terminal {name:?} already")]
    Exists { name: String },
    #[error("a seat has at most {MAX_TERMINALS} terminals: close one first")]
    TooMany,
    #[error(transparent)]
    NoShell(#[from] NoShell),
    #[error("a terminal could not be started: {0}")]
    Start(#[source] io::Error),
    #[error("the seat is stopping")]
    Stopping,
}

/// A running terminal, shared by its task and its connections.
pub(crate) struct Terminal {
    pub(crate) session: Mutex<Session>,
    /// Wakes the task: input, acks, sizes.
    pub(crate) wake: Notify,
    /// One for each connection that may be.
    pub(crate) places: Arc<Semaphore>,
    /// Wakes connections that wait to type.
    pub(crate) input_room: Notify,
    /// The terminal as its kernel sees it.
    pub(crate) tty: Tty,
    made_at: Instant,
    /// Asks the task's owner to end the processes.
    close: CancellationToken,
    /// Done when no process is left.
    closed: CancellationToken,
}

/// What terminals are made of.
pub(crate) struct Workbench {
    pub(crate) children: Arc<Children>,
    pub(crate) bound: Arc<Bound>,
    pub(crate) home: PathBuf,
    pub(crate) root: PathBuf,
    pub(crate) shell: Option<PathBuf>,
    pub(crate) patience: Patience,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// Every terminal of the seat.
#[derive(Clone)]
pub(crate) struct Terminals(Arc<Inner>);

struct Inner {
    bench: Workbench,
    by_name: Mutex<BTreeMap<TerminalName, Arc<Terminal>>>,
    /// One is made at a time, so that a name is never made twice.
    making: AsyncMutex<()>,
}

impl Terminals {
    pub(crate) fn new(bench: Workbench) -> Self {
        Self(Arc::new(Inner {
            bench,
            by_name: Mutex::default(),
            making: AsyncMutex::default(),
        }))
    }

    pub(crate) fn patience(&self) -> Patience {
        self.0.bench.patience
    }

    /// Oldest first.
    pub(crate) fn list(&self) -> Vec<TerminalInfo> {
        let mut terminals: Vec<_> = self.0.by_name.lock().values().cloned().collect();
        terminals.sort_by_key(|terminal| terminal.made_at);
        terminals
            .iter()
            .map(|terminal| self.describe(terminal))
            .collect()
    }

    /// Messages that were typed into terminals that are there.
    pub(crate) fn inputs(&self) -> u64 {
        let terminals: Vec<_> = self.0.by_name.lock().values().cloned().collect();
        terminals.iter().map(|it| it.session.lock().inputs()).sum()
    }

    fn describe(&self, terminal: &Terminal) -> TerminalInfo {
        let foreground = terminal.tty.foreground();
        let info = terminal.session.lock().info();
        let folder = foreground.folder.as_deref();
        TerminalInfo {
            command: foreground.command.map(|name| sanitise(name.as_bytes())),
            cwd: folder.and_then(|folder| self.0.bench.shown_folder(folder)),
            ..info
        }
    }

    /// A terminal that is there.
    pub(crate) fn existing(&self, name: &TerminalName) -> Result<Arc<Terminal>, TerminalError> {
        self.get(name).ok_or_else(|| not_found(name))
    }

    /// The terminal that a client asks for; `main` is made when it is missing.
    pub(crate) async fn find(&self, query: &AttachQuery) -> Result<Arc<Terminal>, TerminalError> {
        if let Some(terminal) = self.get(&query.name) {
            return Ok(terminal);
        }
        if query.name.as_str() != TerminalName::MAIN {
            return Err(not_found(&query.name));
        }
        let _making = self.0.making.lock().await;
        if let Some(terminal) = self.get(&query.name) {
            return Ok(terminal);
        }
        let size = Size::clamped(query.cols, query.rows);
        self.make(query.name.clone(), size, None).await
    }

    pub(crate) async fn create(
        &self,
        wanted: CreateTerminal,
        folder: Option<PathBuf>,
    ) -> Result<TerminalInfo, TerminalError> {
        let _making = self.0.making.lock().await;
        let name = match wanted.name {
            Some(name) if self.get(&name).is_some() => {
                return Err(TerminalError::Exists {
                    name: name.to_string(),
                });
            }
            Some(name) => name,
            None => self.free_name()?,
        };
        let size = Size::clamped(
            wanted.cols.unwrap_or(DEFAULT_SIZE.cols),
            wanted.rows.unwrap_or(DEFAULT_SIZE.rows),
        );
        let terminal = self.make(name, size, folder).await?;
        Ok(self.describe(&terminal))
    }

    /// Ends a terminal; returns when none of its processes is left.
    pub(crate) async fn close(&self, name: &TerminalName) -> Result<(), TerminalError> {
        let terminal = self.existing(name)?;
        terminal.close.cancel();
        terminal.closed.cancelled().await;
        Ok(())
    }

    fn get(&self, name: &TerminalName) -> Option<Arc<Terminal>> {
        self.0.by_name.lock().get(name).cloned()
    }

    fn free_name(&self) -> Result<TerminalName, TerminalError> {
        let by_name = self.0.by_name.lock();
        (1..=MAX_TERMINALS + 1)
            .filter_map(|number| format!("term-{number}").parse().ok())
            .find(|name| !by_name.contains_key(name))
            .ok_or(TerminalError::TooMany)
    }

    /// The caller holds `making`.
    async fn make(
        &self,
        name: TerminalName,
        size: Size,
        folder: Option<PathBuf>,
    ) -> Result<Arc<Terminal>, TerminalError> {
        let inner = &self.0;
        if inner.bench.stop.is_cancelled() {
            return Err(TerminalError::Stopping);
        }
        if inner.by_name.lock().len() >= MAX_TERMINALS {
            return Err(TerminalError::TooMany);
        }
        let starter = Arc::clone(inner);
        let start = move || starter.bench.start(size, folder);
        let (master, started) = tokio::task::spawn_blocking(start)
            .await
            .map_err(|error| TerminalError::Start(io::Error::other(error)))??;
        let tty = Tty::of(&master).map_err(TerminalError::Start)?;
        let master = register(master).map_err(TerminalError::Start)?;
        let mut session = Session::new(
            name.clone(),
            random_epoch(),
            timestamp(SystemTime::now()),
            size,
            inner.bench.patience,
        );
        if name.as_str() != TerminalName::PROBE {
            session.output(shell::greeting(&inner.bench.bound).as_bytes());
        }
        let terminal = Arc::new(Terminal {
            session: Mutex::new(session),
            wake: Notify::new(),
            places: Arc::new(Semaphore::new(MAX_CLIENTS)),
            input_room: Notify::new(),
            tty,
            made_at: Instant::now(),
            close: inner.bench.stop.child_token(),
            closed: CancellationToken::new(),
        });
        inner
            .by_name
            .lock()
            .insert(name.clone(), Arc::clone(&terminal));
        let watch = watch(
            Arc::clone(inner),
            name,
            Arc::clone(&terminal),
            master,
            started,
        );
        inner.bench.tasks.spawn(watch);
        Ok(terminal)
    }
}

impl Workbench {
    /// Relative to the root if it is below, absolute otherwise; none if it is no text.
    fn shown_folder(&self, folder: &Path) -> Option<String> {
        let shown = folder.strip_prefix(&self.root).unwrap_or(folder);
        shown.to_str().map(str::to_owned)
    }

    /// Blocks.
    fn start(
        &self,
        size: Size,
        folder: Option<PathBuf>,
    ) -> Result<(std::os::fd::OwnedFd, Started), TerminalError> {
        let shell = Shell::find(self.shell.as_deref(), &self.home, &self.root)?;
        let command = shell.command(folder.as_deref(), &self.bound);
        let (master, slave) = pty::open_pair(size).map_err(TerminalError::Start)?;
        let started = spawn_on(slave, command, &self.children).map_err(TerminalError::Start)?;
        Ok((master, started))
    }
}

/// Runs a terminal to its end, whether its shell exits or somebody closes it.
async fn watch(
    inner: Arc<Inner>,
    name: TerminalName,
    terminal: Arc<Terminal>,
    master: AsyncFd<std::os::fd::OwnedFd>,
    started: Started,
) {
    let leader: Pid = started.pid;
    let run = task::run(Arc::clone(&terminal), master, started.exit);
    tokio::pin!(run);
    let closing = tokio::select! {
        () = &mut run => Closing::ByItself,
        () = terminal.close.cancelled() => Closing::Asked,
    };
    // From here on the name is free: whoever attaches gets a new process with a new epoch.
    inner.by_name.lock().remove(&name);
    if closing == Closing::Asked {
        terminal.tty.hang_up(leader);
        // The server's own end takes what is left with it.
        if !inner.bench.stop.is_cancelled() {
            tokio::join!(run, pty::end_session(leader));
        }
    }
    // The last of our ends: what still runs there learns that nobody reads it.
    terminal.tty.close();
    terminal.closed.cancel();
}

#[derive(PartialEq, Eq)]
enum Closing {
    ByItself,
    Asked,
}

fn not_found(name: &TerminalName) -> TerminalError {
    TerminalError::NotFound {
        name: name.to_string(),
    }
}

/// 64 random bits in hex.
fn random_epoch() -> String {
    format!("{:016x}", crate::server::random_u64())
}

pub(super) fn timestamp(time: SystemTime) -> String {
    OffsetDateTime::from(time)
        .format(&Rfc3339)
        .expect("a time that a clock shows has an RFC 3339 form")
}
