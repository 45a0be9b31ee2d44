//! Talks to one seat as the platform: workspace tokens, small bodies, a deadline on each call.
//!
//! A seat belongs to its learner, its server included: whatever it answers is bounded, checked and
//! never shown as it came. Knows nothing of providers beyond the endpoints that it was given.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use clarateach_protocol::error::ErrorBody;
use clarateach_protocol::id::{Generation, SeatKey};
use clarateach_protocol::route::Service;
use clarateach_protocol::seat::{BindRequest, Health, Stats};
use clarateach_protocol::token::{
    Mode, Scope, SigningKey, WORKSPACE_TOKEN_SECONDS, WorkspaceClaims,
};
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::provider::{Endpoints, Instance};

/// Bytes of an answer that are read at the most; ours are below a kilobyte.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A call to a seat that didn't do what it should.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nothing listens, or nothing can be reached.
    #[error("no connection: {0}")]
    Connect(#[source] std::io::Error),
    /// It answered something that is not HTTP, or hung up.
    #[error("the answer broke off: {0}")]
    Http(#[from] hyper::Error),
    /// It answered too much.
    #[error("the answer is longer than {MAX_ANSWER_BYTES} bytes, or broke off")]
    Body,
    /// It answered too late, or not at all.
    #[error("no answer within {} s", .0.as_secs_f32())]
    Deadline(Duration),
    /// It refused.
    #[error("it answered {status} {code}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The error code, where it gave one of the right form.
        code: String,
    },
    /// It answered something else than the contract says.
    #[error("the answer is not what the contract says")]
    Malformed,
}

/// A client of one generation of one seat.
#[derive(Debug, Clone)]
pub struct SeatClient {
    key: Arc<SigningKey>,
    seat: SeatKey,
    generation: Generation,
    endpoints: Endpoints,
    deadline: Duration,
}

/// One call.
pub struct Call<'a> {
    /// Which listener.
    pub service: Service,
    /// What to do.
    pub method: Method,
    /// Path and query.
    pub path: &'a str,
    /// What the token must open; `None`: no token.
    pub scope: Option<Scope>,
    /// The body and its type.
    pub body: Option<(Bytes, &'static str)>,
}

impl SeatClient {
    /// A client of the seat that an instance is, with a deadline for each call.
    #[must_use]
    pub fn new(key: Arc<SigningKey>, instance: &Instance, deadline: Duration) -> Self {
        let seat = (instance.key(), instance.generation);
        Self::at(key, seat, instance.endpoints, deadline)
    }

    /// The same for a seat of which it is known where it answers.
    #[must_use]
    pub fn at(
        key: Arc<SigningKey>,
        (seat, generation): (SeatKey, Generation),
        endpoints: Endpoints,
        deadline: Duration,
    ) -> Self {
        Self {
            key,
            seat,
            generation,
            endpoints,
            deadline,
        }
    }

    /// The generation that the seat should be of.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Where the seat's services answer.
    #[must_use]
    pub fn endpoints(&self) -> Endpoints {
        self.endpoints
    }

    /// How long each call may take.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// A token for this seat that opens one scope for a minute.
    #[must_use]
    pub fn token(&self, scope: Scope) -> String {
        self.token_for(vec![scope])
    }

    /// A token for this seat that opens several scopes for a minute.
    #[must_use]
    pub fn token_for(&self, scope: Vec<Scope>) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        WorkspaceClaims {
            seat: self.seat,
            generation: self.generation,
            scope,
            mode: Mode::Control,
            issued_at: now,
            expires_at: now + WORKSPACE_TOKEN_SECONDS,
        }
        .sign(&self.key)
    }

    /// `GET /health`
    ///
    /// # Errors
    /// When it doesn't answer within the deadline, or not as the contract says.
    pub async fn health(&self) -> Result<Health, CallError> {
        let body = self
            .call(Call {
                service: Service::Files,
                method: Method::GET,
                path: "/health",
                scope: None,
                body: None,
            })
            .await?;
        serde_json::from_slice(&body).map_err(|_| CallError::Malformed)
    }

    /// `GET /stats`, with what was done in the seat
    ///
    /// # Errors
    /// When it doesn't answer within the deadline, or not as the contract says.
    pub async fn stats(&self) -> Result<Stats, CallError> {
        let body = self
            .call(Call {
                service: Service::Files,
                method: Method::GET,
                path: "/stats?activity=true",
                scope: Some(Scope::Stats),
                body: None,
            })
            .await?;
        serde_json::from_slice(&body).map_err(|_| CallError::Malformed)
    }

    /// `POST /bind`
    ///
    /// # Errors
    /// When the seat doesn't take it.
    pub async fn bind(&self, request: &BindRequest) -> Result<(), CallError> {
        let json = serde_json::to_vec(request).map_err(|_| CallError::Malformed)?;
        self.call(Call {
            service: Service::Files,
            method: Method::POST,
            path: "/bind",
            scope: Some(Scope::Bind),
            body: Some((json.into(), "application/json")),
        })
        .await
        .map(drop)
    }

    /// Makes a call and returns the answer's body.
    ///
    /// # Errors
    /// [`CallError::Refused`] for every status that isn't 2xx; the others as they say.
    pub async fn call(&self, call: Call<'_>) -> Result<Bytes, CallError> {
        tokio::time::timeout(self.deadline, self.exchange(call))
            .await
            .map_err(|_| CallError::Deadline(self.deadline))?
    }

    async fn exchange(&self, call: Call<'_>) -> Result<Bytes, CallError> {
        let address = match call.service {
            Service::Terminal => self.endpoints.terminal,
            Service::Files => self.endpoints.files,
        };
        let request = self.request(&call, &address.to_string())?;
        let stream = TcpStream::connect(address)
            .await
            .map_err(CallError::Connect)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let exchange = async move {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES)
                .collect()
                .await
                .map_err(|_| CallError::Body)?;
            Ok::<_, CallError>((status, body.to_bytes()))
        };
        tokio::pin!(exchange, connection);
        let (status, body) = tokio::select! {
            answer = &mut exchange => answer,
            // The connection's end may come before its last bytes were looked at.
            _ended = &mut connection => exchange.await,
        }?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(refusal(status, &body))
        }
    }

    fn request(&self, call: &Call<'_>, host: &str) -> Result<Request<Full<Bytes>>, CallError> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(call.path)
            .header(HOST, host)
            .header(CONNECTION, "close");
        if let Some(scope) = call.scope {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.token(scope)));
        }
        let mut body = Bytes::new();
        if let Some((bytes, media_type)) = &call.body {
            request = request.header(CONTENT_TYPE, *media_type);
            body = bytes.clone();
        }
        request
            .body(Full::new(body))
            .map_err(|_| CallError::Malformed)
    }
}

/// The refusal that a seat told; its code is taken only where it has a code's form.
fn refusal(status: StatusCode, body: &[u8]) -> CallError {
    let code = serde_json::from_slice::<ErrorBody>(body)
        .map(|body| body.error.code)
        .ok()
        .filter(|code| code.len() <= 40 && code.bytes().all(is_code_byte))
        .unwrap_or_default();
    CallError::Refused { status, code }
}

fn is_code_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_code_is_taken_from_a_refusal() {
        let told = |body: &str| match refusal(StatusCode::CONFLICT, body.as_bytes()) {
            CallError::Refused { code, .. } => code,
            other => panic!("{other}"),
        };
        assert_eq!(
            told(r#"{"error":{"code":"disk_full","message":"m"}}"#),
            "disk_full"
        );
        assert_eq!(told(r#"{"error":{"code":"\u001b]0;x","message":"m"}}"#), "");
        assert_eq!(told("<html>"), "");
    }
}
