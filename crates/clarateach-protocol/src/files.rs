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
    /// base64url of the whole path's bytes where it isn't UTF-8: `?raw=` of other calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
}

/// `GET /files?path=`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Folders first, then by name.
    pub entries: Vec<Entry>,
    /// There are more: these are the first 20,000.
    #[serde(default)]
    pub truncated: bool,
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

/// `POST /files-archive`: what became of an archive's entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpacked {
    /// Files written.
    pub files: u64,
    /// Folders that the archive names.
    pub folders: u64,
    /// Symbolic and hard links made.
    pub links: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Entries left out; the first 50 of them.
    pub skipped: Vec<SkippedEntry>,
    /// How many were left out.
    pub skipped_total: u64,
}

/// An entry that was not unpacked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedEntry {
    /// Its name in the archive.
    pub path: String,
    /// Why.
    pub reason: SkipReason,
}

/// Why an entry of an archive is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The name is absolute, holds `..`, a backslash, a drive or a NUL, or is too long or deep.
    UnsafeName,
    /// The link leads out of the folder, or to nothing that the archive brought.
    UnsafeLink,
    /// A device, FIFO or socket.
    SpecialFile,
    /// It needs a password.
    Encrypted,
    /// It is compressed in a way that isn't known here.
    Unsupported,
    /// There is something of that name, and it was not to be replaced.
    Exists,
    /// There is a folder of that name.
    ExistsAsFolder,
    /// There is a file or link of that name, or above it.
    ExistsAsFile,
}

/// `GET /search?in=names`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundNames {
    /// The best first.
    pub matches: Vec<FoundName>,
    /// Whether there may be more.
    pub truncated: bool,
    /// Why there may.
    pub reason: Option<SearchEnd>,
}

/// A path that fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundName {
    /// The whole path below the root.
    pub path: String,
    /// Its last segment.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// `GET /search?in=contents`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundLines {
    /// By path and position.
    pub matches: Vec<FoundLine>,
    /// Whether there may be more.
    pub truncated: bool,
    /// Why there may.
    pub reason: Option<SearchEnd>,
    /// Files read.
    pub files_searched: u64,
    /// Files left out because they are binary, larger than 10 MiB or not readable.
    pub files_skipped: u64,
}

/// One match. Columns count UTF-16 units from 1, as Monaco does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundLine {
    /// The whole path below the root.
    pub path: String,
    /// From 1.
    pub line: u64,
    /// Where the match begins.
    pub column: u64,
    /// Behind its last unit.
    pub end_column: u64,
    /// The line, or at most 250 units of it around the match.
    pub text: String,
    /// The column of the first unit of `text`.
    pub text_column: u64,
}

/// Why a search ended before it had seen everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchEnd {
    /// There are more matches than were asked for.
    Limit,
    /// It took too long.
    Time,
}
