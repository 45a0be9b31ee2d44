//! What a workspace's page asks for: a way into an own origin, and ports opened to the class.
//!
//! `…/vm/{seat}/origins` and `…/vm/{seat}/open-ports`, with the seat's token like every other route.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::arriving::Arriving;
use axum::body::Body;
use clarateach_protocol::id::{SeatKey, SeatNumber};
use clarateach_protocol::origin::{SeatPort, Target};
use clarateach_protocol::token::{OriginClaims, Role, Visitor};
use http::header::RETRY_AFTER;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde::{Deserialize, Serialize};

use super::super::authorise::Grant;
use super::super::error::{Gone, ProxyError, json_response};
use super::super::{Exchange, Gateway};
use super::browser::{Waiting, phase_word};
use super::path::LocalPath;
use super::{NOT_HERE, OwnOrigins, enter};
use crate::addresses::{HostKind, Naming, OwnHost};
use crate::browsers::Standing;
use crate::origins::Audience;

/// Bytes of a request's body at the most.
const MAX_BODY_BYTES: usize = 8 * 1024;
/// For a whole body.
const BODY_LIMIT: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Browser,
    Port,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateOrigin {
    kind: Kind,
    port: Option<SeatPort>,
    /// Where to begin, `/` when left out.
    path: Option<String>,
    /// Another seat of the workshop, whose port is open to the class.
    seat: Option<SeatNumber>,
}

#[derive(Serialize)]
struct Created {
    /// Good once and soon: it carries the ticket.
    url: String,
    /// The origin alone, which may be shown and shared.
    origin: String,
}

/// A browser that isn't there yet.
#[derive(Serialize)]
struct NotYet {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
}

#[derive(Serialize)]
struct OpenPorts {
    ports: Vec<SeatPort>,
}

impl Gateway {
    /// `POST …/origins`: a URL that lets this browser in.
    pub(in super::super) async fn create_origin(
        &self,
        method: &Method,
        (exchange, host, waiting): (&Exchange<'_>, &HostKind, Waiting),
        grant: &Grant,
        body: Arriving,
    ) -> Result<Response<Body>, ProxyError> {
        if *method != Method::POST {
            return Err(ProxyError::MethodNotAllowed { allow: "POST" });
        }
        let origins = self.own_origins()?;
        let wanted: CreateOrigin = read_json(body).await?;
        let target = match (wanted.kind, wanted.port) {
            (Kind::Port, Some(port)) => Target::Port(port),
            (Kind::Browser, None) => Target::Browser,
            (Kind::Port, None) => return Err(bad("port", "name the port")),
            (Kind::Browser, Some(_)) => return Err(bad("port", "a browser has no port")),
        };
        let path = match wanted.path.as_deref() {
            None => LocalPath::root(),
            Some(path) => LocalPath::parse(path).ok_or_else(|| {
                bad(
                    "path",
                    "a path begins with one slash and is printable ASCII",
                )
            })?,
        };
        let claims = self.visitor(grant, wanted.seat, target, exchange.now)?;
        let seat = claims.seat;
        self.admit(Arc::new(claims.clone()), exchange.now)?;
        if target == Target::Browser
            && let Some(standing) = origins.want_browser(seat, waiting).await?
        {
            return Ok(not_yet(&standing));
        }
        let own = self.place(origins, host, seat, target).await?;
        let ticket = origins.tickets.issue(claims, Instant::now());
        Ok(json_response(&Created {
            url: enter::url(&own, &ticket, &path),
            origin: own.origin.to_string(),
        }))
    }

    /// `GET …/browser/`: the way to the seat's browser, with a ticket.
    pub(in super::super) async fn to_browser(
        &self,
        method: &Method,
        (exchange, host): (&Exchange<'_>, &HostKind),
        grant: &Grant,
    ) -> Result<Response<Body>, ProxyError> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Err(ProxyError::MethodNotAllowed { allow: "GET, HEAD" });
        }
        let origins = self.own_origins()?;
        let claims = self.visitor(grant, None, Target::Browser, exchange.now)?;
        if origins.browsers.standing(claims.seat) == Some(Standing::Off) {
            return Err(ProxyError::BrowserOff);
        }
        let own = self
            .place(origins, host, claims.seat, Target::Browser)
            .await?;
        let ticket = origins.tickets.issue(claims, Instant::now());
        Ok(enter::redirect(&enter::url(
            &own,
            &ticket,
            &LocalPath::root(),
        )))
    }

    fn visitor(
        &self,
        grant: &Grant,
        other: Option<SeatNumber>,
        target: Target,
        now: u64,
    ) -> Result<OriginClaims, ProxyError> {
        let own = grant.claims.seat;
        let seat = SeatKey {
            seat: other.unwrap_or(own.seat),
            ..own
        };
        let (visitor, generation) = match (seat == own, grant.claims.role) {
            (true, Role::Learner) => (Visitor::Learner, grant.claims.generation),
            (true, Role::Instructor) => (Visitor::Instructor, grant.claims.generation),
            (false, Role::Instructor) => {
                return Err(ProxyError::Forbidden {
                    why: "open that seat yourself, with a token for it",
                });
            }
            (false, Role::Learner) => {
                let entry = self.directory.lookup(&seat);
                // A seat that isn't there is as shut as any other.
                let generation = entry.map(|entry| entry.tenancy().generation);
                let shut = || ProxyError::NotOpen {
                    port: match target {
                        Target::Port(port) => port.get(),
                        Target::Browser => 0,
                    },
                    seat: seat.seat.get(),
                };
                (
                    Visitor::Guest { home: own.seat },
                    generation.ok_or_else(shut)?,
                )
            }
        };
        Ok(OriginClaims {
            sub: grant.claims.sub.clone(),
            visitor,
            mode: grant.claims.mode,
            seat,
            target,
            generation,
            issued_at: now,
            expires_at: grant.claims.expires_at,
        })
    }

    /// Where a target is for whoever came by `host`; a number is opened for it where there are no names.
    async fn place(
        &self,
        origins: &OwnOrigins,
        host: &HostKind,
        seat: SeatKey,
        target: Target,
    ) -> Result<OwnHost, ProxyError> {
        match self.addresses.own_naming(host) {
            Some(Naming::Names) => Ok(self.addresses.own_by_name(seat, target, host)),
            Some(Naming::Numbers) => {
                let number = origins
                    .numbers
                    .open(origins.book.as_ref(), seat, target)
                    .await?;
                Ok(self.addresses.own_by_number(seat, target, number))
            }
            None => Err(ProxyError::OriginsOff { why: NO_NAMES }),
        }
    }

    /// `…/open-ports[/{port}]`: what the class may look at.
    pub(in super::super) async fn open_ports(
        &self,
        method: &Method,
        port: Option<SeatPort>,
        grant: &Grant,
    ) -> Result<Response<Body>, ProxyError> {
        let origins = self.own_origins()?;
        let seat = grant.claims.seat;
        let audience = match (method, port) {
            (&Method::GET | &Method::HEAD, None) => {
                let ports = grant.entry.open_ports().collect();
                return Ok(json_response(&OpenPorts { ports }));
            }
            (&Method::PUT, Some(_)) => Audience::Class,
            (&Method::DELETE, Some(_)) => Audience::Seat,
            (_, None) => return Err(ProxyError::MethodNotAllowed { allow: "GET, HEAD" }),
            (_, Some(_)) => {
                return Err(ProxyError::MethodNotAllowed {
                    allow: "PUT, DELETE",
                });
            }
        };
        if let Some(port) = port {
            origins
                .book
                .set_audience(seat, grant.claims.generation, port, audience)
                .await?;
        }
        let entry = self
            .directory
            .lookup(&seat)
            .ok_or(ProxyError::Gone(Gone::Ended))?;
        let ports = entry.open_ports().collect();
        let mut response = json_response(&OpenPorts { ports });
        *response.status_mut() = StatusCode::OK;
        Ok(response)
    }

    fn own_origins(&self) -> Result<&OwnOrigins, ProxyError> {
        self.origins
            .as_ref()
            .ok_or(ProxyError::OriginsOff { why: NOT_HERE })
    }
}

/// `202`: it is under way; whoever asks comes again.
fn not_yet(standing: &Standing) -> Response<Body> {
    let (status, position, phase) = match standing {
        Standing::Queued { position } => ("queued", Some(*position), None),
        Standing::Starting(phase) => ("starting", None, Some(phase_word(*phase))),
        _ => ("starting", None, None),
    };
    let mut response = json_response(&NotYet {
        status,
        position,
        phase,
    });
    *response.status_mut() = StatusCode::ACCEPTED;
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(BROWSER_RETRY_SECONDS));
    response
}

/// Seconds after which a page asks again how far a browser is.
const BROWSER_RETRY_SECONDS: u32 = 1;

const NO_NAMES: &str = "a seat's ports need names or ports of their own, which a TLS proxy for one name doesn't pass on. Hint: set CLARATEACH_DOMAIN";

fn bad(field: &'static str, why: &str) -> ProxyError {
    ProxyError::BadInput {
        field: Some(field),
        why: why.to_owned(),
    }
}

async fn read_json<T: serde::de::DeserializeOwned>(body: Arriving) -> Result<T, ProxyError> {
    let collected = tokio::time::timeout(BODY_LIMIT, Limited::new(body, MAX_BODY_BYTES).collect())
        .await
        .map_err(|_| ProxyError::UploadStalled)?
        .map_err(|_| ProxyError::UploadBroken)?;
    serde_json::from_slice(&collected.to_bytes()).map_err(|error| ProxyError::BadInput {
        field: None,
        why: format!("the body is not what this route takes: {error}"),
    })
}
