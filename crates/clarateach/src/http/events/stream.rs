//! One open stream: events to one client until either side has enough.
//!
//! Events wait in the feed's log, never here: one is written when the client took the one before.

use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, stream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::addresses::HostKind;
use crate::feed::{Change, News, Scope, Subscription};
use crate::http::ApiState;
use crate::http::body::{Event, Pen};
use crate::http::websocket::Socket;
use crate::server::Hangup;
use crate::service::Standing;

/// Heartbeats without a word from a WebSocket's client before it counts as gone.
const SILENT_HEARTBEATS: u32 = 3;
/// For the client to take a farewell.
const FAREWELL: Duration = Duration::from_secs(1);
/// Milliseconds that a client of server-sent events waits before it comes back.
const COME_BACK_MS: u32 = 2000;

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The workshop did, and that was told.
    Ended,
    /// The server stops.
    Stopping,
    /// Signed out, revoked, expired.
    SignedOut,
    /// The client doesn't take what it is sent.
    TooSlow,
    /// The client went.
    Gone,
}

impl End {
    fn close_frame(self) -> CloseFrame {
        let (code, reason) = match self {
            Self::Ended | Self::Gone => (1000, "the workshop has ended"),
            Self::Stopping => (1001, "the server stops"),
            Self::SignedOut => (4401, "sign in again"),
            Self::TooSlow => (4408, "too slow"),
        };
        CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        }
    }
}

/// A stream that was asked for.
pub(super) struct Stream {
    source: Source,
    guard: Guard,
    heartbeat: Duration,
    patience: Duration,
}

/// Where its events come from.
struct Source {
    state: ApiState,
    host: HostKind,
    scope: Scope,
    subscription: Subscription,
}

/// What ends it from our side.
struct Guard {
    state: ApiState,
    standing: Standing,
}

impl Guard {
    /// Completes when it must end. Dropping the wait and waiting again is fine.
    async fn over(&mut self) -> End {
        tokio::select! {
            () = self.state.streams.stopped() => End::Stopping,
            () = self.standing.over() => End::SignedOut,
        }
    }
}

impl Source {
    /// The next events. An empty answer: there is nothing after what was told.
    async fn next(&mut self) -> Vec<Event> {
        let news = self.subscription.next().await;
        let pen = Pen {
            addresses: &self.state.addresses,
            host: &self.host,
        };
        match news {
            News::Events(events) => events
                .iter()
                .map(|event| pen.event(event.id, &event.change))
                .collect(),
            News::Snapshot { id, workshops } => match (self.scope, workshops.first()) {
                (Scope::All, _) => vec![pen.workshops(id, &workshops)],
                (Scope::One(_), Some(view)) => {
                    vec![pen.event(id, &Change::Workshop(view.clone()))]
                }
                (Scope::One(of), None) => vec![pen.event(id, &Change::Ended(of))],
            },
        }
    }

    /// Whether there is nothing after an event.
    fn is_last(&self, event: &Event) -> bool {
        self.scope != Scope::All && matches!(event, Event::Ended { .. })
    }
}

impl Stream {
    pub(super) fn new(
        state: ApiState,
        host: HostKind,
        standing: Standing,
        (scope, subscription): (Scope, Subscription),
    ) -> Self {
        let times = state.feed.times();
        Self {
            source: Source {
                state: state.clone(),
                host,
                scope,
                subscription,
            },
            guard: Guard { state, standing },
            heartbeat: times.heartbeat,
            patience: times.patience,
        }
    }

    /// Sends them as text messages.
    pub(super) async fn send_messages(mut self, mut socket: Socket) {
        let end = self.talk(&mut socket).await;
        if end != End::Gone {
            // What the client doesn't take now it doesn't need.
            let _ = timeout(FAREWELL, say_goodbye(&mut socket, end)).await;
        }
        tracing::debug!(?end, "event stream ended");
    }

    async fn talk(&mut self, socket: &mut Socket) -> End {
        let mut heartbeats = ticks(self.heartbeat);
        let mut silent = 0;
        loop {
            tokio::select! {
                end = self.guard.over() => return end,
                events = self.source.next() => for event in events {
                    let is_last = self.source.is_last(&event);
                    if let Err(end) = self.send(socket, &event).await {
                        return end;
                    }
                    if is_last {
                        return End::Ended;
                    }
                },
                _ = heartbeats.tick() => {
                    silent += 1;
                    if silent > SILENT_HEARTBEATS {
                        return End::Gone;
                    }
                    let sent = self.send(socket, &Event::Heartbeat).await;
                    if let Err(end) = sent.and(self.put(socket, Message::Ping(Bytes::new())).await) {
                        return end;
                    }
                }
                // Pings are answered by the library while it reads.
                message = socket.next() => match message {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Gone,
                    Some(Ok(_)) => silent = 0,
                },
            }
        }
    }

    async fn send(&mut self, socket: &mut Socket, event: &Event) -> Result<(), End> {
        self.put(socket, Message::text(json(event))).await
    }

    /// Sends one message, for as long as the client may take for it and the stream may live.
    async fn put(&mut self, socket: &mut Socket, message: Message) -> Result<(), End> {
        tokio::select! {
            sent = timeout(self.patience, socket.send(message)) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(End::Gone),
                Err(_) => Err(End::TooSlow),
            },
            end = self.guard.over() => Err(end),
        }
    }

    /// Sends them as server-sent events (WHATWG HTML, section 9.2): the answer, and what fills its body.
    pub(super) fn server_sent(
        self,
        hangup: Option<Hangup>,
    ) -> (Response, impl Future<Output = ()> + Send) {
        let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
        let (unread, dropped) = oneshot::channel::<()>();
        let parts = stream::poll_fn(move |context| {
            // Dropped with the body: what was written is sent then, or never will be.
            let _ = &unread;
            receiver
                .poll_recv(context)
                .map(|part| part.map(Ok::<_, std::convert::Infallible>))
        });
        let headers = [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/event-stream"),
            ),
            // Proxies in front (nginx) would keep events until they have a bufferful.
            (
                HeaderName::from_static("x-accel-buffering"),
                HeaderValue::from_static("no"),
            ),
        ];
        let response = (headers, Body::from_stream(parts)).into_response();
        let sending = async move {
            let end = self.fill(sender).await;
            let is_read = timeout(FAREWELL, dropped).await.is_ok();
            if !is_read && let Some(hangup) = hangup {
                hangup.now();
            }
            tracing::debug!(?end, "event stream ended");
        };
        (response, sending)
    }

    async fn fill(mut self, body: mpsc::Sender<Bytes>) -> End {
        let mut heartbeats = ticks(self.heartbeat);
        let hello = Bytes::from(format!("retry: {COME_BACK_MS}\n\n"));
        if let Err(end) = self.write(&body, hello).await {
            return end;
        }
        let mut gone = pin!(body.closed());
        loop {
            tokio::select! {
                end = self.guard.over() => return end,
                events = self.source.next() => for event in events {
                    let is_last = self.source.is_last(&event);
                    if let Err(end) = self.write(&body, frame(&event)).await {
                        return end;
                    }
                    if is_last {
                        return End::Ended;
                    }
                },
                _ = heartbeats.tick() => {
                    if let Err(end) = self.write(&body, Bytes::from_static(b": heartbeat\n\n")).await {
                        return end;
                    }
                }
                () = &mut gone => return End::Gone,
            }
        }
    }

    async fn write(&mut self, body: &mpsc::Sender<Bytes>, bytes: Bytes) -> Result<(), End> {
        tokio::select! {
            sent = timeout(self.patience, body.send(bytes)) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(End::Gone),
                Err(_) => Err(End::TooSlow),
            },
            end = self.guard.over() => Err(end),
        }
    }
}

/// Says why, and waits for the client's own goodbye (RFC 6455, section 7.1.2).
async fn say_goodbye(socket: &mut Socket, end: End) {
    if socket.close(Some(end.close_frame())).await.is_ok() {
        while let Some(Ok(_)) = socket.next().await {}
    }
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn json(event: &Event) -> String {
    serde_json::to_string(event).expect("events are plain data")
}

fn frame(event: &Event) -> Bytes {
    let id = event
        .id()
        .map_or_else(String::new, |id| format!("id: {id}\n"));
    // JSON has no line breaks, so one data line holds it.
    Bytes::from(format!(
        "{id}event: {}\ndata: {}\n\n",
        event.kind(),
        json(event)
    ))
}
