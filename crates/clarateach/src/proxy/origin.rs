//! The gateway's second path: origins that show one port of one seat, to a browser.
//!
//! Programs there are a learner's, and whoever opens their pages is somebody else: an instructor, a
//! neighbour. So each has an origin of its own, a cookie of its own (`visit`), and nothing of the
//! platform's passes in either direction (`fields`, `cookies`). A page of ours asks for a one-use
//! ticket (`desk`, `tickets`), the origin swaps it for its cookie (`enter`), and requests reach the
//! program through the in-seat tunnel (`program`). In a room an origin is a port of this machine
//! (`numbers`). Start at [`Gateway::handle_own`].

mod asker;
mod browser;
mod cookies;
mod desk;
mod enter;
mod fields;
mod numbers;
mod pages;
mod path;
mod program;
mod tickets;
mod visit;

use std::sync::Arc;

use crate::arriving::Arriving;
use axum::body::Body;
use clarateach_protocol::id::SeatKey;
use clarateach_protocol::origin::{SeatPort, Target};
use clarateach_protocol::token::{OriginClaims, Visitor};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Response, request};
use tracing::Instrument;

use super::error::ProxyError;
use super::upgrade;
use super::verified::Verified;
use super::visits::Asking;
use super::{Gateway, Received, Told, cors, seconds_since_1970};
use crate::addresses::{Naming, OwnHost, Scheme};
use crate::browsers::Browsers;
use crate::origins::OriginBook;
use asker::Asker;
use fields::Program;
use pages::Page;
use tickets::Tickets;
use visit::Visit;

pub(super) use browser::Waiting;
pub(crate) use numbers::NumberedListener;
pub use numbers::Numbers;

/// What the second path needs beside the first's.
pub struct OwnOrigins {
    pub(super) book: Arc<dyn OriginBook>,
    pub(super) numbers: Arc<Numbers>,
    cookie_name: String,
    browsers: Arc<Browsers>,
    tickets: Tickets,
    verified: Verified<OriginClaims>,
}

impl OwnOrigins {
    /// Own origins whose cookies' names begin with `cookie_name`, an installation's own.
    #[must_use]
    pub fn new(
        (book, browsers): (Arc<dyn OriginBook>, Arc<Browsers>),
        numbers: Arc<Numbers>,
        cookie_name: String,
    ) -> Self {
        Self {
            book,
            numbers,
            cookie_name,
            browsers,
            tickets: Tickets::default(),
            verified: Verified::default(),
        }
    }

    /// The cookie of an own origin: with its number where origins share their cookies. By https it is
    /// one that only this host can have set (`__Host-`, RFC 6265bis, section 4.1.3.2): pages of other
    /// seats are below the same domain.
    fn cookie_of(&self, own: &OwnHost) -> String {
        match own.naming {
            Naming::Names if own.origin.scheme() == Scheme::Https => {
                format!("__Host-{}", self.cookie_name)
            }
            Naming::Names => self.cookie_name.clone(),
            Naming::Numbers => format!("{}-{}", self.cookie_name, own.origin.port()),
        }
    }
}

/// A request on its way to a program.
struct Asked<'a> {
    own: &'a OwnHost,
    request: &'a request::Parts,
    request_id: &'a HeaderValue,
    client: std::net::IpAddr,
    now: u64,
}

impl Gateway {
    /// Answers a request that came to an own origin.
    pub async fn handle_own(
        &self,
        own: &OwnHost,
        request: Request<Arriving>,
        received: Received<'_>,
    ) -> Response<Body> {
        let told = Told::of(&received, &request, Some(own.seat));
        let (parts, body) = request.into_parts();
        let asked = Asked {
            own,
            request: &parts,
            request_id: received.request_id,
            client: received.client,
            now: seconds_since_1970(),
        };
        let is_navigation = asker::is_navigation(&parts.method, &parts.headers);
        let answer = match &self.origins {
            None => Err(ProxyError::OriginsOff { why: NOT_HERE }),
            Some(origins) if upgrade::is_websocket(&parts.headers) => {
                let answer = Box::pin(self.answer_own(origins, &asked, body));
                answer.instrument(told.span()).await
            }
            Some(origins) => self.answer_own(origins, &asked, body).await,
        };
        answer.unwrap_or_else(|error| {
            told.span().in_scope(|| {
                if is_navigation {
                    super::note(&error);
                    Page::of(&error).respond(&asked)
                } else {
                    super::respond(&error, received.request_id)
                }
            })
        })
    }

    async fn answer_own(
        &self,
        origins: &OwnOrigins,
        asked: &Asked<'_>,
        body: Arriving,
    ) -> Result<Response<Body>, ProxyError> {
        let Asked { own, request, .. } = asked;
        if let Some(below) = request.uri.path().strip_prefix(enter::PREFIX) {
            return self.own_route(origins, asked, below);
        }
        let asker = Asker::of(asked, |text| self.sibling(origins, own, text))?;
        if cors::is_preflight(&request.method, &request.headers) {
            return Ok(asker.preflight_response(&request.headers));
        }
        // One would outlive its learner in the browsers of others, and answer for the next one's pages.
        super::refuse_service_worker(request)?;
        refuse_ours(&self.gatekeeper.keys, &request.headers, asked.now)?;
        let visit = self.visit(origins, own, &request.headers, asked.now)?;
        let is_upgrade = upgrade::is_websocket(&request.headers);
        visit.check_mode(&request.method, is_upgrade)?;
        let Target::Port(port) = own.target else {
            let came = (asked, &asker, is_upgrade);
            return self.ask_browser(origins, &visit, came, body).await;
        };
        let claims = &visit.claims;
        if claims.visitor == Visitor::Instructor && !is_upgrade {
            let asking = Asking {
                method: &request.method,
                path: request.uri.path(),
                port: Some(port),
                lifetime: (claims.issued_at, claims.expires_at),
            };
            self.visits
                .note(&claims.sub, claims.seat, claims.mode, asking);
        }
        let program = Program {
            own,
            port,
            asker: &asker,
            siblings: &|port| self.origin_of(origins, own, port),
        };
        let path = request.uri.path_and_query().cloned();
        let mut onward = Request::new(());
        *onward.method_mut() = request.method.clone();
        *onward.uri_mut() = path.unwrap_or(PathAndQuery::from_static("/")).into();
        *onward.headers_mut() = request.headers.clone();
        program.clean_request(onward.headers_mut(), asked.client);
        self.ask_program(&program, &visit, onward, (asked, body, is_upgrade))
            .await
    }

    /// The port of the same seat whose own origin that is, as in an `Origin` header.
    fn sibling(&self, origins: &OwnOrigins, own: &OwnHost, text: &str) -> Option<SeatPort> {
        let (seat, target) = match own.naming {
            Naming::Names => {
                let other = self.addresses.named_origin(text)?;
                (other.seat, other.target)
            }
            Naming::Numbers => origins.numbers.known().iter().find_map(|row| {
                let other = self
                    .addresses
                    .own_by_number(row.seat, row.target, row.number);
                (other.origin.as_str() == text).then_some((row.seat, row.target))
            })?,
        };
        match target {
            // What a browser shows is nobody's but its visitor's.
            Target::Port(port) if seat == own.seat && own.target != Target::Browser => Some(port),
            _ => None,
        }
    }

    /// Where a port of the same seat is, where that is known without making it.
    fn origin_of(&self, origins: &OwnOrigins, own: &OwnHost, port: SeatPort) -> Option<String> {
        let target = Target::Port(port);
        if target == own.target {
            return Some(own.origin.to_string());
        }
        let other = match own.naming {
            Naming::Names => {
                let host = crate::addresses::HostKind::Own(own.clone());
                self.addresses.own_by_name(own.seat, target, &host)
            }
            Naming::Numbers => {
                let number = origins.numbers.of(own.seat, target)?;
                self.addresses.own_by_number(own.seat, target, number)
            }
        };
        Some(other.origin.to_string())
    }

    /// What stands behind a number, for its listener.
    pub(crate) fn numbered(&self, number: u16) -> Option<(SeatKey, Target)> {
        self.origins.as_ref()?.numbers.behind(number)
    }

    /// Listeners of own origins by number, as they are opened; there is one taker.
    pub(crate) fn numbered_listeners(
        &self,
    ) -> Option<tokio::sync::mpsc::Receiver<NumberedListener>> {
        self.origins.as_ref()?.numbers.listeners()
    }
}

const NOT_HERE: &str = "this server has no origins of seats' own";

/// A program is a learner's: no token of ours is for it, whoever put it there.
fn refuse_ours(
    keys: &clarateach_protocol::token::VerifyingKeys,
    headers: &HeaderMap,
    now: u64,
) -> Result<(), ProxyError> {
    use clarateach_protocol::token::{OriginClaims, SeatClaims, TokenError, WorkspaceClaims};
    let is_ours = |token: &str| {
        token.starts_with("ct_")
            || SeatClaims::verify(token, keys, now) != Err(TokenError::Invalid)
            || OriginClaims::verify(token, keys, now) != Err(TokenError::Invalid)
            || WorkspaceClaims::verify(token, keys, now) != Err(TokenError::Invalid)
    };
    let shows_ours = headers
        .get_all(http::header::AUTHORIZATION)
        .iter()
        .filter_map(|value| value.to_str().ok()?.split_once(' '))
        .any(|(_, token)| is_ours(token.trim()));
    if shows_ours {
        return Err(ProxyError::Forbidden {
            why: "a token of the platform is not for a program in a seat",
        });
    }
    Ok(())
}
