//! Where folders can't be watched they are looked at now and then: a fingerprint each.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, FileType, statat};

use super::super::list::names;
use super::super::path::FilePath;
use super::super::root::{Root, kind};
use super::super::write::is_temporary_name;
use super::tree::is_busy;

/// Between two looks; and looking takes at most a fiftieth of the time.
const INTERVAL: Duration = Duration::from_secs(2);
const SHARE: u32 = 50;
/// What one look takes in at the most.
const MAX_FOLDERS: usize = 512;
const MAX_ENTRIES: usize = 8192;
/// How often a tree is told as changed that is too large to look at.
const TOO_LARGE_INTERVAL: Duration = Duration::from_secs(10);

/// What the folders looked like the last time.
pub(super) struct Poller {
    prints: HashMap<FilePath, u64>,
    pub(super) next: Instant,
    told_too_large: Instant,
}

impl Poller {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            prints: HashMap::new(),
            next: now,
            told_too_large: now,
        }
    }

    /// Looks at these trees; the folders whose content differs. What is new is not told: there was
    /// nothing to compare it with, and the folder above has changed.
    pub(super) fn look<'path>(
        &mut self,
        root: &Root,
        tops: impl Iterator<Item = &'path FilePath>,
    ) -> Vec<FilePath> {
        let begun = Instant::now();
        let mut look = Look {
            root,
            folders_left: MAX_FOLDERS,
            entries_left: MAX_ENTRIES,
            prints: HashMap::new(),
        };
        let mut queue: VecDeque<FilePath> = tops.cloned().collect();
        let mut too_large = false;
        while let Some(folder) = queue.pop_front() {
            if !look.take_in(folder, &mut queue) {
                too_large = true;
                break;
            }
        }
        let mut changed: Vec<FilePath> = look
            .prints
            .iter()
            .filter(|(path, print)| self.prints.get(*path).is_some_and(|old| old != *print))
            .map(|(path, _)| path.clone())
            .collect();
        self.prints = look.prints;
        if too_large && begun - self.told_too_large >= TOO_LARGE_INTERVAL {
            // What wasn't looked at may have changed: that is all that can be said.
            changed.push(FilePath::root());
            self.told_too_large = begun;
        }
        self.next = begun + INTERVAL.max(begun.elapsed() * SHARE);
        changed
    }
}

/// One round.
struct Look<'root> {
    root: &'root Root,
    folders_left: usize,
    entries_left: usize,
    prints: HashMap<FilePath, u64>,
}

impl Look<'_> {
    /// `false` when there is more than a look takes in.
    fn take_in(&mut self, path: FilePath, queue: &mut VecDeque<FilePath>) -> bool {
        if self.folders_left == 0 {
            return false;
        }
        self.folders_left -= 1;
        let Ok(folder) = self.root.open_folder_without_links(&path) else {
            return true;
        };
        let Ok(names) = names(&folder) else {
            return true;
        };
        let descend = !path.name().is_some_and(is_busy);
        // The order in which the kernel lists is its own: entries are summed up.
        let mut print = 0u64;
        for name in names.flatten() {
            if is_temporary_name(name.to_bytes()) {
                continue;
            }
            if self.entries_left == 0 {
                return false;
            }
            self.entries_left -= 1;
            let Ok(stat) = statat(&folder, name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let mut hasher = DefaultHasher::new();
            (name.to_bytes(), stat.st_ino, stat.st_mode).hash(&mut hasher);
            if kind(&stat) == FileType::Directory {
                if descend {
                    queue.push_back(path.join(name.to_bytes()));
                }
            } else {
                (stat.st_size, stat.st_mtime, stat.st_mtime_nsec).hash(&mut hasher);
                (stat.st_ctime, stat.st_ctime_nsec).hash(&mut hasher);
            }
            print = print.wrapping_add(hasher.finish());
        }
        self.prints.insert(path, print);
        true
    }
}
