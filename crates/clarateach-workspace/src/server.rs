//! Listens, serves, stops. `Server::bind` then `serve`; tests run exactly this in their process.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clarateach_protocol::id::{Generation, SeatKey};
use clarateach_protocol::route::Service;
use clarateach_protocol::token::VerifyingKeys;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::auth::Gate;
use crate::bind::Bound;
use crate::children::{Children, Orphans};
use crate::exec;
use crate::files::events::Events;
use crate::files::root::Root;
use crate::files::sweep::sweep;
use crate::http;
use crate::stats::Kills;
use crate::terminal::Patience;
use crate::terminal::registry::{Terminals, Workbench};

/// For a whole request head, and between two requests of a connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_HEADER_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// Connections that each listener serves at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 512;
/// Connections at once to programs that the learner runs.
const MAX_TUNNELS: usize = 512;
/// Archives that are packed or unpacked at once; each keeps a thread.
const MAX_ARCHIVES: usize = 2;
/// Programs that `/exec` runs at once.
const MAX_PROGRAMS: usize = 4;
/// Searches that run at once; each keeps a thread.
const MAX_SEARCHES: usize = 2;
/// After `accept` failed, usually for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long connections may take to say goodbye when the server stops.
const STOP_LIMIT: Duration = Duration::from_millis(700);

/// What a server is started with.
pub struct Config {
    /// The seat that it serves, and no other.
    pub seat: SeatKey,
    /// The generation of it.
    pub generation: Generation,
    /// Whose tokens it takes.
    pub keys: VerifyingKeys,
    /// The folder of the file API.
    pub root: PathBuf,
    /// The shells' HOME.
    pub home: PathBuf,
    /// The shell of terminals, if it can be run; `None`: the passwd entry's, or bash, or sh.
    pub shell: Option<PathBuf>,
    /// The address to listen on.
    pub listen: IpAddr,
    /// Port of the terminals; 0 for any.
    pub terminal_port: u16,
    /// Port of files and everything else; 0 for any.
    pub files_port: u16,
    /// What it spends at most.
    pub limits: Limits,
    /// What happens to processes that lost their parent.
    pub orphans: Orphans,
}

/// What the server spends at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one uploaded file.
    pub upload_bytes: u64,
    /// Entries of an archive that is unpacked.
    pub unpack_entries: usize,
    /// Bytes that an archive unpacks to.
    pub unpack_bytes: u64,
    /// Folders that are watched for changes; 0 looks at them every two seconds instead.
    pub watched_folders: usize,
    /// How long a terminal's client may owe an ack, and hold its terminal back.
    pub ack_deadline: Duration,
    /// Between two pings of a terminal's connection.
    pub ping_interval: Duration,
    /// How long a terminal's client may be silent.
    pub silence_limit: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let patience = Patience::default();
        Self {
            upload_bytes: 256 * 1024 * 1024,
            unpack_entries: 50_000,
            unpack_bytes: 2 * 1024 * 1024 * 1024,
            watched_folders: 2048,
            ack_deadline: patience.ack_deadline,
            ping_interval: patience.ping_interval,
            silence_limit: patience.silence_limit,
        }
    }
}

/// Why the server can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The root is missing, unwritable, or the kernel doesn't confine.
    #[error("cannot use {path} as root (hint: {hint})")]
    Root {
        /// The folder.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// Nobody can listen there.
    #[error("cannot listen on {address} (hint: is another server running here?)")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
}

/// A server that listens and doesn't serve yet.
pub struct Server {
    app: Arc<App>,
    terminal: TcpListener,
    files: TcpListener,
    children: Arc<Children>,
}

impl Server {
    /// Opens the root and listens on both ports.
    ///
    /// # Errors
    /// When the root can't be used or an address is taken.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let unusable = |source: io::Error| StartError::Root {
            hint: root_hint(&source),
            path: config.root.clone(),
            source,
        };
        let root = Arc::new(Root::open(&config.root).map_err(unusable)?);
        let watched = config.limits.watched_folders;
        let events = Events::new(Arc::clone(&root), watched).map_err(unusable)?;
        let terminal = listen(config.listen, config.terminal_port).await?;
        let files = listen(config.listen, config.files_port).await?;
        let children = Arc::new(Children::new(config.orphans));
        let bound = Arc::new(Bound::default());
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let bench = exec::Bench {
            children: Arc::clone(&children),
            home: config.home.clone(),
            root: config.root.clone(),
            shell: config.shell.clone(),
        };
        let terminals = Terminals::new(Workbench {
            children: Arc::clone(&children),
            bound: Arc::clone(&bound),
            home: config.home,
            root: config.root,
            shell: config.shell,
            patience: Patience {
                ack_deadline: config.limits.ack_deadline,
                ping_interval: config.limits.ping_interval,
                silence_limit: config.limits.silence_limit,
            },
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        let own_ports = [port_of(&terminal), port_of(&files)];
        let app = Arc::new(App {
            gate: Gate::new(config.keys, config.seat, config.generation),
            bound,
            root,
            events: Arc::new(events),
            search_places: Arc::new(Semaphore::new(MAX_SEARCHES)),
            archive_places: Arc::new(Semaphore::new(MAX_ARCHIVES)),
            terminals,
            limits: config.limits,
            kills: Kills::new(),
            exec_places: Arc::new(Semaphore::new(MAX_PROGRAMS)),
            bench,
            own_ports,
            tunnels: Arc::new(Semaphore::new(MAX_TUNNELS)),
            tasks,
            stop,
        });
        Ok(Self {
            app,
            terminal,
            files,
            children,
        })
    }

    /// Where terminals are.
    #[must_use]
    pub fn terminal_port(&self) -> u16 {
        self.app.own_ports[0]
    }

    /// Where files and everything else are.
    #[must_use]
    pub fn files_port(&self) -> u16 {
        self.app.own_ports[1]
    }

    /// Serves until `stop`, then closes terminals and connections; returns within a second.
    ///
    /// # Errors
    /// When the process can't learn of its children's ends.
    pub async fn serve(self, stop: CancellationToken) -> io::Result<()> {
        let Self {
            app,
            terminal,
            files,
            children,
        } = self;
        let reaping = children.reap_until(app.stop.clone());
        let tasks = app.tasks.clone();
        let root = Arc::clone(&app.root);
        tasks.spawn_blocking(move || sweep(&root));
        let watcher = Arc::clone(&app);
        tasks.spawn(async move { watcher.kills.watch(watcher.stop.clone()).await });
        tasks.spawn(accept(Arc::clone(&app), terminal, Service::Terminal));
        tasks.spawn(accept(Arc::clone(&app), files, Service::Files));
        tokio::select! {
            ended = reaping => ended?,
            () = stop.cancelled() => {}
        }
        app.stop.cancel();
        tasks.close();
        // Whoever doesn't answer in time loses its connection without a goodbye.
        let _ = tokio::time::timeout(STOP_LIMIT, tasks.wait()).await;
        Ok(())
    }
}

async fn listen(ip: IpAddr, port: u16) -> Result<TcpListener, StartError> {
    let address = SocketAddr::new(ip, port);
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |address| address.port())
}

fn root_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "give an existing folder with --root"
        }
        io::ErrorKind::Unsupported => "openat2 needs Linux 5.6 or later",
        _ => "it must be writable by this user, and the seccomp profile must allow openat2",
    }
}

async fn accept(app: Arc<App>, listener: TcpListener, service: Service) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = app.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let app = Arc::clone(&app);
                app.tasks.clone().spawn(async move {
                    serve_connection(app, stream, service).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(app: Arc<App>, stream: TcpStream, service: Service) {
    // Echoes are small packets that must not wait for more.
    let _ = stream.set_nodelay(true);
    let stop = app.stop.clone();
    let answer = service_fn(move |request| {
        let app = Arc::clone(&app);
        async move { Ok::<_, std::convert::Infallible>(http::answer(app, service, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_header_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // An error here is the client's: a broken request, or gone.
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Randomness for names that nobody may guess or meet twice.
pub(crate) fn random_u64() -> u64 {
    getrandom::u64().expect("the kernel gives randomness once it has booted")
}
