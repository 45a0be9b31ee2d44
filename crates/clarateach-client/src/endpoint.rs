//! Where a terminal is and with what credential, and the upgrade.

use std::time::Duration;

use clarateach_protocol::id::SeatNumber;
use clarateach_protocol::terminal::SUBPROTOCOL;
use http::header::{AUTHORIZATION, HOST, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::link::{Link, Pace};

const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// An upgraded connection.
pub type Socket = WebSocketStream<Link>;

/// Where terminals are, and with what credential.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where TCP goes, as `host:port`.
    pub address: String,
    /// The `Host` field; `address` when it isn't said.
    pub host: Option<String>,
    /// What comes before `/terminal`.
    pub prefix: String,
    /// The bearer token: a workspace token in the seat, a seat token at the gateway.
    pub token: Option<String>,
    /// How fast the connection reads.
    pub pace: Pace,
}

impl Endpoint {
    /// Straight at an in-seat server on this machine.
    #[must_use]
    pub fn seat(port: u16, token: impl Into<String>) -> Self {
        Self {
            address: format!("127.0.0.1:{port}"),
            host: None,
            prefix: String::new(),
            token: Some(token.into()),
            pace: Pace::Full,
        }
    }

    /// Through the gateway: `endpoint` as the join answer has it (`http://…`, without TLS).
    ///
    /// # Panics
    /// When `endpoint` is no plain http URL.
    #[must_use]
    pub fn gateway(endpoint: &str, seat: SeatNumber, token: impl Into<String>) -> Self {
        let rest = endpoint
            .strip_prefix("http://")
            .expect("an http:// endpoint: this client speaks no TLS");
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, format!("/{}", path.trim_end_matches('/'))),
            None => (rest, String::new()),
        };
        let address = match authority.rsplit_once(':') {
            Some((_, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => authority.into(),
            _ => format!("{authority}:80"),
        };
        Self {
            address,
            host: Some(authority.to_owned()),
            prefix: format!("{path}/vm/{seat}"),
            token: Some(token.into()),
            pace: Pace::Full,
        }
    }

    /// The same, by another way: through a proxy of the test's own.
    #[must_use]
    pub fn via(mut self, address: impl Into<String>) -> Self {
        self.host.get_or_insert_with(|| self.address.clone());
        self.address = address.into();
        self
    }

    /// The same, read no faster than this.
    #[must_use]
    pub fn paced(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Asks for the upgrade of `target` (`/terminal?…`), whatever it says.
    ///
    /// # Errors
    /// [`Error::Http`] with the answer when the upgrade is refused.
    ///
    /// # Panics
    /// When nothing listens, or nothing answers in time.
    pub async fn open(
        &self,
        target: &str,
        protocols: Option<&str>,
    ) -> Result<(Socket, Response), Error> {
        let uri = format!("ws://{}{}{target}", self.address, self.prefix);
        let mut request = uri.into_client_request().expect("a target that is a URI");
        let headers = request.headers_mut();
        let value = |text: String| HeaderValue::try_from(text).expect("a header value");
        if let Some(host) = &self.host {
            headers.insert(HOST, value(host.clone()));
        }
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, value(format!("Bearer {token}")));
        }
        if let Some(protocols) = protocols {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, value(protocols.to_owned()));
        }
        let link = Link::connect(&self.address, self.pace).await;
        timeout(ANSWER_LIMIT, client_async(request, link))
            .await
            .expect("an answer to the upgrade in time")
    }

    /// The status and error code with which an attach is refused.
    ///
    /// # Panics
    /// When it isn't.
    pub async fn refusal(&self, target: &str) -> (u16, String) {
        match self.open(target, Some(SUBPROTOCOL)).await {
            Err(Error::Http(response)) => {
                let status = response.status().as_u16();
                let body = response.into_body().unwrap_or_default();
                let body: serde_json::Value =
                    serde_json::from_slice(&body).expect("a JSON error body");
                let code = body["error"]["code"].as_str().expect("an error code");
                (status, code.to_owned())
            }
            Err(other) => panic!("neither attached nor refused: {other}"),
            Ok(_) => panic!("{target} was attached"),
        }
    }
}

/// What is attached to, and as what.
#[derive(Debug, Clone)]
pub struct Attach {
    /// The terminal's name.
    pub name: String,
    /// Columns of the client's screen.
    pub cols: u16,
    /// Rows of the client's screen.
    pub rows: u16,
    /// Epoch and offset to go on from.
    pub resume: Option<(String, u64)>,
    /// More of the query, like `&mode=view`.
    pub more: String,
}

impl Default for Attach {
    fn default() -> Self {
        Self {
            name: "main".to_owned(),
            cols: 80,
            rows: 24,
            resume: None,
            more: String::new(),
        }
    }
}

impl Attach {
    /// To another terminal than `main`.
    #[must_use]
    pub fn to(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// With a screen of this size.
    #[must_use]
    pub fn sized(mut self, cols: u16, rows: u16) -> Self {
        (self.cols, self.rows) = (cols, rows);
        self
    }

    /// With more in the query, like `&mode=view`.
    #[must_use]
    pub fn with(mut self, query: &str) -> Self {
        self.more.push_str(query);
        self
    }

    /// Only to look, whatever the token allows.
    #[must_use]
    pub fn viewing(self) -> Self {
        self.with("&mode=view")
    }

    pub(crate) fn target(&self) -> String {
        let Self {
            name, cols, rows, ..
        } = self;
        let mut target = format!("/terminal?name={name}&cols={cols}&rows={rows}");
        if let Some((epoch, offset)) = &self.resume {
            target.push_str(&format!("&epoch={epoch}&offset={offset}"));
        }
        target + &self.more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_answers_endpoint_is_understood() {
        let seat = SeatNumber::new(3).unwrap();
        let local = Endpoint::gateway("http://localhost:8080/debug/proxy/ws-abcdefgh", seat, "t");
        assert_eq!(
            (local.address.as_str(), local.prefix.as_str()),
            ("localhost:8080", "/debug/proxy/ws-abcdefgh/vm/3")
        );
        let own_host = Endpoint::gateway("http://ws-abcdefgh.example.org", seat, "t");
        assert_eq!(
            (own_host.address.as_str(), own_host.prefix.as_str()),
            ("ws-abcdefgh.example.org:80", "/vm/3")
        );
        let detour = own_host.via("127.0.0.1:9");
        assert_eq!(detour.host.as_deref(), Some("ws-abcdefgh.example.org"));
    }
}
