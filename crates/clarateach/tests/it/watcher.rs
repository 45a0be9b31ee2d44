//! Clients of event streams: over WebSocket as pages, and as server-sent events as scripts.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::app::Client;

/// What a test waits for at the most; a good run is far below it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A WebSocket.
pub(crate) struct Watcher {
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Watcher {
    /// The code with which the server closed this while it did something.
    pub(crate) async fn closed_by(&mut self, doing: impl Future<Output = ()>) -> u16 {
        let ((), code) = tokio::join!(doing, self.closed());
        code
    }

    /// Connects as a page of ours does.
    pub(crate) async fn open(client: &Client, path: &str) -> Self {
        let origin = client.base.clone();
        Self::try_open(client, path, &[("origin", &origin)])
            .await
            .unwrap()
    }

    /// Connects, or tells how it was refused.
    pub(crate) async fn try_open(
        client: &Client,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, (StatusCode, String)> {
        let authority = client.base.strip_prefix("http://").unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = client.receive_buffer {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let stream = socket.connect(authority.parse().unwrap()).await.unwrap();
        let mut request = format!("ws://{authority}{path}")
            .into_client_request()
            .unwrap();
        let fields = request.headers_mut();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            fields.insert(name, value.parse().unwrap());
        }
        if let Some(cookie) = &client.cookie {
            fields.insert("cookie", cookie.parse().unwrap());
        }
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(Error::Http(answer)) => {
                let body = answer.body().clone().unwrap_or_default();
                Err((answer.status(), String::from_utf8(body).unwrap()))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// The next event that is no heartbeat, or the code with which the server closed.
    pub(crate) async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await;
            match message.expect("nothing came") {
                Some(Ok(Message::Text(text))) => {
                    let event: Value = serde_json::from_str(&text).unwrap();
                    if event["type"] != "heartbeat" {
                        return Ok(event);
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                // Gone without a goodbye (RFC 6455, section 7.1.5).
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    pub(crate) async fn event(&mut self) -> Value {
        self.next().await.unwrap()
    }

    /// Events up to and with the first right one.
    pub(crate) async fn until(&mut self, right: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await;
            let is_right = right(&event);
            events.push(event);
            if is_right {
                return events;
            }
        }
    }

    /// The code with which the server closed, whatever came before.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }

    pub(crate) async fn say(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }
}

/// Server-sent events.
pub(crate) struct Script {
    body: Incoming,
    kept: String,
}

impl Script {
    pub(crate) async fn open(client: &Client, path: &str, headers: &[(&str, &str)]) -> Self {
        let response = client.open(Method::GET, path, headers, "").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: response.into_body(),
            kept: String::new(),
        }
    }

    /// The next event, whose lines say the same as its JSON; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((frame, rest)) = self.kept.split_once("\n\n") {
                let (frame, rest) = (frame.to_owned(), rest.to_owned());
                self.kept = rest;
                let field = |name: &str| {
                    let mut lines = frame.lines();
                    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                };
                if let Some(data) = field("data") {
                    let event: Value = serde_json::from_str(data).unwrap();
                    assert_eq!(field("id").unwrap(), event["id"].to_string());
                    assert_eq!(field("event").unwrap(), event["type"]);
                    return Some(event);
                }
            }
            let frame = timeout(PATIENCE, self.body.frame()).await;
            let data = frame.expect("nothing came")?.unwrap().into_data().unwrap();
            self.kept.push_str(std::str::from_utf8(&data).unwrap());
        }
    }

    /// How much still comes, until the server ends or cuts it.
    pub(crate) async fn bytes_to_the_end(&mut self) -> usize {
        let mut bytes = 0;
        while let Some(Ok(frame)) = timeout(PATIENCE, self.body.frame()).await.expect("no end") {
            bytes += frame.into_data().map_or(0, |data| data.len());
        }
        bytes
    }
}
