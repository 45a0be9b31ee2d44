//! Files below the root (`/workspace`), confined by the kernel.
//!
//! [`root`] is the confinement: every name is resolved by `openat2` beneath one descriptor, and every
//! change is made relative to a folder's descriptor, so that swapping a folder for a symlink during a
//! call leads nowhere. [`path`] reads names from URLs; [`list`], [`read`], [`write`], [`remove`],
//! [`relocate`] and [`copy`] are the operations; [`events`] tells what changes,
//! [`archive`] packs folders and unpacks them, [`search`] finds things. All of them block; `http` moves them off the runtime.

pub(crate) mod path;
pub(crate) mod root;

pub(crate) mod etag;
pub(crate) mod list;
pub(crate) mod read;

pub(crate) mod write;

pub(crate) mod archive;

pub(crate) mod copy;
pub(crate) mod events;
pub(crate) mod relocate;
pub(crate) mod remove;
pub(crate) mod search;
pub(crate) mod sweep;

use rustix::io::Errno;

use etag::ETag;
use path::FilePath;

/// Levels of folders that a whole tree may have when it is copied or removed.
pub(crate) const MAX_DEPTH: usize = 256;
/// Entries that a listing holds, and that a copied tree may have.
pub(crate) const MAX_ENTRIES: usize = 20_000;

/// Why a file operation failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilesError {
    #[error("not a path below /workspace: {reason}")]
    BadPath { reason: &'static str },
    #[error("{path} does not exist")]
    NotFound { path: String },
    #[error("the folder of {path} does not exist: make it first with ?op=mkdir")]
    NoParent { path: String },
    #[error("{path} leads out of /workspace")]
    Outside { path: String },
    #[error("{path} is a folder")]
    IsDirectory { path: String },
    #[error("{path} is not a folder")]
    NotADirectory { path: String },
    #[error("{path} is not a regular file")]
    NotAFile { path: String },
    #[error("{path} exists already")]
    Exists { path: String },
    #[error("{path} is not empty: add ?recursive=true to remove it with all that is in it")]
    NotEmpty { path: String },
    #[error("{path} cannot be put into itself")]
    IntoItself { path: String },
    #[error("{path} has changed since it was read")]
    Changed { path: String, current: Option<ETag> },
    #[error("{what} is larger than {limit}")]
    TooLarge { what: String, limit: u64 },
    #[error("{path} has more than {MAX_ENTRIES} entries: use the terminal")]
    TooManyEntries { path: String },
    #[error("{path} has more than {MAX_DEPTH} levels of folders: use the terminal")]
    TooDeep { path: String },
    #[error("the disk is full: delete something first")]
    DiskFull,
    #[error("no permission for {path}")]
    Denied { path: String },
    #[error("cannot {operation} {path}: {source}")]
    Io {
        operation: &'static str,
        path: String,
        source: std::io::Error,
    },
}

impl FilesError {
    /// What a system call's error means for a path.
    pub(crate) fn of(operation: &'static str, path: &FilePath, errno: Errno) -> Self {
        let path = path.to_string();
        match errno {
            Errno::NOENT => Self::NotFound { path },
            // Symlinks out of the root, and /proc's magic ones.
            Errno::XDEV | Errno::LOOP => Self::Outside { path },
            Errno::ISDIR => Self::IsDirectory { path },
            Errno::NOTDIR => Self::NotADirectory { path },
            // A socket, or a device without a driver.
            Errno::NXIO | Errno::NODEV => Self::NotAFile { path },
            Errno::EXIST => Self::Exists { path },
            Errno::NOTEMPTY => Self::NotEmpty { path },
            Errno::NOSPC | Errno::DQUOT => Self::DiskFull,
            Errno::ACCESS | Errno::PERM | Errno::ROFS => Self::Denied { path },
            Errno::NAMETOOLONG => Self::BadPath {
                reason: "a name is longer than 255 bytes, or the path than 4095",
            },
            other => Self::Io {
                operation,
                path,
                source: other.into(),
            },
        }
    }

    /// The same, where a missing name means a missing folder.
    pub(crate) fn of_parent(operation: &'static str, path: &FilePath, errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::NoParent {
                path: path.to_string(),
            },
            other => Self::of(operation, path, other),
        }
    }
}
