//! Neko 3's own HTTP interface, as its sources have it (`server/internal/api`, `server/internal/websocket`):
//! who logs in has a token, sees the screen as one JPEG and presses keys by a WebSocket.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::browser::{NOT_BLANK, Sent, send};
use crate::browser::{BrowserDoor, Secret};

const PICTURE: &str = "/api/room/screen/cast.jpg";
/// For Firefox's window to be there, and for it to show another page.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);
/// X11's names for keys.
const CONTROL: u32 = 0xffe3;
const ENTER: u32 = 0xff0d;
/// A page of one colour: its picture has far fewer bytes than that of any start page.
const PAGE: &str = "data:text/html,<body style=background:teal>";

/// What was seen of the picture and of the keys.
pub(super) async fn prove(door: &BrowserDoor) -> anyhow::Result<(String, String)> {
    prove_within(door, PATIENCE).await
}

async fn prove_within(door: &BrowserDoor, patience: Duration) -> anyhow::Result<(String, String)> {
    let (status, _) = login(door, &Secret::random()).await?;
    ensure!(
        status == 401,
        "a wrong password was answered with {status} instead of 401: anybody could enter"
    );
    let control = token(door, &door.access.control).await?;
    if let Some(view) = &door.access.view {
        let view = token(door, view).await?;
        let asked = Sent {
            authorization: Some(format!("Bearer {view}")),
            body: Some("{}".to_owned()),
        };
        let path = "/api/room/control/request";
        let (status, _) = send(door.address, Method::POST, path, asked).await?;
        ensure!(
            status == 403,
            "whoever only watches asked for mouse and keyboard, and was answered with {status} instead of 403"
        );
    }
    let before = still(door, &control, patience).await?;
    let mut keys = Keys::open(door, &control).await?;
    keys.open_page().await?;
    let after = changed(door, &control, &before, patience).await?;
    Ok((
        format!(
            "the picture shows something: a JPEG of {} bytes",
            before.len()
        ),
        format!(
            "keys arrive: what was typed changed the picture, to {} bytes",
            after.len()
        ),
    ))
}

async fn login(door: &BrowserDoor, password: &Secret) -> anyhow::Result<(u16, Bytes)> {
    let body = json!({"username": "doctor", "password": password.reveal()});
    let sent = Sent {
        authorization: None,
        body: Some(body.to_string()),
    };
    send(door.address, Method::POST, "/api/login", sent).await
}

async fn token(door: &BrowserDoor, password: &Secret) -> anyhow::Result<String> {
    let (status, body) = login(door, password).await?;
    ensure!(status == 200, "the login was answered with {status}");
    let told: Value = serde_json::from_slice(&body).context("the login's answer is no JSON")?;
    let is_admin = &told["profile"]["is_admin"];
    ensure!(
        *is_admin == json!(false),
        "a visitor would be an admin, who may stream anywhere"
    );
    let token = told["token"].as_str();
    Ok(token.context("the login gave no token")?.to_owned())
}

async fn picture(door: &BrowserDoor, token: &str) -> anyhow::Result<Bytes> {
    let sent = Sent {
        authorization: Some(format!("Bearer {token}")),
        body: None,
    };
    let (status, body) = send(door.address, Method::GET, PICTURE, sent).await?;
    ensure!(status == 200, "{PICTURE} was answered with {status}");
    ensure!(body.starts_with(&[0xff, 0xd8]), "{PICTURE} is no JPEG");
    Ok(body)
}

/// A picture that shows something, and that stays.
async fn still(door: &BrowserDoor, token: &str, patience: Duration) -> anyhow::Result<Bytes> {
    let begin = Instant::now();
    let mut before = Bytes::new();
    while begin.elapsed() < patience {
        let now = picture(door, token).await?;
        // A cursor may blink.
        if now.len() >= NOT_BLANK && now.len().abs_diff(before.len()) * 50 < now.len() {
            return Ok(now);
        }
        before = now;
        tokio::time::sleep(PAUSE).await;
    }
    bail!(
        "the picture stays blank, or never rests: {} bytes at the end",
        before.len()
    )
}

/// A picture that differs from a still one by more than a blinking cursor.
async fn changed(
    door: &BrowserDoor,
    token: &str,
    before: &Bytes,
    patience: Duration,
) -> anyhow::Result<Bytes> {
    let begin = Instant::now();
    while begin.elapsed() < patience {
        tokio::time::sleep(PAUSE).await;
        let now = picture(door, token).await?;
        if now.len().abs_diff(before.len()) * 10 > before.len() {
            return Ok(now);
        }
    }
    bail!("what was typed does not show in the picture")
}

/// The control of the keyboard.
struct Keys(WebSocketStream<TcpStream>);

impl Keys {
    async fn open(door: &BrowserDoor, token: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(door.address).await?;
        let url = format!("ws://{}/api/ws?token={token}", door.address);
        // The URL carries the token, and the error might carry the URL.
        let (socket, _) = client_async(url, stream)
            .await
            .map_err(|_| anyhow::anyhow!("the browser's WebSocket refuses who logged in"))?;
        let mut keys = Self(socket);
        keys.say("control/request", json!({})).await?;
        Ok(keys)
    }

    async fn say(&mut self, event: &str, payload: Value) -> anyhow::Result<()> {
        let text = json!({"event": event, "payload": payload}).to_string();
        self.0.send(Message::text(text)).await?;
        // What it says of itself would fill its buffers.
        while let Ok(Some(said)) =
            tokio::time::timeout(Duration::from_millis(5), self.0.next()).await
        {
            said.context("the browser's WebSocket broke off")?;
        }
        Ok(())
    }

    async fn press(&mut self, keysym: u32) -> anyhow::Result<()> {
        self.say("control/keypress", json!({"keysym": keysym}))
            .await
    }

    async fn open_page(&mut self) -> anyhow::Result<()> {
        self.say("control/keydown", json!({"keysym": CONTROL}))
            .await?;
        self.press(u32::from('l')).await?;
        self.say("control/keyup", json!({"keysym": CONTROL}))
            .await?;
        tokio::time::sleep(PAUSE).await;
        for letter in PAGE.chars() {
            self.press(u32::from(letter)).await?;
        }
        self.press(ENTER).await
    }
}

#[cfg(test)]
mod tests;
