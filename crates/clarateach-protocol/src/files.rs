//! Bodies of the file API (root `/workspace`).

use serde::{Deserialize, Serialize};

/// What a name in a folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link, not followed.
    Symlink,
    /// A FIFO, socket or device: listed, never opened.
    Other,
}

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The last path segment, with U+FFFD where it isn't UTF-8.
    pub name: String,
    /// The whole path below the root, segments joined by `/`.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes, for regular files; otherwise 0.
    pub size: u64,
    /// RFC 3339, UTC.
    pub modified_at: String,
    /// Permission bits, as four octal digits (`0644`).
    pub mode: String,
    /// base64url of the name's bytes where it isn't UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_bytes: Option<String>,
}

/// `GET /files?path=`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Folders first, then by name.
    pub entries: Vec<Entry>,
}
