//! The data path: one request for a seat, from its route to the seat's answer.
//!
//! `route` (one parse) → `authorise` (one check) → `forward` or `upgrade`. It knows the directory and
//! the platform's keys; it doesn't know which provider makes seats, and reads no store. Start at
//! [`Gateway::handle`], which has the phases in order.

pub mod route;

pub mod authorise;
pub mod error;

pub mod origin;

pub(crate) mod body;
pub(crate) mod connections;
mod cors;
mod ending;
mod forward;
mod frames;
pub(crate) mod headers;
pub(crate) mod minted;
mod relay;
mod session;
mod trailers;
mod upgrade;
mod verified;
mod visits;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::arriving::Arriving;
pub use crate::limits::SeatLimits as Limits;
use axum::body::Body;
use clarateach_protocol::id::SeatKey;
use clarateach_protocol::token::{Role, SigningKey, VerifyingKeys};
use http::header::ORIGIN;
use http::{HeaderValue, Method, Request, Response};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::addresses::{Addresses, HostKind, Origin};
use crate::directory::{Directory, Incarnation};
use authorise::{Asked, Gatekeeper, Grant, Intent};
use ending::Ending;
use error::ProxyError;
use origin::{OwnOrigins, Waiting};
use route::{NoRoute, Route, Target};
use upgrade::Handshake;
use visits::{Asking, Visits};

/// The door to every seat.
pub struct Gateway {
    directory: Arc<Directory>,
    addresses: Arc<Addresses>,
    signing: Arc<SigningKey>,
    gatekeeper: Gatekeeper,
    visits: Arc<Visits>,
    origins: Option<OwnOrigins>,
    limits: Limits,
    tasks: TaskTracker,
    draining: CancellationToken,
    closing: CancellationToken,
}

/// What the gateway is made from.
pub struct GatewayConfig {
    /// What is known of the seats.
    pub directory: Arc<Directory>,
    /// Our own names.
    pub addresses: Arc<Addresses>,
    /// Signs workspace tokens and renewed seat tokens.
    pub signing: Arc<SigningKey>,
    /// Verifies seat tokens.
    pub verifying: VerifyingKeys,
    /// Name of the cookie that carries a seat token.
    pub cookie_name: String,
    /// How long seats may take.
    pub limits: Limits,
}

/// What the server knows of a request beside its head and body.
pub struct Received<'a> {
    /// What its host names.
    pub host: &'a HostKind,
    /// The client's address, proxies that are trusted left out.
    pub client: IpAddr,
    /// Finds it in the log.
    pub request_id: &'a HeaderValue,
}

/// One request on its way through.
pub(crate) struct Exchange<'a> {
    /// The origin that it came to.
    pub(crate) received_by: &'a Origin,
    pub(crate) client: IpAddr,
    pub(crate) request_id: &'a HeaderValue,
    /// Path that everything of the seat is below.
    pub(crate) base: &'a str,
    /// Seconds since 1970 UTC, the same for every check.
    pub(crate) now: u64,
}

impl Gateway {
    /// A gateway; its background work runs until [`Gateway::close`].
    #[must_use]
    pub fn new(config: GatewayConfig) -> Self {
        Self {
            directory: config.directory,
            addresses: config.addresses,
            signing: config.signing,
            gatekeeper: Gatekeeper::new(config.verifying, config.cookie_name),
            visits: Arc::default(),
            origins: None,
            limits: config.limits,
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            closing: CancellationToken::new(),
        }
    }

    /// The gateway with origins of seats' own.
    #[must_use]
    pub fn with_origins(mut self, origins: OwnOrigins) -> Self {
        self.origins = Some(origins);
        self
    }

    /// Ends every upgraded connection; pages connect again to whoever listens next.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Ends every connection and waits until none is left.
    pub async fn close(&self) {
        self.drain();
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The seat and route that a request names, or whose its path is instead.
    ///
    /// # Errors
    /// As [`route::parse`].
    pub fn route(&self, host: &HostKind, uri: &http::Uri) -> Result<Route, NoRoute> {
        route::parse(host, uri, &self.addresses)
    }

    /// Answers a request for a seat, or for a path that would be a seat's.
    pub async fn handle(
        &self,
        route: Result<Route, ProxyError>,
        request: Request<Arriving>,
        received: Received<'_>,
    ) -> Response<Body> {
        let asked_by = request.headers().get(ORIGIN).cloned();
        let told = Told::of(
            &received,
            &request,
            route.as_ref().ok().map(|route| route.seat),
        );
        let is_seat_host = matches!(received.host, HostKind::Workshop(_));
        let is_preflight = is_seat_host && cors::is_preflight(request.method(), request.headers());
        let mut response = if is_preflight {
            cors::preflight_response()
        } else if is_told(&route, &request) {
            let span = told.span();
            let answer = Box::pin(self.answer(route, request, &received));
            let answer = answer.instrument(span.clone()).await;
            answer.unwrap_or_else(|error| span.in_scope(|| respond(&error, received.request_id)))
        } else {
            let answer = self.answer(route, request, &received).await;
            answer.unwrap_or_else(|error| {
                told.span()
                    .in_scope(|| respond(&error, received.request_id))
            })
        };
        if is_seat_host {
            let platform = self.addresses.origin(received.host);
            cors::allow(asked_by.as_ref(), platform, &mut response, is_preflight);
        }
        response
    }

    async fn answer(
        &self,
        route: Result<Route, ProxyError>,
        request: Request<Arriving>,
        received: &Received<'_>,
    ) -> Result<Response<Body>, ProxyError> {
        let route = route?;
        let (mut parts, body) = request.into_parts();
        refuse_service_worker(&parts)?;
        let exchange = Exchange {
            received_by: self.addresses.origin(received.host),
            client: received.client,
            request_id: received.request_id,
            base: &route.base,
            now: seconds_since_1970(),
        };
        let is_upgrade = upgrade::is_websocket(&parts.headers);
        let asked = Asked {
            method: &parts.method,
            headers: &parts.headers,
            seat: route.seat,
            intent: match (&route.target, is_upgrade) {
                (_, true) => Intent::Upgrade,
                // Who may look may look at what a port shows.
                (Target::Session | Target::Origins, _) => Intent::Session,
                (Target::Browser | Target::OpenPorts(_) | Target::Seat { .. }, _) => Intent::Use,
            },
            origin: exchange.received_by,
        };
        let lookup = |key: &_| self.directory.lookup(key);
        let grant = self.gatekeeper.authorise(asked, lookup, exchange.now)?;
        match &route.target {
            Target::Session => self.session(&parts.method, &exchange, &grant),
            Target::Browser => {
                let came = (&exchange, received.host);
                self.to_browser(&parts.method, came, &grant).await
            }
            Target::Origins => {
                let waiting = if wants_no_wait(&parts.headers) {
                    Waiting::Polling
                } else {
                    Waiting::Patient
                };
                let came = (&exchange, received.host, waiting);
                self.create_origin(&parts.method, came, &grant, body).await
            }
            Target::OpenPorts(port) => self.open_ports(&parts.method, *port, &grant).await,
            Target::Seat {
                route,
                path_and_query,
            } => {
                let upstream = self.upstream(&grant, route)?;
                let handshake = is_upgrade.then(|| Handshake::parse(&parts)).transpose()?;
                let onward = self.onward(
                    &mut parts,
                    &exchange,
                    &grant,
                    (&upstream, route),
                    path_and_query,
                )?;
                if grant.claims.role == Role::Instructor && !is_upgrade {
                    let claims = &grant.claims;
                    let asking = Asking {
                        method: &parts.method,
                        path: path_and_query.path(),
                        port: None,
                        lifetime: (claims.issued_at, claims.expires_at),
                    };
                    self.visits
                        .note(&claims.sub, claims.seat, claims.mode, asking);
                }
                if grant.claims.role == Role::Learner && !authorise::is_reading(&parts.method) {
                    grant.entry.attendance().sign_of_life();
                }
                if let Some(handshake) = handshake {
                    let downstream = hyper::upgrade::on(Request::from_parts(parts, body));
                    self.upgrade(onward, (handshake, downstream), &grant, upstream)
                        .await
                } else {
                    self.forward(onward, body, &grant, upstream).await
                }
            }
        }
    }

    /// What ends a grant: the tenancy's end or a lock, the token's end, or another start of the seat.
    pub(crate) fn ending(&self, grant: &Grant, incarnation: &Incarnation) -> Ending {
        let mut ending = Ending::at(grant.claims.expires_at);
        ending.or_when(grant.entry.shut_out(grant.claims.role));
        ending.or_when(&incarnation.ended);
        ending
    }
}

/// What the log tells of a request. A span costs as much as the rest of the way through, so one is made
/// where something is logged, and around what may log.
struct Told {
    request_id: HeaderValue,
    method: Method,
    seat: Option<SeatKey>,
}

impl Told {
    fn of<T>(received: &Received<'_>, request: &Request<T>, seat: Option<SeatKey>) -> Self {
        Self {
            request_id: received.request_id.clone(),
            method: request.method().clone(),
            seat,
        }
    }

    fn span(&self) -> tracing::Span {
        tracing::info_span!(
            "request",
            request_id = self.request_id.to_str().unwrap_or_default(),
            method = %self.method,
            workshop = self.seat.map(|seat| tracing::field::display(seat.workshop)),
            seat = self.seat.map(|seat| seat.seat.get()),
        )
    }
}

/// Whether something may be logged on the way: not of an ordinary request to a seat, but of its error.
fn is_told(route: &Result<Route, ProxyError>, request: &Request<Arriving>) -> bool {
    let target = route.as_ref().map(|route| &route.target);
    !matches!(target, Ok(Target::Seat { .. })) || upgrade::is_websocket(request.headers())
}

/// A learner's file must not become a program that sits between the pages and the API.
fn refuse_service_worker(parts: &http::request::Parts) -> Result<(), ProxyError> {
    let asks = parts.headers.contains_key("service-worker")
        || parts
            .headers
            .get("sec-fetch-dest")
            .is_some_and(|dest| dest == "serviceworker");
    if asks {
        return Err(ProxyError::Forbidden {
            why: "nothing of a seat is a service worker",
        });
    }
    Ok(())
}

/// `Prefer: respond-async` (RFC 7240, section 4.1), among whatever other preferences.
fn wants_no_wait(headers: &http::HeaderMap) -> bool {
    let lines = headers.get_all("prefer").iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))
}

fn respond(error: &ProxyError, request_id: &HeaderValue) -> Response<Body> {
    note(error);
    error.respond(request_id.to_str().unwrap_or_default())
}

/// Logs what a seat is to blame for.
fn note(error: &ProxyError) {
    if error.is_upstream() {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::warn!(%error, cause, "seat failed a request");
    }
}

fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

impl From<NoRoute> for ProxyError {
    /// For paths that aren't the platform's.
    fn from(no_route: NoRoute) -> Self {
        match no_route {
            NoRoute::Malformed => Self::BadPath,
            NoRoute::Unknown | NoRoute::Platform => Self::NotFound,
        }
    }
}

/// Whether a method is one that tunnels or echoes; nothing of ours has them.
pub(crate) fn is_refused_method(method: &Method) -> bool {
    matches!(*method, Method::CONNECT | Method::TRACE)
}
