//! How a browser proves that it is this start's engine, and nothing that its seat's learner put there.
//!
//! A random challenge goes out on the connection that is then used, and the answer must be right: what
//! is proven is who holds the other end of exactly this connection.

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::client::conn::http1::SendRequest;

use crate::browser::{BrowserDoor, Secret};

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer at the most; a right one has 64.
const MAX_BYTES: usize = 256;

/// Why a connection is not used.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// Whoever answers isn't the browser.
    #[error("what answers at the browser's port is not this start of the browser")]
    Impostor,
    /// The engine has no way to prove itself, so it never gets a credential.
    #[error("this browser engine can't prove itself")]
    Impossible,
    /// It broke off.
    #[error("the browser broke off")]
    Broken(#[source] hyper::Error),
    /// It says nothing.
    #[error("the browser said nothing for {} s", .0.as_secs())]
    Silent(Duration),
}

/// Whether the other end of a fresh connection is the browser behind `door`.
///
/// # Errors
/// Why it is not to be believed.
pub async fn prove<B>(
    sender: &mut SendRequest<B>,
    empty: B,
    door: &BrowserDoor,
) -> Result<(), ProofError>
where
    B: hyper::body::Body + 'static,
{
    let challenge = Secret::random();
    let answer = door.access.answer(challenge.reveal());
    let (Some(parameter), Some(right)) = (door.engine.challenge, answer) else {
        return Err(ProofError::Impossible);
    };
    let mut request = Request::new(empty);
    let path = format!("{}?{parameter}={}", door.engine.health, challenge.reveal());
    *request.uri_mut() = path
        .parse()
        .expect("the engine's path and hex digits are a URI");
    let host = HeaderValue::try_from(door.address.to_string()).expect("an address is ASCII");
    request.headers_mut().insert(HOST, host);
    let asked = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(ProofError::Broken)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_BYTES)
            .collect()
            .await;
        let body: Bytes = body.map_err(|_| ProofError::Impostor)?.to_bytes();
        let is_right = status == StatusCode::OK && body == right.as_bytes();
        is_right.then_some(()).ok_or(ProofError::Impostor)
    };
    tokio::time::timeout(PATIENCE, asked)
        .await
        .map_err(|_| ProofError::Silent(PATIENCE))?
}
