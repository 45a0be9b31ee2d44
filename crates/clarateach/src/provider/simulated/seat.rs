//! One simulated seat: its files outlive its starts, its servers and terminals don't.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clarateach_protocol::id::{Generation, SeatKey};
use clarateach_protocol::route::{BROWSER_PORT, Service};
use clarateach_protocol::token::{Mode, Scope, VerifyingKeys, WorkspaceClaims};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::{BrowserState, BrowserStatus, Endpoints, Instance, InstanceStatus, SeatSpec};
use super::browser::Browser;
use super::files::FileTree;
use super::http;
use super::terminal::Terminals;
use crate::browser::{BrowserDoor, SELKIES};
use crate::model::Reason;

/// Connections that wait to be taken.
const BACKLOG: u32 = 128;

pub(super) struct Seat {
    key: SeatKey,
    generation: Generation,
    /// The generation whose files these are.
    pub(super) disk: Generation,
    digest: String,
    address: IpAddr,
    keys: VerifyingKeys,
    pub(super) files: Mutex<FileTree>,
    /// Counts changes of the files.
    pub(super) changes: watch::Sender<u64>,
    state: Mutex<State>,
}

enum State {
    Running(Arc<Start>),
    Stopped {
        last: String,
        reason: Option<Reason>,
    },
}

/// One start of a seat: everything that ends with it.
pub(super) struct Start {
    pub(super) incarnation: String,
    pub(super) cancel: CancellationToken,
    pub(super) tasks: TaskTracker,
    pub(super) terminals: Terminals,
    pub(super) bound: Mutex<Option<String>>,
    hangs: watch::Sender<bool>,
    browser: Mutex<Option<Browser>>,
}

impl Start {
    /// Comes back once the seat answers; at once unless it hangs.
    async fn until_it_answers(&self) {
        // The sender lives as long as the start does.
        let _ = self.hangs.subscribe().wait_for(|hangs| !hangs).await;
    }

    fn browser(&self) -> MutexGuard<'_, Option<Browser>> {
        self.browser.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn browser_status(&self) -> BrowserStatus {
        let browser = self.browser();
        browser
            .as_ref()
            .map_or(BrowserStatus::Absent, Browser::status)
    }
}

impl Seat {
    pub(super) fn new(
        spec: &SeatSpec,
        address: IpAddr,
        keys: VerifyingKeys,
        files: FileTree,
    ) -> Arc<Self> {
        Arc::new(Self {
            key: spec.key(),
            generation: spec.generation,
            disk: spec.disk,
            digest: spec.digest(),
            address,
            keys,
            files: Mutex::new(files),
            changes: watch::Sender::new(0),
            state: Mutex::new(State::Stopped {
                last: String::new(),
                reason: None,
            }),
        })
    }

    pub(super) fn key(&self) -> SeatKey {
        self.key
    }

    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    pub(super) fn is_of(&self, spec: &SeatSpec) -> bool {
        self.generation == spec.generation && self.digest == spec.digest()
    }

    pub(super) fn instance(&self) -> Instance {
        let (incarnation, status, browser) = match &*self.state() {
            State::Running(start) => (
                start.incarnation.clone(),
                InstanceStatus::Running,
                start.browser_status(),
            ),
            State::Stopped { last, reason } => {
                let reason = reason.clone();
                let status = InstanceStatus::Stopped { reason };
                (last.clone(), status, BrowserStatus::Absent)
            }
        };
        let browser_runs = browser == BrowserStatus::Running;
        Instance {
            workshop: self.key.workshop,
            seat: self.key.seat,
            generation: self.generation,
            incarnation,
            spec_digest: self.digest.clone(),
            id: format!("simulated-{}", self.key),
            ip: self.address,
            status,
            endpoints: Endpoints {
                terminal: self.endpoint(Service::Terminal),
                files: self.endpoint(Service::Files),
                browser: browser_runs.then(|| self.browser_endpoint()),
            },
            browser,
            files: BTreeSet::from([self.disk]),
        }
    }

    fn endpoint(&self, service: Service) -> SocketAddr {
        SocketAddr::new(self.address, service.port())
    }

    fn browser_endpoint(&self) -> SocketAddr {
        SocketAddr::new(self.address, BROWSER_PORT)
    }

    /// The way to the browser that runs beside the present start.
    pub(super) fn browser_door(&self) -> Option<BrowserDoor> {
        let state = self.state();
        let State::Running(start) = &*state else {
            return None;
        };
        let browser = start.browser();
        let running = |browser: &&Browser| browser.status() == BrowserStatus::Running;
        browser.as_ref().filter(running).map(|browser| BrowserDoor {
            engine: &SELKIES,
            address: self.browser_endpoint(),
            incarnation: start.incarnation.clone(),
            access: browser.access(),
        })
    }

    /// Brings its browser to a state; tells whether it could: a stopped seat has none.
    pub(super) fn set_browser(&self, want: BrowserState) -> io::Result<bool> {
        let state = self.state();
        let State::Running(start) = &*state else {
            return Ok(want == BrowserState::Absent);
        };
        let mut browser = start.browser();
        if want == BrowserState::Absent {
            *browser = None;
            return Ok(true);
        }
        if browser.is_none() {
            let address = self.browser_endpoint();
            *browser = Some(Browser::start(address, &start.cancel, &start.tasks)?);
        }
        if let Some(browser) = &*browser {
            browser.bring(want);
        }
        Ok(true)
    }

    /// Starts its servers; tells whether they weren't running.
    pub(super) fn start(self: &Arc<Self>, incarnation: String) -> io::Result<bool> {
        let mut state = self.state();
        if matches!(*state, State::Running(_)) {
            return Ok(false);
        }
        let terminal = listen(self.endpoint(Service::Terminal))?;
        let files = listen(self.endpoint(Service::Files))?;
        let start = Arc::new(Start {
            incarnation,
            cancel: CancellationToken::new(),
            tasks: TaskTracker::new(),
            terminals: Terminals::new(self.key.seat),
            bound: Mutex::new(None),
            hangs: watch::Sender::new(false),
            browser: Mutex::new(None),
        });
        for (listener, service) in [(terminal, Service::Terminal), (files, Service::Files)] {
            let serving = serve(Arc::clone(self), Arc::clone(&start), listener, service);
            start.tasks.spawn(serving);
        }
        *state = State::Running(start);
        Ok(true)
    }

    pub(super) fn stop(&self, reason: Option<Reason>) {
        let mut state = self.state();
        if let State::Running(start) = &*state {
            start.cancel.cancel();
            let last = start.incarnation.clone();
            *state = State::Stopped { last, reason };
        }
    }

    pub(super) fn hang(&self) {
        if let State::Running(start) = &*self.state() {
            start.hangs.send_replace(true);
        }
    }

    pub(super) fn answer_again(&self) {
        if let State::Running(start) = &*self.state() {
            start.hangs.send_replace(false);
        }
    }

    /// Whether a token of ours opens a scope at this seat, for looking or also for touching.
    pub(super) fn mode_of(&self, token: &str, scope: Scope, now: u64) -> Option<Mode> {
        let claims = WorkspaceClaims::verify(token, &self.keys, now).ok()?;
        let fits = claims.seat == self.key
            && claims.generation == self.generation
            && claims.scope.contains(&scope);
        fits.then_some(claims.mode)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A listener that can follow at once on one that is just being closed.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Takes connections until the start ends, and then drops them all.
async fn serve(seat: Arc<Seat>, start: Arc<Start>, listener: TcpListener, service: Service) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = start.cancel.cancelled() => return,
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors: others end, and with them the shortage.
            tokio::task::yield_now().await;
            continue;
        };
        let (seat, start) = (Arc::clone(&seat), Arc::clone(&start));
        connections.spawn(async move {
            let answer = service_fn(move |request| {
                let (seat, start) = (Arc::clone(&seat), Arc::clone(&start));
                async move {
                    start.until_it_answers().await;
                    Ok::<_, std::convert::Infallible>(
                        http::answer(seat, start, service, request).await,
                    )
                }
            });
            // A connection that broke is the client's affair.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .with_upgrades()
                .await;
        });
    }
}
