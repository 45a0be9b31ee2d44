//! Idle connections to one incarnation of a seat.
//!
//! A pool belongs to its incarnation and ends with it, so that a connection can't be used for
//! another seat, generation or start of it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clarateach_protocol::origin::SeatPort;
use clarateach_protocol::route::Service;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::body::Upload;
use super::error::ProxyError;
use crate::directory::Incarnation;

/// Idle connections kept for each of a seat's services: what a burst of requests needs is there for the next.
const MAX_IDLE: usize = 256;
/// How long an idle connection is trusted; the in-seat server keeps its side open longer.
const MAX_IDLE_AGE: Duration = Duration::from_secs(20);
/// Bytes that a connection to a seat may hold for us, header section included.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

/// The same for a learner's program: less than the shortest patience that is common (Node's 5 s), and
/// little enough that a program which serves one connection at a time is free again soon.
const MAX_PROGRAM_IDLE_AGE: Duration = Duration::from_secs(2);
/// Idle connections to all of a seat's programs.
const MAX_PROGRAM_IDLE: usize = 32;

/// What is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// The in-seat server.
    Service(Service),
    /// A learner's program, through the tunnel.
    Program(SeatPort),
    /// The seat's browser, which proved itself on this very connection.
    Browser,
}

impl From<Service> for Line {
    fn from(service: Service) -> Self {
        Self::Service(service)
    }
}

impl Line {
    fn max_idle_age(self) -> Duration {
        match self {
            Self::Service(_) => MAX_IDLE_AGE,
            Self::Program(_) | Self::Browser => MAX_PROGRAM_IDLE_AGE,
        }
    }
}

/// Idle connections of one incarnation.
#[derive(Default)]
pub(crate) struct Connections(Mutex<Vec<Waiting>>);

/// Those on one line, in the order in which they became idle.
struct Waiting {
    line: Line,
    idle: VecDeque<Idle>,
}

struct Idle {
    sender: SendRequest<Upload>,
    since: Instant,
}

impl Connections {
    /// The connection on `line` that was used last, if one is still good.
    pub(crate) fn take(&self, line: impl Into<Line>) -> Option<SendRequest<Upload>> {
        let (line, now) = (line.into(), Instant::now());
        let mut all = self.lock();
        let waiting = all.iter_mut().find(|waiting| waiting.line == line)?;
        waiting.sweep(now);
        // The last one is in caches still. One that isn't ready has just been given back, or still sends
        // a body that its seat answered early; behind a burst of these the first is ready most surely.
        let idle = &mut waiting.idle;
        let is_ready = |idle: &Idle| idle.sender.is_ready();
        let at = match idle.back() {
            Some(last) if is_ready(last) => idle.len() - 1,
            _ => idle.iter().position(is_ready)?,
        };
        idle.remove(at).map(|taken| taken.sender)
    }

    /// Closes what has been idle for too long.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        let mut all = self.lock();
        for waiting in all.iter_mut() {
            waiting.idle.retain(|idle| !idle.sender.is_closed());
            waiting.sweep(now);
        }
        all.retain(|waiting| !waiting.idle.is_empty());
    }

    fn put(&self, line: Line, sender: SendRequest<Upload>) {
        let now = Instant::now();
        let mut all = self.lock();
        let is_program = |line| matches!(line, Line::Program(_));
        if is_program(line) {
            let programs = all.iter().filter(|waiting| is_program(waiting.line));
            if programs.map(|waiting| waiting.idle.len()).sum::<usize>() >= MAX_PROGRAM_IDLE {
                return;
            }
        }
        let at = all.iter().position(|waiting| waiting.line == line);
        let at = at.unwrap_or_else(|| {
            all.push(Waiting {
                line,
                idle: VecDeque::new(),
            });
            all.len() - 1
        });
        let waiting = &mut all[at];
        waiting.sweep(now);
        if waiting.idle.len() < MAX_IDLE {
            waiting.idle.push_back(Idle { sender, since: now });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Closes those that have been idle for too long: the first ones.
    fn sweep(&mut self, now: Instant) {
        let max_age = self.line.max_idle_age();
        let is_good = |idle: &Idle| {
            !idle.sender.is_closed() && now.saturating_duration_since(idle.since) < max_age
        };
        while self.idle.front().is_some_and(|idle| !is_good(idle)) {
            self.idle.pop_front();
        }
    }
}

/// A connection in use. Given back with [`Lease::give_back`]; dropped otherwise, which closes it.
pub(crate) struct Lease {
    pub(crate) sender: SendRequest<Upload>,
    line: Line,
    incarnation: Arc<Incarnation>,
}

impl Lease {
    /// A lease of a connection on `line` of that incarnation.
    pub(crate) fn new(
        sender: SendRequest<Upload>,
        line: impl Into<Line>,
        incarnation: Arc<Incarnation>,
    ) -> Self {
        Self {
            sender,
            line: line.into(),
            incarnation,
        }
    }

    /// Keeps the connection for the next request; call it when the response has ended.
    pub(crate) fn give_back(self) {
        if !self.sender.is_closed() && !self.incarnation.ended.is_cancelled() {
            self.incarnation.connections.put(self.line, self.sender);
        }
    }
}

/// Opens a connection to a seat. It lives until its incarnation ends or nobody holds it.
pub(crate) async fn connect(
    address: SocketAddr,
    deadline: Duration,
    incarnation: &Incarnation,
    (tasks, closing): (&TaskTracker, &CancellationToken),
) -> Result<SendRequest<Upload>, ProxyError> {
    let stream = tokio::time::timeout(deadline, TcpStream::connect(address))
        .await
        .map_err(|_| ProxyError::ConnectDeadline { after: deadline })?
        .map_err(ProxyError::Connect)?;
    stream.set_nodelay(true).map_err(ProxyError::Connect)?;
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_BUFFER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(ProxyError::Broken)?;
    let ended = incarnation.ended.clone();
    let closing = closing.clone();
    tasks.spawn(async move {
        tokio::select! {
            // What went wrong reaches whoever waits for the answer; here there is nobody to tell.
            _ = connection.with_upgrades() => {}
            () = ended.cancelled() => {}
            () = closing.cancelled() => {}
        }
    });
    Ok(sender)
}

/// Speaks HTTP/1.1 with a program at the other end of a tunnel. It lives until its incarnation ends
/// or nobody holds it; while it lives it sees to it that idle ones don't stay.
pub(crate) async fn speak(
    tunnel: Upgraded,
    incarnation: &Arc<Incarnation>,
    (tasks, closing): (&TaskTracker, &CancellationToken),
) -> Result<SendRequest<Upload>, ProxyError> {
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_BUFFER_BYTES)
        .handshake(tunnel)
        .await
        .map_err(ProxyError::Broken)?;
    let incarnation = Arc::clone(incarnation);
    let closing = closing.clone();
    tasks.spawn(async move {
        let ended = incarnation.ended.clone();
        let sweeping = async {
            loop {
                tokio::time::sleep(MAX_PROGRAM_IDLE_AGE / 2).await;
                incarnation.connections.sweep();
            }
        };
        tokio::select! {
            _ = connection.with_upgrades() => {}
            () = sweeping => {}
            () = ended.cancelled() => {}
            () = closing.cancelled() => {}
        }
    });
    Ok(sender)
}
