//! The listener: HTTP/1.1 connections, each request to the gateway or to the platform's router.
//!
//! hyper's own loop, because it alone has a deadline for header sections. Here a request gets its
//! id, its host is told from wrong ones, and the client's address is found; nothing is decided
//! about what it asks for. Start at [`Server::listen`].

mod accept;
mod client;
mod refusal;
mod strict;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::header::{CONNECTION, HOST};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tracing::Instrument;

use crate::addresses::{Addresses, HostKind, WrongHost};
use crate::model::Cidr;
use crate::proxy::error::ProxyError;
use crate::proxy::origin::NumberedListener;
use crate::proxy::route::NoRoute;
use crate::proxy::{Gateway, Received};
use accept::{Accepted, accept, is_of_one_connection, is_shortage};
use client::client_address;
use refusal::Refusal;
use strict::{Ambiguous, Following, Watched};

/// The answer's and the extension's name for [`RequestId`].
const REQUEST_ID: &str = "x-request-id";
/// Pause after an `accept` that failed for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a client may take of the server.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// For a complete header section; an idle connection is closed after it, too.
    pub header: Duration,
    /// Size of a header section, request line included.
    pub header_bytes: usize,
    /// Bytes buffered for a connection.
    pub buffer_bytes: usize,
    /// Connections at a time; more wait in the listener's queue.
    pub connections: usize,
    /// For requests in flight, once the server is told to stop.
    pub drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            header_bytes: 32 * 1024,
            buffer_bytes: 64 * 1024,
            connections: 8192,
            drain: Duration::from_secs(10),
        }
    }
}

/// All that answers requests.
pub struct Server {
    /// Our own names.
    pub addresses: Arc<Addresses>,
    /// Answers for seats.
    pub gateway: Gateway,
    /// Answers for the platform: API and pages.
    pub platform: Router,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// What a client may take.
    pub limits: ServerLimits,
}

/// A request's random id, in its extensions and in the answer's `x-request-id`.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

/// The client's address, in a request's extensions: the peer's, or what a trusted proxy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Closes the connection that a request came on, in its extensions: for answers that a client
/// stopped reading.
#[derive(Debug, Clone)]
pub struct Hangup(CancellationToken);

impl Hangup {
    /// Closes it, whatever is under way.
    pub fn now(&self) {
        self.0.cancel();
    }
}

impl RequestId {
    fn random() -> Self {
        let mut bytes = [0; 10];
        getrandom::fill(&mut bytes).expect("the kernel has randomness");
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self(HeaderValue::try_from(text).expect("hex digits are ASCII"))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

impl Server {
    /// Serves until `stop` is cancelled, then lets requests in flight end, within a deadline.
    /// Upgraded connections end at once: pages connect again to whoever listens next.
    ///
    /// # Errors
    /// When the listener can't be used any more.
    pub async fn listen(self, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
        let server = Arc::new(self);
        let connections = TaskTracker::new();
        let kill = CancellationToken::new();
        let loops = Loops {
            free: Arc::new(Semaphore::new(server.limits.connections)),
            connections: connections.clone(),
            stop: stop.clone(),
            kill: kill.clone(),
        };
        let mut numbered = server.gateway.numbered_listeners();
        let main = server
            .clone()
            .accept_all(Door::Main, listener, loops.clone());
        let mut main = std::pin::pin!(main);
        let outcome = loop {
            tokio::select! {
                outcome = main.as_mut() => break outcome,
                Some(opened) = next(&mut numbered) => {
                    let server = Arc::clone(&server);
                    connections.spawn(server.accept_numbered(opened, loops.clone()));
                }
            }
        };
        server.gateway.drain();
        connections.close();
        if tokio::time::timeout(server.limits.drain, connections.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                open = connections.len(),
                "closing connections that did not end in time"
            );
            kill.cancel();
            connections.wait().await;
        }
        server.gateway.close().await;
        outcome
    }

    /// Takes connections at one door until the server stops.
    async fn accept_all(
        self: Arc<Self>,
        door: Door,
        listener: TcpListener,
        loops: Loops,
    ) -> io::Result<()> {
        loop {
            let accepted = tokio::select! {
                () = loops.stop.cancelled() => return Ok(()),
                accepted = accept(&listener, &loops.free) => accepted,
            };
            match accepted {
                Ok(accepted) => {
                    let server = Arc::clone(&self);
                    let (stop, kill) = (loops.stop.clone(), loops.kill.clone());
                    loops.connections.spawn(async move {
                        tokio::select! {
                            () = server.serve((door, accepted), stop) => {}
                            () = kill.cancelled() => {}
                        }
                    });
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) if is_shortage(&error) => {
                    tracing::warn!(%error, "cannot accept connections. Hint: raise the limit of open files");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The same at the door of one own origin, which may close before the server stops.
    async fn accept_numbered(self: Arc<Self>, opened: NumberedListener, loops: Loops) {
        let NumberedListener {
            number,
            listener,
            closed,
        } = opened;
        tokio::select! {
            () = closed.cancelled() => {}
            outcome = self.accept_all(Door::Numbered(number), listener, loops) => {
                if let Err(error) = outcome {
                    tracing::error!(number, %error, "cannot accept connections of a preview");
                }
            }
        }
    }

    async fn serve(self: Arc<Self>, (door, accepted): (Door, Accepted), stop: CancellationToken) {
        let Accepted {
            stream,
            peer,
            place,
        } = accepted;
        // Without it small answers wait for the client's delayed acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "connection was closed before it began");
            return;
        }
        let limits = self.limits;
        let (stream, heads) = Watched::new(stream, place);
        let hangup = Hangup(CancellationToken::new());
        let hung_up = hangup.0.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let server = Arc::clone(&self);
            let judged = heads.judge();
            request.extensions_mut().insert(hangup.clone());
            async move { Ok::<_, Infallible>(server.answer(request, (door, peer), judged).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header)
            .max_header_size(limits.header_bytes)
            .max_buf_size(limits.buffer_bytes)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let served = async {
            tokio::select! {
                outcome = connection.as_mut() => outcome,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        };
        let Some(outcome) = hung_up.run_until_cancelled(served).await else {
            return;
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, %peer, "connection ended");
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        came: (Door, SocketAddr),
        judged: Result<Following, Ambiguous>,
    ) -> Response<Body> {
        let id = RequestId::random();
        let span = tracing::info_span!(
            "request",
            request_id = id.as_str(),
            method = %request.method(),
            workshop = tracing::field::Empty,
            seat = tracing::field::Empty,
        );
        let mut response = match judged {
            Ok(_) => {
                let answer = Box::pin(self.dispatch(request, came, &id));
                answer.instrument(span.clone()).await
            }
            Err(Ambiguous) => Refusal::Ambiguous.respond(&id),
        };
        if judged != Ok(Following::Another) && response.status() != StatusCode::SWITCHING_PROTOCOLS
        {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        span.in_scope(|| tracing::debug!(status = response.status().as_u16(), "answered"));
        response.headers_mut().insert(REQUEST_ID, id.0);
        response
    }

    async fn dispatch(
        &self,
        request: Request<Incoming>,
        (door, peer): (Door, SocketAddr),
        id: &RequestId,
    ) -> Response<Body> {
        let host = match self.host(&request, door) {
            Ok(host) => host,
            Err(refusal) => return refusal.respond(id),
        };
        let client = client_address(peer.ip(), request.headers(), &self.trusted_proxies);
        if let HostKind::Own(own) = &host {
            let span = tracing::Span::current();
            span.record("workshop", tracing::field::display(own.seat.workshop));
            span.record("seat", own.seat.seat.get());
            let received = Received {
                host: &host,
                client,
                request_id: &id.0,
            };
            return self.gateway.handle_own(own, request, received).await;
        }
        let route = match self.gateway.route(&host, request.uri()) {
            Ok(route) => {
                let span = tracing::Span::current();
                span.record("workshop", tracing::field::display(route.seat.workshop));
                span.record("seat", route.seat.seat.get());
                Ok(route)
            }
            Err(NoRoute::Platform) => {
                return self.platform(request, (host, peer, client), id).await;
            }
            Err(no_route) => Err(ProxyError::from(no_route)),
        };
        let received = Received {
            host: &host,
            client,
            request_id: &id.0,
        };
        self.gateway.handle(route, request, received).await
    }

    async fn platform(
        &self,
        mut request: Request<Incoming>,
        (host, peer, client): (HostKind, SocketAddr, IpAddr),
        id: &RequestId,
    ) -> Response<Body> {
        let extensions = request.extensions_mut();
        extensions.insert(id.clone());
        extensions.insert(host);
        extensions.insert(ConnectInfo(peer));
        extensions.insert(ClientAddress(client));
        match self.platform.clone().oneshot(request.map(Body::new)).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// The host that a request is for: one `Host`, and the same in a target that has one itself
    /// (RFC 9112, sections 3.2 and 3.2.2).
    fn host(&self, request: &Request<Incoming>, door: Door) -> Result<HostKind, Refusal> {
        if !matches!(request.uri().path().as_bytes(), [b'/', ..] | b"*")
            || crate::proxy::is_refused_method(request.method())
        {
            return Err(Refusal::BadTarget);
        }
        let mut hosts = request.headers().get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Refusal::BadHost);
        };
        let host = host.to_str().map_err(|_| Refusal::BadHost)?;
        if let Some(authority) = request.uri().authority()
            && !authority.as_str().eq_ignore_ascii_case(host)
        {
            return Err(Refusal::BadHost);
        }
        let kind = match door {
            Door::Main => self.addresses.classify(host),
            Door::Numbered(number) => self.numbered_host(host, number),
        };
        kind.map_err(|_| Refusal::WrongHost)
    }

    /// A number stands for one own origin, and for no other host.
    fn numbered_host(&self, host: &str, number: u16) -> Result<HostKind, WrongHost> {
        let (seat, target) = self.gateway.numbered(number).ok_or(WrongHost)?;
        let own = self.addresses.own_by_number(seat, target, number);
        self.addresses.check_numbered(host, &own)?;
        Ok(HostKind::Own(own))
    }
}

/// Where a connection came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// The server's listener.
    Main,
    /// The listener of an own origin.
    Numbered(u16),
}

/// What the loops of all listeners share.
#[derive(Clone)]
struct Loops {
    free: Arc<Semaphore>,
    connections: TaskTracker,
    stop: CancellationToken,
    kill: CancellationToken,
}

/// The next listener; for ever none where there are none.
async fn next(
    listeners: &mut Option<tokio::sync::mpsc::Receiver<NumberedListener>>,
) -> Option<NumberedListener> {
    match listeners {
        Some(listeners) => listeners.recv().await,
        None => std::future::pending().await,
    }
}
