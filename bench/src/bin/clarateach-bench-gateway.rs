//! Our proxy as `clarateach serve` runs it, with live seats and neither store nor provider: a process of its
//! own, so that its CPU time can be told from everybody else's. Says its address, then serves until it is ended.
//!
//! Called with the seats' address, how many there are (1), and how many others come or go in a second (0).

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clarateach::addresses::Addresses;
use clarateach::directory::{Directory, Live, Reach, Tenancy};
use clarateach::provider::Endpoints;
use clarateach::proxy::{Gateway, GatewayConfig, Limits};
use clarateach::server::{Server, ServerLimits};
use clarateach_bench::{ASSIGNMENT, GENERATION, seat_key, seat_keys, signing_key};
use clarateach_protocol::id::SeatKey;
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// As in `clarateach`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let terminal = arguments.next().context("call it with a seat's address")?;
    let seats = arguments.next().map_or(Ok(1), |seats| seats.parse())?;
    let churn = arguments.next().map_or(Ok(0), |churn| churn.parse())?;
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new("info")?)
        .with_writer(std::io::stderr)
        .json()
        .init();
    // As for the peers: client and upstream have the other core.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(serve(terminal.parse()?, seats, churn))
}

async fn serve(terminal: SocketAddr, seats: usize, churn: u32) -> Result<()> {
    let directory = Arc::new(Directory::new());
    for key in seat_keys(seats) {
        add(&directory, key, terminal);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let addresses = Arc::new(Addresses::new(None, None, address)?);
    let signing = Arc::new(signing_key());
    let gateway = Gateway::new(GatewayConfig {
        directory: Arc::clone(&directory),
        addresses: Arc::clone(&addresses),
        verifying: signing.verifying_keys(),
        signing,
        cookie_name: "clarateach_seat_bench".to_owned(),
        limits: Limits::default(),
    });
    let server = Server {
        addresses,
        gateway,
        platform: axum::Router::new(),
        trusted_proxies: Vec::new(),
        limits: ServerLimits::default(),
    };
    writeln!(std::io::stdout(), "{address}")?;
    tokio::select! {
        ended = server.listen(listener, CancellationToken::new()) => Ok(ended?),
        never = come_and_go(&directory, terminal, churn) => never,
    }
}

/// Seats of another workshop that are made and removed.
async fn come_and_go(directory: &Directory, terminal: SocketAddr, churn: u32) -> Result<()> {
    if churn == 0 {
        return std::future::pending().await;
    }
    let mut ticks = interval(Duration::from_secs(1) / churn);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let key = SeatKey {
        workshop: "ws-zzzzzzzz".parse()?,
        ..seat_key()
    };
    loop {
        ticks.tick().await;
        add(directory, key, terminal);
        ticks.tick().await;
        directory.remove_seat(&key);
    }
}

fn add(directory: &Directory, key: SeatKey, terminal: SocketAddr) {
    let tenancy = Tenancy {
        generation: GENERATION,
        assignment: Some(ASSIGNMENT.to_owned()),
        ends_at: None,
        idle_ends_at: None,
    };
    directory.set_tenancy(key, tenancy);
    let endpoints = Endpoints {
        terminal,
        files: terminal,
        browser: None,
    };
    let live = Live {
        incarnation: "one".to_owned(),
        endpoints,
    };
    directory.set_reach(key, GENERATION, &Reach::Live(live));
}
