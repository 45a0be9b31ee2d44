//! A simulated seat's ports: one scripted program, behind the tunnel that a real seat has.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use clarateach_protocol::origin::TUNNEL_PROTOCOL;
use clarateach_protocol::seat::{ListeningPort, Ports};
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, UPGRADE};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;

use super::http::{Answer, Refusal, empty, invalid_input, json, refuse};
use super::seat::{Seat, Start};

/// Where the scripted program listens.
const PORT: u16 = 8000;

/// What listens.
pub(super) fn ports() -> Answer {
    let ports = Ports {
        ports: vec![ListeningPort {
            port: PORT,
            address: "127.0.0.1".to_owned(),
            process: None,
        }],
    };
    json(StatusCode::OK, &ports)
}

/// Answers `GET /tunnel?port=N`; behind it is a page that says whose it is.
pub(super) fn open(
    seat: &Arc<Seat>,
    start: &Arc<Start>,
    mut request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    let asks = request
        .headers()
        .get(UPGRADE)
        .is_some_and(|name| name == TUNNEL_PROTOCOL);
    let port = request
        .uri()
        .query()
        .and_then(|query| query.strip_prefix("port="));
    let port: u16 = port
        .filter(|_| asks)
        .and_then(|port| port.parse().ok())
        .ok_or_else(invalid_input)?;
    if port != PORT {
        return Err(refuse(
            StatusCode::BAD_GATEWAY,
            "nothing_listens",
            "nothing listens on that port of the seat",
        ));
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let text = format!("<!doctype html><h1>{}</h1>", seat.key());
    let cancelled = start.cancel.clone();
    start.tasks.spawn(async move {
        let serving = async {
            let Ok(upgraded) = upgrade.await else { return };
            let answer = service_fn(move |_: Request<Incoming>| {
                let page = page(text.clone());
                async move { Ok::<_, Infallible>(page) }
            });
            let io = upgraded;
            // A connection that broke is the client's affair.
            let _ = http1::Builder::new().serve_connection(io, answer).await;
        };
        tokio::select! {
            () = cancelled.cancelled() => {}
            () = serving => {}
        }
    });
    let mut answer = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(TUNNEL_PROTOCOL));
    Ok(answer)
}

fn page(text: String) -> Response<Full<Bytes>> {
    let mut page = Response::new(Full::new(Bytes::from(text)));
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    page.headers_mut().insert(CONTENT_TYPE, html);
    page
}
