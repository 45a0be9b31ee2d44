//! Against something that answers as Neko's sources say, rightly or with one thing wrong.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_tungstenite::accept_async;

use super::*;
use crate::browser::{BrowserStart, NEKO, Screen};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Nothing,
    AnyPassword,
    Admins,
    WatchersControl,
    Blank,
    Deaf,
}

/// One that runs on a port of this machine until the test's runtime ends.
struct FakeNeko {
    wrong: Wrong,
    door: BrowserDoor,
    typed: Mutex<Vec<u32>>,
}

impl FakeNeko {
    async fn start(wrong: Wrong) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let variables = NEKO.environment(&BrowserStart::new(Screen::default()));
        let variables = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let door = BrowserDoor {
            engine: &NEKO,
            address: listener.local_addr().unwrap(),
            incarnation: String::new(),
            access: NEKO.access(&variables.collect()).unwrap(),
        };
        let fake = Arc::new(Self {
            wrong,
            door,
            typed: Mutex::default(),
        });
        let served = Arc::clone(&fake);
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                served.answer(stream).await;
            }
        });
        fake
    }

    async fn answer(self: &Arc<Self>, mut stream: TcpStream) {
        let mut head = [0; 16];
        let seen = stream.peek(&mut head).await.unwrap();
        if head[..seen].starts_with(b"GET /api/ws") {
            let (fake, mut socket) = (Arc::clone(self), accept_async(stream).await.unwrap());
            #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
            tokio::spawn(async move {
                while let Some(Ok(Message::Text(text))) = socket.next().await {
                    let said: Value = serde_json::from_str(&text).unwrap();
                    if said["event"] == "control/keypress" {
                        let key = said["payload"]["keysym"].as_u64().unwrap();
                        fake.typed.lock().unwrap().push(u32::try_from(key).unwrap());
                    }
                }
            });
            return;
        }
        let mut bytes = vec![0; 4096];
        let mut seen = 0;
        loop {
            seen += stream.read(&mut bytes[seen..]).await.unwrap();
            let text = String::from_utf8_lossy(&bytes[..seen]).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() == length {
                let (status, answer) = self.asked(head, body);
                let head = format!(
                    "HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    answer.len()
                );
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(&answer).await.unwrap();
                return;
            }
        }
    }

    fn asked(&self, head: &str, body: &str) -> (u16, Vec<u8>) {
        let access = &self.door.access;
        if head.starts_with("POST /api/login ") {
            let asked: Value = serde_json::from_str(body).unwrap();
            let is = |password: &Secret| asked["password"] == password.reveal();
            let token = match () {
                () if is(&access.control) || self.wrong == Wrong::AnyPassword => "controls",
                () if access.view.as_ref().is_some_and(is) => "watches",
                () => return (401, Vec::new()),
            };
            let is_admin = self.wrong == Wrong::Admins;
            let told = json!({"id": "doctor-1", "token": token, "profile": {"is_admin": is_admin}});
            return (200, told.to_string().into_bytes());
        }
        let controls = head.contains("authorization: Bearer controls");
        if !controls && !head.contains("authorization: Bearer watches") {
            return (401, Vec::new());
        }
        if head.starts_with("POST /api/room/control/request ") {
            let may = controls || self.wrong == Wrong::WatchersControl;
            return (if may { 200 } else { 403 }, Vec::new());
        }
        let typed = self.typed.lock().unwrap();
        let shows_page = typed.last() == Some(&ENTER) && self.wrong != Wrong::Deaf;
        let bytes = match self.wrong {
            Wrong::Blank => 2_000,
            _ if shows_page => 9_000,
            _ => 20_000,
        };
        let mut jpeg = vec![0xff, 0xd8];
        jpeg.resize(bytes, 0);
        (200, jpeg)
    }

    async fn is_proven(&self) -> Result<(String, String), String> {
        let proven = prove_within(&self.door, Duration::from_secs(3)).await;
        proven.map_err(|error| format!("{error:#}"))
    }
}

#[tokio::test]
async fn one_that_works_is_proven_by_its_picture_and_its_keys() {
    let neko = FakeNeko::start(Wrong::Nothing).await;
    let (picture, keys) = neko.is_proven().await.unwrap();
    assert!(picture.contains("20000 bytes"), "{picture}");
    assert!(keys.contains("9000 bytes"), "{keys}");
    let typed: String = neko
        .typed
        .lock()
        .unwrap()
        .iter()
        .filter_map(|key| char::from_u32(*key).filter(char::is_ascii))
        .collect();
    assert_eq!(typed, format!("l{PAGE}"));
}

#[tokio::test]
async fn one_with_anything_wrong_is_not() {
    for (wrong, why) in [
        (Wrong::AnyPassword, "anybody could enter"),
        (Wrong::Admins, "an admin"),
        (Wrong::WatchersControl, "only watches"),
        (Wrong::Blank, "blank"),
        (Wrong::Deaf, "does not show in the picture"),
    ] {
        let neko = FakeNeko::start(wrong).await;
        let said = neko.is_proven().await.unwrap_err();
        assert!(said.contains(why), "{wrong:?}: {said}");
        let access = &neko.door.access;
        let passwords = [Some(&access.control), access.view.as_ref()];
        for password in passwords.into_iter().flatten() {
            assert!(!said.contains(password.reveal()), "{said}");
        }
    }
}
