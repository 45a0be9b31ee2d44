//! The real server on a free port, and a client that speaks to it as programs and pages do.

use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clarateach::app::App;
use clarateach::config::{Config, ProviderKind, Settings};
use clarateach::provider::Provider;
use clarateach::provider::simulated::SimulatedProvider;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, LocalSet};
use tokio_util::sync::CancellationToken;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A server with simulated seats; stopped when it is dropped.
pub(crate) struct TestApp {
    pub(crate) listen: SocketAddr,
    pub(crate) setup_link: Option<String>,
    stop: CancellationToken,
    running: Option<JoinHandle<anyhow::Result<()>>>,
}

pub(crate) fn config(data_dir: &Path) -> Config {
    let settings = Settings {
        listen: Some(([127, 0, 0, 1], 0).into()),
        data_dir: Some(data_dir.to_owned()),
        provider: Some(ProviderKind::Simulated),
        insecure_dev: Some(true),
        ..Settings::default()
    };
    settings.resolve().unwrap()
}

impl TestApp {
    pub(crate) async fn start(data_dir: &Path) -> Self {
        Self::start_with(config(data_dir)).await
    }

    pub(crate) async fn start_with(config: Config) -> Self {
        // What the server logs stands beside the test that fails; the first test of the binary sets it up.
        let _ = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::WARN)
            .with_test_writer()
            .try_init();
        Self::of(Box::pin(App::start(config)).await.unwrap())
    }

    /// A server whose seats go wrong as told.
    pub(crate) async fn start_with_seats(data_dir: &Path) -> (Self, Arc<SimulatedProvider>) {
        let mut seats = None;
        let app = App::start_on(config(data_dir), |_, keys| {
            let made = SimulatedProvider::new(keys.signing.verifying_keys());
            Ok(seats.insert(Arc::new(made)).clone())
        });
        let app = Self::of(Box::pin(app).await.unwrap());
        (app, seats.unwrap())
    }

    /// A server on seats that outlive it.
    pub(crate) async fn start_on(
        config: Config,
        seats: &mut Option<Arc<SimulatedProvider>>,
    ) -> Self {
        let app = App::start_on(config, |_, keys| {
            let make = || Arc::new(SimulatedProvider::new(keys.signing.verifying_keys()));
            let seats: Arc<dyn Provider> = seats.get_or_insert_with(make).clone();
            Ok(seats)
        });
        Self::of(Box::pin(app).await.unwrap())
    }

    fn of(app: App) -> Self {
        let stop = CancellationToken::new();
        let (listen, setup_link) = (app.listen, app.setup_link.clone());
        let signal = stop.clone().cancelled_owned();
        let running = tokio::task::spawn_local(app.run_until(signal));
        Self {
            listen,
            setup_link,
            stop,
            running: Some(running),
        }
    }

    /// Stops it as SIGTERM does, and waits until it has ended.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        self.running.take().unwrap().await.unwrap().unwrap();
    }

    pub(crate) fn client(&self) -> Client {
        Client::at(self.listen)
    }

    /// A client signed in as the instructor, through the set-up link.
    pub(crate) async fn instructor(&self) -> Client {
        let mut client = self.client();
        let secret = self
            .setup_link
            .as_deref()
            .and_then(|link| link.split_once('#'))
            .unwrap()
            .1;
        let answer = client
            .post(
                "/api/setup",
                json!({"secret": secret, "password": PASSWORD}),
            )
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        client.cookie = answer.cookie();
        client
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) base: String,
    http: HyperClient<HttpConnector, Full<Bytes>>,
    pub(crate) cookie: Option<String>,
    /// Bytes that the kernel takes before the test reads; as it likes when `None`.
    pub(crate) receive_buffer: Option<u32>,
}

/// Why there was none.
pub(crate) type NoAnswer = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {:?}", self.text))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub(crate) fn cookie(&self) -> Option<String> {
        let cookie = self.headers.get(header::SET_COOKIE)?.to_str().unwrap();
        cookie.split(';').next().map(ToOwned::to_owned)
    }
}

fn http_client(receive_buffer: Option<u32>) -> HyperClient<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_recv_buffer_size(receive_buffer.map(|bytes| bytes as usize));
    HyperClient::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(connector)
}

/// The longest that a request of these tests takes: one that makes or removes thirty real seats, on a busy machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(300);

impl Client {
    /// Somebody who knows the server's address; every request has a connection of its own.
    pub(crate) fn at(listen: SocketAddr) -> Self {
        Self {
            base: format!("http://{listen}"),
            http: http_client(None),
            cookie: None,
            receive_buffer: None,
        }
    }

    /// The same client, whose connections are full as soon as it doesn't read.
    pub(crate) fn with_little_room(&self) -> Self {
        let receive_buffer = Some(8 * 1024);
        Self {
            http: http_client(receive_buffer),
            receive_buffer,
            ..self.clone()
        }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let sending = self.try_send(method.clone(), path, headers, body);
        let sent = tokio::time::timeout(ANSWERED_WITHIN, sending).await;
        let sent = sent.unwrap_or_else(|_| panic!("no answer to {method} {path}"));
        sent.unwrap()
    }

    /// [`Client::send`] to a server that may be away, or go away before its answer is whole.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, NoAnswer> {
        let response = self.try_open(method, path, headers, body).await?;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await?.to_bytes();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    /// An answer whose body is still to come.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Incoming> {
        self.try_open(method, path, headers, body).await.unwrap()
    }

    async fn try_open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        Ok(self.http.request(request).await?)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(
            Method::POST,
            path,
            &[("content-type", "application/json")],
            body.to_string(),
        )
        .await
    }

    /// Asks again until the answer is right; the test runner's patience is the deadline.
    pub(crate) async fn until(&self, path: &str, right: impl Fn(&Value) -> bool) -> Value {
        loop {
            let answer = self.get(path).await.json();
            if right(&answer) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    }

    /// A workshop that is made.
    pub(crate) async fn workshop(&self, seats: u16) -> Value {
        let answer = self
            .post(
                "/api/workshops",
                json!({"name": "Rust for poets", "seats": seats}),
            )
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.json()
    }

    pub(crate) async fn join(&self, workshop: &Value, name: &str) -> Answer {
        self.post("/api/join", json!({"code": workshop["code"], "name": name}))
            .await
    }
}

/// [`scene`] with seats that go wrong as told.
pub(crate) async fn scene_with_seats<F: Future<Output = ()>>(
    play: impl FnOnce(Rc<TestApp>, Client, Arc<SimulatedProvider>) -> F,
) {
    LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let (app, seats) = TestApp::start_with_seats(dir.path()).await;
            let instructor = app.instructor().await;
            Box::pin(play(Rc::new(app), instructor, seats)).await;
        })
        .await;
}

/// Runs a scene on one thread, with a server and a signed-in instructor.
pub(crate) async fn scene<F: Future<Output = ()>>(play: impl FnOnce(Rc<TestApp>, Client) -> F) {
    scene_with(|config| config, play).await;
}

/// The same, on a server that is set up otherwise.
pub(crate) async fn scene_with<F: Future<Output = ()>>(
    set_up: impl FnOnce(Config) -> Config,
    play: impl FnOnce(Rc<TestApp>, Client) -> F,
) {
    LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let app = Rc::new(TestApp::start_with(set_up(config(dir.path()))).await);
            let instructor = app.instructor().await;
            Box::pin(play(Rc::clone(&app), instructor)).await;
        })
        .await;
}
