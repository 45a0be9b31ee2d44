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

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileEventKind {
    /// There is something of that name now; also after something else was replaced by it.
    Created,
    /// Its content, size, time or mode may differ.
    Changed,
    /// There is nothing of that name any more, nor below it.
    Removed,
    /// Anything at this path and below it may differ: look again.
    Rescan,
}

/// One message of `GET /files-events`: a WebSocket text message each, or `data:` of a server-sent
/// event when the request is no upgrade.
///
/// The first is a `rescan` of the root (`""`), sent once no change is missed any more: whoever looks
/// then and follows the events knows the tree. A moved path is `removed` and `created`; the content
/// of a folder that appears is told too, or is a `rescan` of it. Directly in `node_modules`, `.git`
/// and their like every change is a `rescan` of that folder; what is deeper in them is not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEvent {
    /// What happened.
    pub kind: FileEventKind,
    /// The path below the root, as in [`Entry::path`]; the root is empty. Always real UTF-8: a name
    /// that isn't is told as a `rescan` of its folder.
    pub path: String,
}
