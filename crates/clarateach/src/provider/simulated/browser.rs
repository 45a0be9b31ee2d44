//! A simulated seat's browser: it proves itself, asks for a password and shows one colour, for one start
//! of the seat. Its socket says what a visitor may do there, and echoes what they send.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    UPGRADE,
};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::{BrowserState, BrowserStatus};
use super::http::{Answer, empty};
use super::seat::listen;
use crate::browser::{BrowserAccess, BrowserStart, Login, SELKIES, Screen, Visit};

/// What it shows: tests look for this colour.
const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>A simulated browser</title>\
<body style=\"margin:0;height:100vh;background:rgb(30,120,200)\"><h1>A simulated browser</h1>";
const SOCKET: &str = "/api/websockets";

/// A browser that runs or is frozen; gone when this is.
pub(super) struct Browser {
    ends: CancellationToken,
    frozen: watch::Sender<bool>,
    access: BrowserAccess,
}

impl Browser {
    /// One that answers at an address, at the longest until its seat ends.
    pub(super) fn start(
        address: SocketAddr,
        seat: &CancellationToken,
        tasks: &TaskTracker,
    ) -> io::Result<Self> {
        let listener = listen(address)?;
        let start = BrowserStart::new(Screen::default());
        let access = BrowserAccess {
            control: start.control,
            view: Some(start.view),
            nonce: Some(start.nonce),
        };
        let browser = Self {
            ends: seat.child_token(),
            frozen: watch::Sender::new(false),
            access,
        };
        tasks.spawn(serve(
            listener,
            browser.access.clone(),
            browser.ends.clone(),
            browser.frozen.subscribe(),
        ));
        Ok(browser)
    }

    pub(super) fn status(&self) -> BrowserStatus {
        if *self.frozen.borrow() {
            BrowserStatus::Paused
        } else {
            BrowserStatus::Running
        }
    }

    /// What opens it.
    pub(super) fn access(&self) -> BrowserAccess {
        self.access.clone()
    }

    pub(super) fn bring(&self, want: BrowserState) {
        self.frozen.send_replace(want == BrowserState::Paused);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.ends.cancel();
    }
}

async fn serve(
    listener: TcpListener,
    access: BrowserAccess,
    ends: CancellationToken,
    frozen: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = ends.cancelled() => return,
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        let (access, frozen) = (access.clone(), frozen.clone());
        // Sockets end with their connection's task, and that with the browser.
        connections.spawn(async move {
            let (upgraded, mut sockets) = tokio::sync::mpsc::channel(1);
            let answer = service_fn(move |request: Request<Incoming>| {
                let (access, mut frozen) = (access.clone(), frozen.clone());
                let upgraded = upgraded.clone();
                async move {
                    // An error says that the browser ends, and this connection with it.
                    let _ = frozen.wait_for(|frozen| !frozen).await;
                    let (answer, socket) = answer(&access, request);
                    if let Some(socket) = socket {
                        let _ = upgraded.send(socket).await;
                    }
                    Ok::<_, Infallible>(answer)
                }
            });
            // A connection that broke is the client's affair.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .with_upgrades()
                .await;
            if let Ok((socket, visit)) = sockets.try_recv() {
                echo(socket, visit).await;
            }
        });
    }
}

fn answer(
    access: &BrowserAccess,
    mut request: Request<Incoming>,
) -> (Answer, Option<(OnUpgrade, Visit)>) {
    let path = request.uri().path();
    if path == SELKIES.health {
        let challenge = request
            .uri()
            .query()
            .and_then(|query| query.strip_prefix("challenge="));
        let answer = access.answer(challenge.unwrap_or_default());
        return (text(answer.unwrap_or_default()), None);
    }
    let Some(visit) = visit(access, &request) else {
        return (empty(StatusCode::UNAUTHORIZED), None);
    };
    let key = request.headers().get(SEC_WEBSOCKET_KEY).cloned();
    match (path, key) {
        ("/", None) => {
            let mut page = text(PAGE);
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            page.headers_mut().insert(CONTENT_TYPE, html);
            (page, None)
        }
        (SOCKET, Some(key)) => {
            let mut answer = empty(StatusCode::SWITCHING_PROTOCOLS);
            let headers = answer.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
                headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
            }
            let socket = hyper::upgrade::on(&mut request);
            (answer, Some((socket, visit)))
        }
        _ => (empty(StatusCode::NOT_FOUND), None),
    }
}

/// Whose password came with a request.
fn visit(access: &BrowserAccess, request: &Request<Incoming>) -> Option<Visit> {
    let shown = request.headers().get(AUTHORIZATION)?;
    let is = |visit| match SELKIES.login(access, visit, request.uri().path()) {
        Some(Login::Authorization(right)) => shown.as_bytes() == right.reveal().as_bytes(),
        Some(Login::Query(_)) | None => false,
    };
    [Visit::Control, Visit::View]
        .into_iter()
        .find(|visit| is(*visit))
}

fn text(text: impl Into<String>) -> Answer {
    Response::new(Full::new(Bytes::from(text.into())))
}

/// Says what the visitor may do, and then all that they say: who watches is not heard.
async fn echo(socket: OnUpgrade, visit: Visit) {
    let Ok(upgraded) = socket.await else {
        return;
    };
    let io = TokioIo::new(upgraded);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
    let role = match visit {
        Visit::Control => "control",
        Visit::View => "view",
    };
    let mut next = Some(Message::text(role));
    loop {
        if let Some(message) = next.take()
            && socket.send(message).await.is_err()
        {
            return;
        }
        match socket.next().await {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                next = (visit == Visit::Control).then_some(message);
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            Some(Ok(_)) => {}
        }
    }
}
