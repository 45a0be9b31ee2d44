//! `GET /files-events`: changes as WebSocket messages, or as server-sent events without an upgrade.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clarateach_protocol::files::FileEvent;
use clarateach_protocol::terminal::{ClientFrame, ServerFrame};
use futures_util::stream::{self, SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::upgrade::Upgraded;
use hyper::{Method, Response};
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use super::Call;
use super::body::Body;
use super::error::HttpError;
use super::upgrade::{accept_key, switching_protocols};
use crate::files::events::{ListenError, Subscription};

/// A client says nothing but pongs, and asks whether anybody is there.
const MAX_MESSAGE_BYTES: usize = 4 * 1024;
const BUFFER_BYTES: usize = 4 * 1024;
/// How long the goodbye may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

pub(super) async fn listen(mut call: Call) -> Result<Response<Body>, HttpError> {
    call.require_method(&[Method::GET])?;
    if !call.query().is_empty() {
        return Err(HttpError::input("query", "this route takes no query"));
    }
    if call.header(UPGRADE).is_none() {
        return Ok(server_sent(&call, subscribe(&call)?));
    }
    if call.header(SEC_WEBSOCKET_PROTOCOL).is_some() {
        // A client that offers one would take an answer without it for a failure.
        let message = "these events have no subprotocol";
        return Err(HttpError::input("Sec-WebSocket-Protocol", message));
    }
    let response = switching_protocols(accept_key(&call)?);
    let subscription = subscribe(&call)?;
    let upgraded = hyper::upgrade::on(&mut call.request);
    let app = Arc::clone(&call.app);
    app.tasks.clone().spawn(async move {
        // A client that left before the upgrade is no failure.
        if let Ok(upgraded) = upgraded.await {
            let (ping, silence) = (app.limits.ping_interval, app.limits.silence_limit);
            serve(upgraded, subscription, ping, silence, &app.stop).await;
        }
    });
    Ok(response)
}

fn subscribe(call: &Call) -> Result<Subscription, HttpError> {
    Ok(call.app.events.listen()?)
}

impl From<ListenError> for HttpError {
    fn from(error: ListenError) -> Self {
        match error {
            ListenError::TooMany => Self::Busy {
                what: error.to_string(),
            },
            ListenError::Start(_) => {
                tracing::error!(%error, "nobody can listen");
                Self::Internal
            }
        }
    }
}

async fn serve(
    upgraded: Upgraded,
    subscription: Subscription,
    ping: Duration,
    silence: Duration,
    stop: &CancellationToken,
) {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let io = TokioIo::new(upgraded);
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let (mut sink, mut stream) = socket.split();
    let asked = Notify::new();
    tokio::select! {
        () = send(&mut sink, &subscription, &asked, ping) => return,
        () = drain(&mut stream, &asked, silence) => return,
        () = stop.cancelled() => {}
    }
    let frame = CloseFrame {
        code: CloseCode::Away,
        reason: "seat is stopping".into(),
    };
    let goodbye = async {
        if sink.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = stream.next().await {}
        }
    };
    let _ = timeout(CLOSE_PATIENCE, goodbye).await;
}

/// Until the connection breaks.
async fn send(
    sink: &mut SplitSink<Socket, Message>,
    subscription: &Subscription,
    asked: &Notify,
    ping: Duration,
) {
    let pong = serde_json::to_string(&ServerFrame::Pong).expect("frames serialise");
    let mut pings = interval(ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let sent = tokio::select! {
            events = subscription.next() => send_all(sink, &events).await,
            () = asked.notified() => sink.send(Message::text(pong.as_str())).await,
            _ = pings.tick() => sink.send(Message::Ping(Bytes::new())).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Flushed once, after the last.
async fn send_all(
    sink: &mut SplitSink<Socket, Message>,
    events: &VecDeque<FileEvent>,
) -> Result<(), tungstenite::Error> {
    for event in events {
        sink.feed(Message::text(text_of(event))).await?;
    }
    sink.flush().await
}

/// Until the client leaves or is silent: its pongs, and questions as on a terminal, are what it has to say.
async fn drain(stream: &mut SplitStream<Socket>, asked: &Notify, silence: Duration) {
    while let Ok(Some(Ok(message))) = timeout(silence, stream.next()).await {
        match message {
            Message::Close(_) => return,
            Message::Text(text) if is_ping(text.as_str()) => asked.notify_one(),
            _ => {}
        }
    }
}

fn is_ping(text: &str) -> bool {
    serde_json::from_str(text).is_ok_and(|frame: ClientFrame| frame == ClientFrame::Ping {})
}

/// The body ends when the seat stops; comments keep the connection open meanwhile.
fn server_sent(call: &Call, subscription: Subscription) -> Response<Body> {
    let stop = call.app.stop.clone();
    let pings = interval(call.app.limits.ping_interval);
    let parts = stream::unfold(
        (subscription, pings, stop),
        |(subscription, mut pings, stop)| async move {
            let text = tokio::select! {
                events = subscription.next() => events
                    .iter()
                    .map(|event| format!("data: {}\n\n", text_of(event)))
                    .collect(),
                _ = pings.tick() => ": still here\n\n".to_owned(),
                () = stop.cancelled() => return None,
            };
            let part = Ok::<_, Infallible>(Frame::data(Bytes::from(text)));
            Some((part, (subscription, pings, stop)))
        },
    );
    let body = StreamBody::new(parts)
        .map_err(|impossible: Infallible| -> io::Error { match impossible {} })
        .boxed_unsync();
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn text_of(event: &FileEvent) -> String {
    serde_json::to_string(event).expect("events are plain data")
}
