//! A server with two seats whose programs do what a test says, and browsers that keep one cookie.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use clarateach::addresses::Addresses;
use clarateach::browsers::Browsers;
use clarateach::directory::{Directory, Live, Reach, Tenancy};
use clarateach::origins::{Audience, BookError, Numbered, OriginBook, PreviewPorts};
use clarateach::provider::Endpoints;
use clarateach::proxy::origin::{Numbers, OwnOrigins};
use clarateach::proxy::{Gateway, GatewayConfig, Limits};
use clarateach::server::{Server, ServerLimits};
use clarateach_protocol::id::{Generation, SeatKey};
use clarateach_protocol::origin::{SeatPort, Target};
use clarateach_protocol::token::{Mode, Role, SeatClaims, SigningKey};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::proxy::client::{Ask, Reply};
use crate::proxy::seat::{SOON, Seat, Seen, read_request};
use crate::proxy::world::{COOKIE, WORKSHOP, now, seat};

/// The port where no program listens.
pub(crate) const SILENT: u16 = 9999;
/// An address that no machine has: how a class would come.
pub(crate) const ROOM: &str = "203.0.113.7";
/// What own origins' cookies are called here.
pub(crate) const OWN_COOKIE: &str = "clarateach-origin-t";

/// The server, with seat 3 (Ada's) and seat 4 (Bob's), both in generation 2.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) directory: Arc<Directory>,
    pub(crate) browsers: Arc<Browsers>,
    pub(crate) key: Arc<SigningKey>,
    _stop: CancellationToken,
    _server: JoinSet<()>,
}

/// What a browser keeps of an own origin.
#[derive(Clone, Debug)]
pub(crate) struct Entered {
    pub(crate) address: SocketAddr,
    pub(crate) host: String,
    pub(crate) cookie: String,
}

impl Entered {
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.host)
    }

    /// A request with nothing that a browser would add but its cookie.
    pub(crate) fn bare(&self, method: &str, path: &str) -> Ask {
        Ask {
            address: self.address,
            text: format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.host),
        }
        .field("Cookie", &self.cookie)
    }

    /// Somebody goes there.
    pub(crate) fn visit(&self, path: &str) -> Ask {
        self.bare("GET", path)
            .field("Accept", "text/html,*/*")
            .field("Sec-Fetch-Mode", "navigate")
            .field("Sec-Fetch-Site", "none")
    }

    /// The origin's own page asks.
    pub(crate) fn fetch(&self, method: &str, path: &str) -> Ask {
        self.bare(method, path)
            .field("Origin", self.origin())
            .field("Sec-Fetch-Site", "same-origin")
    }
}

/// In-memory, as a service over a store behaves.
pub(crate) struct Book {
    directory: Arc<Directory>,
    numbers: Mutex<HashMap<(SeatKey, Target), u16>>,
}

#[async_trait]
impl OriginBook for Book {
    async fn set_audience(
        &self,
        seat: SeatKey,
        generation: Generation,
        port: SeatPort,
        audience: Audience,
    ) -> Result<(), BookError> {
        let entry = self.directory.lookup(&seat).ok_or(BookError::Superseded)?;
        let mut open: Vec<_> = entry.open_ports().filter(|open| *open != port).collect();
        if audience == Audience::Class {
            open.push(port);
        }
        self.directory.set_open_ports(seat, generation, &open);
        Ok(())
    }

    async fn number(
        &self,
        seat: SeatKey,
        target: Target,
        mut range: RangeInclusive<u16>,
        refused: Vec<u16>,
    ) -> Result<u16, BookError> {
        let mut numbers = self.numbers.lock().unwrap();
        if let Some(number) = numbers.get(&(seat, target))
            && !refused.contains(number)
        {
            return Ok(*number);
        }
        let free = range.find(|number| {
            !refused.contains(number) && !numbers.values().any(|taken| taken == number)
        });
        let number = free.ok_or(BookError::NoneFree)?;
        numbers.insert((seat, target), number);
        Ok(number)
    }

    async fn numbers(&self) -> Result<Vec<Numbered>, BookError> {
        let numbers = self.numbers.lock().unwrap();
        let row = |((seat, target), number): (&(SeatKey, Target), &u16)| Numbered {
            number: *number,
            seat: *seat,
            target: *target,
        };
        Ok(numbers.iter().map(row).collect())
    }
}

/// Ports that were free a moment ago; what is taken since is stepped over.
pub(crate) async fn free_ports() -> PreviewPorts {
    let probe = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let first = probe.local_addr().unwrap().port().min(65000);
    format!("{first}-{}", first + 60).parse().unwrap()
}

/// A seat whose tunnels lead to `script`, but for port [`SILENT`].
pub(crate) async fn program<F>(
    script: impl Fn(TcpStream, Arc<Seen>, u16) -> F + Send + Sync + 'static,
) -> Seat
where
    F: Future<Output = ()> + Send + 'static,
{
    let script = Arc::new(script);
    Seat::scripted(move |mut stream, seen| {
        let script = Arc::clone(&script);
        async move {
            let unseen = Seen::default();
            let Some(request) = read_request(&mut stream, &unseen).await else {
                return;
            };
            let head = String::from_utf8_lossy(&request).to_lowercase();
            let port = head.strip_prefix("get /tunnel?port=").map(|rest| {
                let digits = rest.split(' ').next().unwrap();
                digits.parse().unwrap()
            });
            let Some(port) = port.filter(|_| head.contains("upgrade: clarateach-tcp")) else {
                seen.note(&request);
                return;
            };
            if port == SILENT {
                let refusal = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n";
                let _ = stream.write_all(refusal).await;
                return;
            }
            let switch = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: clarateach-tcp\r\n\r\n";
            if stream.write_all(switch).await.is_ok() {
                script(stream, seen, port).await;
            }
        }
    })
    .await
}

/// A program that answers every request with the request, as it came.
pub(crate) async fn echo() -> Seat {
    program(|mut stream, seen, _| async move {
        while let Some(request) = read_request(&mut stream, &seen).await {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n",
                request.len()
            );
            if stream.write_all(head.as_bytes()).await.is_err()
                || stream.write_all(&request).await.is_err()
            {
                return;
            }
        }
    })
    .await
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(free_ports().await).await
    }

    pub(crate) async fn with(ports: PreviewPorts) -> Self {
        Self::at(ports, None).await
    }

    /// A world behind a proxy that ends TLS, whose class comes by names below that domain.
    pub(crate) async fn behind_tls(domain: &str) -> Self {
        Self::at(free_ports().await, Some(domain)).await
    }

    async fn at(ports: PreviewPorts, domain: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let public = format!("http://{ROOM}:{}", address.port());
        let public = domain.is_none().then_some(public.as_str());
        let addresses = Arc::new(Addresses::new(public, domain, address).unwrap());
        let directory = Arc::new(Directory::new());
        let key = Arc::new(SigningKey::from_seed(&[7; 32]));
        let book = Arc::new(Book {
            directory: Arc::clone(&directory),
            numbers: Mutex::default(),
        });
        let browsers = Arc::new(Browsers::new(None));
        let numbers = Arc::new(Numbers::new(IpAddr::V4(Ipv4Addr::LOCALHOST), ports));
        let gateway = Gateway::new(GatewayConfig {
            directory: Arc::clone(&directory),
            addresses: Arc::clone(&addresses),
            signing: Arc::clone(&key),
            verifying: key.verifying_keys(),
            cookie_name: COOKIE.to_owned(),
            limits: Limits {
                first_byte: SOON,
                half_open: SOON,
                ..Limits::default()
            },
        })
        .with_origins(OwnOrigins::new(
            (book, Arc::clone(&browsers)),
            numbers,
            OWN_COOKIE.to_owned(),
        ));
        let server = Server {
            addresses,
            gateway,
            platform: Router::new(),
            trusted_proxies: domain
                .map(|_| "127.0.0.0/8".parse().unwrap())
                .into_iter()
                .collect(),
            limits: ServerLimits::default(),
        };
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let stopped = stop.clone();
        tasks.spawn(async move { server.listen(listener, stopped).await.unwrap() });
        let world = Self {
            address,
            directory,
            browsers,
            key,
            _stop: stop,
            _server: tasks,
        };
        world.tenancy(3, 2, Some("as-ada"));
        world.tenancy(4, 2, Some("as-bob"));
        world
    }

    /// A world in which that seat's programs are seat 3's.
    pub(crate) async fn serving(upstream: &Seat) -> Self {
        let world = Self::start().await;
        world.live(3, upstream);
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

    pub(crate) fn live(&self, number: u16, upstream: &Seat) {
        let entry = self.directory.lookup(&seat(number)).unwrap();
        let generation = entry.tenancy().generation;
        let live = Live {
            incarnation: "one".to_owned(),
            endpoints: Endpoints {
                terminal: upstream.address,
                files: upstream.address,
                browser: None,
            },
        };
        self.directory
            .set_reach(seat(number), generation, &Reach::Live(live));
    }

    pub(crate) fn claims(&self, number: u16, sub: &str, role: Role) -> SeatClaims {
        SeatClaims {
            sub: sub.to_owned(),
            role,
            mode: Mode::Control,
            seat: seat(number),
            generation: Generation(2),
            issued_at: now(),
            expires_at: now() + 3600,
        }
    }

    pub(crate) fn token(&self, claims: &SeatClaims) -> String {
        claims.sign(&self.key)
    }

    pub(crate) fn ada(&self) -> String {
        self.token(&self.claims(3, "as-ada", Role::Learner))
    }

    pub(crate) fn bob(&self) -> String {
        self.token(&self.claims(4, "as-bob", Role::Learner))
    }

    pub(crate) fn instructor(&self, number: u16) -> String {
        self.token(&self.claims(number, "in-1", Role::Instructor))
    }

    /// A call below a seat, by `name`: `localhost` or [`ROOM`].
    pub(crate) fn call(&self, name: &str, method: &str, (number, below): (u16, &str)) -> Ask {
        let port = self.address.port();
        Ask {
            address: self.address,
            text: format!(
                "{method} /debug/proxy/{WORKSHOP}/vm/{number}/{below} HTTP/1.1\r\nHost: {name}:{port}\r\n"
            ),
        }
    }

    pub(crate) async fn ask_for(&self, name: &str, token: &str, number: u16, body: Value) -> Reply {
        self.call(name, "POST", (number, "origins"))
            .bearer(token)
            .send_with(body.to_string().as_bytes())
            .await
    }

    /// The address to connect to for a URL of an own origin, its host, and the rest.
    pub(crate) fn place(&self, url: &str) -> (SocketAddr, String, String) {
        let rest = url.strip_prefix("http://").unwrap();
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port = host.rsplit(':').next().unwrap().parse().unwrap();
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        (address, host.to_owned(), format!("/{path}"))
    }

    /// Goes the whole way in, as a browser does.
    pub(crate) async fn enter(&self, name: &str, token: &str, number: u16, body: Value) -> Entered {
        let answer = self.ask_for(name, token, number, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let url = answer.json()["url"].as_str().unwrap().to_owned();
        let (address, host, path) = self.place(&url);
        let entering = Ask {
            address,
            text: format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n"),
        };
        let entered = entering.send().await;
        assert_eq!(entered.status, 303, "{entered:?}");
        let cookie = entered.field("set-cookie").unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let browser = Entered {
            address,
            host,
            cookie,
        };
        let check = entered.field("location").unwrap().to_owned();
        let checked = browser.visit(&check).send().await;
        assert_eq!(checked.status, 303, "{checked:?}");
        browser
    }

    /// Ada in her own port 5173.
    pub(crate) async fn ada_in(&self, name: &str) -> Entered {
        let body = json!({"kind": "port", "port": 5173});
        self.enter(name, &self.ada(), 3, body).await
    }
}
