//! What the seat uses, from its control group: version 2, or version 1's separate trees.

use std::fs;
use std::path::Path;
use std::time::Duration;

use clarateach_protocol::seat::{Activity, CpuUsage, MemoryUsage, OutOfMemory, Stats, Usage};
use parking_lot::Mutex;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::files::root::Root;

const CGROUP: &str = "/sys/fs/cgroup";
/// Version 1 writes "no limit" as a number near 2^63.
const NO_LIMIT_FROM: u64 = 1 << 60;

/// Between two looks for kills: one small file.
const KILLS_INTERVAL: Duration = Duration::from_secs(5);

/// Reads the counters; one that the host doesn't have is 0 without a limit. Blocks.
pub(crate) fn read_stats(root: &Root, kills: &Kills, activity: Option<Activity>) -> Stats {
    let group = Path::new(CGROUP);
    let (memory, pids, cpu) = if is_version_2(group) {
        read_version_2(group)
    } else {
        read_version_1(group)
    };
    kills.look(group);
    Stats {
        memory,
        disk: root.disk_usage(),
        pids,
        cpu,
        out_of_memory: kills.state.lock().told.clone(),
        activity,
    }
}

fn is_version_2(group: &Path) -> bool {
    group.join("cgroup.controllers").exists()
}

/// Kills for want of memory since this server started: the kernel counts them, nobody notes when.
pub(crate) struct Kills {
    state: Mutex<KillState>,
}

struct KillState {
    /// The kernel's count when we started, and at the last look.
    before: u64,
    counted: u64,
    told: OutOfMemory,
}

impl Kills {
    pub(crate) fn new() -> Self {
        let counted = count_kills(Path::new(CGROUP));
        Self {
            state: Mutex::new(KillState {
                before: counted,
                counted,
                told: OutOfMemory::default(),
            }),
        }
    }

    /// Looks now and then until the server stops.
    pub(crate) async fn watch(&self, stop: CancellationToken) {
        let mut ticks = interval(KILLS_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // The kernel's files are in memory: reading one doesn't block.
                _ = ticks.tick() => self.look(Path::new(CGROUP)),
                () = stop.cancelled() => return,
            }
        }
    }

    fn look(&self, group: &Path) {
        let counted = count_kills(group);
        let mut state = self.state.lock();
        if counted > state.counted {
            state.counted = counted;
            state.told = OutOfMemory {
                kills: counted - state.before,
                last_at: OffsetDateTime::now_utc()
                    .replace_nanosecond(0)
                    .ok()
                    .and_then(|now| now.format(&Rfc3339).ok()),
            };
            tracing::warn!(kills = state.told.kills, "the seat ran out of memory");
        }
    }
}

fn count_kills(group: &Path) -> u64 {
    let file = match is_version_2(group) {
        true => "memory.events",
        false => "memory/memory.oom_control",
    };
    let text = fs::read_to_string(group.join(file)).unwrap_or_default();
    value_of(&text, "oom_kill")
}

/// The number behind a name, in a file of such lines.
fn value_of(text: &str, name: &str) -> u64 {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(found, _)| *found == name)
        .map_or(0, |(_, value)| number(value))
}

fn memory(usage: Usage, stat: &str, reclaimable: &[&str]) -> MemoryUsage {
    let reclaimable: u64 = reclaimable.iter().map(|name| value_of(stat, name)).sum();
    MemoryUsage {
        used: usage.used,
        limit: usage.limit,
        reclaimable: reclaimable.min(usage.used),
    }
}

fn read_version_2(group: &Path) -> (MemoryUsage, Usage, CpuUsage) {
    let text = |name: &str| fs::read_to_string(group.join(name)).unwrap_or_default();
    let used_microseconds = text("cpu.stat")
        .lines()
        .find_map(|line| line.strip_prefix("usage_usec "))
        .map_or(0, number);
    let limit_millicores = text("cpu.max")
        .split_once(' ')
        .and_then(|(quota, period)| millicores(quota, period));
    let cpu = CpuUsage {
        used_microseconds,
        limit_millicores,
    };
    (
        memory(
            usage(&text("memory.current"), &text("memory.max")),
            &text("memory.stat"),
            &["inactive_file", "active_file", "slab_reclaimable"],
        ),
        usage(&text("pids.current"), &text("pids.max")),
        cpu,
    )
}

fn read_version_1(group: &Path) -> (MemoryUsage, Usage, CpuUsage) {
    let text = |name: &str| fs::read_to_string(group.join(name)).unwrap_or_default();
    let cpu = CpuUsage {
        used_microseconds: number(&text("cpuacct/cpuacct.usage")) / 1000,
        limit_millicores: millicores(
            &text("cpu/cpu.cfs_quota_us"),
            &text("cpu/cpu.cfs_period_us"),
        ),
    };
    (
        memory(
            usage(
                &text("memory/memory.usage_in_bytes"),
                &text("memory/memory.limit_in_bytes"),
            ),
            &text("memory/memory.stat"),
            &["total_inactive_file", "total_active_file"],
        ),
        usage(&text("pids/pids.current"), &text("pids/pids.max")),
        cpu,
    )
}

fn number(text: &str) -> u64 {
    text.trim().parse().unwrap_or(0)
}

fn usage(used: &str, limit: &str) -> Usage {
    Usage {
        used: number(used),
        // "max" and the absent file: no limit.
        limit: limit
            .trim()
            .parse()
            .ok()
            .filter(|limit| *limit < NO_LIMIT_FROM),
    }
}

/// A quota of "max" or -1 is no limit.
fn millicores(quota: &str, period: &str) -> Option<u64> {
    let quota: u64 = quota.trim().parse().ok()?;
    let period: u64 = period.trim().parse().ok()?;
    (quota * 1000).checked_div(period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn version_2_is_read() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "memory.current", "1048576\n");
        write(folder.path(), "memory.max", "max\n");
        let stat = "anon 1\ninactive_file 300\nactive_file 20\nslab_reclaimable 1\n";
        write(folder.path(), "memory.stat", stat);
        write(folder.path(), "pids.current", "7\n");
        write(folder.path(), "pids.max", "256\n");
        write(
            folder.path(),
            "cpu.stat",
            "usage_usec 1500\nuser_usec 1000\n",
        );
        write(folder.path(), "cpu.max", "150000 100000\n");
        let (memory, pids, cpu) = read_version_2(folder.path());
        assert_eq!((memory.used, memory.limit), (1_048_576, None));
        assert_eq!(memory.reclaimable, 321);
        assert_eq!((pids.used, pids.limit), (7, Some(256)));
        assert_eq!(
            (cpu.used_microseconds, cpu.limit_millicores),
            (1500, Some(1500))
        );
    }

    #[test]
    fn kills_are_counted_from_the_start_and_dated() {
        for (marker, file) in [
            (Some("cgroup.controllers"), "memory.events"),
            (None, "memory/memory.oom_control"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            if let Some(marker) = marker {
                write(folder.path(), marker, "memory\n");
            }
            let say =
                |kills: u64| write(folder.path(), file, &format!("oom 9\noom_kill {kills}\n"));
            say(3);
            let before = count_kills(folder.path());
            let kills = Kills {
                state: Mutex::new(KillState {
                    before,
                    counted: before,
                    told: OutOfMemory::default(),
                }),
            };
            kills.look(folder.path());
            assert_eq!(kills.state.lock().told, OutOfMemory::default());
            say(5);
            kills.look(folder.path());
            let told = kills.state.lock().told.clone();
            assert!(
                told.kills == 2 && told.last_at.unwrap().ends_with('Z'),
                "{file}"
            );
        }
    }

    #[test]
    fn version_1_is_read() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "memory/memory.usage_in_bytes", "42\n");
        let stat = "inactive_file 7\ntotal_inactive_file 30\ntotal_active_file 99\n";
        write(folder.path(), "memory/memory.stat", stat);
        write(
            folder.path(),
            "memory/memory.limit_in_bytes",
            "9223372036854771712\n",
        );
        write(folder.path(), "cpuacct/cpuacct.usage", "2000000\n");
        write(folder.path(), "cpu/cpu.cfs_quota_us", "-1\n");
        write(folder.path(), "cpu/cpu.cfs_period_us", "100000\n");
        let (memory, pids, cpu) = read_version_1(folder.path());
        assert_eq!((memory.used, memory.limit), (42, None));
        assert_eq!(memory.reclaimable, 42, "never more than there is");
        assert_eq!((pids.used, pids.limit), (0, None));
        assert_eq!((cpu.used_microseconds, cpu.limit_millicores), (2000, None));
    }
}
