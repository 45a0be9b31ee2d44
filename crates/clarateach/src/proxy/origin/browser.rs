//! A seat's browser: what its engine lists passes, and nothing else; the gateway logs in for the visitor.
//!
//! The engine's port is in the seat, where its learner's programs may be first. So every connection has to
//! prove that the engine is at its other end before a credential goes out on it, and a credential is good
//! for one start of one browser.

use std::time::Duration;

use axum::body::Body;
use clarateach_protocol::id::SeatKey;
use clarateach_protocol::token::{Mode, Visitor};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ACCEPT_RANGES, AUTHORIZATION, CACHE_CONTROL,
    CONTENT_ENCODING, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RANGE, REFERRER_POLICY, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;
use tracing::Instrument;

use super::super::Gateway;
use super::super::body::{Download, Upload};
use super::super::connections::{Lease, Line, connect};
use super::super::error::ProxyError;
use super::super::forward::broken;
use super::super::upgrade::{Handshake, pump};
use super::asker::{Asker, is_reading};
use super::visit::Visit;
use super::{Asked, OwnOrigins, pages};
use crate::arriving::Arriving;
use crate::browser::{Asking, BrowserDoor, Login, Visit as EngineVisit};
use crate::browsers::{BrowserPhase, ProofError, Standing, prove};
use crate::directory::{ExchangePlace, Incarnation};

/// How long somebody who waits for a browser is kept waiting.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an engine learns of a visitor's request. Cookies and credentials are none of its business, and
/// with an `Origin` it would compare names that it doesn't know.
static TO_ENGINE: [HeaderName; 9] = [
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    RANGE,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION,
];
/// What a visitor learns of an engine's answer.
static FROM_ENGINE: [HeaderName; 8] = [
    CONTENT_TYPE,
    CONTENT_ENCODING,
    CONTENT_RANGE,
    ACCEPT_RANGES,
    CACHE_CONTROL,
    ETAG,
    LAST_MODIFIED,
    VARY,
];

/// Whether somebody waits for a browser or comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Waiting {
    /// Until it is there, or for as long as one is kept waiting.
    Patient,
    /// Not at all.
    Polling,
}

/// A proven connection to an engine, and all that it needs.
struct Engine {
    sender: SendRequest<Upload>,
    incarnation: std::sync::Arc<Incarnation>,
    place: ExchangePlace,
}

impl OwnOrigins {
    /// The browser of a seat, wanted from now on; `Ok(None)`: it is there.
    pub(super) async fn want_browser(
        &self,
        seat: SeatKey,
        waiting: Waiting,
    ) -> Result<Option<Standing>, ProxyError> {
        let deadline = Instant::now() + PATIENCE;
        let mut changes = self.browsers.changes();
        let mut standing = self.browsers.ask_by_hand(seat);
        loop {
            let standing = match standing.take() {
                Some(standing) => standing,
                None => self.browsers.ask(seat).ok_or(ProxyError::SeatUnavailable)?,
            };
            let refusal = match door_of(standing.clone()) {
                Ok(_) => return Ok(None),
                Err(refusal) => refusal,
            };
            match (&refusal, waiting) {
                (
                    ProxyError::BrowserStarting | ProxyError::BrowserQueued { .. },
                    Waiting::Polling,
                ) => {
                    return Ok(Some(standing));
                }
                (
                    ProxyError::BrowserStarting | ProxyError::BrowserQueued { .. },
                    Waiting::Patient,
                ) => {}
                (ProxyError::BrowserFailed(_), _) => {
                    self.browsers.failure_was_told(seat);
                    return Err(refusal);
                }
                _ => return Err(refusal),
            }
            if tokio::time::timeout_at(deadline, changes.changed())
                .await
                .is_err()
            {
                return Err(refusal);
            }
        }
    }
}

/// The way to a browser, or why there is none now.
fn door_of(standing: Standing) -> Result<std::sync::Arc<BrowserDoor>, ProxyError> {
    match standing {
        Standing::Running(door) => Ok(door),
        Standing::Off => Err(ProxyError::BrowserOff),
        Standing::Queued { position } => Err(ProxyError::BrowserQueued { position }),
        Standing::Failed(reason) => Err(ProxyError::BrowserFailed(reason)),
        Standing::Absent | Standing::Paused | Standing::Starting(_) => {
            Err(ProxyError::BrowserStarting)
        }
    }
}

/// The word of the API for how far a browser is.
pub(super) fn phase_word(phase: BrowserPhase) -> &'static str {
    match phase {
        BrowserPhase::Container => "container",
        BrowserPhase::Firefox => "firefox",
        BrowserPhase::Resuming => "resuming",
    }
}

impl Gateway {
    /// A visitor's request for the browser itself, which is wanted by that.
    pub(super) async fn ask_browser(
        &self,
        origins: &OwnOrigins,
        visit: &Visit,
        (asked, asker, is_upgrade): (&Asked<'_>, &Asker, bool),
        body: Arriving,
    ) -> Result<Response<Body>, ProxyError> {
        let (request, seat) = (asked.request, visit.claims.seat);
        if !matches!(asker, Asker::Own | Asker::Unknown) {
            return Err(ProxyError::NotFound);
        }
        let standing = origins.browsers.ask(seat);
        let door = door_of(standing.ok_or(ProxyError::SeatUnavailable)?)?;
        let asking = match (is_upgrade, is_reading(&request.method)) {
            (true, _) => Asking::Socket,
            (false, true) => Asking::Read,
            (false, false) => Asking::Other,
        };
        let path = request.uri.path();
        if !door.engine.allows(asking, path) {
            return Err(ProxyError::NotFound);
        }
        let onward = onward(&door, visit, request)?;
        if !is_upgrade && let Some(answer) = self.read_again(asked, visit, &door, &onward).await? {
            return Ok(answer);
        }
        let engine = self.engine(visit, &door).await?;
        if is_upgrade {
            let handshake = Handshake::parse(request)?;
            let downstream = hyper::upgrade::on(Request::from_parts(request.clone(), body));
            let ways = (handshake, downstream);
            return self
                .watch_browser(origins, visit, onward, ways, engine)
                .await;
        }
        self.read_browser(asked, visit, onward, engine).await
    }

    /// A connection to the engine behind a door, which proved to be it.
    async fn engine(&self, visit: &Visit, door: &BrowserDoor) -> Result<Engine, ProxyError> {
        let (incarnation, _) = visit.entry.upstream().ok_or(ProxyError::SeatUnavailable)?;
        if !incarnation.is(&door.incarnation) {
            return Err(ProxyError::BrowserStarting);
        }
        let place = visit.entry.begin_exchange(self.limits.exchanges);
        let place = place.ok_or(ProxyError::SeatBusy)?;
        let background = (&self.tasks, &self.closing);
        let limit = self.limits.connect;
        // One that just ended is made again.
        let mut sender = connect(door.address, limit, &incarnation, background)
            .await
            .map_err(|_| ProxyError::BrowserStarting)?;
        match prove(&mut sender, Upload::empty(), door).await {
            Ok(()) => Ok(Engine {
                sender,
                incarnation,
                place,
            }),
            Err(ProofError::Impostor | ProofError::Impossible) => {
                tracing::warn!(workshop = %visit.claims.seat.workshop, seat = %visit.claims.seat.seat,
                    "what answers at the browser's port is not the browser; it got nothing");
                Err(ProxyError::BrowserStarting)
            }
            Err(ProofError::Broken(_) | ProofError::Silent(_)) => Err(ProxyError::BrowserStarting),
        }
    }

    /// The answer on a connection that proved itself before, if one is still good.
    async fn read_again(
        &self,
        asked: &Asked<'_>,
        visit: &Visit,
        door: &BrowserDoor,
        onward: &Request<()>,
    ) -> Result<Option<Response<Body>>, ProxyError> {
        let Some((incarnation, _)) = visit.entry.upstream() else {
            return Ok(None);
        };
        let sender = incarnation.connections.take(Line::Browser);
        let Some(sender) = sender.filter(|_| incarnation.is(&door.incarnation)) else {
            return Ok(None);
        };
        let place = visit.entry.begin_exchange(self.limits.exchanges);
        let engine = Engine {
            sender,
            incarnation,
            place: place.ok_or(ProxyError::SeatBusy)?,
        };
        match self
            .read_browser(asked, visit, onward.clone(), engine)
            .await
        {
            // It was closed meanwhile.
            Err(ProxyError::Broken(_)) => Ok(None),
            answer => answer.map(Some),
        }
    }

    async fn read_browser(
        &self,
        asked: &Asked<'_>,
        visit: &Visit,
        onward: Request<()>,
        mut engine: Engine,
    ) -> Result<Response<Body>, ProxyError> {
        let ending = visit.ending(&engine.incarnation);
        let after = self.limits.first_byte;
        let sent = engine.sender.send_request(onward.map(|()| Upload::empty()));
        let response = tokio::time::timeout(after, sent)
            .await
            .map_err(|_| ProxyError::AnswerDeadline { after })?
            .map_err(broken)?;
        check_answer(response.status())?;
        let (mut head, incoming) = response.into_parts();
        head.headers = clean_answer(&head.headers, asked);
        head.extensions.clear();
        let lease = Lease::new(engine.sender, Line::Browser, engine.incarnation);
        let download = Download::new(incoming, (lease, engine.place), ending);
        Ok(Response::from_parts(head, Body::new(download)))
    }

    async fn watch_browser(
        &self,
        origins: &OwnOrigins,
        visit: &Visit,
        mut onward: Request<()>,
        (handshake, downstream): (Handshake, hyper::upgrade::OnUpgrade),
        mut engine: Engine,
    ) -> Result<Response<Body>, ProxyError> {
        handshake.offer(onward.headers_mut());
        let mut ending = visit.ending(&engine.incarnation);
        let watching = origins.browsers.watch(visit.claims.seat);
        let after = self.limits.first_byte;
        let sent = engine.sender.send_request(onward.map(|()| Upload::empty()));
        let mut response = tokio::time::timeout(after, sent)
            .await
            .map_err(|_| ProxyError::AnswerDeadline { after })?
            .map_err(broken)?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(ProxyError::BadAnswer {
                why: "the browser refused the connection",
            });
        }
        let accepted = handshake.accept(response.headers())?;
        let upstream = hyper::upgrade::on(&mut response);
        ending.or_when(&self.draining);
        let claims = &visit.claims;
        let visiting = (claims.visitor == Visitor::Instructor)
            .then(|| self.visits.begin(&claims.sub, claims.seat, claims.mode));
        let (place, half_open) = (engine.place, self.limits.half_open);
        let pumping = async move {
            pump((downstream, upstream), None, half_open, ending).await;
            drop((place, visiting, watching));
        };
        self.tasks.spawn(pumping.in_current_span());
        Ok(accepted)
    }
}

/// The request as the engine gets it: what it may know of the visitor's, and the gateway's own login.
fn onward(
    door: &BrowserDoor,
    visit: &Visit,
    request: &http::request::Parts,
) -> Result<Request<()>, ProxyError> {
    let mut onward = Request::new(());
    *onward.method_mut() = request.method.clone();
    let headers = onward.headers_mut();
    for name in &TO_ENGINE {
        for value in request.headers.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    headers.insert(HOST, ascii(&door.address.to_string()));
    let as_whom = match visit.claims.mode {
        Mode::Control => EngineVisit::Control,
        Mode::View => EngineVisit::View,
    };
    if as_whom == EngineVisit::View && door.access.view.is_none() {
        return Err(ProxyError::Forbidden {
            why: "this browser engine can't be watched without taking over",
        });
    }
    let path = request.uri.path_and_query().cloned();
    let mut path = path.unwrap_or(PathAndQuery::from_static("/"));
    match door.engine.login(&door.access, as_whom, request.uri.path()) {
        Some(Login::Authorization(value)) => {
            let mut value = ascii(value.reveal());
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Some(Login::Query(query)) => {
            let text = format!("{}?{}", request.uri.path(), query.reveal());
            path = text.parse().expect("a path and hex digits are a URI");
        }
        None => {}
    }
    *onward.uri_mut() = path.into();
    Ok(onward)
}

/// An engine that asks for a password or leads elsewhere is not passed on: visitors never log in.
fn check_answer(status: StatusCode) -> Result<(), ProxyError> {
    let passes = status.is_success() || matches!(status.as_u16(), 304 | 404 | 416);
    if passes {
        return Ok(());
    }
    Err(ProxyError::BadAnswer {
        why: "the browser did not let the gateway in",
    })
}

fn clean_answer(theirs: &HeaderMap, asked: &Asked<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in &FROM_ENGINE {
        for value in theirs.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    headers.insert(CONTENT_SECURITY_POLICY, ascii(&pages::ancestors(asked.own)));
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (HeaderName::from_static("origin-agent-cluster"), "?1"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("addresses, origins and hex digits are ASCII")
}
