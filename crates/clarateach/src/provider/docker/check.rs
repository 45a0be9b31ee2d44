//! What this machine has and lacks for seats, and what to do about it: for `doctor` and readiness.
//!
//! Every finding stands alone; one that can't be looked at says so instead of ending the report.

mod reach;

use std::path::Path;

use bollard::models::{SystemInfo, SystemVersion};

use super::connect::{Engine, READ};
use super::reach::Place;
use super::{DockerProvider, firewall, image, names, network, observe, resolvers, versions};
use crate::model::{Amounts, BrowserPolicy, Resources};
use crate::provider::{Finding, Level, ProviderError, ProviderReport};

/// What workshops use that name no image.
const DEFAULT_IMAGE: &str = "clarateach/workspace:latest";
/// All seats share one user, and so one quota of the kernel's.
const INOTIFY_INSTANCES: u64 = 1024;
const INOTIFY_WATCHES: u64 = 524_288;
/// Less room than this, and a class that installs packages fills the disk.
const FREE_GIB: u64 = 10;
/// CAP_NET_ADMIN and CAP_SYS_ADMIN (capability.h).
const CAPABILITIES: u64 = 1 << 12 | 1 << 21;

impl DockerProvider {
    /// Everything that matters for seats, looked at now.
    pub(super) async fn report(&self) -> ProviderReport {
        let mut findings = match self.engine().await {
            Ok(engine) => self.engine_findings(engine).await,
            Err(error) => vec![unreachable(&error)],
        };
        // Elsewhere this process' own rights isolate nobody.
        let is_here = matches!(self.ground().await, Ok(ground) if ground.place == Place::Here);
        findings.extend(is_here.then(privileges));
        findings.extend([
            self.firewall().await,
            self.disks_with_a_size().await,
            self.room(),
            self.seats_that_fit().await,
            inotify(),
            self.name_servers(),
        ]);
        ProviderReport {
            provider: "docker",
            findings,
        }
    }

    async fn engine_findings(&self, engine: &Engine) -> Vec<Finding> {
        let asked = async {
            let version = engine
                .call("ask", "the engine", READ, engine.docker().version())
                .await?;
            Ok::<_, ProviderError>((version, engine.info().await?))
        };
        let (version, info) = match asked.await {
            Ok(answers) => answers,
            Err(error) => return vec![unreachable(&error)],
        };
        let mut findings = vec![reached(engine, &version)];
        findings.extend(versions::known_bad(&version));
        findings.extend(self.kept_networks(engine).await);
        findings.extend([
            self.network_of_the_engine().await,
            forwarding(&info),
            limits(&info),
            system_call_filter(&info),
            live_restore(&info),
            self.default_image(engine).await,
            self.browser_image(engine).await,
            self.seat_networks(engine).await,
        ]);
        findings
    }

    /// Networks of workshops that are over; nothing else tells of one that the engine keeps.
    async fn kept_networks(&self, engine: &Engine) -> Option<Finding> {
        let instance = &self.config.instance;
        let mut kept = network::workshops(engine, instance).await.ok()?;
        let mut present = self.disks.workshops();
        present.extend(observe::workshops(engine, instance).await.ok()?);
        let tables = firewall::workshops(self.keeper().await.ok()?, instance).await;
        present.extend(tables.unwrap_or_default());
        kept.retain(|workshop| !present.contains(workshop));
        let names: Vec<String> = kept.iter().map(names::network).collect();
        (!names.is_empty()).then(|| {
            weak(
                "kept_networks",
                format!(
                    "the engine keeps networks of workshops that are over, though nobody is in them: {}",
                    names.join(", ")
                ),
                "restart the engine (`systemctl restart docker`); the server removes them then",
            )
        })
    }

    async fn disks_with_a_size(&self) -> Finding {
        let code = "seat_disks";
        match self.disks.probe().await {
            Ok(()) => good(code, "seats get disks with a size (loop devices, ext4)"),
            Err(detail) => weak(
                code,
                format!("seats' disks have no limit and one can fill this machine's: {detail}"),
                "run as root where /dev/loop-control exists, with the packages e2fsprogs and mount",
            ),
        }
    }

    fn room(&self) -> Finding {
        let code = "disk_space";
        let folder = self.config.data_dir.ancestors().find(|path| path.exists());
        let folder = folder.unwrap_or(Path::new("/"));
        let Ok(disk) = rustix::fs::statvfs(folder) else {
            return weak(code, "cannot tell how much room there is", "look with `df`");
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize) >> 30;
        let message = format!("{free} GiB are free at {}", folder.display());
        if free >= FREE_GIB {
            good(code, message)
        } else {
            weak(
                code,
                message,
                "make room, or set CLARATEACH_DATA_DIR to a larger disk",
            )
        }
    }

    async fn seats_that_fit(&self) -> Finding {
        let code = "capacity";
        let machine = match self.machine().await {
            Ok(machine) => machine,
            Err(error) => {
                return weak(
                    code,
                    format!("cannot tell how many seats fit: {error}"),
                    "see to the engine first",
                );
            }
        };
        let fit = machine.seats_left(Amounts::default(), Resources::default());
        let each = (Resources::default(), BrowserPolicy::Off);
        let sharing = machine.seats_left_sharing(Amounts::default(), each);
        let message = format!(
            "{fit} seats of the default size fit on this machine for certain ({} for seats), {sharing} while none uses more than a quarter of its limits",
            machine.for_seats
        );
        if fit > 0 {
            good(code, message)
        } else {
            weak(
                code,
                message,
                "give seats smaller limits, or use a larger machine",
            )
        }
    }

    fn name_servers(&self) -> Finding {
        let servers = self.resolvers();
        let list: Vec<String> = servers.iter().map(ToString::to_string).collect();
        let message = format!("seats ask the name servers {}", list.join(", "));
        if servers == resolvers::PUBLIC && self.config.resolvers.is_empty() {
            weak(
                "name_servers",
                format!("{message}, since this machine names only itself"),
                "set name servers that seats can reach, where a network blocks public ones",
            )
        } else {
            good("name_servers", message)
        }
    }

    async fn default_image(&self, engine: &Engine) -> Finding {
        let code = "image";
        match self
            .images
            .find(engine, &self.config.instance, DEFAULT_IMAGE)
            .await
        {
            Ok(()) => good(code, format!("the image {DEFAULT_IMAGE} is there")),
            Err(error) => bad(code, error.to_string(), "build it with `./x images`"),
        }
    }

    /// Seats work without it; else the first learner who opens the panel would be the one to find out.
    async fn browser_image(&self, engine: &Engine) -> Finding {
        let code = "browser_image";
        let name = &self.config.browser.image;
        match image::inspect(engine, name).await {
            Ok(Some(_)) => good(code, format!("the browsers' image {name} is there")),
            Ok(None) => weak(
                code,
                format!(
                    "the browsers' image {name} is not there: seats' browsers can't start, or wait until it is pulled"
                ),
                if name.starts_with(image::OWN) {
                    "build it with `./x images --only browser`"
                } else {
                    "`docker pull` it, or name another with CLARATEACH_BROWSER_IMAGE"
                },
            ),
            Err(error) => weak(code, error.to_string(), "ask again when the engine answers"),
        }
    }

    async fn seat_networks(&self, engine: &Engine) -> Finding {
        let code = "seat_networks";
        let pool = self.config.seat_networks;
        match network::collisions(engine, &self.config.instance, pool).await {
            Ok(taken) if taken.is_empty() => good(code, format!("seats are numbered in {pool}")),
            Ok(taken) => {
                let list: Vec<String> = taken.iter().map(ToString::to_string).collect();
                weak(
                    code,
                    format!("parts of {pool} are used by others: {}", list.join(", ")),
                    "they are left out; set CLARATEACH_SEAT_NETWORKS if that leaves too few",
                )
            }
            Err(error) => weak(code, error.to_string(), "ask again when the engine answers"),
        }
    }
}

fn unreachable(error: &ProviderError) -> Finding {
    let remedy = match error {
        ProviderError::Unreachable { hint, .. } => hint.clone(),
        _ => "look at the engine's log: `journalctl -u docker`".to_owned(),
    };
    bad("engine", error.to_string(), &remedy)
}

fn reached(engine: &Engine, version: &SystemVersion) -> Finding {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let parts: Vec<String> = versions::components(version)
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    good(
        "engine",
        format!(
            "Docker Engine {} (API {}) answers at {}; {}; kernel {}",
            text(&version.version),
            text(&version.api_version),
            engine.endpoint(),
            parts.join(", "),
            text(&version.kernel_version),
        ),
    )
}

fn forwarding(info: &SystemInfo) -> Finding {
    let code = "ip_forwarding";
    if info.ipv4_forwarding == Some(true) {
        good(code, "IPv4 is forwarded, so seats reach the internet")
    } else {
        bad(
            code,
            "IPv4 is not forwarded, so seats reach nothing",
            "sysctl -w net.ipv4.ip_forward=1",
        )
    }
}

fn limits(info: &SystemInfo) -> Finding {
    let version = info.cgroup_version.map(|version| version.to_string());
    let version = version.unwrap_or_else(|| "of unknown version".to_owned());
    let needed = [
        ("memory", info.memory_limit),
        ("swap", info.swap_limit),
        ("processes", info.pids_limit),
        ("CPU", info.cpu_cfs_quota),
    ];
    let missing: Vec<&str> = needed
        .iter()
        .filter_map(|(name, there)| (*there != Some(true)).then_some(*name))
        .collect();
    if missing.is_empty() {
        good("limits", format!("seats can be limited (cgroup {version})"))
    } else {
        weak(
            "limits",
            format!("no limits for: {} (cgroup {version})", missing.join(", ")),
            "boot with cgroup_enable=memory swapaccount=1, or with cgroup v2",
        )
    }
}

fn system_call_filter(info: &SystemInfo) -> Finding {
    let code = "seccomp";
    let options = info.security_options.iter().flatten();
    if options.into_iter().any(|option| option.contains("seccomp")) {
        good(code, "system calls are filtered (seccomp)")
    } else {
        bad(
            code,
            "the engine can't filter system calls",
            "use a kernel and an engine with seccomp",
        )
    }
}

fn live_restore(info: &SystemInfo) -> Finding {
    let code = "live_restore";
    if info.live_restore_enabled == Some(true) {
        good(code, "seats outlive a restart of the engine")
    } else {
        weak(
            code,
            "a restart of the engine stops every seat; files stay, shells do not",
            "set \"live-restore\": true in /etc/docker/daemon.json and reload the engine",
        )
    }
}

fn privileges() -> Finding {
    let code = "privileges";
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|value| u64::from_str_radix(value.trim(), 16).ok())
        .unwrap_or_default();
    if effective & CAPABILITIES == CAPABILITIES {
        good(code, "this process may set firewall, bridges and disks")
    } else {
        weak(
            code,
            "this process lacks CAP_NET_ADMIN or CAP_SYS_ADMIN: seats are isolated less, their disks have no limit",
            "run as root, or give the service both capabilities",
        )
    }
}

fn inotify() -> Finding {
    let code = "inotify";
    let read = |name: &str| -> u64 {
        let path = format!("/proc/sys/fs/inotify/{name}");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.trim().parse().unwrap_or_default()
    };
    let (instances, watches) = (read("max_user_instances"), read("max_user_watches"));
    let message = format!("all seats together may watch files {instances} times, {watches} files");
    if instances >= INOTIFY_INSTANCES && watches >= INOTIFY_WATCHES {
        good(code, message)
    } else {
        weak(
            code,
            message,
            &format!(
                "sysctl -w fs.inotify.max_user_instances={INOTIFY_INSTANCES} fs.inotify.max_user_watches={INOTIFY_WATCHES}"
            ),
        )
    }
}

pub(super) fn good(code: &'static str, message: impl Into<String>) -> Finding {
    Finding {
        level: Level::Good,
        code,
        message: message.into(),
        remedy: None,
    }
}

pub(super) fn weak(code: &'static str, message: impl Into<String>, remedy: &str) -> Finding {
    Finding {
        level: Level::Warning,
        code,
        message: message.into(),
        remedy: Some(remedy.to_owned()),
    }
}

pub(super) fn bad(code: &'static str, message: impl Into<String>, remedy: &str) -> Finding {
    Finding {
        level: Level::Error,
        ..weak(code, message, remedy)
    }
}
