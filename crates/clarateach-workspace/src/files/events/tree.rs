//! The watched folders: which watch is which folder, and what is known to be in it.
//!
//! A folder is watched before it is read, so that whatever is put into it meanwhile is either found
//! or told. Folders are opened beneath the root without following links, and the watch is put on
//! the open folder (`/proc/self/fd/…`), so that swapping one for a link leads nowhere.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::inotify::{self, WatchFlags};
use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;

use super::super::MAX_DEPTH;
use super::super::path::FilePath;
use super::super::root::{Root, kind};
use super::super::write::is_temporary_name;

/// Names remembered a folder; in a larger one a replaced file counts as created.
const MAX_NAMES: usize = 4096;

/// Unwatched folders that are kept by name; the poller looks at fewer.
const MAX_UNWATCHED: usize = 2048;

/// Deep and busy, and nobody edits what is in them: only what lies directly in one is watched, and
/// told as a `rescan` of it.
const BUSY: [&[u8]; 10] = [
    b"node_modules",
    b".git",
    b".hg",
    b".svn",
    b".cache",
    b".npm",
    b".cargo",
    b".rustup",
    b".venv",
    b"__pycache__",
];

/// Whether folders of this name are only watched themselves.
pub(super) fn is_busy(name: &[u8]) -> bool {
    BUSY.contains(&name)
}

/// Every watch.
pub(super) struct WatchTree {
    limit: usize,
    folders: HashMap<i32, Folder>,
    by_path: BTreeMap<FilePath, i32>,
    /// Folders that could not be watched, each with all that is below it.
    unwatched: BTreeSet<FilePath>,
}

/// A watched folder.
pub(super) struct Folder {
    pub(super) path: FilePath,
    /// See [`is_busy`].
    pub(super) busy: bool,
    /// Hashes: they only tell a replaced file from a new one.
    names: HashSet<u64>,
}

impl WatchTree {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            folders: HashMap::new(),
            by_path: BTreeMap::new(),
            unwatched: BTreeSet::new(),
        }
    }

    pub(super) fn folder(&self, watch: i32) -> Option<&Folder> {
        self.folders.get(&watch)
    }

    pub(super) fn unwatched(&self) -> &BTreeSet<FilePath> {
        &self.unwatched
    }

    pub(super) fn has_room(&self) -> bool {
        self.by_path.len() < self.limit
    }

    /// Watches a folder and all below it, nearest first; `found` gets everything that is in them.
    pub(super) fn watch(
        &mut self,
        root: &Root,
        inotify: &OwnedFd,
        top: &FilePath,
        mut found: impl FnMut(&FilePath),
    ) {
        let mut queue = VecDeque::from([top.clone()]);
        while let Some(path) = queue.pop_front() {
            if path.depth() > MAX_DEPTH {
                continue;
            }
            if !self.has_room() {
                self.leave_out(path);
                continue;
            }
            // Gone meanwhile, or not ours to read: nothing to tell.
            let Ok(opened) = root.open_folder_without_links(&path) else {
                continue;
            };
            let busy = path.name().is_some_and(is_busy);
            match self.add(inotify, &opened, path.clone(), busy) {
                Ok(watch) => self.read(watch, &opened, busy, &mut queue, &mut found),
                Err(Errno::NOSPC) => self.leave_out(path),
                Err(_) => {}
            }
        }
    }

    /// Many more than can be looked at need no name: the poller says that it doesn't see all.
    fn leave_out(&mut self, path: FilePath) {
        if self.unwatched.len() < MAX_UNWATCHED {
            self.unwatched.insert(path);
        }
    }

    fn add(
        &mut self,
        inotify: &OwnedFd,
        opened: &OwnedFd,
        path: FilePath,
        busy: bool,
    ) -> rustix::io::Result<i32> {
        let mask = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::ONLYDIR
            | WatchFlags::EXCL_UNLINK;
        let link = format!("/proc/self/fd/{}", opened.as_raw_fd());
        let watch = inotify::add_watch(inotify, link, mask)?;
        self.unwatched.remove(&path);
        let folder = Folder {
            path: path.clone(),
            busy,
            names: HashSet::new(),
        };
        // The same folder under another name: it was moved, and that is not told yet.
        if let Some(before) = self.folders.insert(watch, folder)
            && before.path != path
        {
            self.by_path.remove(&before.path);
        }
        self.by_path.insert(path, watch);
        Ok(watch)
    }

    fn read(
        &mut self,
        watch: i32,
        opened: &OwnedFd,
        busy: bool,
        queue: &mut VecDeque<FilePath>,
        found: &mut impl FnMut(&FilePath),
    ) {
        let (Some(folder), Ok(entries)) = (self.folders.get_mut(&watch), Dir::read_from(opened))
        else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") || is_temporary_name(name.to_bytes()) {
                continue;
            }
            folder.remember(name.to_bytes());
            let path = folder.path.join(name.to_bytes());
            if !busy {
                found(&path);
            }
            let file_type = match entry.file_type() {
                FileType::Unknown => statat(opened, name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |stat| kind(&stat)),
                known => known,
            };
            if file_type == FileType::Directory && !busy {
                queue.push_back(path);
            }
        }
    }

    /// Notes a name; whether it was there already.
    pub(super) fn remember(&mut self, watch: i32, name: &[u8]) -> bool {
        let folder = self.folders.get_mut(&watch);
        folder.is_some_and(|folder| !folder.remember(name))
    }

    /// Notes that a name is gone.
    pub(super) fn forget_name(&mut self, watch: i32, name: &[u8]) {
        if let Some(folder) = self.folders.get_mut(&watch) {
            folder.names.remove(&hash(name));
        }
    }

    /// Ends the watches of a folder and of all below it.
    pub(super) fn forget(&mut self, inotify: &OwnedFd, path: &FilePath) {
        let below: Vec<FilePath> = below(path, |from| {
            self.by_path.range(from..).map(|(path, _)| path).cloned()
        });
        for path in below.iter().chain([path]) {
            if let Some(watch) = self.by_path.remove(path) {
                self.folders.remove(&watch);
                // Of a folder that was removed it is gone already.
                let _ = inotify::remove_watch(inotify, watch);
            }
        }
        self.unwatched
            .retain(|other| other != path && !other.is_below(path));
    }

    /// The kernel ended a watch.
    pub(super) fn ended(&mut self, watch: i32) {
        if let Some(folder) = self.folders.remove(&watch) {
            self.by_path.remove(&folder.path);
        }
    }

    pub(super) fn forget_all(&mut self, inotify: &OwnedFd) {
        for watch in self.folders.drain().map(|(watch, _)| watch) {
            let _ = inotify::remove_watch(inotify, watch);
        }
        self.by_path.clear();
        self.unwatched.clear();
    }
}

impl Folder {
    /// Whether a name was found or told in it.
    pub(super) fn knows(&self, name: &[u8]) -> bool {
        self.names.contains(&hash(name))
    }

    /// Whether the name is new.
    fn remember(&mut self, name: &[u8]) -> bool {
        self.names.len() >= MAX_NAMES || self.names.insert(hash(name))
    }
}

fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// The paths below a folder, of an ordered list that begins anywhere.
fn below<I: Iterator<Item = FilePath>>(
    path: &FilePath,
    from: impl FnOnce(FilePath) -> I,
) -> Vec<FilePath> {
    // `a/` itself sorts behind `a-b` and before `a/b`.
    let first = path.join(b"");
    from(if path.is_root() {
        FilePath::root()
    } else {
        first
    })
    .take_while(|other| path.is_root() || other.is_below(path))
    .filter(|other| other.is_below(path))
    .collect()
}
