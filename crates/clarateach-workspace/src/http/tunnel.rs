//! `GET /tunnel?port=N`: the raw bytes of a TCP connection to a port of this seat.
//!
//! Own origins use it: programs that listen on loopback alone (Vite, Flask) are reached as their
//! learner reaches them. The seat's own services are no target, and neither is another machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clarateach_protocol::id::IdError;
use clarateach_protocol::origin::{SeatPort, TUNNEL_PROTOCOL};
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use super::Call;
use super::body::{self, Body};
use super::bound::blocking;
use super::error::HttpError;
use crate::ports;

/// For a connection inside of the seat; only a full queue takes longer.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TunnelQuery {
    port: String,
}

pub(super) async fn open(mut call: Call) -> Result<Response<Body>, HttpError> {
    call.require_method(&[Method::GET])?;
    call.access.require_control()?;
    let query: TunnelQuery = serde_urlencoded::from_str(call.query())
        .map_err(|error| HttpError::input("query", error.to_string()))?;
    let port: SeatPort = query
        .port
        .parse()
        .map_err(|error: IdError| HttpError::input("port", error.to_string()))?;
    let port = port.get();
    if call.app.own_ports.contains(&port) {
        return Err(HttpError::input("port", "this port is the seat's own"));
    }
    let asks = call
        .header(UPGRADE)
        .is_some_and(|name| name.eq_ignore_ascii_case(TUNNEL_PROTOCOL));
    if !asks {
        return Err(HttpError::input(
            "Upgrade",
            format!("this route upgrades to {TUNNEL_PROTOCOL}"),
        ));
    }
    let place = Arc::clone(&call.app.tunnels)
        .try_acquire_owned()
        .map_err(|_| HttpError::TooManyTunnels)?;
    let mut program = connect(port, call.app.own_ports).await?;
    let upgraded = hyper::upgrade::on(&mut call.request);
    let stop = call.app.stop.clone();
    call.app.tasks.spawn(async move {
        let relayed = async {
            // A gateway that left before the upgrade is no failure, nor is either side's end.
            if let Ok(upgraded) = upgraded.await {
                let _ = copy_bidirectional(&mut TokioIo::new(upgraded), &mut program).await;
            }
        };
        tokio::select! {
            () = relayed => {}
            () = stop.cancelled() => {}
        }
        drop(place);
    });
    let mut response = body::status(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(TUNNEL_PROTOCOL));
    Ok(response)
}

/// Loopback first, as programs call it `localhost`; then the one address that the program chose.
async fn connect(port: u16, own: [u16; 2]) -> Result<TcpStream, HttpError> {
    let loopback = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    for ip in loopback {
        if let Some(stream) = reach(SocketAddr::new(ip, port)).await {
            return Ok(stream);
        }
    }
    let listening = blocking(move || ports::listening_ports(own)).await?;
    for address in listening.ports.iter().filter(|row| row.port == port) {
        if let Ok(ip) = address.address.parse()
            && let Some(stream) = reach(SocketAddr::new(ip, port)).await
        {
            return Ok(stream);
        }
    }
    Err(HttpError::NothingListens { port })
}

async fn reach(address: SocketAddr) -> Option<TcpStream> {
    let stream = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address))
        .await
        .ok()?
        .ok()?;
    stream.set_nodelay(true).ok()?;
    Some(stream)
}
