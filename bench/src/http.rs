//! Requests to the in-seat server on one connection.

use anyhow::{Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

pub(crate) struct Http {
    sender: SendRequest<Full<Bytes>>,
    _connection: JoinSet<()>,
}

impl Http {
    pub(crate) async fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            // What broke shows in the next request.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            _connection: tasks,
        })
    }

    /// Status and body.
    pub(crate) async fn call(
        &mut self,
        method: &str,
        target: &str,
        token: &str,
        body: String,
    ) -> Result<(u16, String)> {
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, "seat")
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body))?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(body.len() < 10_000_000, "an answer of {} bytes", body.len());
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}
