//! Removes what a killed server left: its temporary files, and nothing else.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, openat, statat, unlinkat};

use super::list::names;
use super::path::FilePath;
use super::root::{Root, kind};
use super::write::is_temporary_name;
use super::{MAX_DEPTH, remove};

/// Folders that are looked through at the most.
const MAX_FOLDERS: usize = 50_000;

/// File systems take their times from a clock that ticks with the kernel, at least every 10 ms.
const CLOCK_LAG: Duration = Duration::from_millis(50);

/// Walks the tree once; blocks. What is newer than this server is its own.
pub(crate) fn sweep(root: &Root, started: SystemTime) {
    let started = started
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .saturating_sub(CLOCK_LAG);
    let mut queue = VecDeque::from([FilePath::root()]);
    let (mut folders, mut removed) = (0, 0);
    while let Some(path) = queue.pop_front() {
        folders += 1;
        if folders > MAX_FOLDERS || path.depth() > MAX_DEPTH {
            continue;
        }
        let Ok(folder) = root.open_folder_without_links(&path) else {
            continue;
        };
        let Ok(found) = names(&folder) else {
            continue;
        };
        for name in found.flatten() {
            let Ok(stat) = statat(&folder, name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let is_folder = kind(&stat) == FileType::Directory;
            if !is_temporary_name(name.to_bytes()) {
                if is_folder {
                    queue.push_back(path.join(name.to_bytes()));
                }
            } else if changed_at(&stat) < started {
                removed += usize::from(discard(&folder, &name, is_folder));
            }
        }
    }
    if removed > 0 {
        tracing::info!(removed, "removed what an earlier server left half-made");
    }
}

/// Since 1970; what is older counts as from then.
fn changed_at(stat: &Stat) -> Duration {
    let seconds = u64::try_from(stat.st_ctime).unwrap_or_default();
    let nanoseconds = u32::try_from(stat.st_ctime_nsec).unwrap_or_default();
    Duration::new(seconds, nanoseconds)
}

fn discard(folder: &OwnedFd, name: &std::ffi::CStr, is_folder: bool) -> bool {
    if !is_folder {
        return unlinkat(folder, name, AtFlags::empty()).is_ok();
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(tree) = openat(folder, name, flags, Mode::empty()) else {
        return false;
    };
    let emptied = remove::empty(&tree, &FilePath::root(), MAX_DEPTH);
    emptied.is_ok() && unlinkat(folder, name, AtFlags::REMOVEDIR).is_ok()
}
