//! The internal orchestrator API: seats for a program that keeps its own workshops, learners and doors.
//!
//! A process of its own (`clarateach orchestrator`) with an installation's id and a data directory of its
//! own; never mounted on the public listener. It keeps no records: the provider's labels say what is
//! there. `door` says who may ask, `routes` what, `body` in which words, `listen` accepts. Seats are made
//! by [`crate::orchestrator::direct`], like all others.

mod body;
mod door;
mod listen;
mod routes;
mod workshop_id;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use clarateach_protocol::id::WorkshopId;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::keys::{self, DataDirLock, PlatformKeys};
use crate::config::Config;
use crate::model::{BrowserPolicy, EgressPolicy, Resources, WorkshopSpec};
use crate::orchestrator::Settings;
use crate::orchestrator::direct::Direct;
use crate::provider::Provider;
use crate::server;
pub use door::Secret;
pub use routes::openapi_json;

/// What handlers need; clones share it.
#[derive(Clone)]
struct State {
    seats: Arc<Direct>,
    specs: Arc<Specs>,
    door: Arc<door::Door>,
    /// Changes under way: they go to their end, also when who asked hangs up.
    changes: TaskTracker,
}

/// What seats are made from here: the same for all, as it was set at the start.
#[derive(Debug, Clone)]
struct Specs {
    image: String,
}

impl Specs {
    fn of(&self, id: WorkshopId) -> WorkshopSpec {
        WorkshopSpec {
            id,
            image: self.image.clone(),
            resources: Resources::default(),
            egress: EgressPolicy::Open,
            browser: BrowserPolicy::Off,
        }
    }
}

/// A running orchestrator API.
pub struct Internal {
    /// Where it listens.
    pub listen: SocketAddr,
    state: State,
    listener: TcpListener,
    _data_dir: DataDirLock,
}

impl Internal {
    /// Takes the data directory and the port, and is ready to answer.
    ///
    /// # Errors
    /// When the data directory is another server's or can't be used, the port can't, or it would be
    /// open to other machines without a secret.
    pub async fn start(
        config: &Config,
        secret: Option<Secret>,
        provider: impl FnOnce(&Config, &PlatformKeys) -> anyhow::Result<Arc<dyn Provider>>,
    ) -> anyhow::Result<Self> {
        anyhow::ensure!(
            secret.is_some() || config.listen.ip().is_loopback(),
            "{} can be reached from other machines, and there is no secret. Hint: put one into a file and pass --secret-file, or listen on localhost",
            config.listen
        );
        refuse_servers_data(&config.data_dir)?;
        let data_dir = keys::lock_data_dir(&config.data_dir)?;
        let keys = PlatformKeys::load_or_create(&config.data_dir)?;
        let listener = server::bind(config.listen).with_context(|| {
            format!(
                "cannot listen on {}. Hint: stop what uses it (`clarateach serve` has the same default), or choose another --listen",
                config.listen
            )
        })?;
        let listen = listener
            .local_addr()
            .context("the listener has no address")?;
        let provider = provider(config, &keys)?;
        let seats = Direct::new(provider, Arc::clone(&keys.signing), Settings::default());
        Ok(Self {
            listen,
            state: State {
                seats: Arc::new(seats),
                specs: Arc::new(Specs {
                    image: config.image.clone(),
                }),
                door: Arc::new(door::Door::new(secret)),
                changes: TaskTracker::new(),
            },
            listener,
            _data_dir: data_dir,
        })
    }

    /// Answers until `signal` comes, then lets what is under way end. Seats stay as they are.
    ///
    /// # Errors
    /// When the listener can't be used any more.
    pub async fn run_until(self, signal: impl Future<Output = ()>) -> anyhow::Result<()> {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let (seats, specs) = (Arc::clone(&self.state.seats), Arc::clone(&self.state.specs));
        let keeping = stop.clone();
        tasks.spawn(async move { seats.keep(|id| specs.of(id), keeping).await });
        let router = routes::router(self.state.clone());
        let serving = listen::serve(self.listener, router, stop.clone());
        let mut serving = std::pin::pin!(serving);
        let early = tokio::select! {
            () = signal => None,
            outcome = serving.as_mut() => Some(outcome),
        };
        stop.cancel();
        let outcome = match early {
            Some(outcome) => outcome,
            None => serving.await,
        };
        self.state.changes.close();
        self.state.changes.wait().await;
        while tasks.join_next().await.is_some() {}
        outcome.context("cannot accept connections")
    }
}

/// One installation, one id: what a server made, only that server removes.
fn refuse_servers_data(data_dir: &Path) -> anyhow::Result<()> {
    let database = data_dir.join("clarateach.db");
    anyhow::ensure!(
        !database.exists(),
        "{} is the data directory of `clarateach serve`. Hint: choose another --data-dir; its seats are its own",
        data_dir.display()
    );
    Ok(())
}
