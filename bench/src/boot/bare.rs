//! What the engine itself takes for the same containers: copies of a workshop's, created and started with its API, all
//! at once, on a network that is there already, with a folder in place of each disk. Nobody asks whether they work.

use std::collections::HashMap;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bollard::Docker;
use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, NetworkingConfig,
};
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, ListContainersOptionsBuilder,
    StartContainerOptions,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::served::{milliseconds, text};

/// Beside those that seats' networks are carved from one after the other.
const SUBNET: &str = "198.19.253";
const NETWORK: &str = "clarateach-bench-bare";
const LABEL: &str = "clarateach.bench";

/// Containers to be made.
pub(super) struct Bare {
    engine: Docker,
    bodies: Vec<ContainerCreateBody>,
    _folders: TempDir,
}

impl Bare {
    /// Takes its model from a workshop that is there.
    pub(super) async fn like(workshop: &Value) -> Result<Self> {
        let engine = Docker::connect_with_defaults()?.negotiate_version().await?;
        let id = workshop["id"].as_str().context("an id")?;
        let label = format!("clarateach.workshop={id}");
        let options = ListContainersOptionsBuilder::default()
            .filters(&HashMap::from([("label", vec![label])]))
            .build();
        let folders = tempfile::tempdir()?;
        let mut bodies = Vec::new();
        for (number, found) in engine
            .list_containers(Some(options))
            .await?
            .iter()
            .enumerate()
        {
            let model = found.id.as_deref().context("an id")?;
            let model = engine
                .inspect_container(model, None::<InspectContainerOptions>)
                .await?;
            let folder = folders.path().join(number.to_string());
            std::fs::create_dir(&folder)?;
            std::os::unix::fs::chown(&folder, Some(1000), Some(1000))?;
            let config = model.config.context("a container's configuration")?;
            let mut host = model
                .host_config
                .context("a container's host configuration")?;
            for mount in host.mounts.iter_mut().flatten() {
                if mount.target.as_deref() == Some("/workspace") {
                    mount.source = Some(text(&folder));
                }
                // The workshop's own goes with it.
                if mount.target.as_deref() == Some("/etc/resolv.conf") {
                    let copy = folders.path().join("resolv.conf");
                    std::fs::write(&copy, "")?;
                    mount.source = Some(text(&copy));
                }
            }
            host.network_mode = Some(NETWORK.to_owned());
            let endpoint = EndpointSettings {
                ipam_config: Some(EndpointIpamConfig {
                    ipv4_address: Some(format!("{SUBNET}.{}", 10 + number)),
                    ..EndpointIpamConfig::default()
                }),
                ..EndpointSettings::default()
            };
            bodies.push(ContainerCreateBody {
                image: config.image,
                user: config.user,
                working_dir: config.working_dir,
                env: config.env,
                entrypoint: config.entrypoint,
                cmd: config.cmd,
                healthcheck: config.healthcheck,
                labels: Some(HashMap::from([(LABEL.to_owned(), "bare".to_owned())])),
                host_config: Some(host),
                networking_config: Some(NetworkingConfig {
                    endpoints_config: Some(HashMap::from([(NETWORK.to_owned(), endpoint)])),
                }),
                ..ContainerCreateBody::default()
            });
        }
        ensure!(!bodies.is_empty(), "{id} has no containers");
        Ok(Self {
            engine,
            bodies,
            _folders: folders,
        })
    }

    /// Makes them all; milliseconds until the last has started.
    pub(super) async fn start_all(&self) -> Result<f64> {
        let wanted = self.bodies.len();
        remove();
        let subnet = format!("{SUBNET}.0/24");
        let icc = "com.docker.network.bridge.enable_icc=false";
        let made = docker(&[
            "network", "create", "--subnet", &subnet, "--opt", icc, NETWORK,
        ]);
        ensure!(made, "the engine makes no network {subnet}");
        let began = Instant::now();
        let mut starting = JoinSet::new();
        for body in &self.bodies {
            let (engine, body) = (self.engine.clone(), body.clone());
            starting.spawn(async move {
                let made = engine
                    .create_container(None::<CreateContainerOptions>, body)
                    .await?;
                engine
                    .start_container(&made.id, None::<StartContainerOptions>)
                    .await
            });
        }
        while let Some(started) = starting.join_next().await {
            started??;
        }
        let took = milliseconds(began.elapsed());
        let running = running();
        remove();
        ensure!(running == wanted, "{running} of {wanted} containers run");
        Ok(took)
    }
}

fn running() -> usize {
    containers(&[]).len()
}

/// Those of this and of earlier runs.
fn remove() {
    let left = containers(&["--all"]);
    if !left.is_empty() {
        let mut arguments = vec!["rm", "--force"];
        arguments.extend(left.iter().map(String::as_str));
        docker(&arguments);
    }
    docker(&["network", "rm", NETWORK]);
}

fn containers(more: &[&str]) -> Vec<String> {
    let filter = format!("label={LABEL}=bare");
    let mut command = Command::new("docker");
    command
        .args(["ps", "--quiet", "--filter", &filter])
        .args(more);
    let said = command.output().map(|output| output.stdout);
    let said = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
    said.lines().map(ToOwned::to_owned).collect()
}

/// Whether it went well; nothing there to remove is no failure.
fn docker(arguments: &[&str]) -> bool {
    let output = Command::new("docker").args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}
