//! Puts an archive's entries below a folder: looks at all of them first, then writes.
//!
//! The first pass believes no name and adds up sizes, so that a bomb, a full disk or a file in the
//! way ends it before anything is written. The second makes folders one step at a time without
//! following links, and every file under a temporary name that is then renamed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use clarateach_protocol::files::{SkipReason, SkippedEntry, Unpacked};
use flate2::read::MultiGzDecoder;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT, fchmod,
    futimens, linkat, mkdirat, openat, renameat, renameat_with, symlinkat, unlinkat,
};
use rustix::io::Errno;

use super::super::FilesError;
use super::super::path::FilePath;
use super::super::relocate::Destination;
use super::super::root::{Root, kind};
use super::super::write::{make_temporary_file, temporary_name};
use super::entry::{Entry, EntryKind, entry_path, is_inner_link};
use super::zip_reader::{ZipReader, cannot_read};
use super::{ArchiveError, Format, broken, tar_reader};

/// Paths in the way, and entries left out, that are named.
const MAX_NAMED: usize = 50;
/// Growth that is honest at any size; and from where on a larger one is none.
const MAX_RATIO: u64 = 250;
const RATIO_FROM: u64 = 100 * 1024 * 1024;
const PIECE_BYTES: usize = 128 * 1024;

/// What an archive may become at the most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnpackLimits {
    pub(crate) entries: usize,
    pub(crate) bytes: u64,
}

/// Unpacks `archive` into a folder that exists.
pub(crate) fn unpack(
    root: &Root,
    folder: &FilePath,
    archive: &mut File,
    format: Option<Format>,
    destination: Destination,
    limits: UnpackLimits,
) -> Result<Unpacked, ArchiveError> {
    let opened = root
        .open_folder(folder)
        .map_err(|errno| FilesError::of("unpack into", folder, errno))?;
    // From here on this folder is the root: links in it that lead out of it aren't followed either.
    let below = Root::below(opened);
    let format = match format {
        Some(format) => format,
        None => Format::of(&beginning(archive)?).ok_or(ArchiveError::Unknown)?,
    };
    survey(&below, archive, format, destination, limits)?;
    let mut writer = Writer {
        root: &below,
        destination,
        parent: None,
        done: Unpacked::default(),
    };
    let written = each(archive, format, &mut |entry, content| {
        writer.take(&entry, content)
    });
    // All of it is durable before it is acknowledged; one call for all files is much the fastest.
    let synced = below
        .sync()
        .map_err(|errno| FilesError::of("unpack into", folder, errno).into());
    match written.and(synced) {
        Ok(()) => Ok(writer.done),
        Err(error) if writer.done.files == 0 => Err(error),
        Err(error) => Err(ArchiveError::Partial {
            files: writer.done.files,
            source: Box::new(error),
        }),
    }
}

fn beginning(archive: &mut File) -> Result<[u8; 4], ArchiveError> {
    let mut beginning = [0; 4];
    archive.rewind().map_err(cannot_read)?;
    archive
        .read_exact(&mut beginning)
        .map_err(|_| ArchiveError::Unknown)?;
    Ok(beginning)
}

/// The first pass.
fn survey(
    root: &Root,
    archive: &mut File,
    format: Format,
    destination: Destination,
    limits: UnpackLimits,
) -> Result<(), ArchiveError> {
    let packed = archive.metadata().map_err(cannot_read)?.len();
    let (mut entries, mut bytes) = (0, 0u64);
    let (mut in_the_way, mut total) = (Vec::new(), 0);
    each(archive, format, &mut |entry, _| {
        entries += 1;
        if entries > limits.entries {
            return Err(ArchiveError::TooMany {
                limit: limits.entries,
            });
        }
        if entry.kind == EntryKind::File {
            bytes = bytes.saturating_add(entry.size);
        }
        if bytes > limits.bytes {
            return Err(ArchiveError::TooLarge {
                limit: limits.bytes,
            });
        }
        if bytes > RATIO_FROM && bytes / packed.max(1) > MAX_RATIO {
            return Err(ArchiveError::Bomb { ratio: MAX_RATIO });
        }
        if destination == Destination::Free
            && let Some(path) = obstacle(root, &entry)?
        {
            total += 1;
            if in_the_way.len() < MAX_NAMED {
                in_the_way.push(path.to_string());
            }
        }
        Ok(())
    })?;
    if total > 0 {
        return Err(ArchiveError::InTheWay {
            paths: in_the_way,
            total,
        });
    }
    let disk = root.disk_usage();
    if disk
        .limit
        .is_some_and(|limit| limit.saturating_sub(disk.used) < bytes)
    {
        return Err(FilesError::DiskFull.into());
    }
    Ok(())
}

/// What exists where an entry, or a folder above it, is to be.
fn obstacle(root: &Root, entry: &Entry) -> Result<Option<FilePath>, ArchiveError> {
    if matches!(entry.kind, EntryKind::Skipped(_)) {
        return Ok(None);
    }
    let Ok(Some(path)) = entry_path(&entry.name) else {
        return Ok(None);
    };
    let found = match root.stat_without_links(&path) {
        Ok(Some(stat)) => {
            let both = entry.kind == EntryKind::Folder && kind(&stat) == FileType::Directory;
            (!both).then_some(path)
        }
        Ok(None) => None,
        // A file or a link where a folder should be.
        Err(Errno::NOTDIR | Errno::LOOP) => Some(path),
        Err(errno) => return Err(FilesError::of("unpack", &path, errno).into()),
    };
    Ok(found)
}

/// The second pass.
struct Writer<'root> {
    root: &'root Root,
    destination: Destination,
    /// The folder of the last entry: the next is mostly there too.
    parent: Option<(FilePath, OwnedFd)>,
    done: Unpacked,
}

impl Writer<'_> {
    fn take(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), ArchiveError> {
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

/// Gives every entry of an archive with its content.
pub(crate) fn each(
    archive: &mut File,
    format: Format,
    visit: &mut dyn FnMut(Entry, &mut dyn Read) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    match format {
        Format::Zip => ZipReader::open(archive)?.each(visit),
        Format::TarGz => {
            archive.rewind().map_err(cannot_read)?;
            tar_reader::each(MultiGzDecoder::new(io::BufReader::new(archive)), visit)
        }
    }
}
