//! A seat's container: what it is made of, and making, starting, stopping and removing it.
//!
//! Nothing personal and nothing secret goes in: learners, keys and files are bound to it later.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, ContainerSummary, EndpointIpamConfig, EndpointSettings, HealthConfig,
    HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount, MountType,
    NetworkingConfig, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, StartContainerOptions, StopContainerOptionsBuilder,
};

use super::connect::{Engine, READ, Refusal, WRITE, refused};
use super::disk::SEAT_UID;
use super::image::Image;
use super::names::{self, InstanceId};
use super::published;
use super::reach::Reach;
use super::seccomp;
use crate::model::Resources;
use crate::provider::{ProviderError, SeatSpec, spec_text};
use crate::seat_runtime::CA_BUNDLE;

/// Pause before looking again for what the engine is removing.
const UNDER_WAY: Duration = Duration::from_millis(50);
/// Where the in-seat server and the platform's public keys are mounted.
const RUNTIME: &str = "/.clarateach";
pub(super) const WORKSPACE: &str = "/workspace";
const HOME: &str = "/workspace/.home";
/// Where Debian, Ubuntu and Alpine images look for trusted certificates.
pub(super) const SYSTEM_CA_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Files that one process may have open; the sum is bounded by memory, which the kernel charges.
const OPEN_FILES: i64 = 16_384;
/// Memory disks of one seat at the most, MiB; shared memory is what engines give by default.
const TMP_MIB: u32 = 256;
const VOLUME_MIB: u32 = 64;
const SHM_MIB: u32 = 64;
/// Where the machine itself runs out of memory the kernel takes a seat's program before the server and
/// the engine (proc_pid_oom_score_adj(5)).
const OOM_SCORE: i64 = 300;
/// Starts of a container whose ports the engine chose badly.
const PORT_ATTEMPTS: usize = 8;
/// The in-seat server saves nothing when it stops.
const STOP_SECONDS: i32 = 2;

/// All that a seat's container is made from.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) instance: &'a InstanceId,
    pub(super) seat: &'a SeatSpec,
    pub(super) image: &'a Image,
    pub(super) address: Ipv4Addr,
    /// Host folder that becomes `/workspace`.
    pub(super) workspace: &'a Path,
    /// Host folder with the in-seat server and its keys.
    pub(super) runtime: &'a Path,
    pub(super) resolv_conf: &'a Path,
    /// CPUs of the engine's machine.
    pub(super) cpus: u32,
    pub(super) reach: Reach,
}

/// What the kernel holds a seat to, in the engine's units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes, and no swap beside them.
    pub(super) memory: i64,
    pub(super) nano_cpus: i64,
    pub(super) pids: i64,
}

impl Limits {
    pub(super) fn of(resources: Resources, cpus: u32) -> Self {
        // The engine refuses more than the machine has.
        let cpu_millis = resources.cpu_millis.min(cpus.saturating_mul(1000));
        Self {
            memory: i64::from(resources.memory_mib) << 20,
            nano_cpus: i64::from(cpu_millis) * 1_000_000,
            pids: i64::from(resources.pids),
        }
    }
}

impl Plan<'_> {
    /// The container as the engine takes it.
    pub(super) fn body(&self) -> ContainerCreateBody {
        let key = self.seat.key();
        let arguments = [
            "serve".to_owned(),
            "--workshop".to_owned(),
            key.workshop.to_string(),
            "--seat".to_owned(),
            key.seat.to_string(),
            "--generation".to_owned(),
            self.seat.generation.to_string(),
            "--keys".to_owned(),
            format!("{RUNTIME}/keys.json"),
        ];
        ContainerCreateBody {
            image: Some(self.image.id.clone()),
            hostname: Some(format!("seat-{}", key.seat)),
            user: Some(format!("{SEAT_UID}:{SEAT_UID}")),
            working_dir: Some(WORKSPACE.to_owned()),
            env: Some(self.environment()),
            entrypoint: Some(vec![format!("{RUNTIME}/clarateach-workspace")]),
            cmd: Some(arguments.into()),
            // The image's own would run inside the learner's limits, for nobody.
            healthcheck: Some(HealthConfig {
                test: Some(vec!["NONE".to_owned()]),
                ..HealthConfig::default()
            }),
            stop_signal: Some("SIGTERM".to_owned()),
            stop_timeout: Some(i64::from(STOP_SECONDS)),
            labels: Some(self.labels()),
            exposed_ports: self.published(),
            host_config: Some(self.host_config()),
            networking_config: Some(NetworkingConfig {
                endpoints_config: Some(HashMap::from([(
                    names::network(&key.workshop),
                    EndpointSettings {
                        ipam_config: Some(EndpointIpamConfig {
                            ipv4_address: Some(self.address.to_string()),
                            ..EndpointIpamConfig::default()
                        }),
                        ..EndpointSettings::default()
                    },
                )])),
            }),
            ..ContainerCreateBody::default()
        }
    }

    /// Its ports that are published, where that is how it is reached.
    fn published(&self) -> Option<Vec<String>> {
        (self.reach == Reach::Published).then(published::names)
    }

    fn environment(&self) -> Vec<String> {
        let mut environment = vec![format!("HOME={HOME}")];
        if ca_bundle(self.runtime).is_some() {
            // For what does not read the system's bundle: OpenSSL's own default, Node.js, Python's requests.
            let variables = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"];
            environment.extend(variables.map(|name| format!("{name}={SYSTEM_CA_BUNDLE}")));
        }
        environment
    }

    fn labels(&self) -> HashMap<String, String> {
        let key = self.seat.key();
        let workshop = &self.seat.workshop;
        text_map([
            (names::INSTANCE, self.instance.to_string()),
            (names::WORKSHOP, key.workshop.to_string()),
            (names::SEAT, key.seat.to_string()),
            (names::TYPE, names::TYPE_WORKSPACE.to_owned()),
            (names::GENERATION, self.seat.generation.to_string()),
            (names::SPEC, self.seat.digest()),
            (names::IMAGE, workshop.image.clone()),
            (names::RESOURCES, spec_text::resources(workshop.resources)),
            (names::EGRESS, spec_text::egress(&workshop.egress)),
            (
                names::BROWSER,
                spec_text::browser(workshop.browser).to_owned(),
            ),
        ])
    }

    fn host_config(&self) -> HostConfig {
        let resources = self.seat.workshop.resources;
        let memory_mib = resources.memory_mib;
        let limits = Limits::of(resources, self.cpus);
        HostConfig {
            memory: Some(limits.memory),
            memory_swap: Some(limits.memory),
            oom_score_adj: Some(OOM_SCORE),
            nano_cpus: Some(limits.nano_cpus),
            pids_limit: Some(limits.pids),
            ulimits: Some(vec![ulimit("nofile", OPEN_FILES), ulimit("core", 0)]),
            shm_size: Some(i64::from(SHM_MIB.min(memory_mib / 4)) << 20),
            readonly_rootfs: Some(true),
            privileged: Some(false),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec![
                "no-new-privileges:true".to_owned(),
                format!("seccomp={}", seccomp::profile()),
            ]),
            ipc_mode: Some("private".to_owned()),
            // Engines on a machine with version 1 of control groups would give the host's.
            cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
            sysctls: Some(sysctls()),
            tmpfs: Some(self.tmpfs()),
            mounts: Some(self.mounts()),
            network_mode: Some(names::network(&self.seat.workshop.id)),
            port_bindings: self.published().map(|ports| published::bindings(&ports)),
            // The mounted resolv.conf counts; this keeps the engine's own resolver, which newer ones
            // run in the host's network, from answering what the firewall refuses.
            dns: Some(vec![Ipv4Addr::LOCALHOST.to_string()]),
            restart_policy: Some(no_restart()),
            log_config: Some(log_config()),
            ..HostConfig::default()
        }
    }

    /// Memory disks count against the seat's memory, and what lies there stays when its writer is
    /// killed: a full one must leave room for shells. Their inodes are limited because empty files
    /// count against nothing.
    fn tmpfs(&self) -> HashMap<String, String> {
        let limits = "nosuid,nodev,nr_inodes=65536";
        let memory = self.seat.workshop.resources.memory_mib;
        let (tmp, volume) = (TMP_MIB.min(memory / 2), VOLUME_MIB.min(memory / 4));
        let mut folders = text_map([
            ("/tmp", format!("rw,exec,{limits},size={tmp}m,mode=1777")),
            (
                "/run",
                format!("rw,{limits},size=16m,mode=0755,uid={SEAT_UID},gid={SEAT_UID}"),
            ),
        ]);
        // A declared volume would be a folder on the host without a limit.
        let volumes = self.image.volumes.iter().filter(|path| !is_ours(path));
        folders.extend(volumes.map(|path| {
            let options =
                format!("rw,{limits},size={volume}m,mode=0755,uid={SEAT_UID},gid={SEAT_UID}");
            (path.clone(), options)
        }));
        folders
    }

    fn mounts(&self) -> Vec<Mount> {
        let mut mounts = vec![
            bind(self.workspace, WORKSPACE, Access::ReadWrite),
            bind(self.runtime, RUNTIME, Access::ReadOnly),
            bind(self.resolv_conf, "/etc/resolv.conf", Access::ReadOnly),
        ];
        mounts.extend(
            ca_bundle(self.runtime).map(|bundle| bind(&bundle, SYSTEM_CA_BUNDLE, Access::ReadOnly)),
        );
        let accounts = [
            (&self.image.passwd, "/etc/passwd"),
            (&self.image.group, "/etc/group"),
        ];
        for (source, target) in accounts {
            mounts.extend(
                source
                    .iter()
                    .map(|path| bind(path, target, Access::ReadOnly)),
            );
        }
        mounts
    }
}

/// The host's certificates, where the seats' folder has them.
pub(super) fn ca_bundle(runtime: &Path) -> Option<PathBuf> {
    let bundle = runtime.join(CA_BUNDLE);
    bundle.exists().then_some(bundle)
}

/// Only the orchestrator starts containers.
pub(super) fn no_restart() -> RestartPolicy {
    RestartPolicy {
        name: Some(RestartPolicyNameEnum::NO),
        maximum_retry_count: None,
    }
}

/// What a container writes does not fill the host's disk.
pub(super) fn log_config() -> HostConfigLogConfig {
    HostConfigLogConfig {
        typ: Some("json-file".to_owned()),
        config: Some(text_map([
            ("max-size", "1m".to_owned()),
            ("max-file", "2".to_owned()),
        ])),
    }
}

/// IPv6 off. A kernel without it has no switches either, and the engine would refuse to set them.
fn sysctls() -> HashMap<String, String> {
    let switches = [
        "net.ipv6.conf.all.disable_ipv6",
        "net.ipv6.conf.default.disable_ipv6",
    ];
    if Path::new("/proc/sys/net/ipv6").exists() {
        text_map(switches.map(|switch| (switch, "1".to_owned())))
    } else {
        HashMap::new()
    }
}

/// Whether something of ours is mounted there already.
fn is_ours(volume: &str) -> bool {
    let path = Path::new(volume);
    path == Path::new("/")
        || [
            WORKSPACE, RUNTIME, "/tmp", "/run", "/etc", "/proc", "/sys", "/dev",
        ]
        .iter()
        .any(|taken| path.starts_with(taken))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    ReadOnly,
    ReadWrite,
}

pub(super) fn bind(source: &Path, target: &str, access: Access) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(source.to_string_lossy().into_owned()),
        target: Some(target.to_owned()),
        read_only: Some(access == Access::ReadOnly),
        ..Mount::default()
    }
}

pub(super) fn ulimit(name: &str, value: i64) -> ResourcesUlimits {
    ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(value),
        hard: Some(value),
    }
}

pub(super) fn text_map<const N: usize>(pairs: [(&str, String); N]) -> HashMap<String, String> {
    pairs
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .collect()
}

/// Makes a seat's container without starting it; its id.
pub(super) async fn create(engine: &Engine, plan: &Plan<'_>) -> Result<String, ProviderError> {
    create_as(engine, &names::container(&plan.seat.key()), plan.body()).await
}

/// Makes a container of that name without starting it; its id.
pub(super) async fn create_as(
    engine: &Engine,
    name: &str,
    body: ContainerCreateBody,
) -> Result<String, ProviderError> {
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    let created = engine
        .call(
            "create the container",
            name,
            WRITE,
            engine.docker().create_container(Some(options), body),
        )
        .await?;
    Ok(created.id)
}

/// Starts a container; one that runs is fine. The inner error is the engine's refusal.
pub(super) async fn start(
    engine: &Engine,
    container: &str,
) -> Result<Result<(), Refusal>, ProviderError> {
    let start = || {
        let options = None::<StartContainerOptions>;
        let call = engine.docker().start_container(container, options);
        engine.attempt("start the container", container, WRITE, call)
    };
    for _ in 1..PORT_ATTEMPTS {
        match start().await? {
            // The engine chose a number that somebody else had; the next time it chooses another.
            Err(refusal) if is_about_a_port(&refusal) => {
                tracing::debug!(container, %refusal, "a published port was taken");
            }
            answer => return Ok(answer),
        }
    }
    start().await
}

fn is_about_a_port(refusal: &Refusal) -> bool {
    let words = ["address already in use", "port is already allocated"];
    words.iter().any(|words| refusal.message.contains(words))
}

/// Stops a container; a stopped or absent one is fine.
pub(super) async fn stop(engine: &Engine, container: &str) -> Result<(), ProviderError> {
    let options = StopContainerOptionsBuilder::new().t(STOP_SECONDS).build();
    engine
        .find(
            "stop the container",
            container,
            WRITE,
            engine.docker().stop_container(container, Some(options)),
        )
        .await
        .map(drop)
}

/// Freezes a container; one that is frozen already, or doesn't run, is fine.
pub(super) async fn pause(engine: &Engine, container: &str) -> Result<(), ProviderError> {
    let call = engine.docker().pause_container(container);
    let operation = "pause the container";
    let paused = engine.attempt(operation, container, READ, call).await?;
    told(operation, container, paused);
    Ok(())
}

/// Lets a frozen container go on; one that isn't is fine.
pub(super) async fn unpause(engine: &Engine, container: &str) -> Result<(), ProviderError> {
    let call = engine.docker().unpause_container(container);
    let operation = "unpause the container";
    let unpaused = engine.attempt(operation, container, READ, call).await?;
    told(operation, container, unpaused);
    Ok(())
}

/// A refusal of what may have been done already: whoever asked looks again.
fn told(operation: &str, container: &str, answer: Result<(), Refusal>) {
    if let Err(refusal) = answer {
        tracing::debug!(container, %refusal, "cannot {operation}");
    }
}

/// Kills and removes a container with its anonymous volumes; an absent one is fine.
pub(super) async fn remove(engine: &Engine, container: &str) -> Result<(), ProviderError> {
    let options = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    let operation = "remove the container";
    let removed = engine
        .attempt(
            operation,
            container,
            WRITE,
            engine.docker().remove_container(container, Some(options)),
        )
        .await?;
    match removed {
        Ok(()) | Err(Refusal { status: 404, .. }) => Ok(()),
        // Somebody else's removal of it is under way.
        Err(Refusal { status: 409, .. }) => wait_until_removed(engine, container).await,
        Err(refusal) => Err(refused(operation, container, refusal)),
    }
}

/// The engine's own wait for a removal never ends when it begins a moment after it.
async fn wait_until_removed(engine: &Engine, container: &str) -> Result<(), ProviderError> {
    engine
        .find(
            "remove the container",
            container,
            WRITE,
            look_until_absent(engine, container),
        )
        .await
        .map(drop)
}

async fn look_until_absent(
    engine: &Engine,
    container: &str,
) -> Result<Infallible, bollard::errors::Error> {
    loop {
        let look = None::<InspectContainerOptions>;
        engine.docker().inspect_container(container, look).await?;
        tokio::time::sleep(UNDER_WAY).await;
    }
}

/// Ids of all containers with these labels, running or not.
pub(super) async fn ids(
    engine: &Engine,
    labels: Vec<String>,
) -> Result<Vec<String>, ProviderError> {
    let containers = list(engine, labels).await?;
    Ok(containers
        .into_iter()
        .filter_map(|found| found.id)
        .collect())
}

/// All containers with these labels, running or not.
pub(super) async fn list(
    engine: &Engine,
    labels: Vec<String>,
) -> Result<Vec<ContainerSummary>, ProviderError> {
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&HashMap::from([("label", labels)]))
        .build();
    engine
        .call(
            "list",
            "containers",
            READ,
            engine.docker().list_containers(Some(options)),
        )
        .await
}

#[cfg(test)]
mod tests;
