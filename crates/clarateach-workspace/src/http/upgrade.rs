//! `GET /terminal`: everything that can be refused is refused before the upgrade (RFC 6455).

use std::sync::Arc;

use clarateach_protocol::terminal::{AttachQuery, SUBPROTOCOL};
use hyper::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Method, Response, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Call;
use super::body::{self, Body};
use super::error::HttpError;
use crate::terminal::socket;

/// 16 bytes in base64.
const KEY_LENGTH: usize = 24;

pub(super) async fn attach(mut call: Call) -> Result<Response<Body>, HttpError> {
    call.require_method(&[Method::GET])?;
    let query: AttachQuery = serde_urlencoded::from_str(call.query())
        .map_err(|error| HttpError::input("query", error.to_string()))?;
    let accept = accept_key(&call)?;
    let subprotocol = subprotocol(&call)?;
    let terminal = call.app.terminals.find(&query).await?;
    // Kept from here on, so that many at once are no more than one after the other.
    let place = Arc::clone(&terminal.places).try_acquire_owned();
    let place = place.map_err(|_| HttpError::TooManyClients)?;
    let mode = call.access.narrowed(query.mode);
    let upgraded = hyper::upgrade::on(&mut call.request);
    let app = Arc::clone(&call.app);
    app.tasks.clone().spawn(async move {
        // A client that left before the upgrade is no failure.
        if let Ok(upgraded) = upgraded.await {
            let patience = app.terminals.patience();
            let stop = app.stop.clone();
            socket::serve(upgraded, terminal, query, mode, patience, stop).await;
        }
        drop(place);
    });
    let mut response = switching_protocols(accept);
    let headers = response.headers_mut();
    if let Some(subprotocol) = subprotocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    Ok(response)
}

/// The head of a `101`.
pub(super) fn switching_protocols(accept: HeaderValue) -> Response<Body> {
    let mut response = body::status(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

pub(super) fn accept_key(call: &Call) -> Result<HeaderValue, HttpError> {
    let holds = |name, token: &str| {
        call.header(name).is_some_and(|value| {
            value
                .split(',')
                .any(|part| part.trim().eq_ignore_ascii_case(token))
        })
    };
    let key = call
        .header(SEC_WEBSOCKET_KEY)
        .filter(|key| key.len() == KEY_LENGTH)
        .ok_or(HttpError::UpgradeRequired)?;
    if !holds(CONNECTION, "upgrade")
        || !holds(UPGRADE, "websocket")
        || !holds(SEC_WEBSOCKET_VERSION, "13")
    {
        return Err(HttpError::UpgradeRequired);
    }
    HeaderValue::try_from(derive_accept_key(key.as_bytes())).map_err(|_| HttpError::Internal)
}

/// Ours, if the client offers any; a client that offers only others would misread us.
fn subprotocol(call: &Call) -> Result<Option<HeaderValue>, HttpError> {
    let mut offered = call
        .request
        .headers()
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .peekable();
    if offered.peek().is_none() {
        return Ok(None);
    }
    if offered.any(|name| name == SUBPROTOCOL) {
        return Ok(Some(HeaderValue::from_static(SUBPROTOCOL)));
    }
    Err(HttpError::input(
        "Sec-WebSocket-Protocol",
        format!("this terminal speaks {SUBPROTOCOL}"),
    ))
}
