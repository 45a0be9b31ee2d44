//! Removes files and whole trees, never following a link on the way down.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;

use super::etag::{ETag, Preconditions};
use super::list::names;
use super::path::FilePath;
use super::root::{Root, kind};
use super::{FilesError, MAX_DEPTH};

/// How much a removal may take with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// A file, a link, an empty folder.
    One,
    /// A folder with all that is in it.
    Tree,
}

pub(crate) fn remove(
    root: &Root,
    path: &FilePath,
    extent: Extent,
    preconditions: &Preconditions,
) -> Result<(), FilesError> {
    let fail = |errno| FilesError::of("remove", path, errno);
    let place = root.place(path, "remove").map_err(|error| match error {
        FilesError::NoParent { path } => FilesError::NotFound { path },
        other => other,
    })?;
    let current = place
        .stat()
        .map_err(fail)?
        .ok_or(Errno::NOENT)
        .map_err(fail)?;
    let etag = ETag::of(&current);
    if !preconditions.hold(Some(&etag)) {
        return Err(FilesError::Changed {
            path: path.to_string(),
            current: Some(etag),
        });
    }
    if kind(&current) != FileType::Directory {
        return unlinkat(&place.folder, &place.name, AtFlags::empty()).map_err(fail);
    }
    if extent == Extent::Tree {
        let folder = open_child(&place.folder, &place.name).map_err(fail)?;
        empty(&folder, path, MAX_DEPTH)?;
    }
    unlinkat(&place.folder, &place.name, AtFlags::REMOVEDIR).map_err(fail)
}

/// Removes everything in a folder.
pub(super) fn empty(folder: &OwnedFd, path: &FilePath, depth: usize) -> Result<(), FilesError> {
    let fail = |errno| FilesError::of("remove", path, errno);
    if depth == 0 {
        return Err(FilesError::TooDeep {
            path: path.to_string(),
        });
    }
    for name in names(folder).map_err(fail)? {
        let name = name.map_err(fail)?;
        match unlinkat(folder, &name, AtFlags::empty()) {
            // Linux says EISDIR, POSIX EPERM.
            Err(Errno::ISDIR | Errno::PERM) => {
                let child = open_child(folder, &name).map_err(fail)?;
                empty(&child, path, depth - 1)?;
                unlinkat(folder, &name, AtFlags::REMOVEDIR).map_err(fail)?;
            }
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(fail(errno)),
        }
    }
    Ok(())
}

fn open_child(folder: &OwnedFd, name: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty())
}
