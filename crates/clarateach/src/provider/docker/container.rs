//! A seat's container: what it is made of. Making, starting, stopping and removing one is in `container/life.rs`.
//!
//! Nothing personal and nothing secret goes in: learners, keys and files are bound to it later.

mod life;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HealthConfig, HostConfig,
    HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount, MountType, NetworkingConfig,
    ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};

use super::disk::SEAT_UID;
use super::image::Image;
use super::names::{self, InstanceId};
use super::published;
use super::reach::Reach;
use super::seccomp;
use crate::model::Resources;
use crate::provider::{SeatSpec, spec_text};
use crate::seat_runtime::CA_BUNDLE;
pub(super) use life::{create, create_as, ids, list, pause, remove, start, stop, unpause};

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
/// No program in a container gains what its caller has not (an engine warns of `:` in place of `=`).
pub(super) const NO_NEW_PRIVILEGES: &str = "no-new-privileges=true";
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
                NO_NEW_PRIVILEGES.to_owned(),
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

#[cfg(test)]
mod tests;
