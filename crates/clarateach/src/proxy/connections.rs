//! Idle connections to one incarnation of a seat.
//!
//! A pool belongs to its incarnation and ends with it, so that a connection can't be used for
//! another seat, generation or start of it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clarateach_protocol::route::Service;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::body::Upload;
use super::error::ProxyError;
use crate::directory::Incarnation;

/// Idle connections kept for each of a seat's services: a page's requests come in small bursts.
const MAX_IDLE: usize = 4;
/// How long an idle connection is trusted; the in-seat server keeps its side open longer.
const MAX_IDLE_AGE: Duration = Duration::from_secs(20);
/// Bytes that a connection to a seat may hold for us, header section included.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

/// Idle connections of one incarnation.
#[derive(Default)]
pub(crate) struct Connections(Mutex<Vec<Idle>>);

struct Idle {
    service: Service,
    sender: SendRequest<Upload>,
    since: Instant,
}

impl Connections {
    /// The connection to `service` that was used last, if one is still good.
    pub(crate) fn take(&self, service: Service) -> Option<SendRequest<Upload>> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(Idle::is_good);
        // One that isn't ready still sends a body that its seat answered early.
        let last = idle
            .iter()
            .rposition(|idle| idle.service == service && idle.sender.is_ready())?;
        Some(idle.swap_remove(last).sender)
    }

    fn put(&self, service: Service, sender: SendRequest<Upload>) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(Idle::is_good);
        if idle.iter().filter(|idle| idle.service == service).count() < MAX_IDLE {
            idle.push(Idle {
                service,
                sender,
                since: Instant::now(),
            });
        }
    }
}

impl Idle {
    fn is_good(&self) -> bool {
        !self.sender.is_closed() && self.since.elapsed() < MAX_IDLE_AGE
    }
}

/// A connection in use. Given back with [`Lease::give_back`]; dropped otherwise, which closes it.
pub(crate) struct Lease {
    pub(crate) sender: SendRequest<Upload>,
    service: Service,
    incarnation: Arc<Incarnation>,
}

impl Lease {
    /// A lease of a connection to `service` of that incarnation.
    pub(crate) fn new(
        sender: SendRequest<Upload>,
        service: Service,
        incarnation: Arc<Incarnation>,
    ) -> Self {
        Self {
            sender,
            service,
            incarnation,
        }
    }

    /// Keeps the connection for the next request; call it when the response has ended.
    pub(crate) fn give_back(self) {
        if !self.sender.is_closed() && !self.incarnation.ended.is_cancelled() {
            self.incarnation.connections.put(self.service, self.sender);
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
