//! A running server, its directory and keys, and clients that write bytes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::{any, get};
use axum::{Extension, Router};
use clarateach::addresses::Addresses;
use clarateach::directory::{Directory, Live, Reach, Tenancy};
use clarateach::model::Cidr;
use clarateach::provider::Endpoints;
use clarateach::proxy::{Gateway, GatewayConfig, Limits};
use clarateach::server::{Condition, Server, ServerLimits};
use clarateach_protocol::id::{Generation, SeatKey};
use clarateach_protocol::token::{Mode, Role, SeatClaims, SigningKey};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::client::{Ask, Client, Reply};
use super::seat::{SOON, Seat};

pub(crate) const WORKSHOP: &str = "ws-abcdefgh";
pub(crate) const COOKIE: &str = "clarateach_seat_t";
pub(crate) const LEARNER: &str = "as-ada";

/// The server, with seat 3 of `WORKSHOP` in generation 2, which is Ada's.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) directory: Arc<Directory>,
    pub(crate) key: Arc<SigningKey>,
    pub(crate) stop: CancellationToken,
    domain: Option<&'static str>,
    pub(crate) server: JoinSet<()>,
}

/// What may be different.
pub(crate) struct Setup {
    pub(crate) domain: Option<&'static str>,
    pub(crate) gateway: Limits,
    pub(crate) server: ServerLimits,
    pub(crate) trusted_proxies: Vec<Cidr>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            domain: None,
            gateway: Limits {
                connect: Duration::from_secs(2),
                first_byte: SOON,
                half_open: SOON,
                ..Limits::default()
            },
            server: ServerLimits {
                half_open: Duration::from_secs(1),
                ..ServerLimits::default()
            },
            trusted_proxies: Vec::new(),
        }
    }
}

pub(crate) fn seat(number: u16) -> SeatKey {
    SeatKey {
        workshop: WORKSHOP.parse().unwrap(),
        seat: number.try_into().unwrap(),
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// A little of the platform, with calls that tell what reaches them.
fn platform() -> Router {
    Router::new()
        .route("/api/health", get(|| async { "the platform" }))
        .route(
            "/api/ready",
            get(|Extension(condition): Extension<Condition>| async move { format!("{condition:?}") }),
        )
        .route(
            "/api/refuse",
            any(|| async { (StatusCode::UNAUTHORIZED, "no") }),
        )
        .route("/api/never", get(std::future::pending::<()>))
        .route(
            "/api/endless",
            get(|| async {
                let zeros = futures_util::stream::repeat_with(|| Ok::<_, Infallible>(vec![0; 65536]));
                Body::from_stream(zeros)
            }),
        )
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let addresses = Arc::new(Addresses::new(None, setup.domain, address).unwrap());
        let directory = Arc::new(Directory::new());
        let key = Arc::new(SigningKey::from_seed(&[7; 32]));
        let gateway = Gateway::new(GatewayConfig {
            directory: Arc::clone(&directory),
            addresses: Arc::clone(&addresses),
            signing: Arc::clone(&key),
            verifying: key.verifying_keys(),
            cookie_name: COOKIE.to_owned(),
            limits: setup.gateway,
        });
        let server = Server {
            addresses,
            gateway,
            platform: platform(),
            trusted_proxies: setup.trusted_proxies,
            limits: setup.server,
        };
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let stopped = stop.clone();
        tasks.spawn(async move { server.listen(listener, stopped).await.unwrap() });
        let world = Self {
            address,
            directory,
            key,
            stop,
            domain: setup.domain,
            server: tasks,
        };
        world.tenancy(3, 2, Some(LEARNER));
        world
    }

    /// The world with that seat live as seat 3.
    pub(crate) async fn serving(upstream: &Seat) -> Self {
        let world = Self::start().await;
        world.live(upstream, "one");
        world
    }

    pub(crate) fn tenancy(&self, number: u16, generation: u32, assignment: Option<&str>) {
        let tenancy = Tenancy {
            generation: Generation(generation),
            assignment: assignment.map(str::to_owned),
            ends_at: None,
            idle_ends_at: None,
        };
        self.directory.set_tenancy(seat(number), tenancy);
    }

    pub(crate) fn live(&self, upstream: &Seat, incarnation: &str) {
        self.live_as(3, upstream, incarnation);
    }

    pub(crate) fn live_as(&self, number: u16, upstream: &Seat, incarnation: &str) {
        let live = Live {
            incarnation: incarnation.to_owned(),
            endpoints: Endpoints {
                terminal: upstream.address,
                files: upstream.address,
                browser: None,
            },
        };
        let generation = self
            .directory
            .lookup(&seat(number))
            .unwrap()
            .tenancy()
            .generation;
        self.directory
            .set_reach(seat(number), generation, &Reach::Live(live));
    }

    pub(crate) fn claims(&self) -> SeatClaims {
        SeatClaims {
            sub: LEARNER.to_owned(),
            role: Role::Learner,
            mode: Mode::Control,
            seat: seat(3),
            generation: Generation(2),
            issued_at: now(),
            expires_at: now() + 3600,
        }
    }

    /// Ada's token.
    pub(crate) fn token(&self) -> String {
        self.claims().sign(&self.key)
    }

    pub(crate) fn host(&self) -> String {
        match self.domain {
            None => self.address.to_string(),
            Some(domain) => format!("{WORKSHOP}.{domain}"),
        }
    }

    /// The origin of the platform's pages.
    pub(crate) fn origin(&self) -> String {
        match self.domain {
            None => format!("http://{}", self.address),
            Some(domain) => format!("https://{domain}"),
        }
    }

    /// What everything of a seat is below.
    pub(crate) fn base(&self, seat: impl std::fmt::Display) -> String {
        match self.domain {
            None => format!("/debug/proxy/{WORKSHOP}/vm/{seat}/"),
            Some(_) => format!("/vm/{seat}/"),
        }
    }

    /// A request for something of seat 3.
    pub(crate) fn ask(&self, method: &str, below: &str) -> Ask {
        self.ask_path(method, &format!("{}{below}", self.base(3)))
    }

    /// Ada asks for her files.
    pub(crate) async fn get(&self) -> Reply {
        self.open().await.reply().await
    }

    /// The same, the answer left to be read.
    pub(crate) async fn open(&self) -> Client {
        let ask = self.ask("GET", "files").bearer(&self.token());
        ask.open(b"").await
    }

    pub(crate) fn ask_path(&self, method: &str, path: &str) -> Ask {
        Ask {
            address: self.address,
            text: format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.host()),
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }
}

/// Fails the test when `future` takes long.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON * 4, future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(3);

/// Waits until asking says yes.
pub(crate) async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    within(what, async {
        let mut looks = tokio::time::interval(POLL);
        while !ask().await {
            looks.tick().await;
        }
    })
    .await;
}

/// Waits for a condition.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    // Not by `until`: seats wait here, too, on threads of any.
    within(what, async {
        let mut looks = tokio::time::interval(POLL);
        while !condition() {
            looks.tick().await;
        }
    })
    .await;
}
