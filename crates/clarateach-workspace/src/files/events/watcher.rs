//! The thread that watches: reads the kernel's events, keeps the watches right, tells what is due.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use clarateach_protocol::files::FileEventKind;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{ReadFlags, Reader};

use super::super::path::FilePath;
use super::super::write::is_temporary_name;
use super::Events;
use super::pending::Pending;
use super::poll::Poller;
use super::tree::WatchTree;

/// After each batch: meanwhile the kernel makes one event of many equal ones.
const PAUSE: Duration = Duration::from_millis(20);
/// Events of one batch at the most, so that telling them is never put off for long.
const MAX_BATCH: usize = 4096;
/// Room for the kernel's events; one is at most 272 bytes.
const BUFFER_BYTES: usize = 16 * 1024;

/// Watches until nobody listens.
pub(super) fn run(events: &Events) {
    let inotify = events.inotify();
    let mut watcher = Watcher {
        events,
        inotify,
        tree: WatchTree::new(events.folder_limit),
        pending: Pending::default(),
        poller: Poller::new(Instant::now()),
    };
    watcher.begin();
    events.begin_watching();
    while events.is_wanted() {
        watcher.turn();
    }
    if let Some(inotify) = inotify {
        watcher.tree.forget_all(inotify);
    }
}

struct Watcher<'events> {
    events: &'events Events,
    inotify: Option<&'events OwnedFd>,
    tree: WatchTree,
    pending: Pending,
    poller: Poller,
}

/// An event, copied out of the kernel's buffer.
struct Noted {
    watch: i32,
    flags: ReadFlags,
    name: Option<Vec<u8>>,
}

impl Watcher<'_> {
    fn begin(&mut self) {
        if let Some(inotify) = self.inotify {
            // What an earlier thread left.
            while !read_batch(inotify).is_empty() {}
            let root = FilePath::root();
            self.tree.watch(&self.events.root, inotify, &root, |_| ());
        }
        self.look();
    }

    fn turn(&mut self) {
        self.wait();
        if let Some(inotify) = self.inotify {
            let batch = read_batch(inotify);
            let busy = !batch.is_empty();
            for noted in batch {
                self.take(inotify, noted);
            }
            if busy {
                self.wait_for(PAUSE, None);
            }
        }
        if Instant::now() >= self.poller.next {
            self.look();
        }
        let due = self.pending.take_due(Instant::now());
        if !due.is_empty() {
            self.events.tell(&due);
        }
    }

    fn wait(&self) {
        let polls = self.inotify.is_none() || !self.tree.unwatched().is_empty();
        let next_look = polls.then_some(self.poller.next);
        let until = match (self.pending.due(), next_look) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        // Without anything to do it sleeps until an event or a listener comes or goes.
        let limit = until.map_or(Duration::from_secs(3600), |until| {
            until.saturating_duration_since(Instant::now())
        });
        self.wait_for(limit, self.inotify);
    }

    fn wait_for(&self, limit: Duration, inotify: Option<&OwnedFd>) {
        let mut waited = vec![PollFd::new(&self.events.poke, PollFlags::IN)];
        if let Some(inotify) = inotify {
            waited.push(PollFd::new(inotify, PollFlags::IN));
        }
        let limit = Timespec::try_from(limit).ok();
        // Interrupted: then we merely look earlier.
        let _ = poll(&mut waited, limit.as_ref());
        let _ = rustix::io::read(&self.events.poke, &mut [0; 8]);
    }

    fn take(&mut self, inotify: &OwnedFd, noted: Noted) {
        let now = Instant::now();
        if noted.flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            self.start_over(inotify, now);
            return;
        }
        if noted.flags.contains(ReadFlags::IGNORED) {
            self.tree.ended(noted.watch);
            return;
        }
        let (Some(name), Some(folder)) = (noted.name, self.tree.folder(noted.watch)) else {
            return;
        };
        if is_temporary_name(&name) {
            return;
        }
        if folder.busy {
            self.pending.note(FileEventKind::Rescan, &folder.path, now);
            return;
        }
        let path = folder.path.join(&name);
        let is_folder = noted.flags.contains(ReadFlags::ISDIR);
        if noted
            .flags
            .intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM)
        {
            self.tree.forget_name(noted.watch, &name);
            if is_folder {
                self.tree.forget(inotify, &path);
            }
            self.pending.note(FileEventKind::Removed, &path, now);
        } else if noted
            .flags
            .intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO)
        {
            let replaced = self.tree.remember(noted.watch, &name);
            if is_folder {
                self.take_new_folder(inotify, &path, now);
            } else if replaced {
                self.pending.note(FileEventKind::Changed, &path, now);
            } else {
                self.pending.note(FileEventKind::Created, &path, now);
            }
        } else if !is_nameless(&name) || folder.knows(&name) {
            self.pending.note(FileEventKind::Changed, &path, now);
        }
    }

    /// What was put into it before its watch existed is told here.
    fn take_new_folder(&mut self, inotify: &OwnedFd, path: &FilePath, now: Instant) {
        self.tree.forget(inotify, path);
        let pending = &mut self.pending;
        pending.note(FileEventKind::Created, path, now);
        self.tree.watch(&self.events.root, inotify, path, |found| {
            pending.note(FileEventKind::Created, found, now);
        });
        for missed in self.tree.unwatched() {
            if missed.is_below(path) {
                pending.note(FileEventKind::Rescan, missed, now);
            }
        }
        // Before any of this is told: from then on a change is seen.
        self.poller.next = now;
    }

    /// The kernel threw events away: nothing that we know is certain.
    fn start_over(&mut self, inotify: &OwnedFd, now: Instant) {
        self.tree.forget_all(inotify);
        self.pending.clear();
        let root = FilePath::root();
        self.tree.watch(&self.events.root, inotify, &root, |_| ());
        self.pending.note(FileEventKind::Rescan, &root, now);
        self.poller.next = now;
    }

    /// Looks at what is not watched, and watches it once there is room.
    fn look(&mut self) {
        let now = Instant::now();
        let Some(inotify) = self.inotify else {
            let root = FilePath::root();
            let changed = self.poller.look(&self.events.root, [&root].into_iter());
            self.note_rescans(&changed, now);
            return;
        };
        if self.tree.has_room()
            && let Some(path) = self.tree.unwatched().first().cloned()
        {
            self.tree.forget(inotify, &path);
            self.tree.watch(&self.events.root, inotify, &path, |_| ());
            if !self.tree.unwatched().contains(&path) {
                self.pending.note(FileEventKind::Rescan, &path, now);
            }
        }
        let unwatched = self.tree.unwatched();
        let changed = self.poller.look(&self.events.root, unwatched.iter());
        self.note_rescans(&changed, now);
    }

    fn note_rescans(&mut self, paths: &[FilePath], now: Instant) {
        for path in paths {
            self.pending.note(FileEventKind::Rescan, path, now);
        }
    }
}

/// Files without a name (O_TMPFILE, as our uploads) are told all the same, as `#` and their inode.
fn is_nameless(name: &[u8]) -> bool {
    let inode = name.strip_prefix(b"#");
    inode.is_some_and(|inode| !inode.is_empty() && inode.iter().all(u8::is_ascii_digit))
}

/// What the kernel has for us; empty when there is nothing.
fn read_batch(inotify: &OwnedFd) -> Vec<Noted> {
    let mut buffer = [const { MaybeUninit::uninit() }; BUFFER_BYTES];
    let mut reader = Reader::new(inotify.as_fd(), &mut buffer);
    let mut batch = Vec::new();
    while batch.len() < MAX_BATCH || !reader.is_buffer_empty() {
        let Ok(event) = reader.next() else {
            break;
        };
        batch.push(Noted {
            watch: event.wd(),
            flags: event.events(),
            name: event.file_name().map(|name| name.to_bytes().to_vec()),
        });
    }
    batch
}
