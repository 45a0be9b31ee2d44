//! What clients may take of the server, all together and each address.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files that connections leave to everything else: the database, seats' probes, previews.
const OTHER_FILES: u64 = 512;
/// A client's socket, and the seat's behind it.
const FILES_A_CONNECTION: u64 = 2;

/// What clients may take.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// For a complete header section; an idle connection is closed after it, too.
    pub header: Duration,
    /// Size of a header section, request line included.
    pub header_bytes: usize,
    /// Bytes buffered for a connection.
    pub buffer_bytes: usize,
    /// Connections at a time. A few beyond it are told to come back, the rest are closed.
    pub connections: usize,
    /// The same for one address (of IPv6, one /64). A class behind one router is one address: 200
    /// learners with a dozen connections each must fit in.
    pub connections_per_address: usize,
    /// Requests that wait for their answers at a time; more are answered `503`.
    pub requests: usize,
    /// For a client to take what was written to it, before it is cut.
    pub unread: Duration,
    /// For requests in flight, once the server is told to stop.
    pub drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            header_bytes: 32 * 1024,
            buffer_bytes: 64 * 1024,
            connections: 20_000,
            connections_per_address: 10_000,
            requests: 4_096,
            unread: Duration::from_secs(60),
            drain: Duration::from_secs(10),
        }
    }
}

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
