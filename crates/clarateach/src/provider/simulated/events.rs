//! A simulated seat's `/files-events`: after every change a `rescan` of everything, which is always true.

use std::sync::Arc;

use clarateach_protocol::files::{FileEvent, FileEventKind};
use clarateach_protocol::terminal::{ClientFrame, ServerFrame};
use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{self, Message};

use super::http::{Answer, Refusal, empty, invalid_input, not_allowed};
use super::seat::{Seat, Start};

pub(super) fn listen(
    seat: &Seat,
    start: &Arc<Start>,
    mut request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    if request.method() != Method::GET {
        return Err(not_allowed());
    }
    let key = request.headers().get(SEC_WEBSOCKET_KEY);
    let accept = derive_accept_key(key.ok_or_else(invalid_input)?.as_bytes());
    let changes = seat.changes.subscribe();
    let upgrade = hyper::upgrade::on(&mut request);
    let owner = Arc::clone(start);
    start.tasks.spawn(async move {
        let cancelled = owner.cancel.clone();
        tokio::select! {
            () = cancelled.cancelled() => {}
            // A socket that broke is the client's affair: it comes back and looks again.
            _ = serve(upgrade, changes) => {}
        }
    });
    let mut answer = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok(answer)
}

async fn serve(
    upgrade: OnUpgrade,
    mut changes: watch::Receiver<u64>,
) -> Result<(), tungstenite::Error> {
    let Ok(upgraded) = upgrade.await else {
        return Ok(());
    };
    let io = TokioIo::new(upgraded);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
    let event = FileEvent {
        kind: FileEventKind::Rescan,
        path: String::new(),
    };
    let text = serde_json::to_string(&event).unwrap_or_default();
    loop {
        changes.mark_unchanged();
        socket.send(Message::text(text.as_str())).await?;
        loop {
            tokio::select! {
                changed = changes.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return Ok(()),
                },
                message = socket.next() => match message {
                    Some(message) => {
                        let frame = message?.into_text().map(|text| serde_json::from_str(&text));
                        if matches!(frame, Ok(Ok(ClientFrame::Ping {}))) {
                            let pong = serde_json::to_string(&ServerFrame::Pong).unwrap_or_default();
                            socket.send(Message::text(pong)).await?;
                        }
                    }
                    None => return Ok(()),
                },
            }
        }
    }
}
