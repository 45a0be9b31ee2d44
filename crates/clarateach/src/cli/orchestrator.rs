//! `clarateach orchestrator`: the internal API as a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::{print_out, serve};
use crate::app;
use crate::config::{Config, DockerReach, LogFormat, ProviderKind, Settings};
use crate::internal::{self, Internal, Secret};
use crate::model::Cidr;

/// Holds the secret itself, for where files are awkward.
const SECRET: &str = "CLARATEACH_ORCHESTRATOR_SECRET";

const EXAMPLES: &str = "\
Examples:
  clarateach orchestrator                                     for programs on this machine
  clarateach orchestrator --listen 0.0.0.0:8080 --secret-file /run/secrets/orchestrator
  curl -X POST localhost:8080/workshops/ws-abcd1234/seats \\
       -H 'content-type: application/json' -d '{\"seat\": 1, \"api_key\": \"sk-…\"}'
  curl localhost:8080/workshops/ws-abcd1234/seats
  curl -X DELETE localhost:8080/workshops/ws-abcd1234/seats/1
  curl -X DELETE localhost:8080/workshops/ws-abcd1234
  clarateach orchestrator --openapi > orchestrator.json";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct OrchestratorArgs {
    /// Address to listen on; anything but this machine needs a secret
    #[arg(
        long,
        env = "CLARATEACH_ORCHESTRATOR_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "localhost:8080"
    )]
    listen: String,
    /// File with the secret that programs send as `Authorization: Bearer …`
    /// (CLARATEACH_ORCHESTRATOR_SECRET holds the secret itself)
    #[arg(long, env = "CLARATEACH_ORCHESTRATOR_SECRET_FILE", value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Directory of its keys and its seats' disks, not the one of `clarateach serve`; made when missing
    #[arg(
        long,
        env = "CLARATEACH_ORCHESTRATOR_DATA_DIR",
        value_name = "DIR",
        default_value = "./orchestrator-data"
    )]
    data_dir: PathBuf,
    /// What makes the seats [default: docker]
    #[arg(long, env = "CLARATEACH_PROVIDER")]
    provider: Option<ProviderKind>,
    /// Image of the seats [default: clarateach/workspace:latest]
    #[arg(long, env = "CLARATEACH_IMAGE", value_name = "IMAGE")]
    image: Option<String>,
    /// IPv4 network that seats' subnets are carved from, a /24 a workshop [default: 198.18.0.0/15]
    #[arg(long, env = "CLARATEACH_SEAT_NETWORKS", value_name = "CIDR")]
    seat_networks: Option<Cidr>,
    /// How seats are reached: at their own addresses (bridge), or by ports published on 127.0.0.1 (published)
    /// where those lead nowhere from here: Docker Desktop, Colima, rootless engines [default: auto]
    #[arg(long, env = "CLARATEACH_DOCKER_REACH")]
    docker_reach: Option<DockerReach>,
    /// Make seats even where the firewall can't be set: they would reach this machine and each other
    #[arg(long, env = "CLARATEACH_ALLOW_WEAK_ISOLATION", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    allow_weak_isolation: Option<bool>,
    /// Allow what is only safe on a developer's machine: the simulated provider
    #[arg(long, env = "CLARATEACH_INSECURE_DEV", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    insecure_dev: Option<bool>,
    /// In-seat server to use instead of the one in this binary
    #[arg(long, env = "CLARATEACH_SEAT_SERVER", value_name = "FILE")]
    workspace_binary: Option<PathBuf>,
    /// CA bundle that seats trust [default: this machine's own bundle]
    #[arg(long, env = "CLARATEACH_SEAT_CA_FILE", value_name = "FILE")]
    seat_ca_file: Option<PathBuf>,
    /// How to write the log [default: json]
    #[arg(long, env = "CLARATEACH_LOG_FORMAT")]
    log_format: Option<LogFormat>,
    /// What to log, as in `info` or `clarateach=debug` [default: info]
    #[arg(long, env = "CLARATEACH_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// Print the API's OpenAPI 3.1 document, and stop
    #[arg(long)]
    openapi: bool,
}

pub(super) fn run(args: OrchestratorArgs) -> anyhow::Result<()> {
    if args.openapi {
        print_out(internal::openapi_json().trim_end());
        return Ok(());
    }
    let secret = secret(args.secret_file.as_ref())?;
    let settings = Settings {
        listen: Some(listen(&args.listen)?),
        data_dir: Some(args.data_dir),
        provider: args.provider,
        image: args.image,
        seat_networks: args.seat_networks,
        docker_reach: args.docker_reach,
        allow_weak_isolation: args.allow_weak_isolation,
        insecure_dev: args.insecure_dev,
        workspace_binary: args.workspace_binary,
        seat_ca_file: args.seat_ca_file,
        log_format: args.log_format.or(Some(LogFormat::Json)),
        log: args.log,
        ..Settings::default()
    };
    serve::start_log(&settings)?;
    let config = settings.resolve()?;
    super::runtime()?.block_on(orchestrate(&config, secret))
}

async fn orchestrate(config: &Config, secret: Option<Secret>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let guarded = secret.is_some();
    let internal = Internal::start(config, secret, app::provider).await?;
    print_out(&format!(
        "The ClaraTeach orchestrator {} is at http://{}/",
        env!("CARGO_PKG_VERSION"),
        internal.listen
    ));
    tracing::info!(listen = %internal.listen, guarded, "listening");
    internal
        .run_until(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping; seats stay as they are");
        })
        .await
}

/// An address, with `localhost` for this machine.
fn listen(text: &str) -> anyhow::Result<SocketAddr> {
    let address = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    address.parse().with_context(|| {
        format!("--listen {text}: expected ADDRESS:PORT, as in localhost:8080 or 0.0.0.0:8080")
    })
}

/// The secret of the file, or of the variable; an empty one is a mistake, not an open door.
fn secret(file: Option<&PathBuf>) -> anyhow::Result<Option<Secret>> {
    let (text, from) = match (file, std::env::var(SECRET)) {
        (Some(path), _) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the secret from {}", path.display()))?;
            (text, path.display().to_string())
        }
        (None, Ok(text)) => (text, SECRET.to_owned()),
        (None, Err(std::env::VarError::NotPresent)) => return Ok(None),
        (None, Err(error)) => return Err(error).context(SECRET),
    };
    let secret = Secret::new(&text);
    anyhow::ensure!(secret.is_some(), "the secret in {from} is empty");
    Ok(secret)
}
