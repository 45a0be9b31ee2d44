//! The terminal's part of a probe: a terminal of its own, made, typed into, seen to echo, removed.

use clarateach_protocol::id::TerminalName;
use clarateach_protocol::route::Service;
use clarateach_protocol::terminal::{CreateTerminal, SUBPROTOCOL, ServerFrame};
use clarateach_protocol::token::Scope;
use futures_util::{SinkExt, StreamExt};
use http::header::{AUTHORIZATION, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use http::{Method, StatusCode};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::super::seat_client::{Call, CallError, SeatClient};
use super::nonce;

/// Bytes of one message, and of all output, that are read at the most.
const MAX_OUTPUT_BYTES: usize = 64 * 1024;

/// What a terminal failed at.
#[derive(Debug, thiserror::Error)]
pub enum EchoError {
    /// It could not be made or removed.
    #[error("cannot {operation} one: {source}")]
    Call {
        /// "make" or "remove".
        operation: &'static str,
        /// What went wrong.
        source: CallError,
    },
    /// Its WebSocket broke.
    #[error("cannot talk to it: {0}")]
    Socket(#[from] Box<tungstenite::Error>),
    /// It ended, or said something else than the protocol has, before it echoed.
    #[error("it ended before it echoed")]
    Ended,
    /// It never echoed.
    #[error("no echo within {} s", .0.as_secs_f32())]
    Deadline(std::time::Duration),
}

type Socket = WebSocketStream<TcpStream>;

/// Types into a terminal of the probe's own until it echoes, and removes it again.
pub(super) async fn echo(client: &SeatClient) -> Result<(), EchoError> {
    make(client).await?;
    let echoed = timeout(client.deadline(), type_and_see(client))
        .await
        .unwrap_or(Err(EchoError::Deadline(client.deadline())));
    let removed = remove(client).await;
    echoed.and(removed)
}

async fn make(client: &SeatClient) -> Result<(), EchoError> {
    match post(client).await {
        Err(CallError::Refused { status, .. }) if status == StatusCode::CONFLICT => {
            // A probe was cut off before it tidied up.
            remove(client).await?;
            post(client).await
        }
        made_or_not => made_or_not,
    }
    .map_err(|source| EchoError::Call {
        operation: "make",
        source,
    })
}

async fn post(client: &SeatClient) -> Result<(), CallError> {
    let name = TerminalName::PROBE
        .parse()
        .map_err(|_| CallError::Malformed)?;
    let body = CreateTerminal {
        name: Some(name),
        ..CreateTerminal::default()
    };
    let json = serde_json::to_vec(&body).map_err(|_| CallError::Malformed)?;
    let call = Call {
        service: Service::Terminal,
        method: Method::POST,
        path: "/terminals",
        scope: Some(Scope::Terminal),
        body: Some((json.into(), "application/json")),
    };
    client.call(call).await.map(drop)
}

async fn remove(client: &SeatClient) -> Result<(), EchoError> {
    let call = Call {
        service: Service::Terminal,
        method: Method::DELETE,
        path: &format!("/terminals/{}", TerminalName::PROBE),
        scope: Some(Scope::Terminal),
        body: None,
    };
    match client.call(call).await {
        Ok(_) => Ok(()),
        Err(CallError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => Ok(()),
        Err(source) => Err(EchoError::Call {
            operation: "remove",
            source,
        }),
    }
}

async fn type_and_see(client: &SeatClient) -> Result<(), EchoError> {
    let mut socket = attach(client).await?;
    let typed = nonce();
    let mut output = Vec::new();
    let mut attached = false;
    while let Some(message) = socket.next().await {
        match message.map_err(Box::new)? {
            Message::Text(text) if !attached => {
                let frame = serde_json::from_str::<ServerFrame>(&text);
                if !matches!(frame, Ok(ServerFrame::Attached { .. })) {
                    return Err(EchoError::Ended);
                }
                attached = true;
                // Not a whole line: nothing runs, and the terminal alone has to answer.
                let typed = Message::binary(typed.clone().into_bytes());
                socket.send(typed).await.map_err(Box::new)?;
            }
            Message::Binary(bytes) if attached => output.extend_from_slice(&bytes),
            Message::Close(_) => return Err(EchoError::Ended),
            _other => {}
        }
        if contains(&output, typed.as_bytes()) {
            return Ok(());
        }
        if output.len() > MAX_OUTPUT_BYTES {
            break;
        }
    }
    Err(EchoError::Ended)
}

async fn attach(client: &SeatClient) -> Result<Socket, EchoError> {
    let address = client.endpoints().terminal;
    let name = TerminalName::PROBE;
    let mut request = format!("ws://{address}/terminal?name={name}&cols=80&rows=24")
        .into_client_request()
        .map_err(Box::new)?;
    let bearer = HeaderValue::from_str(&format!("Bearer {}", client.token(Scope::Terminal)));
    let bearer = bearer.map_err(|error| Box::new(tungstenite::Error::HttpFormat(error.into())))?;
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, bearer);
    headers.insert(
        SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(SUBPROTOCOL),
    );

    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| Box::new(error.into()))?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_OUTPUT_BYTES))
        .max_frame_size(Some(MAX_OUTPUT_BYTES));
    let (socket, _response) = client_async_with_config(request, stream, Some(config))
        .await
        .map_err(Box::new)?;
    Ok(socket)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}
