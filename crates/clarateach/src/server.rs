//! The listener: HTTP/1.1 connections, each request to the gateway or to the platform's router.
//!
//! hyper's own loop, because it alone has a deadline for header sections. Here a request gets its
//! id, its host is told from wrong ones, and the client's address is found; nothing is decided
//! about what it asks for. Start at [`Server::listen`].

mod accept;
mod client;
mod host;
mod last_words;
mod limits;
mod places;
mod refusal;
mod request_id;
mod strict;
mod unread;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::Instrument;

use crate::addresses::{Addresses, HostKind};
use crate::arriving::{Arriving, Lingering};
pub use crate::limits::ServerLimits;
use crate::model::Cidr;
use crate::proxy::error::ProxyError;
use crate::proxy::origin::NumberedListener;
use crate::proxy::route::NoRoute;
use crate::proxy::{Gateway, Received};
use accept::{Accepted, Loops};
use client::client_address;
pub use places::Condition;
use places::{Asking, Full, Places};
use refusal::Refusal;
pub use request_id::RequestId;
use strict::{Ambiguous, Following, Heads, Occupant, Watched};

/// The answer's and the extension's name for [`RequestId`].
const REQUEST_ID: &str = "x-request-id";
/// Paths that are answered whatever else is turned away.
const WATCHED: [&str; 2] = ["/api/health", "/api/ready"];
/// For a header section of a client that is told to come back.
const SHED_PATIENCE: Duration = Duration::from_secs(2);
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

impl Server {
    /// Serves until `stop` is cancelled, then lets requests in flight end, within a deadline;
    /// meanwhile who comes is told to come back, and readiness says why. Upgraded connections end at
    /// once: pages connect again to whoever listens next.
    ///
    /// # Errors
    /// When the listener can't be used any more.
    pub async fn listen(self, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
        let server = Arc::new(self);
        let loops = Loops {
            places: Places::new(server.limits),
            served: Lingering::default(),
            shed: Lingering::default(),
            stop: stop.clone(),
        };
        let closes = CancellationToken::new();
        let mut numbered = server.gateway.numbered_listeners();
        let main = server
            .clone()
            .accept_all(Door::Main, listener, loops.clone(), closes.clone());
        let mut main = std::pin::pin!(main);
        let failed = loop {
            tokio::select! {
                () = stop.cancelled() => break None,
                outcome = main.as_mut() => break Some(outcome),
                Some(opened) = next(&mut numbered) => {
                    let server = Arc::clone(&server);
                    loops.served.tasks.spawn(server.accept_numbered(opened, loops.clone()));
                }
            }
        };
        let draining = server.drain(&loops);
        let outcome = match failed {
            Some(outcome) => {
                draining.await;
                outcome
            }
            // Who comes meanwhile is told to come back.
            None => tokio::select! {
                () = draining => Ok(()),
                outcome = main => outcome,
            },
        };
        closes.cancel();
        loops.end().await;
        server.gateway.close().await;
        outcome
    }

    /// Lets requests in flight end, within a deadline.
    async fn drain(&self, loops: &Loops) {
        loops.places.drain();
        self.gateway.drain();
        let served = &loops.served.tasks;
        served.close();
        let in_time = tokio::time::timeout(self.limits.drain, served.wait()).await;
        if in_time.is_err() {
            tracing::warn!(
                open = served.len(),
                "closing connections that did not end in time"
            );
        }
    }

    async fn serve(self: Arc<Self>, accepted: Accepted, loops: Loops) {
        let limits = self.limits;
        let (shed, peer) = (accepted.shed, accepted.peer);
        let (stream, heads, occupant) = Watched::new(accepted.stream, accepted.place, &limits);
        let stop = loops.stop.clone();
        let came = Arc::new(Came {
            door: accepted.door,
            peer,
            shed,
            occupant,
            heads,
            hangup: Hangup(CancellationToken::new()),
            last_host: Mutex::default(),
            loops,
        });
        let hung_up = came.hangup.0.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let (server, came) = (Arc::clone(&self), Arc::clone(&came));
            let judged = came.heads.judge();
            async move { Ok::<_, Infallible>(server.answer(request, &came, judged).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .keep_alive(shed.is_none())
            .header_read_timeout(match shed {
                None => limits.header,
                Some(_) => limits.header.min(SHED_PATIENCE),
            })
            .max_header_size(limits.header_bytes)
            .max_buf_size(limits.buffer_bytes)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let served = async {
            if shed.is_some() {
                return connection.await;
            }
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
        came: &Came,
        judged: Result<Following, Ambiguous>,
    ) -> Response<Body> {
        let id = RequestId::random();
        let (parts, body) = request.into_parts();
        // From here on, what isn't read of it is taken and thrown away.
        let body = Arriving::new(body, &parts.headers, &came.loops.served);
        let request = Request::from_parts(parts, body);
        let mut response = match judged {
            Ok(_) => Box::pin(self.dispatch(request, came, &id)).await,
            Err(Ambiguous) => Refusal::Ambiguous.respond(&id),
        };
        let is_last = judged != Ok(Following::Another) || came.shed.is_some();
        if is_last && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        response.headers_mut().insert(REQUEST_ID, id.0);
        response.map(|body| came.heads.until_answered(body))
    }

    /// Whether there is a place for a request. Health and readiness always have one: what watches a
    /// server has to learn how it is.
    fn admit_request<'a>(
        &self,
        request: &Request<Arriving>,
        (host, client): (&HostKind, IpAddr),
        came: &'a Came,
    ) -> Result<Option<Asking<'a>>, Refusal> {
        let places = &came.loops.places;
        if matches!(host, HostKind::Platform(_)) && WATCHED.contains(&request.uri().path()) {
            return Ok(None);
        }
        if let Some(full) = came.shed {
            return Err(match places.condition() {
                Condition::Draining => Refusal::Stopping,
                Condition::Serving | Condition::Shedding => Refusal::Full(full),
            });
        }
        if client::is_trusted(came.peer.ip().to_canonical(), &self.trusted_proxies) {
            came.occupant.lend(client).map_err(Refusal::Full)?;
        }
        places.ask().map(Some).map_err(Refusal::Full)
    }

    async fn dispatch(
        &self,
        request: Request<Arriving>,
        came: &Came,
        id: &RequestId,
    ) -> Response<Body> {
        let host = match self.host(&request, came) {
            Ok(host) => host,
            Err(refusal) => return refusal.respond(id),
        };
        let client = client_address(came.peer.ip(), request.headers(), &self.trusted_proxies);
        let _asking = match self.admit_request(&request, (&host, client), came) {
            Ok(asking) => asking,
            Err(refusal) => return refusal.respond(id),
        };
        if let Some(secure) = self.https_url(&request, &host, came) {
            return refusal::moved_to(&secure);
        }
        if let HostKind::Own(own) = host.as_ref() {
            let received = Received {
                host: &host,
                client,
                request_id: &id.0,
            };
            return self.gateway.handle_own(own, request, received).await;
        }
        let route = match self.gateway.route(&host, request.uri()) {
            Ok(route) => Ok(route),
            Err(NoRoute::Platform) => {
                return self.platform(request, (&host, client), came, id).await;
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
        mut request: Request<Arriving>,
        (host, client): (&HostKind, IpAddr),
        came: &Came,
        id: &RequestId,
    ) -> Response<Body> {
        let extensions = request.extensions_mut();
        extensions.insert(id.clone());
        extensions.insert(host.clone());
        extensions.insert(came.hangup.clone());
        extensions.insert(came.loops.places.condition());
        extensions.insert(ConnectInfo(came.peer));
        extensions.insert(ClientAddress(client));
        let span = tracing::info_span!(
            "request",
            request_id = id.as_str(),
            method = %request.method(),
            workshop = tracing::field::Empty,
            seat = tracing::field::Empty,
        );
        let answer = async {
            let Ok(response) = self.platform.clone().oneshot(request.map(Body::new)).await;
            tracing::debug!(status = response.status().as_u16(), "answered");
            response
        };
        answer.instrument(span).await
    }
}

/// A listener whose queue holds a whole class at once. The usual one holds 128 connections; who comes beyond
/// them is heard a second later (tcp(7), `net.core.somaxconn` and `SYN` retransmission).
///
/// # Errors
/// When the address is in use, or isn't this machine's.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    const QUEUED: u32 = 4096;
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(QUEUED)
}

/// What is known of a connection, for each of its requests.
struct Came {
    door: Door,
    peer: SocketAddr,
    /// Why it is told to come back, if it is.
    shed: Option<Full>,
    occupant: Occupant,
    heads: Heads,
    hangup: Hangup,
    /// The last host that a request named, and what it is.
    last_host: Mutex<Option<(HeaderValue, Arc<HostKind>)>>,
    loops: Loops,
}

/// Where a connection came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// The server's listener.
    Main,
    /// The listener of an own origin.
    Numbered(u16),
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
