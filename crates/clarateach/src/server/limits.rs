//! How many connections fit into what the system lets this process open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits::ServerLimits;

/// Open files that connections leave to everything else: the database, seats' probes, previews.
const OTHER_FILES: u64 = 512;
/// A client's socket, and the seat's behind it.
const FILES_A_CONNECTION: u64 = 2;

impl ServerLimits {
    /// These limits where this process may open as many files, after raising what it may as far as
    /// the system lets it; fewer connections where it may not.
    #[must_use]
    pub fn within_open_files(mut self) -> Self {
        let allowed = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: allowed.maximum,
            maximum: allowed.maximum,
        };
        let files = match setrlimit(Resource::Nofile, raised) {
            Ok(()) => allowed.maximum,
            Err(_) => allowed.current,
        };
        // `None`: no limit.
        if let Some(files) = files {
            let fitting = files.saturating_sub(OTHER_FILES) / FILES_A_CONNECTION;
            let fitting = usize::try_from(fitting).unwrap_or(usize::MAX).max(64);
            if fitting < self.connections {
                tracing::warn!(
                    files,
                    connections = fitting,
                    "fewer connections than set fit into the limit of open files. Hint: raise it (ulimit -n, LimitNOFILE=)"
                );
                self.connections = fitting;
            }
        }
        self
    }
}
