//! WebSockets: the handshake is checked here, on both sides; the frames are the seat's business.
//!
//! Bytes flow only after the seat's own `101`: what a client sends before waits on its side, and
//! is no next request when the handshake is refused, for the server closes the connection then.
//! No WebSocket frame is written here, and none is altered; a connection that must end is closed as
//! TCP. `frames` looks at the headers that pass by, to tell whether a learner types.

use std::io;
use std::time::Duration;

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clarateach_protocol::token::Role;
use http::header::{
    CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::Instrument;

use super::Gateway;
use super::authorise::Grant;
use super::body::Download;
use super::connections::Lease;
use super::ending::Ending;
use super::error::ProxyError;
use super::forward::Upstream;
use super::frames::InputWatch;
use super::headers::{clean_response, tokens};
use super::relay::relay;
use crate::attendance::Attending;
use crate::directory::ExchangePlace;

/// A client's opening handshake, checked.
pub(crate) struct Handshake {
    key: HeaderValue,
    protocols: Vec<String>,
}

/// Whether a request asks for a WebSocket. Another protocol's `Upgrade` (h2c, say) is ignored, as
/// RFC 9110, section 7.8 allows, and never passed on.
pub(crate) fn is_websocket(headers: &HeaderMap) -> bool {
    has_token(headers, &UPGRADE, "websocket") || headers.contains_key(SEC_WEBSOCKET_KEY)
}

impl Handshake {
    /// Checks what RFC 6455, section 4.2.1 demands of a client.
    pub(crate) fn parse(request: &http::request::Parts) -> Result<Self, ProxyError> {
        let headers = &request.headers;
        let refuse = |why| Err(ProxyError::BadHandshake { why });
        if request.method != Method::GET || request.version != Version::HTTP_11 {
            return refuse("it must be a GET of HTTP/1.1");
        }
        if !has_token(headers, &UPGRADE, "websocket") || !has_token(headers, &CONNECTION, "upgrade")
        {
            return refuse("Upgrade must name websocket, and Connection must name upgrade");
        }
        let has_body = headers.contains_key(TRANSFER_ENCODING)
            || headers
                .get(CONTENT_LENGTH)
                .is_some_and(|length| length != "0");
        if has_body {
            return refuse("it has a body");
        }
        match only(headers, &SEC_WEBSOCKET_VERSION) {
            Some(version) if version == "13" => {}
            Some(_) => return Err(ProxyError::WebSocketVersion),
            None => return refuse("Sec-WebSocket-Version must be there once"),
        }
        let Some(key) = only(headers, &SEC_WEBSOCKET_KEY).filter(|key| is_nonce(key)) else {
            return refuse("Sec-WebSocket-Key must be 16 bytes in base64, once");
        };
        Ok(Self {
            key: key.clone(),
            protocols: tokens(headers, &SEC_WEBSOCKET_PROTOCOL)
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Adds the handshake to a cleaned request. Extensions are not offered: the page's own library
    /// and the seat's do without.
    pub(crate) fn offer(&self, headers: &mut HeaderMap) {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.remove(SEC_WEBSOCKET_EXTENSIONS);
        // `Connection` named it, and names the upgrade now.
        headers.remove(TE);
    }

    /// Checks what RFC 6455, section 4.1 demands of a server's `101`, and makes ours from it.
    pub(crate) fn accept(&self, answer: &HeaderMap) -> Result<Response<Body>, ProxyError> {
        let refuse = |why| Err(ProxyError::BadAnswer { why });
        let accept = derive_accept_key(self.key.as_bytes());
        if !has_token(answer, &UPGRADE, "websocket") || !has_token(answer, &CONNECTION, "upgrade") {
            return refuse("its 101 is not to WebSocket");
        }
        if only(answer, &SEC_WEBSOCKET_ACCEPT).is_none_or(|value| value != accept.as_str()) {
            return refuse("its 101 has not the right Sec-WebSocket-Accept");
        }
        if answer.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
            return refuse("its 101 has an extension that was not offered");
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        if answer.contains_key(SEC_WEBSOCKET_PROTOCOL) {
            let chosen = only(answer, &SEC_WEBSOCKET_PROTOCOL).filter(|chosen| {
                self.protocols
                    .iter()
                    .any(|offered| *chosen == offered.as_str())
            });
            match chosen {
                Some(chosen) => headers.insert(SEC_WEBSOCKET_PROTOCOL, chosen.clone()),
                None => return refuse("its 101 has a subprotocol that was not offered"),
            };
        }
        let accept = HeaderValue::try_from(accept).expect("base64 is ASCII");
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        Ok(response)
    }
}

impl Gateway {
    /// Passes a handshake on; upon the seat's own `101` both sides are connected.
    pub(super) async fn upgrade(
        &self,
        mut onward: Request<()>,
        (handshake, downstream): (Handshake, OnUpgrade),
        grant: &Grant,
        upstream: Upstream,
    ) -> Result<Response<Body>, ProxyError> {
        handshake.offer(onward.headers_mut());
        let mut sender = self.connect(&upstream).await?;
        let mut ending = self.ending(grant, &upstream.incarnation);
        let mut answer = tokio::select! {
            answer = self.answer_in_time(&mut sender, onward) => answer?,
            () = ending.clone().over() => return Err(ProxyError::SeatUnavailable),
        };
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            let lease = Lease::new(sender, upstream.service, upstream.incarnation.clone());
            return Ok(refused(answer, (lease, upstream.place), ending));
        }
        let response = handshake.accept(answer.headers())?;
        let seat = hyper::upgrade::on(&mut answer);
        ending.or_when(&self.draining);
        // A learner with a live connection is there; an instructor who looks in is not the learner.
        let attending =
            (grant.claims.role == Role::Learner).then(|| grant.entry.attendance().begin());
        // An instructor's visit is audited instead.
        let claims = &grant.claims;
        let visiting = (claims.role == Role::Instructor)
            .then(|| self.visits.begin(&claims.sub, claims.seat, claims.mode));
        let half_open = self.limits.half_open;
        let place = upstream.place;
        let pumping = async move {
            pump((downstream, seat), attending, half_open, ending).await;
            drop((place, visiting));
        };
        self.tasks.spawn(pumping.in_current_span());
        Ok(response)
    }
}

/// The seat's refusal, as an ordinary answer.
fn refused(
    answer: Response<Incoming>,
    lease: (Lease, ExchangePlace),
    ending: Ending,
) -> Response<Body> {
    let (mut head, incoming) = answer.into_parts();
    clean_response(&mut head.headers);
    head.extensions.clear();
    Response::from_parts(head, Body::new(Download::new(incoming, lease, ending)))
}

/// Copies bytes both ways until both sides are done or the tenancy is. Dropping closes both.
pub(crate) async fn pump(
    (downstream, upstream): (OnUpgrade, OnUpgrade),
    attending: Option<Attending>,
    half_open: Duration,
    ending: Ending,
) {
    let copied = async {
        let (downstream, upstream) =
            tokio::try_join!(downstream, upstream).map_err(io::Error::other)?;
        let mut input = InputWatch::new(attending);
        let sides = (TokioIo::new(downstream), TokioIo::new(upstream));
        relay(sides, |bytes| input.note(bytes), half_open).await
    };
    tokio::select! {
        copied = copied => match copied {
            Ok(()) => tracing::debug!("connection closed"),
            Err(error) => tracing::debug!(%error, "connection broke"),
        },
        () = ending.over() => {
            tracing::debug!("connection ended with its tenancy, its token, its seat or this server");
        }
    }
}

/// The field's value when it is there exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    first.filter(|_| values.next().is_none())
}

fn has_token(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    tokens(headers, name).any(|token| token.eq_ignore_ascii_case(wanted))
}

fn is_nonce(key: &HeaderValue) -> bool {
    STANDARD
        .decode(key.as_bytes())
        .is_ok_and(|nonce| nonce.len() == 16)
}
