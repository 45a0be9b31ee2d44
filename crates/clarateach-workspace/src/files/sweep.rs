//! Removes what a killed server left: its temporary files, and nothing else.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, statat, unlinkat};

use super::list::names;
use super::path::FilePath;
use super::root::{Root, kind};
use super::write::{is_own_temporary_name, is_temporary_name};
use super::{MAX_DEPTH, remove};

/// Folders that are looked through at the most.
const MAX_FOLDERS: usize = 50_000;

/// Walks the tree once; blocks.
pub(crate) fn sweep(root: &Root) {
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
            } else if !is_own_temporary_name(name.to_bytes()) {
                removed += usize::from(discard(&folder, &name, is_folder));
            }
        }
    }
    if removed > 0 {
        tracing::info!(removed, "removed what an earlier server left half-made");
    }
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
