//! What this machine has for seats: memory as the engine sees it, disk below the data directory,
//! processes as the kernel allows.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::DockerProvider;
use crate::model::{Amounts, Capacity};
use crate::provider::ProviderError;

/// Where the kernel says how many processes and threads there may be (proc_sys_kernel(5)).
const PROCESS_LIMITS: [&str; 2] = ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"];

impl DockerProvider {
    pub(super) async fn machine(&self) -> Result<Capacity, ProviderError> {
        let memory = self.memory.get_or_try_init(|| async {
            let info = self.engine().await?.info().await?;
            let bytes = info.mem_total.and_then(|bytes| u64::try_from(bytes).ok());
            // An engine that doesn't say limits nobody.
            Ok::<_, ProviderError>(bytes.map_or(u64::from(u32::MAX), |bytes| bytes >> 20))
        });
        let memory_mib = *memory.await?;
        let seats = self.disks.folder().to_owned();
        let data_dir = self.config.data_dir.clone();
        let disk = move || (free_bytes(&data_dir) + used_bytes(&seats)) >> 20;
        let disk_mib = tokio::task::spawn_blocking(disk).await.unwrap_or(0);
        Ok(Capacity::of_machine(Amounts {
            memory_mib,
            disk_mib,
            pids: processes(),
        }))
    }
}

fn free_bytes(folder: &Path) -> u64 {
    let there = folder.ancestors().find(|path| path.exists());
    let disk = rustix::fs::statvfs(there.unwrap_or(Path::new("/")));
    disk.map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// What seats' disks take already: it is part of what they may take.
fn used_bytes(seats: &Path) -> u64 {
    let below = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries
            .flatten()
            .map(|entry| entry.path())
            .collect::<Vec<_>>()
    };
    let files = below(seats)
        .into_iter()
        .flat_map(|it| below(&it))
        .flat_map(|it| below(&it));
    files
        .filter(|path| path.extension().is_some_and(|it| it == "ext4"))
        .filter_map(|path| path.metadata().ok())
        .map(|meta| meta.blocks() * 512)
        .sum()
}

fn processes() -> u64 {
    let limit = |path: &&str| std::fs::read_to_string(path).ok()?.trim().parse().ok();
    PROCESS_LIMITS
        .iter()
        .filter_map(limit)
        .min()
        .unwrap_or(u64::from(u32::MAX))
}
