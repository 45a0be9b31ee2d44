//! Wires the parts together: the order of this file is the order of starting.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use listenfd::ListenFd;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::addresses::Addresses;
use crate::auth::keys::{self, DataDirLock, PlatformKeys};
use crate::auth::setup_link::{self, SetupLink};
use crate::awake::Awake;
use crate::browsers::Browsers;
use crate::config::{Config, DockerReach, Isolation, ProviderKind};
use crate::directory::Directory;
use crate::feed::Feed;
use crate::http::{self, ApiState, Streams};
use crate::orchestrator::{self, Orchestrator};
use crate::origins::OriginBook;
use crate::provider::Provider;
use crate::provider::docker::{
    self, BrowserConfig, DockerConfig, DockerProvider, ReachChoice, WeakIsolation,
};
use crate::provider::residue::Residue;
use crate::provider::simulated::SimulatedProvider;
use crate::proxy::origin::{Numbers, OwnOrigins};
use crate::proxy::{Gateway, GatewayConfig};
use crate::reach::Reach;
use crate::recovery::{self, Adopted};
use crate::room::Room;
use crate::seat_runtime;
use crate::server::{self, Server};
use crate::service::{self, Service};
use crate::store::{self, Store, StoreError};

/// A running server.
pub struct App {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where people find it.
    pub public_url: String,
    /// Where a class finds it, where that was asked for.
    pub room: Option<Room>,
    /// The one-time set-up link, while nobody can sign in.
    pub setup_link: Option<String>,
    reach: Reach,
    service: Service,
    streams: Streams,
    orchestrator: Arc<Orchestrator>,
    stop: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
    _data_dir: DataDirLock,
}

impl App {
    /// Starts everything and begins to answer.
    ///
    /// # Errors
    /// When the data directory, the database, the password file or the port can't be used; the
    /// message names it and the remedy. An engine that doesn't answer is no error: readiness tells.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        Self::start_on(config, provider).await
    }

    /// [`App::start`] on another provider than the configuration names: tests bring one whose seats
    /// fail on purpose.
    ///
    /// # Errors
    /// As [`App::start`], and when the provider can't be made.
    pub async fn start_on(
        config: Config,
        provider: impl FnOnce(&Config, &PlatformKeys) -> anyhow::Result<Arc<dyn Provider>>,
    ) -> anyhow::Result<Self> {
        let data_dir = keys::lock_data_dir(&config.data_dir)?;
        // At once: as long as the lock is held, a link that is there works.
        setup_link::remove(&config.data_dir)?;
        let keys = Arc::new(PlatformKeys::load_or_create(&config.data_dir)?);
        // An empty database would say that none of these seats should be there.
        anyhow::ensure!(
            !recovery::lost_its_database(&config.data_dir),
            "{} has seats and no database. Hint: `clarateach restore FILE` brings a backup back; without one, `clarateach recover` adopts the seats",
            config.data_dir.display()
        );
        let store = Store::open(&config.data_dir)?;
        let listener = listener(config.listen)?;
        let listen = listener
            .local_addr()
            .context("the listener has no address")?;
        let room_url = config
            .room
            .as_ref()
            .and_then(|room| room.url(listen.port()));
        let addresses = Arc::new(Addresses::new(
            config.public_url.as_deref().or(room_url.as_deref()),
            config.domain.as_deref(),
            listen,
        )?);

        let directory = Arc::new(Directory::with_times(config.presence));
        service::announce_all(&store, &directory).await?;
        let provider = provider(&config, &keys)?;
        let browsers = Arc::new(Browsers::new(config.browser_pause_after.limit()));
        let parts = orchestrator::Parts {
            store: store.clone(),
            provider,
            directory: Arc::clone(&directory),
            browsers: Arc::clone(&browsers),
            key: Arc::clone(&keys.signing),
        };
        let orchestrator = Arc::new(Orchestrator::start(
            parts,
            orchestrator::Settings::default(),
        ));
        let service = Service::new(
            store,
            Arc::clone(&orchestrator),
            (Arc::clone(&directory), Arc::clone(&browsers)),
            Arc::clone(&keys),
            service::Defaults {
                image: config.image.clone(),
                length: config.default_length.limit(),
                idle_after: config.idle_after.limit(),
                schedule: config.schedule,
                standby: config.standby.clone(),
                overcommit: if config.allow_overcommit {
                    service::Overcommit::Allow
                } else {
                    service::Overcommit::Refuse
                },
                browsers: config.browsers_max,
            },
        );
        if let Some(path) = &config.instructor_password_file {
            set_password(&service, path).await?;
        }
        let setup_secret = service.setup_secret().await?;
        let public_url = addresses.public().to_string();
        let setup_link = setup_secret.map(|secret| format!("{public_url}/setup#{secret}"));

        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let schedule = service.clone().keep_schedule(stop.clone());
        tasks.spawn(async move {
            schedule.await;
            Ok(())
        });
        let uses = service.clone().keep_watch_for_uses(stop.clone());
        tasks.spawn(async move {
            uses.await;
            Ok(())
        });
        let turns = service.clone().keep_browsers_in_turn(stop.clone());
        tasks.spawn(async move {
            turns.await;
            Ok(())
        });
        if config.provider == ProviderKind::Docker {
            let awake = Awake::new("systemd-inhibit").keep(service.clone(), stop.clone());
            tasks.spawn(async move {
                awake.await;
                Ok(())
            });
        }
        let standby = service.clone().keep_standby(stop.clone());
        tasks.spawn(async move {
            standby.await;
            Ok(())
        });
        if let Some(link) = &setup_link {
            let file = SetupLink::write(&config.data_dir, link)?;
            let (service, stop) = (service.clone(), stop.clone());
            tasks.spawn(async move {
                stop.run_until_cancelled(service.until_set_up()).await;
                drop(file);
                // A part that ends ends the server.
                stop.cancelled().await;
                Ok(())
            });
        }
        let gateway = Gateway::new(GatewayConfig {
            directory,
            addresses: Arc::clone(&addresses),
            signing: Arc::clone(&keys.signing),
            verifying: keys.signing.verifying_keys(),
            cookie_name: format!("clarateach-seat-{}", keys.cookie_suffix),
            limits: config.seat_limits,
        });
        let book: Arc<dyn OriginBook> = Arc::new(service.clone());
        let numbers = Arc::new(Numbers::new(listen.ip(), config.preview_ports));
        let gateway = gateway.with_origins(OwnOrigins::new(
            (Arc::clone(&book), browsers),
            Arc::clone(&numbers),
            format!("clarateach-origin-{}", keys.cookie_suffix),
        ));
        numbers
            .reopen(book.as_ref())
            .await
            .context("cannot open the previews' ports again")?;
        let (feed, reach) = (Feed::new(config.feed), Reach::default());
        let streams = Streams::new(stop.clone());
        let watching = feed
            .clone()
            .run(service.clone(), reach.clone(), stop.clone());
        tasks.spawn(async move {
            watching.await;
            Ok(())
        });
        let api = ApiState::new(
            service.clone(),
            (Arc::clone(&addresses), keys),
            (feed, reach.clone(), streams.clone()),
        );
        let server = Server {
            addresses,
            gateway,
            platform: http::router(api),
            trusted_proxies: config.trusted_proxies,
            limits: config.server_limits.within_open_files(),
        };
        let stop_listening = stop.clone();
        tasks.spawn(async move {
            server
                .listen(listener, stop_listening)
                .await
                .context("cannot accept connections")
        });
        Ok(Self {
            listen,
            setup_link,
            public_url,
            room: config.room,
            reach,
            service,
            streams,
            orchestrator,
            stop,
            tasks,
            _data_dir: data_dir,
        })
    }

    /// What was seen of other devices.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.reach.clone()
    }

    /// Serves until `signal` comes or a part fails, then drains. Seats stay as they are.
    ///
    /// # Errors
    /// What made a part fail.
    pub async fn run_until(mut self, signal: impl Future<Output = ()>) -> anyhow::Result<()> {
        let failed = tokio::select! {
            () = signal => None,
            ended = self.tasks.join_next() => ended,
        };
        self.stop.cancel();
        let mut outcome = failed.map_or(Ok(()), |ended| {
            ended.context("a part of the server panicked")?
        });
        while let Some(ended) = self.tasks.join_next().await {
            outcome = outcome.and(ended.context("a part of the server panicked").flatten());
        }
        self.streams.finish().await;
        self.service.finish().await;
        self.orchestrator.shutdown().await;
        outcome
    }
}

/// The socket that whoever started this process has opened and holds (systemd's socket activation,
/// sd_listen_fds(3)): who connects during a restart waits in its queue. Otherwise a new one.
fn listener(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    let given = ListenFd::from_env().take_tcp_listener(0).context(
        "the socket that was handed over (LISTEN_FDS) is no TCP listener. Hint: ListenStream=127.0.0.1:8080 in clarateach.socket",
    )?;
    if let Some(given) = given {
        given.set_nonblocking(true)?;
        let listener = TcpListener::from_std(given)?;
        tracing::info!(listen = %listener.local_addr()?, "listening on the socket that was handed over");
        return Ok(listener);
    }
    server::bind(listen).with_context(|| {
        format!("cannot listen on {listen}. Hint: stop what uses it, or choose another --listen")
    })
}

/// The provider that the configuration names; the only place that knows concrete ones.
///
/// # Errors
/// When there is no in-seat server to run in seats, or its folder can't be written.
pub fn provider(config: &Config, keys: &PlatformKeys) -> anyhow::Result<Arc<dyn Provider>> {
    match config.provider {
        ProviderKind::Docker => {
            let verifying = keys.signing.verifying_keys();
            let runtime_dir = seat_runtime::install(
                &config.data_dir,
                config.workspace_binary.as_deref(),
                &verifying,
                seat_runtime::ca_bundle(config.seat_ca_file.as_deref())?,
            )?;
            let docker = DockerConfig {
                data_dir: config.data_dir.clone(),
                instance: keys.instance.parse()?,
                seat_networks: config.seat_networks,
                runtime_dir,
                weak_isolation: match config.isolation {
                    Isolation::Required => WeakIsolation::Refuse,
                    Isolation::Weak => WeakIsolation::Allow,
                },
                reach: match config.docker_reach {
                    DockerReach::Auto => ReachChoice::Auto,
                    DockerReach::Bridge => ReachChoice::Bridge,
                    DockerReach::Published => ReachChoice::Published,
                },
                browser: BrowserConfig {
                    engine: config.browser_engine,
                    image: config.browser_image.clone(),
                },
                resolvers: Vec::new(),
            };
            Ok(Arc::new(DockerProvider::new(docker)))
        }
        ProviderKind::Simulated => Ok(Arc::new(SimulatedProvider::new(
            keys.signing.verifying_keys(),
        ))),
    }
}

/// Adopts seats that the database doesn't know, while no server runs: what was adopted, and where the
/// database is that was damaged.
///
/// # Errors
/// When a server runs, the keys are gone, or the provider or the database can't be used; the database is
/// as it was then.
pub async fn recover(config: &Config) -> anyhow::Result<(Vec<Adopted>, Option<PathBuf>)> {
    let data_dir = &config.data_dir;
    let _alone = keys::lock_data_dir(data_dir)?;
    anyhow::ensure!(
        keys::are_there(data_dir),
        "{} has not all of its keys, and seats trust nothing else. Hint: `clarateach restore FILE` brings them back",
        data_dir.join("keys").display()
    );
    let keys = PlatformKeys::load_or_create(data_dir)?;
    let damaged = match store::is_there(data_dir).then(|| store::verify(data_dir)) {
        Some(Err(StoreError::Corrupt { .. } | StoreError::Open { .. })) => {
            store::set_aside(data_dir, "damaged")
                .context("cannot move the damaged database away")?
        }
        Some(Err(error)) => return Err(error.into()),
        None | Some(Ok(())) => None,
    };
    let is_new = !store::is_there(data_dir);
    let provider = provider(config, &keys)?;
    let store = Store::open(data_dir)?;
    let length = config.default_length.limit();
    match recovery::adopt(&store, provider.as_ref(), &keys, length).await {
        Ok(adopted) => Ok((adopted, damaged)),
        Err(error) => {
            if is_new {
                // The next start must not take it for the whole truth.
                store::set_aside(data_dir, "unfinished")
                    .context("cannot move the unfinished database away")?;
            }
            Err(error.into())
        }
    }
}

/// What the installation of `data_dir` has on this machine, seen without its server; makes nothing.
///
/// # Errors
/// When the installation's id can't be read.
pub async fn residue(data_dir: &Path) -> anyhow::Result<Residue> {
    let data_dir = &std::path::absolute(data_dir).context("the data directory has no path")?;
    let instance = keys::read_instance(data_dir)?.map(|id| id.parse());
    // An engine was only ever used with what is installed there for its seats.
    let used_engine = seat_runtime::is_installed(data_dir);
    let instance = instance.transpose()?.filter(|_| used_engine);
    Ok(docker::residue(instance.as_ref(), data_dir).await)
}

async fn set_password(service: &Service, path: &PathBuf) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!(
            "cannot read the instructor's password from {}",
            path.display()
        )
    })?;
    let password = text.trim_end_matches(['\r', '\n']).to_owned();
    service
        .set_password_from_operator(password)
        .await
        .with_context(|| format!("cannot use the password in {}", path.display()))
}
