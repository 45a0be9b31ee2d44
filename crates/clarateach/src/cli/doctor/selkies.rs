//! Selkies' WebSocket, as `images/browser` streams it: pictures as binary messages, keys as text.

use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::browser::NOT_BLANK;
use crate::browser::{BrowserDoor, Login, Visit};

const SOCKET: &str = "/api/websockets";
const SETTINGS: &str = r#"SETTINGS,{"displayId":"primary","framerate":25,"initialClientWidth":1280,"initialClientHeight":720}"#;
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of a change of much of the picture; a cursor that blinks has some hundred.
const CHANGED: usize = NOT_BLANK / 4;
/// A screen that shows nothing new for so long rests: a cursor blinks more often, but sends less.
const REST: Duration = Duration::from_secs(2);
const CONTROL: u32 = 0xffe3;
const ENTER: u32 = 0xff0d;
const PAGE: &str = "data:text/html,<body style=background:teal>";

/// What was seen of the picture and of the keys.
pub(super) async fn prove(door: &BrowserDoor) -> anyhow::Result<(String, String)> {
    let stream = TcpStream::connect(door.address).await?;
    let mut request = format!("ws://{}{SOCKET}", door.address).into_client_request()?;
    let Some(Login::Authorization(value)) = door.engine.login(&door.access, Visit::Control, SOCKET)
    else {
        bail!("this engine is entered otherwise");
    };
    let value = value.reveal().parse()?;
    request.headers_mut().insert("authorization", value);
    let (socket, _) = client_async(request, stream)
        .await
        .context("the browser's WebSocket refuses the right password")?;
    let mut screen = Screen(socket);
    screen.say(SETTINGS).await?;
    let first = screen.picture(NOT_BLANK, PATIENCE).await?;
    let first = first.context("the picture stays blank")?;
    while screen.picture(CHANGED, REST).await?.is_some() {}
    screen.open_page().await?;
    let after = screen.picture(CHANGED, PATIENCE).await?;
    let after = after.context("what was typed does not show in the picture")?;
    Ok((
        format!("the picture shows something: {first} bytes"),
        format!("keys arrive: what was typed changed the picture, by {after} bytes"),
    ))
}

struct Screen(WebSocketStream<TcpStream>);

impl Screen {
    async fn say(&mut self, text: &str) -> anyhow::Result<()> {
        Ok(self.0.send(Message::text(text)).await?)
    }

    /// Bytes of the next message with so many; `None`: none comes in time.
    async fn picture(&mut self, bytes: usize, patience: Duration) -> anyhow::Result<Option<usize>> {
        let coming = async {
            while let Some(message) = self.0.next().await {
                if let Message::Binary(frame) = message?
                    && frame.len() >= bytes
                {
                    return Ok(frame.len());
                }
            }
            bail!("the browser ended the stream")
        };
        timeout(patience, coming).await.ok().transpose()
    }

    async fn press(&mut self, keys: &[u32]) -> anyhow::Result<()> {
        for key in keys {
            self.say(&format!("kd,{key}")).await?;
        }
        for key in keys.iter().rev() {
            self.say(&format!("ku,{key}")).await?;
        }
        Ok(())
    }

    async fn open_page(&mut self) -> anyhow::Result<()> {
        self.press(&[CONTROL, u32::from('l')]).await?;
        tokio::time::sleep(REST / 2).await;
        for letter in PAGE.chars() {
            self.press(&[u32::from(letter)]).await?;
        }
        self.press(&[ENTER]).await
    }
}
