//! A class with browsers, and people who open them.

use std::net::SocketAddr;
use std::time::Duration;

use clarateach::config::{Config, PauseAfter};
use futures_util::{SinkExt, StreamExt};
use http::{Method, header};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::app::{Answer, Client, TestApp};

/// How long anything may take before a scene has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Somebody with a token of a seat.
#[derive(Clone)]
pub(crate) struct Person {
    client: Client,
    listen: SocketAddr,
    token: String,
    /// Path of the seat.
    seat: String,
}

/// Somebody who has the browser's cookie.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) client: Client,
    pub(crate) host: String,
    pub(crate) cookie: String,
    pub(crate) listen: SocketAddr,
}

pub(crate) fn pausing_after(time: Duration) -> impl FnOnce(Config) -> Config {
    move |config| Config {
        browser_pause_after: PauseAfter::For(time),
        ..config
    }
}

pub(crate) fn path(workshop: &Value) -> String {
    format!("/api/workshops/{}", workshop["id"].as_str().unwrap())
}

/// A workshop whose browsers run as the policy says.
pub(crate) async fn class(instructor: &Client, seats: u16, browser: &str) -> Value {
    let body = json!({"name": "Class", "seats": seats, "browser": browser});
    let made = instructor.post("/api/workshops", body).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()
}

pub(crate) async fn learner(app: &TestApp, workshop: &Value, name: &str) -> Person {
    let joined = app.client().join(workshop, name).await.json();
    Person::at(app.listen, &joined, &joined["seat"])
}

pub(crate) async fn instructor_in(
    app: &TestApp,
    instructor: &Client,
    workshop: &Value,
    mode: &str,
) -> Person {
    let call = format!("{}/seats/1/token", path(workshop));
    let made = instructor.post(&call, json!({"mode": mode})).await.json();
    Person::at(app.listen, &made, &json!(1))
}

impl Person {
    /// Somebody with the answer to a join or for a token.
    pub(crate) fn at(listen: SocketAddr, answer: &Value, seat: &Value) -> Self {
        let client = Client::at(listen);
        let endpoint = answer["endpoint"].as_str().unwrap();
        let endpoint = endpoint.strip_prefix(&client.base).unwrap().to_owned();
        Self {
            client,
            listen,
            token: answer["token"].as_str().unwrap().to_owned(),
            seat: format!("{endpoint}/vm/{seat}"),
        }
    }

    async fn send(
        &self,
        method: Method,
        below: &str,
        more: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        headers.extend_from_slice(more);
        let body = if method == Method::GET {
            String::new()
        } else {
            body.to_string()
        };
        let path = format!("{}/{below}", self.seat);
        self.client.send(method, &path, &headers, body).await
    }

    /// Asks for the browser and waits for it.
    pub(crate) async fn wait_for_it(&self) -> Answer {
        let body = json!({"kind": "browser"});
        self.send(Method::POST, "origins", &[], &body).await
    }

    /// Asks for the browser, or how far it is.
    pub(crate) async fn ask(&self) -> Answer {
        let prefer = [("prefer", "respond-async")];
        let body = json!({"kind": "browser"});
        self.send(Method::POST, "origins", &prefer, &body).await
    }

    pub(crate) async fn follow(&self) -> Answer {
        self.send(Method::GET, "browser/", &[], &Value::Null).await
    }

    /// Asks as pages do, until the browser is there.
    pub(crate) async fn until_it_is_there(&self) -> Value {
        let asking = async {
            loop {
                let answer = self.ask().await;
                match answer.status.as_u16() {
                    200 => return answer.json(),
                    202 => assert_eq!(answer.headers[header::RETRY_AFTER], "1"),
                    _ => panic!("{answer:?}"),
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, asking).await.expect("it never is there")
    }

    /// Opens the browser: what a frame does with the URL.
    pub(crate) async fn enter(&self) -> Visitor {
        let made = self.until_it_is_there().await;
        self.enter_by(made["url"].as_str().unwrap()).await
    }

    pub(crate) async fn enter_by(&self, url: &str) -> Visitor {
        let rest = url.strip_prefix("http://").unwrap();
        let (host, path) = rest.split_once('/').unwrap();
        let path = format!("/{path}");
        let entered = self
            .client
            .send(Method::GET, &path, &[("host", host)], "")
            .await;
        assert_eq!(entered.status, 303, "{entered:?}");
        Visitor {
            client: self.client.clone(),
            host: host.to_owned(),
            cookie: entered.cookie().expect("it sets a cookie"),
            listen: self.listen,
        }
    }
}

impl Visitor {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[("sec-fetch-site", "same-origin")])
            .await
    }

    /// Goes there, as a frame does.
    pub(crate) async fn visit(&self, path: &str) -> Answer {
        let headers = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("accept", "text/html"),
        ];
        self.send(Method::GET, path, &headers).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, more: &[(&str, &str)]) -> Answer {
        let mut headers = vec![
            ("host", self.host.as_str()),
            ("cookie", self.cookie.as_str()),
        ];
        headers.extend_from_slice(more);
        self.client.send(method, path, &headers, "").await
    }

    /// Opens the browser's socket; the status where it is refused.
    pub(crate) async fn socket(&self, path: &str, origin: &str) -> Result<Socket, u16> {
        let stream = TcpStream::connect(self.listen).await.unwrap();
        let mut request = format!("ws://{}{path}", self.host)
            .into_client_request()
            .unwrap();
        let headers = request.headers_mut();
        headers.insert("cookie", self.cookie.parse().unwrap());
        headers.insert("origin", origin.parse().unwrap());
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Socket(socket)),
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => {
                Err(answer.status().as_u16())
            }
            Err(other) => panic!("{other}"),
        }
    }

    pub(crate) async fn watch(&self) -> Socket {
        let origin = format!("http://{}", self.host);
        self.socket("/api/websockets", &origin).await.unwrap()
    }
}

/// A visitor's socket to a simulated browser.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// What comes next; `None` when it ended.
    pub(crate) async fn next(&mut self) -> Option<String> {
        let next = timeout(PATIENCE, self.0.next())
            .await
            .expect("nothing comes");
        match next {
            Some(Ok(Message::Text(text))) => Some(text.to_string()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => None,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for a message of that many bytes: a picture, of a real browser.
    /// Not when it ends before.
    pub(crate) async fn picture(&mut self, bytes: usize) -> bool {
        let coming = async {
            while let Some(Ok(message)) = self.0.next().await {
                if matches!(message, Message::Binary(frame) if frame.len() >= bytes) {
                    return true;
                }
            }
            false
        };
        timeout(PATIENCE, coming).await.expect("no picture comes")
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }
}

/// The browser of a seat as the instructor sees it, once it is right.
pub(crate) async fn until(
    instructor: &Client,
    workshop: &Value,
    seat: usize,
    right: impl Fn(&Value) -> bool,
) -> Value {
    let path = path(workshop);
    let looking = instructor.until(&path, |shown| right(&shown["seats"][seat - 1]["browser"]));
    let shown = timeout(PATIENCE, looking).await.expect("it never is so");
    shown["seats"][seat - 1]["browser"].clone()
}

pub(crate) async fn until_it_is(instructor: &Client, workshop: &Value, status: &str) -> Value {
    until(instructor, workshop, 1, |browser| {
        browser["status"] == status
    })
    .await
}
