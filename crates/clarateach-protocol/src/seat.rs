//! Health, binding and resources: what the platform asks of a seat and what it tells it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::Generation;

/// `GET /health` of the in-seat server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The in-seat server's version.
    pub version: String,
    /// The generation that it was started with.
    pub generation: Generation,
    /// Digest of the binding in force; `None` after each start until it is bound.
    pub bound: Option<String>,
}

/// `POST /bind`: everything personal or secret, given late and kept in memory only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// Who sits here; `None` for a free seat.
    pub learner: Option<BoundLearner>,
    /// Environment of shells started from now on.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Files written where no file of that path exists.
    #[serde(default)]
    pub files: Vec<StarterFile>,
}

/// The body of `POST /bind`: a binding and its digest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BindRequest {
    /// [`Binding::digest`], echoed by `/health`.
    pub digest: String,
    /// What to apply.
    pub binding: Binding,
}

/// The learner, as shells may know them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundLearner {
    /// The name that they joined with.
    pub name: String,
}

/// A file that a workshop starts with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StarterFile {
    /// Relative to `/workspace`.
    pub path: String,
    /// Its bytes, base64 (standard alphabet, padded).
    pub content_base64: String,
}

/// `GET /stats`: what the seat uses, and of how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Bytes of memory, page cache that can be given back included.
    pub memory: MemoryUsage,
    /// Bytes of `/workspace`.
    pub disk: Usage,
    /// Processes and threads.
    pub pids: Usage,
    /// Processor time.
    pub cpu: CpuUsage,
    /// Processes that were killed because the seat had no memory left.
    pub out_of_memory: OutOfMemory,
    /// What was done in it; only for `?activity=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
}

/// What was done in a seat since its start, as counters: whoever looks twice sees whether anything was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Messages typed into any terminal.
    pub inputs: u64,
    /// Changes below `/workspace` since they were first asked for; many at once can be one.
    pub file_changes: u64,
}

/// Memory, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryUsage {
    /// In use now, page cache included.
    pub used: u64,
    /// The most that there is; `None` without a limit.
    pub limit: Option<u64>,
    /// What of it the kernel gives back when it is needed: file pages and its own caches of them.
    #[serde(default)]
    pub reclaimable: u64,
}

/// Kills for want of memory, since the seat's last start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfMemory {
    /// How many processes were killed.
    pub kills: u64,
    /// When the last was noticed, RFC 3339 in UTC; it is looked for every five seconds.
    pub last_at: Option<String>,
}

/// So much of so much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// In use now.
    pub used: u64,
    /// The most that there is; `None` without a limit.
    pub limit: Option<u64>,
}

/// Processor time, as a counter: its rate is for the reader to make.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuUsage {
    /// Microseconds used since the seat's start.
    pub used_microseconds: u64,
    /// Thousandths of a core at the most; `None` without a limit.
    pub limit_millicores: Option<u64>,
}

/// `GET /ports`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// What listens, by port; the in-seat server's own ports are left out.
    pub ports: Vec<ListeningPort>,
}

/// One listening TCP port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListeningPort {
    /// The port.
    pub port: u16,
    /// The address that it is bound to; on `127.0.0.1` or `::1` only the seat itself reaches it.
    pub address: String,
    /// The program that listens, as the kernel calls it (at most 15 bytes), where it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
}

/// `POST /exec`: one program, run to its end. Exactly one of `argv` and `command` is given.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecRequest {
    /// Program and arguments.
    #[serde(default)]
    pub argv: Option<Vec<String>>,
    /// A line for the learner's login shell.
    #[serde(default)]
    pub command: Option<String>,
    /// Folder below `/workspace` to run it in; the root without.
    #[serde(default)]
    pub cwd: Option<String>,
    /// What it reads; nothing without.
    #[serde(default)]
    pub stdin: Option<String>,
    /// From 1 to 60; 10 without.
    #[serde(default)]
    pub timeout_seconds: Option<u64>,
    /// Of each of its two outputs, up to 1 MiB; 64 KiB without. What is more is thrown away.
    #[serde(default)]
    pub max_output_bytes: Option<usize>,
    /// Added to what a shell gets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// What became of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecResult {
    /// 128 + the signal's number when one ended it.
    pub exit_code: i32,
    /// U+FFFD where it isn't UTF-8.
    pub stdout: String,
    /// U+FFFD where it isn't UTF-8.
    pub stderr: String,
    /// There was more than `max_output_bytes` of one of them.
    pub truncated: bool,
    /// It was killed at its deadline, with all that it had started.
    pub timed_out: bool,
    /// From start to end.
    pub duration_ms: u64,
}

/// Shows no value: arguments, input and environment may be secret.
impl std::fmt::Debug for ExecRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExecRequest").finish_non_exhaustive()
    }
}

impl Binding {
    /// SHA-256 of the canonical JSON, in hex: equal bindings have equal digests.
    #[must_use]
    pub fn digest(&self) -> String {
        let json = serde_json::to_vec(self).expect("strings and maps of strings serialise");
        Sha256::digest(json)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Shows names and counts only: values are secrets.
impl std::fmt::Debug for Binding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Binding")
            .field("learner", &self.learner)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("files", &self.files.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(key: &str) -> Binding {
        Binding {
            learner: Some(BoundLearner {
                name: "Ada".to_owned(),
            }),
            env: BTreeMap::from([("ANTHROPIC_API_KEY".to_owned(), key.to_owned())]),
            files: Vec::new(),
        }
    }

    #[test]
    fn digest_tells_bindings_apart() {
        assert_eq!(binding("a").digest(), binding("a").digest());
        assert_ne!(binding("a").digest(), binding("b").digest());
    }

    #[test]
    fn debug_shows_no_value() {
        assert!(!format!("{:?}", binding("s3cret")).contains("s3cret"));
    }

    #[test]
    fn a_bind_request_survives_the_wire() {
        let request = BindRequest {
            digest: "d".to_owned(),
            binding: binding("a"),
        };
        let json = serde_json::to_value(&request).unwrap();
        assert_eq!(json["binding"]["learner"]["name"], "Ada");
        assert!(serde_json::from_value::<BindRequest>(json).unwrap() == request);
    }
}
