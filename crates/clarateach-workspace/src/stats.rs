//! What the seat uses, from its control group: version 2, or version 1's separate trees.

use std::fs;
use std::path::Path;

use clarateach_protocol::seat::{CpuUsage, Stats, Usage};

use crate::files::root::Root;

const CGROUP: &str = "/sys/fs/cgroup";
/// Version 1 writes "no limit" as a number near 2^63.
const NO_LIMIT_FROM: u64 = 1 << 60;

/// Reads the counters; one that the host doesn't have is 0 without a limit. Blocks.
pub(crate) fn read_stats(root: &Root) -> Stats {
    let group = Path::new(CGROUP);
    let (memory, pids, cpu) = if group.join("cgroup.controllers").exists() {
        read_version_2(group)
    } else {
        read_version_1(group)
    };
    Stats {
        memory,
        disk: root.disk_usage(),
        pids,
        cpu,
    }
}

fn read_version_2(group: &Path) -> (Usage, Usage, CpuUsage) {
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
        usage(&text("memory.current"), &text("memory.max")),
        usage(&text("pids.current"), &text("pids.max")),
        cpu,
    )
}

fn read_version_1(group: &Path) -> (Usage, Usage, CpuUsage) {
    let text = |name: &str| fs::read_to_string(group.join(name)).unwrap_or_default();
    let cpu = CpuUsage {
        used_microseconds: number(&text("cpuacct/cpuacct.usage")) / 1000,
        limit_millicores: millicores(
            &text("cpu/cpu.cfs_quota_us"),
            &text("cpu/cpu.cfs_period_us"),
        ),
    };
    (
        usage(
            &text("memory/memory.usage_in_bytes"),
            &text("memory/memory.limit_in_bytes"),
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
        assert_eq!((pids.used, pids.limit), (7, Some(256)));
        assert_eq!(
            (cpu.used_microseconds, cpu.limit_millicores),
            (1500, Some(1500))
        );
    }

    #[test]
    fn version_1_is_read() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "memory/memory.usage_in_bytes", "42\n");
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
        assert_eq!((pids.used, pids.limit), (0, None));
        assert_eq!((cpu.used_microseconds, cpu.limit_millicores), (2000, None));
    }
}
