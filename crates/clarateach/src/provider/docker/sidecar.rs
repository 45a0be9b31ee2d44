//! A seat's browser: a second container in the seat's network namespace.
//!
//! It belongs to one start of the seat, which its label names: the namespace of an earlier one is deaf.
//! Making one, and bringing it to a state, is in `browser.rs`.

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerState, HealthConfig, HostConfig,
    HostConfigCgroupnsModeEnum,
};
use clarateach_protocol::id::SeatKey;

use super::container::{
    self, Access, SYSTEM_CA_BUNDLE, bind, log_config, no_restart, text_map, ulimit,
};
use super::disk::SEAT_UID;
use super::names::{self, InstanceId};
use super::observe::{self, Phase};
use super::seccomp;
use crate::browser::{BrowserEngine, BrowserStart};
use crate::model::Reason;
use crate::provider::{BrowserStatus, Instance};

/// What one browser may use: a page of some weight, and its picture encoded 25 times a second.
const MEMORY_MIB: i64 = 2048;
/// It counts with less than its limit: where the machine runs out of memory the kernel takes it first,
/// before any seat's program (proc_pid_oom_score_adj(5)).
const OOM_SCORE: i64 = 900;
const CPU_MILLIS: u32 = 1500;
const PIDS: i64 = 512;
/// Firefox hands pictures from process to process here.
const SHM_MIB: i64 = 256;
const OPEN_FILES: i64 = 16_384;
/// Profile, downloads and sockets; they count against the memory.
const HOME: &str = "/home/browser";
const HOME_MIB: u32 = 384;
const TMP_MIB: u32 = 128;
/// Nothing of it is kept.
const STOP_SECONDS: i64 = 1;

/// All that a browser's container is made from.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) instance: &'a InstanceId,
    /// The seat as it runs now.
    pub(super) seat: &'a Instance,
    pub(super) engine: &'a BrowserEngine,
    pub(super) image: &'a str,
    pub(super) start: &'a BrowserStart,
    pub(super) resolv_conf: &'a Path,
    /// CA bundle that seats trust, where there is one.
    pub(super) ca_bundle: Option<&'a Path>,
    /// CPUs of the engine's machine.
    pub(super) cpus: u32,
}

impl Plan<'_> {
    /// The container as the engine takes it.
    pub(super) fn body(&self) -> ContainerCreateBody {
        ContainerCreateBody {
            image: Some(self.image.to_owned()),
            user: Some(format!("{SEAT_UID}:{SEAT_UID}")),
            working_dir: Some(HOME.to_owned()),
            env: Some(self.environment()),
            cmd: Some(self.engine.command)
                .filter(|command| !command.is_empty())
                .map(|command| command.iter().map(ToString::to_string).collect()),
            healthcheck: Some(HealthConfig {
                test: Some(vec!["NONE".to_owned()]),
                ..HealthConfig::default()
            }),
            stop_timeout: Some(STOP_SECONDS),
            labels: Some(self.labels()),
            host_config: Some(self.host_config()),
            ..ContainerCreateBody::default()
        }
    }

    fn environment(&self) -> Vec<String> {
        let variables = self.engine.environment(self.start).into_iter();
        variables
            .chain([("HOME", HOME.to_owned())])
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    fn labels(&self) -> HashMap<String, String> {
        let seat = self.seat;
        text_map([
            (names::INSTANCE, self.instance.to_string()),
            (names::WORKSHOP, seat.workshop.to_string()),
            (names::SEAT, seat.seat.to_string()),
            (names::TYPE, names::TYPE_BROWSER.to_owned()),
            (names::GENERATION, seat.generation.to_string()),
            (names::PARENT, seat.incarnation.clone()),
            (names::IMAGE, self.image.to_owned()),
        ])
    }

    fn host_config(&self) -> HostConfig {
        let memory = MEMORY_MIB << 20;
        // The engine refuses more than the machine has.
        let cpu_millis = CPU_MILLIS.min(self.cpus.saturating_mul(1000));
        let mut mounts = vec![bind(self.resolv_conf, "/etc/resolv.conf", Access::ReadOnly)];
        mounts.extend(
            self.ca_bundle
                .map(|bundle| bind(bundle, SYSTEM_CA_BUNDLE, Access::ReadOnly)),
        );
        HostConfig {
            network_mode: Some(format!("container:{}", self.seat.id)),
            memory: Some(memory),
            memory_swap: Some(memory),
            oom_score_adj: Some(OOM_SCORE),
            nano_cpus: Some(i64::from(cpu_millis) * 1_000_000),
            pids_limit: Some(PIDS),
            ulimits: Some(vec![ulimit("nofile", OPEN_FILES), ulimit("core", 0)]),
            shm_size: Some(SHM_MIB << 20),
            readonly_rootfs: Some(true),
            privileged: Some(false),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec![
                container::NO_NEW_PRIVILEGES.to_owned(),
                format!("seccomp={}", seccomp::profile()),
            ]),
            ipc_mode: Some("private".to_owned()),
            cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
            tmpfs: Some(tmpfs()),
            mounts: Some(mounts),
            restart_policy: Some(no_restart()),
            log_config: Some(log_config()),
            ..HostConfig::default()
        }
    }
}

fn tmpfs() -> HashMap<String, String> {
    let limits = "rw,nosuid,nodev,nr_inodes=65536";
    let own = format!("uid={SEAT_UID},gid={SEAT_UID}");
    text_map([
        ("/tmp", format!("{limits},size={TMP_MIB}m,mode=1777")),
        ("/run", format!("{limits},size=16m,mode=0755,{own}")),
        (HOME, format!("{limits},size={HOME_MIB}m,mode=0700,{own}")),
    ])
}

/// A browser's container that is there.
#[derive(Debug, Clone)]
pub(super) struct Sidecar {
    pub(super) id: String,
    pub(super) seat: SeatKey,
    /// The start of the seat that it was made for.
    parent: String,
    phase: Phase,
    /// Why it doesn't run, where it ran.
    ended: Option<Reason>,
}

impl Sidecar {
    /// A container as a browser; `None` when it isn't one of ours.
    pub(super) fn read(inspect: &ContainerInspectResponse, ours: &InstanceId) -> Option<Self> {
        let labels = inspect.config.as_ref()?.labels.as_ref()?;
        let is_ours = *labels.get(names::INSTANCE)? == ours.to_string()
            && *labels.get(names::TYPE)? == names::TYPE_BROWSER;
        let state = inspect.state.as_ref().filter(|_| is_ours)?;
        let phase = observe::phase(state);
        Some(Self {
            id: inspect.id.clone()?,
            seat: names::seat(labels)?,
            // One without it is nobody's, and made anew.
            parent: labels.get(names::PARENT).cloned().unwrap_or_default(),
            phase,
            ended: (phase == Phase::Exited).then(|| exit_reason(state)),
        })
    }

    /// What it is to a start of its seat, which runs or not.
    pub(super) fn status(&self, incarnation: &str, seat: Phase) -> BrowserStatus {
        let stale = |code: &str, message: &str| BrowserStatus::Stale {
            reason: Reason::new(code, message),
        };
        if self.parent != incarnation {
            return stale(
                "seat_restarted",
                "the browser was made for another start of the seat",
            );
        }
        match (self.phase, seat) {
            (Phase::Running, Phase::Running) => BrowserStatus::Running,
            (Phase::Paused, Phase::Running) => BrowserStatus::Paused,
            (Phase::Running | Phase::Paused, _) => stale("seat_stopped", "the seat does not run"),
            (Phase::Exited, _) => BrowserStatus::Stale {
                reason: self
                    .ended
                    .clone()
                    .unwrap_or_else(|| Reason::new("exited", "the browser ended")),
            },
            _ => stale("half_made", "the browser was not made to its end"),
        }
    }
}

fn exit_reason(state: &ContainerState) -> Reason {
    let code = state.exit_code.unwrap_or_default();
    if state.oom_killed == Some(true) {
        Reason::new(
            "out_of_memory",
            "the browser used more memory than its limit and was stopped",
        )
    } else {
        Reason::new("exited", format!("the browser ended with code {code}"))
    }
}

#[cfg(test)]
mod tests;
