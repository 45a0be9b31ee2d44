//! Copies files and trees: made under a temporary name, then renamed, so never seen half-made.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, Stat, copy_file_range, fchmod, fstat, mkdirat,
    openat, readlinkat, renameat, renameat_with, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use super::list::names;
use super::path::FilePath;
use super::relocate::Destination;
use super::root::{Root, kind};
use super::write::temporary_name;
use super::{FilesError, MAX_DEPTH, MAX_ENTRIES, remove};

/// Copied by one system call.
const PIECE_BYTES: usize = 8 * 1024 * 1024;

/// One copy on its way: what it may still take, and its own place, which it must not walk into.
struct Walk<'path> {
    from: &'path FilePath,
    entries_left: usize,
    own: Option<(u64, u64)>,
}

pub(crate) fn copy(
    root: &Root,
    from: &FilePath,
    to: &FilePath,
    destination: Destination,
) -> Result<(), FilesError> {
    let fail = |errno| FilesError::of("copy", to, errno);
    let source = root.place(from, "copy").map_err(|error| match error {
        FilesError::NoParent { path } => FilesError::NotFound { path },
        other => other,
    })?;
    let target = root.place(to, "copy")?;
    if destination == Destination::Free && target.stat().map_err(fail)?.is_some() {
        return Err(fail(Errno::EXIST));
    }
    let temporary = temporary_name();
    let temporary = CString::new(temporary.as_bytes()).map_err(|_| fail(Errno::INVAL))?;
    let name = CString::new(source.name.as_bytes()).map_err(|_| fail(Errno::INVAL))?;
    let mut walk = Walk {
        from,
        entries_left: MAX_ENTRIES,
        own: None,
    };
    let copied = walk
        .copy_entry(
            (&source.folder, &name),
            (&target.folder, &temporary),
            MAX_DEPTH,
        )
        .and_then(|()| {
            let (folder, name) = (&target.folder, &target.name);
            match destination {
                Destination::Free => {
                    renameat_with(folder, &temporary, folder, name, RenameFlags::NOREPLACE)
                }
                Destination::Replaced => renameat(folder, &temporary, folder, name),
            }
            .map_err(fail)
        });
    if copied.is_err() {
        discard(&target.folder, &temporary, to);
    }
    copied
}

impl Walk<'_> {
    fn copy_entry(
        &mut self,
        (from, name): (&OwnedFd, &CStr),
        (to, new_name): (&OwnedFd, &CStr),
        depth: usize,
    ) -> Result<(), FilesError> {
        self.entries_left = match self.entries_left.checked_sub(1) {
            Some(left) => left,
            None => {
                return Err(FilesError::TooManyEntries {
                    path: self.from.to_string(),
                });
            }
        };
        let stat = statat(from, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| self.fail(e))?;
        match kind(&stat) {
            FileType::RegularFile => copy_file((from, name), (to, new_name)),
            FileType::Symlink => readlinkat(from, name, Vec::new())
                .and_then(|link| symlinkat(OsStr::from_bytes(link.as_bytes()), to, new_name)),
            FileType::Directory => {
                return self.copy_folder((from, name, &stat), (to, new_name), depth);
            }
            _ => {
                return Err(FilesError::NotAFile {
                    path: self.from.join(name.to_bytes()).to_string(),
                });
            }
        }
        .map_err(|errno| self.fail(errno))
    }

    fn copy_folder(
        &mut self,
        (from, name, stat): (&OwnedFd, &CStr, &Stat),
        (to, new_name): (&OwnedFd, &CStr),
        depth: usize,
    ) -> Result<(), FilesError> {
        if depth == 0 {
            return Err(FilesError::TooDeep {
                path: self.from.to_string(),
            });
        }
        if self.own == Some((stat.st_dev, stat.st_ino)) {
            return Err(FilesError::IntoItself {
                path: self.from.to_string(),
            });
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = |folder: &OwnedFd, name: &CStr| openat(folder, name, flags, Mode::empty());
        let source = open(from, name).map_err(|e| self.fail(e))?;
        mkdirat(to, new_name, Mode::RWXU).map_err(|e| self.fail(e))?;
        let copy = open(to, new_name).map_err(|e| self.fail(e))?;
        if self.own.is_none() {
            let made = fstat(&copy).map_err(|e| self.fail(e))?;
            self.own = Some((made.st_dev, made.st_ino));
        }
        for child in names(&source).map_err(|e| self.fail(e))? {
            let child = child.map_err(|e| self.fail(e))?;
            self.copy_entry((&source, &child), (&copy, &child), depth - 1)?;
        }
        fchmod(&copy, Mode::from_raw_mode(stat.st_mode & 0o7777)).map_err(|e| self.fail(e))
    }

    fn fail(&self, errno: Errno) -> FilesError {
        FilesError::of("copy", self.from, errno)
    }
}

fn copy_file(
    (from, name): (&OwnedFd, &CStr),
    (to, new_name): (&OwnedFd, &CStr),
) -> rustix::io::Result<()> {
    let read = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let source = openat(from, name, read, Mode::empty())?;
    let stat = fstat(&source)?;
    if kind(&stat) != FileType::RegularFile {
        return Err(Errno::NXIO);
    }
    let write = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let copy = openat(to, new_name, write, Mode::RUSR | Mode::WUSR)?;
    copy_content(&source, &copy, stat.st_size.cast_unsigned())?;
    fchmod(&copy, Mode::from_raw_mode(stat.st_mode & 0o7777))
}

/// At most what the file held when it was opened: one that grows must not be copied forever.
fn copy_content(source: impl AsFd, copy: impl AsFd, size: u64) -> rustix::io::Result<()> {
    let mut left = usize::try_from(size).unwrap_or(usize::MAX);
    while left > 0 {
        let count = copy_file_range(&source, None, &copy, None, left.min(PIECE_BYTES))?;
        if count == 0 {
            break;
        }
        left -= count;
    }
    Ok(())
}

/// Removes what a failed copy left. What can't be removed is the learner's to see.
fn discard(folder: &OwnedFd, name: &CStr, path: &FilePath) {
    if unlinkat(folder, name, AtFlags::empty()).is_ok() {
        return;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if let Ok(tree) = openat(folder, name, flags, Mode::empty()) {
        let _ = remove::empty(&tree, path, MAX_DEPTH + 1);
        let _ = unlinkat(folder, name, AtFlags::REMOVEDIR);
    }
}
