use std::net::SocketAddr;
use std::sync::Arc;

use clarateach_protocol::id::SeatKey;
use clarateach_protocol::seat::Binding;
use clarateach_protocol::token::SigningKey;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::provider::Endpoints;

const GENERATION: Generation = Generation(1);

fn binding() -> BindRequest {
    let binding = Binding {
        learner: None,
        env: std::collections::BTreeMap::new(),
        files: Vec::new(),
    };
    BindRequest {
        digest: binding.digest(),
        binding,
    }
}

/// A server that tells its health and answers nothing else.
async fn healthy(bound: Option<String>, tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let health = json!({"version": "1", "generation": GENERATION.0, "bound": bound}).to_string();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let answer = if request[..read].starts_with(b"GET /health ") {
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{health}",
                    health.len()
                )
            } else {
                "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_owned()
            };
            // Whoever hung up wants none.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

async fn probed(bound: Option<String>) -> Result<(), ProbeError> {
    let mut tasks = JoinSet::new();
    let address = healthy(bound, &mut tasks).await;
    let seat = SeatKey {
        workshop: "ws-abcd1234".parse().unwrap(),
        seat: "1".parse().unwrap(),
    };
    let endpoints = Endpoints {
        terminal: address,
        files: address,
        browser: None,
    };
    let key = Arc::new(SigningKey::from_seed(&[7; 32]));
    let limit = Duration::from_secs(20);
    let client = SeatClient::at(key, (seat, GENERATION), endpoints, limit);
    probe(&client, &binding(), limit, || ()).await
}

#[tokio::test]
async fn a_seat_that_has_its_binding_is_asked_for_its_health_alone() {
    let right = probed(Some(binding().digest)).await;
    assert!(right.is_ok(), "{right:?}");
    let other = probed(Some("of somebody else".to_owned())).await;
    assert!(matches!(other, Err(ProbeError::Bind(_))), "{other:?}");
}

#[tokio::test]
async fn a_seat_without_a_binding_is_tried_out_first() {
    let tried = probed(None).await;
    assert!(matches!(tried, Err(ProbeError::Terminal(_))), "{tried:?}");
}
