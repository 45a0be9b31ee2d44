//! Our proxy as `clarateach serve` runs it, with one live seat and neither store nor provider: a process of its
//! own, so that its CPU time can be told from everybody else's. Says its address, then serves until it is ended.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use clarateach::addresses::Addresses;
use clarateach::directory::{Directory, Live, Reach, Tenancy};
use clarateach::provider::Endpoints;
use clarateach::proxy::{Gateway, GatewayConfig, Limits};
use clarateach::server::{Server, ServerLimits};
use clarateach_bench::{ASSIGNMENT, GENERATION, seat_key, signing_key};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

fn main() -> Result<()> {
    let terminal = std::env::args()
        .nth(1)
        .context("call it with a seat's address")?;
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new("info")?)
        .with_writer(std::io::stderr)
        .json()
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(terminal.parse()?))
}

async fn serve(terminal: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let addresses = Arc::new(Addresses::new(None, None, address)?);
    let signing = Arc::new(signing_key());
    let gateway = Gateway::new(GatewayConfig {
        directory: directory(terminal),
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
    Ok(server.listen(listener, CancellationToken::new()).await?)
}

fn directory(terminal: SocketAddr) -> Arc<Directory> {
    let directory = Arc::new(Directory::new());
    let tenancy = Tenancy {
        generation: GENERATION,
        assignment: Some(ASSIGNMENT.to_owned()),
        ends_at: None,
    };
    directory.set_tenancy(seat_key(), tenancy);
    let endpoints = Endpoints {
        terminal,
        files: terminal,
        browser: None,
    };
    let live = Live {
        incarnation: "one".to_owned(),
        endpoints,
    };
    directory.set_reach(seat_key(), GENERATION, &Reach::Live(live));
    directory
}
