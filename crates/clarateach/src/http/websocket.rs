//! The platform's own WebSockets (RFC 6455): the handshake, and the limits of a connection.
//!
//! Seats' WebSockets are the gateway's business and pass it as bytes; these end here.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::error::ApiError;

/// Bytes of a client's message at the most: clients have next to nothing to say.
const MESSAGE_BYTES: usize = 4096;

/// An open connection.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A handshake that can be accepted.
pub(super) struct Handshake {
    accept: HeaderValue,
    upgrade: OnUpgrade,
}

/// Whether a request asks for a WebSocket, well or badly.
pub(super) fn is_asked_for(headers: &HeaderMap) -> bool {
    names(headers, &header::UPGRADE, "websocket") || headers.contains_key(header::SEC_WEBSOCKET_KEY)
}

impl Handshake {
    /// Checks what RFC 6455, section 4.2.1 demands of a client.
    pub(super) fn of(mut request: Request) -> Result<Self, ApiError> {
        let headers = request.headers();
        let refuse = |why: &str| {
            let message = format!("the WebSocket handshake is wrong: {why}");
            Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "bad_handshake",
                message,
            ))
        };
        if request.method() != Method::GET || request.version() != Version::HTTP_11 {
            return refuse("it is a GET of HTTP/1.1");
        }
        if !names(headers, &header::UPGRADE, "websocket")
            || !names(headers, &header::CONNECTION, "upgrade")
        {
            return refuse("Upgrade names websocket, and Connection names upgrade");
        }
        if only(headers, &header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            return refuse("Sec-WebSocket-Version is 13");
        }
        let key = only(headers, &header::SEC_WEBSOCKET_KEY);
        let Some(key) = key.filter(|key| is_nonce(key)) else {
            return refuse("Sec-WebSocket-Key is 16 bytes in base64, once");
        };
        let accept = derive_accept_key(key.as_bytes());
        Ok(Self {
            accept: HeaderValue::try_from(accept).expect("base64 is ASCII"),
            upgrade: hyper::upgrade::on(&mut request),
        })
    }

    /// The `101`, and the connection to come; without extensions and subprotocols.
    pub(super) fn accept(self) -> (Response, impl Future<Output = Option<Socket>> + Send) {
        let headers = [
            (header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::SEC_WEBSOCKET_ACCEPT, self.accept),
        ];
        let response = (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty());
        let socket = async move {
            // A client that left before the upgrade is no failure.
            let upgraded = TokioIo::new(self.upgrade.await.ok()?);
            let limits = WebSocketConfig::default()
                .max_message_size(Some(MESSAGE_BYTES))
                .max_frame_size(Some(MESSAGE_BYTES));
            Some(WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(limits)).await)
        };
        (response.into_response(), socket)
    }
}

/// The field's value when it is there exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    first.filter(|_| values.next().is_none())
}

/// Whether a list field has an element, whatever its case.
fn names(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|element| element.trim().eq_ignore_ascii_case(wanted))
}

fn is_nonce(key: &HeaderValue) -> bool {
    STANDARD
        .decode(key.as_bytes())
        .is_ok_and(|nonce| nonce.len() == 16)
}
