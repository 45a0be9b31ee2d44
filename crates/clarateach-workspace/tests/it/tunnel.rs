//! Ports of the seat through its tunnel: what is reached, what isn't, and that bytes pass as they are.

use bytes::Bytes;
use clarateach_protocol::token::Mode;
use hyper::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::seat::{DEADLINE, Seat};

const UPGRADE: [(&str, &str); 2] = [("connection", "Upgrade"), ("upgrade", "clarateach-tcp")];

/// Opens the tunnel, and returns the connection behind its `101` or the refusal's status.
async fn open(seat: &Seat, port: u16) -> Result<TcpStream, String> {
    let mut stream = TcpStream::connect(("127.0.0.1", seat.files_port))
        .await
        .unwrap();
    let token = seat.token(Mode::Control);
    let head = format!(
        "GET /tunnel?port={port} HTTP/1.1\r\nhost: seat\r\nauthorization: Bearer {token}\r\nconnection: Upgrade\r\nupgrade: clarateach-tcp\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let byte = timeout(DEADLINE, stream.read_u8()).await.unwrap().unwrap();
        answer.push(byte);
    }
    let answer = String::from_utf8(answer).unwrap();
    if answer.starts_with("HTTP/1.1 101 ") {
        assert!(answer.contains("upgrade: clarateach-tcp\r\n"), "{answer}");
        return Ok(stream);
    }
    Err(answer[9..12].to_owned())
}

#[tokio::test]
async fn programs_on_loopback_are_reached_with_their_bytes_and_their_end() {
    let seat = Seat::start().await;
    for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
        let program = TcpListener::bind(address).await.unwrap();
        let port = program.local_addr().unwrap().port();
        let mut client = open(&seat, port).await.unwrap();
        let (mut served, _) = program.accept().await.unwrap();
        client.write_all(b"\x00any\r\nbytes\xff").await.unwrap();
        client.shutdown().await.unwrap();
        let mut received = Vec::new();
        served.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"\x00any\r\nbytes\xff", "{address}");
        // The client has ended and still hears the answer.
        served.write_all(b"the answer").await.unwrap();
        drop(served);
        let mut answer = Vec::new();
        timeout(DEADLINE, client.read_to_end(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(answer, b"the answer", "{address}");
    }
}

#[tokio::test]
async fn a_port_without_a_program_is_told() {
    let seat = Seat::start().await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    assert_eq!(open(&seat, port).await.unwrap_err(), "502");
    let target = format!("/tunnel?port={port}");
    let answer = seat
        .send(Method::GET, &target, &UPGRADE, Bytes::new())
        .await;
    assert_eq!(answer.code(), "nothing_listens");
}

#[tokio::test]
async fn the_seats_own_services_are_no_target() {
    let seat = Seat::start().await;
    for port in [seat.terminal_port, seat.files_port, 3001, 3002, 3003, 80] {
        assert_eq!(open(&seat, port).await.unwrap_err(), "400", "{port}");
    }
    for target in [
        "/tunnel",
        "/tunnel?port=08000",
        "/tunnel?port=x",
        "/tunnel?port=8000&host=x",
    ] {
        let answer = seat.send(Method::GET, target, &UPGRADE, Bytes::new()).await;
        assert_eq!(answer.status.as_u16(), 400, "{target}");
    }
}

#[tokio::test]
async fn who_only_looks_opens_no_tunnel() {
    let seat = Seat::start().await;
    let token = seat.token(Mode::View);
    let answer = seat
        .send_as(
            Some(&token),
            Method::GET,
            "/tunnel?port=8000",
            &UPGRADE,
            Bytes::new(),
        )
        .await;
    assert_eq!(answer.code(), "view_only");
}
