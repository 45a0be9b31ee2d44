//! What is in a folder.

use std::collections::BinaryHeap;
use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clarateach_protocol::files::{Entry, EntryKind, Listing};
use rustix::fs::{AtFlags, Dir, FileType, Stat, statat};
use rustix::io::Errno;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::path::FilePath;
use super::root::{Root, kind};
use super::{FilesError, MAX_ENTRIES};

/// Folders first, then by name.
pub(crate) fn list(root: &Root, path: &FilePath) -> Result<Listing, FilesError> {
    let fail = |errno| FilesError::of("list", path, errno);
    let folder = root.open_folder(path).map_err(fail)?;
    // The first so many in memory, however many there are.
    let mut first = BinaryHeap::new();
    let mut truncated = false;
    for found in Dir::read_from(&folder).map_err(fail)? {
        let found = found.map_err(fail)?;
        if is_dots(found.file_name()) {
            continue;
        }
        first.push((
            found.file_type() != FileType::Directory,
            found.file_name().to_owned(),
        ));
        if first.len() > MAX_ENTRIES {
            first.pop();
            truncated = true;
        }
    }
    let mut entries = Vec::with_capacity(first.len());
    for (_, name) in first {
        match statat(&folder, name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => entries.push(entry(path, &name, &stat)),
            // Removed since it was read.
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(fail(errno)),
        }
    }
    entries.sort_by(|a, b| {
        let rank = |entry: &Entry| entry.kind != EntryKind::Directory;
        (rank(a), &a.name).cmp(&(rank(b), &b.name))
    });
    Ok(Listing { entries, truncated })
}

/// The names in a folder, `.` and `..` left out.
pub(super) fn names(
    folder: &OwnedFd,
) -> rustix::io::Result<impl Iterator<Item = rustix::io::Result<std::ffi::CString>>> {
    let entries = Dir::read_from(folder)?;
    Ok(entries.filter_map(|entry| match entry {
        Ok(entry) if is_dots(entry.file_name()) => None,
        Ok(entry) => Some(Ok(entry.file_name().to_owned())),
        Err(errno) => Some(Err(errno)),
    }))
}

fn is_dots(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

fn entry(folder: &FilePath, name: &CStr, stat: &Stat) -> Entry {
    let bytes = name.to_bytes();
    let kind = match kind(stat) {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => EntryKind::Symlink,
        _ => EntryKind::Other,
    };
    let whole = folder.join(bytes);
    Entry {
        name: String::from_utf8_lossy(bytes).into_owned(),
        path: whole.to_string(),
        kind,
        size: match kind {
            EntryKind::File => stat.st_size.cast_unsigned(),
            _ => 0,
        },
        modified_at: timestamp(stat.st_mtime),
        mode: format!("{:04o}", stat.st_mode & 0o7777),
        name_bytes: std::str::from_utf8(bytes)
            .is_err()
            .then(|| URL_SAFE_NO_PAD.encode(bytes)),
        path_bytes: whole
            .utf8_ancestor()
            .map(|_| URL_SAFE_NO_PAD.encode(whole.as_os_str().as_bytes())),
    }
}

/// Programs may set any time; one that RFC 3339 can't say becomes its beginning.
fn timestamp(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
}
