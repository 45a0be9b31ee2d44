//! SimulatedProvider seats as a client sees them: the parts of the protocols that a probe doesn't touch.

use clarateach_protocol::id::{Generation, SeatNumber};
use clarateach_protocol::terminal::{ServerFrame, WINDOW_BYTES};
use clarateach_protocol::token::{
    Mode, Scope, SigningKey, WORKSPACE_TOKEN_SECONDS, WorkspaceClaims,
};
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::*;
use crate::model::{BrowserPolicy, EgressPolicy, Resources};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Scene {
    seats: SimulatedProvider,
    key: SigningKey,
    instance: Instance,
}

fn now() -> u64 {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

impl Scene {
    async fn new() -> Self {
        let key = SigningKey::from_seed(&[3; 32]);
        let seats = SimulatedProvider::new(key.verifying_keys());
        let workshop = WorkshopSpec {
            id: WorkshopId::from_random([3; 8]),
            image: "any".to_owned(),
            resources: Resources::default(),
            egress: EgressPolicy::Open,
            browser: BrowserPolicy::Off,
        };
        let silent = Progress::silent();
        seats.prepare(&workshop, &silent).await.unwrap();
        let spec = SeatSpec {
            workshop,
            number: SeatNumber::new(1).unwrap(),
            generation: Generation::FIRST,
            disk: Generation::FIRST,
        };
        let instance = seats.create(&spec).await.unwrap();
        Self {
            seats,
            key,
            instance,
        }
    }

    fn claims(&self, scope: Scope) -> WorkspaceClaims {
        WorkspaceClaims {
            seat: self.instance.key(),
            generation: self.instance.generation,
            scope: vec![scope],
            mode: Mode::Control,
            issued_at: now(),
            expires_at: now() + WORKSPACE_TOKEN_SECONDS,
        }
    }

    async fn attach(&self, query: &str) -> Socket {
        let address = self.instance.endpoints.terminal;
        let url = format!("ws://{address}/terminal?{query}");
        let mut request = url.into_client_request().unwrap();
        let token = self.claims(Scope::Terminal).sign(&self.key);
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        connect_async(request).await.unwrap().0
    }

    /// Status, ETag and body of a call to the files' port.
    async fn files(
        &self,
        claims: &WorkspaceClaims,
        method: &str,
        path: &str,
        (header, value): (&str, &str),
    ) -> (u16, String, String) {
        let address = self.instance.endpoints.files;
        let request = ::http::Request::builder()
            .method(method)
            .uri(format!("http://{address}{path}"))
            .header(
                "authorization",
                format!("Bearer {}", claims.sign(&self.key)),
            )
            .header(header, value)
            .body(Full::new(bytes::Bytes::from("content")))
            .unwrap();
        let client = HttpClient::builder(TokioExecutor::new()).build_http();
        let answer = client.request(request).await.unwrap();
        let etag = answer.headers().get("etag").cloned();
        let etag = etag.map_or(String::new(), |it| it.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, etag, String::from_utf8(body.to_vec()).unwrap())
    }
}

const PLAIN: (&str, &str) = ("x-plain", "1");

async fn attached(socket: &mut Socket) -> (String, u64, u64, bool) {
    let first = socket.next().await.unwrap().unwrap().into_text().unwrap();
    match serde_json::from_str(&first).unwrap() {
        ServerFrame::Attached {
            epoch,
            offset,
            replay_bytes,
            resumed,
            ..
        } => (epoch, offset, replay_bytes, resumed),
        other => panic!("{other:?}"),
    }
}

async fn output_until(socket: &mut Socket, end: &str) -> String {
    let mut output = String::new();
    while !output.ends_with(end) {
        match socket.next().await.unwrap().unwrap() {
            Message::Binary(bytes) => output.push_str(std::str::from_utf8(&bytes).unwrap()),
            Message::Text(_) => {}
            other => panic!("{other:?} after {output:?}"),
        }
    }
    output
}

async fn type_in(socket: &mut Socket, text: &str) {
    let message = Message::binary(text.as_bytes().to_vec());
    socket.send(message).await.unwrap();
}

#[tokio::test]
async fn typed_lines_are_echoed_and_answered() {
    let scene = Scene::new().await;
    let mut socket = scene.attach("cols=80&rows=24").await;
    let (_, _, replay, resumed) = attached(&mut socket).await;
    assert!(!resumed);
    let prompt = output_until(&mut socket, "$ ").await;
    assert_eq!(prompt.len() as u64, replay);
    type_in(&mut socket, "echo hello  there\r").await;
    let output = output_until(&mut socket, "$ ").await;
    assert!(output.starts_with("echo hello  there\r\nhello there\r\n"));
}

#[tokio::test]
async fn a_client_resumes_without_lost_or_doubled_bytes() {
    let scene = Scene::new().await;
    let mut socket = scene.attach("name=main").await;
    let (epoch, offset, ..) = attached(&mut socket).await;
    output_until(&mut socket, "$ ").await;
    type_in(&mut socket, "echo one\r").await;
    let seen = output_until(&mut socket, "$ ").await.len() as u64;
    let mut other = scene.attach("name=main").await;
    attached(&mut other).await;
    output_until(&mut other, "$ ").await;
    drop(socket);
    type_in(&mut other, "echo two\r").await;
    let missed = output_until(&mut other, "$ ").await;

    let at = offset + seen;
    let mut again = scene.attach(&format!("epoch={epoch}&offset={at}")).await;
    let (_, from, replay, resumed) = attached(&mut again).await;
    assert_eq!((from, replay, resumed), (at, 0, true));
    assert_eq!(output_until(&mut again, "$ ").await, missed);
}

#[tokio::test]
async fn no_more_than_the_window_is_sent_without_acks() {
    let scene = Scene::new().await;
    let mut socket = scene.attach("name=main").await;
    let (_, offset, ..) = attached(&mut socket).await;
    output_until(&mut socket, "$ ").await;
    type_in(&mut socket, "seq 60000\r").await;
    let mut got = 0;
    let mut acked = false;
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Binary(bytes) => got += bytes.len() as u64,
            Message::Text(_) => {}
            other => panic!("{other:?}"),
        }
        assert!(acked || got <= WINDOW_BYTES);
        if got == WINDOW_BYTES {
            acked = true;
            let ack = format!(r#"{{"type":"ack","offset":{}}}"#, offset + got);
            socket.send(Message::text(ack)).await.unwrap();
        }
        if got > WINDOW_BYTES {
            break;
        }
    }
}

#[tokio::test]
async fn only_its_own_tokens_open_a_seat() {
    let scene = Scene::new().await;
    let right = scene.claims(Scope::Files);
    let (status, ..) = scene.files(&right, "GET", "/files?path=", PLAIN).await;
    assert_eq!(status, 200);
    let mut other_seat = right.clone();
    other_seat.seat.seat = SeatNumber::new(2).unwrap();
    let mut other_generation = right.clone();
    other_generation.generation = Generation(2);
    let other_scope = scene.claims(Scope::Bind);
    for wrong in [other_seat, other_generation, other_scope] {
        let (status, ..) = scene.files(&wrong, "GET", "/files?path=", PLAIN).await;
        assert_eq!(status, 401);
    }
    let mut looking = right;
    looking.mode = Mode::View;
    let (status, ..) = scene.files(&looking, "PUT", "/files/a", PLAIN).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn files_keep_their_rules() {
    let scene = Scene::new().await;
    let claims = scene.claims(Scope::Files);
    let call =
        async |method: &str, path: &str, header| scene.files(&claims, method, path, header).await;
    let (status, etag, _) = call("PUT", "/files/a.txt", PLAIN).await;
    assert_eq!(status, 201);
    assert_eq!(
        call("PUT", "/files/a.txt", ("if-match", &etag)).await.0,
        204
    );
    let (status, told, _) = call("PUT", "/files/a.txt", ("if-match", "\"other\"")).await;
    assert_eq!((status, &told), (412, &etag));
    assert_eq!(
        call("PUT", "/files/a.txt", ("if-none-match", "*")).await.0,
        412
    );
    assert_eq!(call("PUT", "/files/no/b.txt", PLAIN).await.0, 404);
    assert_eq!(call("POST", "/files/no?op=mkdir", PLAIN).await.0, 201);
    let moving = "/files/a.txt?op=move&to=no/b%20c.txt&overwrite=false";
    assert_eq!(call("POST", moving, PLAIN).await.0, 204);
    assert_eq!(call("GET", "/files/a.txt", PLAIN).await.0, 404);
    assert_eq!(call("GET", "/files/no/b%20c.txt", PLAIN).await.2, "content");
    assert_eq!(call("DELETE", "/files/no", PLAIN).await.0, 409);
    assert_eq!(
        call("DELETE", "/files/no?recursive=true", PLAIN).await.0,
        204
    );
    for wrong in [
        "/files/%2e%2e",
        "/files/a%2fb",
        "/files/a%00",
        "/files/a//b",
    ] {
        assert_eq!(call("GET", wrong, PLAIN).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_killed_seat_drops_its_connections() {
    let scene = Scene::new().await;
    let mut socket = scene.attach("name=main").await;
    attached(&mut socket).await;
    scene.seats.kill(&scene.instance.key());
    let rest = async { while let Some(Ok(_)) = socket.next().await {} };
    let patience = std::time::Duration::from_secs(5);
    let ended = tokio::time::timeout(patience, rest).await;
    ended.expect("the socket stayed open");
}

#[tokio::test]
async fn changes_are_told_and_found() {
    let scene = Scene::new().await;
    let claims = scene.claims(Scope::Files);
    let address = scene.instance.endpoints.files;
    let mut request = format!("ws://{address}/files-events")
        .into_client_request()
        .unwrap();
    let bearer = format!("Bearer {}", claims.sign(&scene.key))
        .parse()
        .unwrap();
    request.headers_mut().insert("authorization", bearer);
    let mut events = connect_async(request).await.unwrap().0;
    let rescan = "{\"kind\":\"rescan\",\"path\":\"\"}";
    for round in 0..2 {
        let told = events.next().await.unwrap().unwrap().into_text().unwrap();
        assert_eq!(told, rescan);
        let path = format!("/files/f{round}");
        let (status, ..) = scene.files(&claims, "PUT", &path, PLAIN).await;
        assert_eq!(status, 201);
    }
    let (_, _, found) = scene.files(&claims, "GET", "/search?q=F1", PLAIN).await;
    assert!(found.contains("\"path\":\"f1\""), "{found}");
    let query = "/search?q=TENT&in=contents";
    let (_, _, found) = scene.files(&claims, "GET", query, PLAIN).await;
    assert!(found.contains("\"column\":4,\"end_column\":8"), "{found}");
}
