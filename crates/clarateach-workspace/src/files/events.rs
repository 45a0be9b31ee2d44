//! What changes below the root, told to whoever listens.
//!
//! [`Events`] is the one of the server: it holds the inotify instance that was taken at the start
//! (all seats share the kernel's quota of them) and starts a thread while somebody listens.
//! [`watcher`] is that thread, [`tree`] its watches, [`poll`] what it does where it has none,
//! [`pending`] makes a few events of many. A listener that is slow loses its queue, not its truth:
//! it gets one `rescan` of everything.

mod pending;
mod poll;
mod tree;
mod watcher;

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};

use clarateach_protocol::files::{FileEvent, FileEventKind};
use parking_lot::Mutex;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::inotify;
use tokio::sync::Notify;

use super::root::Root;

/// Listeners of one seat at the most.
const MAX_LISTENERS: usize = 64;
/// Events that wait for one listener at the most.
const MAX_QUEUED: usize = 1024;
/// The watcher needs little: it walks trees without recursion.
const STACK_BYTES: usize = 256 * 1024;

/// Takes an inotify instance from the kernel; a test's has none left.
type TakeInstance = fn() -> rustix::io::Result<OwnedFd>;

/// Changes below the root, for any number of listeners.
pub(crate) struct Events {
    root: Arc<Root>,
    /// `None` where the kernel had none left: then folders are looked at now and then.
    inotify: OnceLock<OwnedFd>,
    take_instance: TakeInstance,
    /// Folders that may be watched at the most.
    folder_limit: usize,
    /// Tells the watcher that listeners came or went.
    poke: OwnedFd,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    listeners: Vec<Arc<Listener>>,
    watcher: WatcherState,
    /// Events that were told since counting began; `None`: nobody asked yet.
    counted: Option<u64>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum WatcherState {
    #[default]
    Absent,
    /// Its watches are not in place yet.
    Starting,
    Watching,
}

/// Why nobody can listen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error("{MAX_LISTENERS} listen to this seat's files already")]
    TooMany,
    #[error("cannot start to watch files: {0}")]
    Start(io::Error),
}

/// One listener's queue.
#[derive(Default)]
struct Listener {
    queue: Mutex<VecDeque<FileEvent>>,
    wake: Notify,
}

/// A place among the listeners; dropping it leaves.
pub(crate) struct Subscription {
    events: Arc<Events>,
    listener: Arc<Listener>,
}

impl Events {
    /// Takes an inotify instance, unless `folder_limit` is 0. When there is none, whoever listens later tries again.
    pub(crate) fn new(root: Arc<Root>, folder_limit: usize) -> io::Result<Self> {
        let of_kernel = || {
            use inotify::CreateFlags;
            inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
        };
        Self::taking(of_kernel, root, folder_limit)
    }

    fn taking(
        take_instance: TakeInstance,
        root: Arc<Root>,
        folder_limit: usize,
    ) -> io::Result<Self> {
        let events = Self {
            root,
            inotify: OnceLock::new(),
            take_instance,
            folder_limit,
            poke: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            state: Mutex::default(),
        };
        let _ = events.inotify();
        Ok(events)
    }

    /// The instance; seats share what the kernel allows a user, so that there may be none for now.
    fn inotify(&self) -> Option<&OwnedFd> {
        if self.inotify.get().is_none() && self.folder_limit > 0 {
            match (self.take_instance)() {
                Ok(instance) => drop(self.inotify.set(instance)),
                Err(error) => tracing::warn!(%error, "no inotify instance: files are polled"),
            }
        }
        self.inotify.get()
    }

    /// Begins to listen. The first event is a `rescan` of everything, once no change is missed.
    pub(crate) fn listen(self: &Arc<Self>) -> Result<Subscription, ListenError> {
        let listener = Arc::new(Listener::default());
        let mut state = self.state.lock();
        if state.listeners.len() >= MAX_LISTENERS {
            return Err(ListenError::TooMany);
        }
        self.start_watching(&mut state)?;
        if state.watcher == WatcherState::Watching {
            listener.push(rescan(""));
        }
        state.listeners.push(Arc::clone(&listener));
        Ok(Subscription {
            events: Arc::clone(self),
            listener,
        })
    }

    /// How many changes were seen since this was first called; from then on the server watches for as
    /// long as it runs.
    pub(crate) fn count_changes(self: &Arc<Self>) -> Result<u64, ListenError> {
        let mut state = self.state.lock();
        self.start_watching(&mut state)?;
        Ok(*state.counted.get_or_insert(0))
    }

    fn start_watching(self: &Arc<Self>, state: &mut State) -> Result<(), ListenError> {
        if state.watcher == WatcherState::Absent {
            let events = Arc::clone(self);
            std::thread::Builder::new()
                .name("file-watcher".to_owned())
                .stack_size(STACK_BYTES)
                .spawn(move || watcher::run(&events))
                .map_err(ListenError::Start)?;
            state.watcher = WatcherState::Starting;
        }
        Ok(())
    }

    /// Every watch is in place: whoever waited may look now.
    fn begin_watching(&self) {
        let mut state = self.state.lock();
        state.watcher = WatcherState::Watching;
        for listener in &state.listeners {
            listener.push(rescan(""));
        }
    }

    /// Whether the watcher goes on; if not, the next listener starts another one.
    fn is_wanted(&self) -> bool {
        let mut state = self.state.lock();
        let is_wanted = !state.listeners.is_empty() || state.counted.is_some();
        if !is_wanted {
            state.watcher = WatcherState::Absent;
        }
        is_wanted
    }

    fn tell(&self, events: &[FileEvent]) {
        let mut state = self.state.lock();
        if let Some(counted) = &mut state.counted {
            *counted += events.len() as u64;
        }
        for listener in &state.listeners {
            for event in events {
                listener.push(event.clone());
            }
        }
    }

    fn leave(&self, gone: &Arc<Listener>) {
        let mut state = self.state.lock();
        state
            .listeners
            .retain(|listener| !Arc::ptr_eq(listener, gone));
        // A full counter wakes as well.
        let _ = rustix::io::write(&self.poke, &1u64.to_ne_bytes());
    }
}

impl Listener {
    fn push(&self, event: FileEvent) {
        let mut queue = self.queue.lock();
        if queue.len() >= MAX_QUEUED {
            queue.clear();
            queue.push_back(rescan(""));
        } else {
            queue.push_back(event);
        }
        drop(queue);
        self.wake.notify_one();
    }
}

impl Subscription {
    /// What has happened since the last call, in order; waits until something has.
    pub(crate) async fn next(&self) -> VecDeque<FileEvent> {
        loop {
            let events = std::mem::take(&mut *self.listener.queue.lock());
            if !events.is_empty() {
                return events;
            }
            self.listener.wake.notified().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.events.leave(&self.listener);
    }
}

fn rescan(path: &str) -> FileEvent {
    FileEvent {
        kind: FileEventKind::Rescan,
        path: path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    /// The next events of a listener.
    async fn told(page: &Subscription) -> Vec<FileEvent> {
        let events = tokio::time::timeout(Duration::from_secs(20), page.next()).await;
        events.expect("something is told").into()
    }

    #[tokio::test]
    async fn an_instance_that_was_not_to_be_had_is_asked_for_again() {
        static NONE_LEFT: AtomicBool = AtomicBool::new(true);
        let take = || match NONE_LEFT.load(Ordering::Relaxed) {
            true => Err(rustix::io::Errno::MFILE),
            false => inotify::init(inotify::CreateFlags::NONBLOCK),
        };
        let folder = tempfile::tempdir().unwrap();
        let root = Arc::new(Root::open(folder.path()).unwrap());
        let events = Arc::new(Events::taking(take, root, 16).unwrap());

        let page = events.listen().unwrap();
        assert_eq!(told(&page).await, [rescan("")]);
        std::fs::write(folder.path().join("polled"), "").unwrap();
        assert_eq!(told(&page).await, [rescan("")], "it is told by looking");
        drop(page);

        NONE_LEFT.store(false, Ordering::Relaxed);
        let thread_ended = async {
            while events.state.lock().watcher != WatcherState::Absent {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(20), thread_ended).await;
        ended.expect("nobody listens, so nobody watches");
        let page = events.listen().unwrap();
        assert_eq!(told(&page).await, [rescan("")]);
        std::fs::write(folder.path().join("watched"), "").unwrap();
        let created = FileEvent {
            kind: FileEventKind::Created,
            path: "watched".to_owned(),
        };
        assert_eq!(told(&page).await, [created]);
    }

    #[test]
    fn a_slow_listener_gets_one_rescan_for_all_that_it_missed() {
        let listener = Listener::default();
        for n in 0..=MAX_QUEUED {
            listener.push(FileEvent {
                kind: FileEventKind::Changed,
                path: n.to_string(),
            });
        }
        assert_eq!(*listener.queue.lock(), [rescan("")]);
        listener.push(rescan("later"));
        assert_eq!(listener.queue.lock().len(), 2);
    }
}
