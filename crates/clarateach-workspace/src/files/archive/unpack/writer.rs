//! The second pass: folders one step at a time without following links, and every file under a temporary name that is
//! then renamed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use clarateach_protocol::files::{SkipReason, SkippedEntry, Unpacked};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT, fchmod,
    futimens, linkat, mkdirat, openat, renameat, renameat_with, symlinkat, unlinkat,
};
use rustix::io::Errno;

use super::super::super::FilesError;
use super::super::super::path::FilePath;
use super::super::super::relocate::Destination;
use super::super::super::root::{Root, kind};
use super::super::super::write::{make_temporary_file, temporary_name};
use super::super::entry::{Entry, EntryKind, entry_path, is_inner_link};
use super::super::{ArchiveError, broken};
use super::MAX_NAMED;

const PIECE_BYTES: usize = 128 * 1024;

/// Puts entries in place, or says why not.
pub(super) struct Writer<'root> {
    root: &'root Root,
    destination: Destination,
    /// The folder of the last entry: the next is mostly there too.
    parent: Option<(FilePath, OwnedFd)>,
    pub(super) done: Unpacked,
}

impl<'root> Writer<'root> {
    pub(super) fn new(root: &'root Root, destination: Destination) -> Self {
        Self {
            root,
            destination,
            parent: None,
            done: Unpacked::default(),
        }
    }

    pub(super) fn take(
        &mut self,
        entry: &Entry,
        content: &mut dyn Read,
    ) -> Result<(), ArchiveError> {
        let path = match entry_path(&entry.name) {
            Ok(Some(path)) => path,
            Ok(None) => return Ok(()),
            Err(reason) => {
                self.skip(&String::from_utf8_lossy(&entry.name), reason);
                return Ok(());
            }
        };
        let put = match &entry.kind {
            EntryKind::Skipped(reason) => Ok(Err(*reason)),
            EntryKind::Folder => self.put_folder(&path, entry),
            EntryKind::File => self.put_file(&path, entry, content),
            EntryKind::Symlink(target) => self.put_symlink(&path, target),
            EntryKind::HardLink(target) => self.put_hard_link(&path, target),
        };
        if let Err(reason) = put? {
            self.skip(&path.to_string(), reason);
        }
        Ok(())
    }

    fn skip(&mut self, path: &str, reason: SkipReason) {
        self.done.skipped_total += 1;
        if self.done.skipped.len() < MAX_NAMED {
            self.done.skipped.push(SkippedEntry {
                path: path.to_owned(),
                reason,
            });
        }
    }

    fn put_folder(&mut self, path: &FilePath, entry: &Entry) -> Put {
        let Some(folder) = self.folder(path)? else {
            return Ok(Err(SkipReason::ExistsAsFile));
        };
        if let Some(mode) = entry.mode {
            let mode = Mode::from_raw_mode(mode & 0o777 | 0o700);
            // The folder may be somebody else's; then it stays as it is.
            let _ = fchmod(&folder, mode);
        }
        self.parent = Some((path.clone(), folder));
        self.done.folders += 1;
        Ok(Ok(()))
    }

    fn put_file(&mut self, path: &FilePath, entry: &Entry, content: &mut dyn Read) -> Put {
        let fail = |errno| ArchiveError::from(FilesError::of("unpack", path, errno));
        let Some(name) = self.enter(path)? else {
            return Ok(Err(SkipReason::ExistsAsFile));
        };
        let folder = self.entered();
        let (temporary, file) = make_temporary_file(folder).map_err(fail)?;
        let mut file = File::from(file);
        let written = write_content(path, &mut file, content).and_then(|count| {
            let mode = entry.mode.unwrap_or(0o644) & 0o777 | 0o600;
            fchmod(&file, Mode::from_raw_mode(mode)).map_err(fail)?;
            if let Some(modified) = entry.modified {
                set_modified(&file, modified).map_err(fail)?;
            }
            Ok(count)
        });
        let count = match written {
            Ok(count) => count,
            Err(error) => {
                let _ = unlinkat(folder, &temporary, AtFlags::empty());
                return Err(error);
            }
        };
        let put = self.rename(&temporary, name).map_err(fail)?;
        if put.is_ok() {
            self.done.files += 1;
            self.done.bytes += count;
        }
        Ok(put)
    }

    fn put_symlink(&mut self, path: &FilePath, target: &[u8]) -> Put {
        if !is_inner_link(path, target) {
            return Ok(Err(SkipReason::UnsafeLink));
        }
        let fail = |errno| ArchiveError::from(FilesError::of("unpack", path, errno));
        let Some(name) = self.enter(path)? else {
            return Ok(Err(SkipReason::ExistsAsFile));
        };
        let temporary = temporary_name();
        symlinkat(OsStr::from_bytes(target), self.entered(), &temporary).map_err(fail)?;
        let put = self.rename(&temporary, name).map_err(fail)?;
        self.done.links += u64::from(put.is_ok());
        Ok(put)
    }

    fn put_hard_link(&mut self, path: &FilePath, target: &[u8]) -> Put {
        let fail = |errno| ArchiveError::from(FilesError::of("unpack", path, errno));
        let Ok(Some(target)) = entry_path(target) else {
            return Ok(Err(SkipReason::UnsafeLink));
        };
        let is_file = |root: &Root| {
            let stat = root.stat_without_links(&target).ok().flatten();
            stat.is_some_and(|stat| kind(&stat) == FileType::RegularFile)
        };
        let (folder, target_name) = target.split()?;
        let Ok(folder) = self.root.open_folder_without_links(&folder) else {
            return Ok(Err(SkipReason::UnsafeLink));
        };
        if !is_file(self.root) {
            return Ok(Err(SkipReason::UnsafeLink));
        }
        let Some(name) = self.enter(path)? else {
            return Ok(Err(SkipReason::ExistsAsFile));
        };
        let temporary = temporary_name();
        // Without AT_SYMLINK_FOLLOW: should it be a link by now, the link itself gets a name more.
        linkat(
            &folder,
            target_name,
            self.entered(),
            &temporary,
            AtFlags::empty(),
        )
        .map_err(fail)?;
        let put = self.rename(&temporary, name).map_err(fail)?;
        // Two names of one file: the rename does nothing then.
        let _ = unlinkat(self.entered(), &temporary, AtFlags::empty());
        self.done.links += u64::from(put.is_ok());
        Ok(put)
    }

    /// Puts what has the temporary name in its place, or removes it.
    fn rename(
        &self,
        temporary: &OsString,
        name: &OsStr,
    ) -> rustix::io::Result<Result<(), SkipReason>> {
        let folder = self.entered();
        let renamed = match self.destination {
            Destination::Free => {
                renameat_with(folder, temporary, folder, name, RenameFlags::NOREPLACE)
            }
            Destination::Replaced => renameat(folder, temporary, folder, name),
        };
        if renamed.is_err() {
            let _ = unlinkat(folder, temporary, AtFlags::empty());
        }
        match renamed {
            Ok(()) => Ok(Ok(())),
            Err(Errno::ISDIR | Errno::NOTEMPTY) => Ok(Err(SkipReason::ExistsAsFolder)),
            // Twice in the archive, or made since the first pass.
            Err(Errno::EXIST) => Ok(Err(SkipReason::Exists)),
            Err(errno) => Err(errno),
        }
    }

    /// Opens the folder of a path, making what is missing; the name in it. `None` where something
    /// else than a folder is in the way.
    fn enter<'path>(
        &mut self,
        path: &'path FilePath,
    ) -> Result<Option<&'path OsStr>, ArchiveError> {
        let (folder, name) = path.split()?;
        if self.parent.as_ref().is_none_or(|(open, _)| *open != folder) {
            self.parent = self.folder(&folder)?.map(|opened| (folder, opened));
        }
        Ok(self.parent.is_some().then_some(name))
    }

    fn entered(&self) -> &OwnedFd {
        let (_, folder) = self.parent.as_ref().expect("entered before");
        folder
    }

    /// Opens a folder one step at a time, never through a link, making what is missing.
    fn folder(&self, path: &FilePath) -> Result<Option<OwnedFd>, ArchiveError> {
        let fail = |errno| ArchiveError::from(FilesError::of("unpack", path, errno));
        match self.root.open_folder_without_links(path) {
            Ok(folder) => return Ok(Some(folder)),
            Err(Errno::NOENT) => {}
            Err(Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(errno) => return Err(fail(errno)),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = FilePath::root();
        let mut folder = self.root.open_folder_without_links(&root).map_err(fail)?;
        for name in path.names() {
            let name = OsStr::from_bytes(name);
            match mkdirat(&folder, name, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(fail(errno)),
            }
            folder = match openat(&folder, name, flags, Mode::empty()) {
                Ok(child) => child,
                Err(Errno::NOTDIR | Errno::LOOP) => return Ok(None),
                Err(errno) => return Err(fail(errno)),
            };
        }
        Ok(Some(folder))
    }
}

/// Put, or left out for a reason.
type Put = Result<Result<(), SkipReason>, ArchiveError>;

fn write_content(
    path: &FilePath,
    file: &mut File,
    content: &mut dyn Read,
) -> Result<u64, ArchiveError> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut written = 0;
    loop {
        let count = match content.read(&mut piece) {
            Ok(0) => return Ok(written),
            Ok(count) => count,
            Err(error) => return Err(broken(format!("{path}: {error}"))),
        };
        file.write_all(&piece[..count]).map_err(|error| {
            let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
            ArchiveError::from(FilesError::of("unpack", path, errno))
        })?;
        written += count as u64;
    }
}

fn set_modified(file: &File, seconds: i64) -> rustix::io::Result<()> {
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: seconds,
            tv_nsec: 0,
        },
    };
    futimens(file, &times)
}
