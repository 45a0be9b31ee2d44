//! Writes files atomically: a temporary file in the same folder, synced, then renamed into place.
//!
//! Whoever reads sees the old content or the new, and a crash leaves the one or the other. The
//! replaced file's mode is kept; a symlink is followed as long as it stays below the root.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::LazyLock;

use parking_lot::Mutex;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Stat, fchmod, linkat, mkdirat, openat,
    renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;

use super::FilesError;
use super::etag::{ETag, OnlyIfAbsent, Preconditions, settled};
use super::path::FilePath;
use super::root::{Place, Root, kind};

/// Mode of a new file: what umask 022 makes of 0666.
const NEW_FILE_MODE: u32 = 0o644;
const NEW_FOLDER_MODE: u32 = 0o755;

/// Looking at the old file and renaming over it is one step for everybody who writes through us.
static COMMIT: Mutex<()> = Mutex::new(());

/// A file that is being written.
pub(crate) struct Upload {
    path: FilePath,
    place: Place,
    /// `None` for a file without a name, which nothing is left of when we are killed.
    temporary: Option<OsString>,
    file: File,
    written: u64,
    limit: u64,
    state: UploadState,
}

#[derive(PartialEq, Eq)]
enum UploadState {
    Open,
    Committed,
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    Created(ETag),
    Replaced(ETag),
}

impl Upload {
    /// Begins to write; refuses at once what the preconditions refuse already.
    pub(crate) fn begin(
        root: &Root,
        path: FilePath,
        preconditions: &Preconditions,
        limit: u64,
    ) -> Result<Self, FilesError> {
        let place = root.place_behind_links(&path, "write")?;
        check_target(&path, &place, preconditions)?;
        let made = match make_nameless_file(&place.folder) {
            Ok(file) => Ok((None, file)),
            Err(_) => make_temporary_file(&place.folder).map(|(name, file)| (Some(name), file)),
        };
        let (temporary, file) = made.map_err(|errno| FilesError::of("write", &path, errno))?;
        Ok(Self {
            path,
            place,
            temporary,
            file: File::from(file),
            written: 0,
            limit,
            state: UploadState::Open,
        })
    }

    pub(crate) fn write(&mut self, piece: &[u8]) -> Result<(), FilesError> {
        self.written += piece.len() as u64;
        if self.written > self.limit {
            return Err(too_large(&self.path, self.limit));
        }
        self.file.write_all(piece).map_err(|error| self.fail(error))
    }

    /// Puts the file in its place, if the preconditions still hold.
    pub(crate) fn commit(mut self, preconditions: &Preconditions) -> Result<Written, FilesError> {
        self.file.sync_all().map_err(|error| self.fail(error))?;
        let fail = |errno| FilesError::of("write", &self.path, errno);
        let replaced = {
            let _one_at_a_time = COMMIT.lock();
            let current = check_target(&self.path, &self.place, preconditions)?;
            let mode = current.map_or(NEW_FILE_MODE, |stat| stat.st_mode & 0o7777);
            fchmod(&self.file, Mode::from_raw_mode(mode)).map_err(fail)?;
            self.rename(preconditions)?;
            self.state = UploadState::Committed;
            current.is_some()
        };
        // The name is durable only when the folder is.
        rustix::fs::fsync(&self.place.folder).map_err(fail)?;
        let etag = ETag::of(&settled(&self.file).map_err(fail)?);
        Ok(if replaced {
            Written::Replaced(etag)
        } else {
            Written::Created(etag)
        })
    }

    fn rename(&self, preconditions: &Preconditions) -> Result<(), FilesError> {
        let Place { folder, name } = &self.place;
        let renamed = match (&self.temporary, preconditions.only_if_absent) {
            (Some(temporary), Some(OnlyIfAbsent)) => {
                renameat_with(folder, temporary, folder, name, RenameFlags::NOREPLACE)
            }
            (Some(temporary), None) => renameat(folder, temporary, folder, name),
            (None, Some(OnlyIfAbsent)) => give_name(&self.file, folder, name),
            // A name can't be taken over without another one first.
            (None, None) => {
                let temporary = temporary_name();
                give_name(&self.file, folder, &temporary).and_then(|()| {
                    renameat(folder, &temporary, folder, name).inspect_err(|_| {
                        let _ = unlinkat(folder, &temporary, AtFlags::empty());
                    })
                })
            }
        };
        renamed.map_err(|errno| match errno {
            // Made by a program of the seat since we looked.
            Errno::EXIST => FilesError::Changed {
                path: self.path.to_string(),
                current: None,
            },
            other => FilesError::of("write", &self.path, other),
        })
    }

    fn fail(&self, error: std::io::Error) -> FilesError {
        match Errno::from_io_error(&error) {
            Some(errno) => FilesError::of("write", &self.path, errno),
            None => FilesError::Io {
                operation: "write",
                path: self.path.to_string(),
                source: error,
            },
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.state == UploadState::Open
            && let Some(temporary) = &self.temporary
        {
            let _ = unlinkat(&self.place.folder, temporary, AtFlags::empty());
        }
    }
}

/// Refuses a body whose announced length is over the limit, before it is sent.
pub(crate) fn check_length(path: &FilePath, length: u64, limit: u64) -> Result<(), FilesError> {
    if length > limit {
        return Err(too_large(path, limit));
    }
    Ok(())
}

/// Writes a small file, and the folders above it, unless there is something of that name.
pub(crate) fn write_if_absent(
    root: &Root,
    path: &FilePath,
    content: &[u8],
) -> Result<(), FilesError> {
    for folder in path.folders() {
        match make_folder(root, &folder) {
            Ok(()) | Err(FilesError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let absent = Preconditions {
        wanted: None,
        only_if_absent: Some(OnlyIfAbsent),
    };
    let written =
        Upload::begin(root, path.clone(), &absent, content.len() as u64).and_then(|mut upload| {
            upload.write(content)?;
            upload.commit(&absent)
        });
    match written {
        Ok(_)
        | Err(
            FilesError::Changed { .. }
            | FilesError::IsDirectory { .. }
            | FilesError::NotAFile { .. },
        ) => Ok(()),
        Err(error) => Err(error),
    }
}

/// `mkdir`, without parents.
pub(crate) fn make_folder(root: &Root, path: &FilePath) -> Result<(), FilesError> {
    let place = root.place(path, "make")?;
    let mode = Mode::from_raw_mode(NEW_FOLDER_MODE);
    mkdirat(&place.folder, &place.name, mode).map_err(|errno| FilesError::of("make", path, errno))
}

/// What is to be replaced, if it may be.
fn check_target(
    path: &FilePath,
    place: &Place,
    preconditions: &Preconditions,
) -> Result<Option<Stat>, FilesError> {
    let current = place
        .stat()
        .map_err(|errno| FilesError::of("write", path, errno))?;
    let wrong_kind = current.as_ref().map(kind);
    let etag = current.as_ref().map(ETag::of);
    match wrong_kind {
        None | Some(FileType::RegularFile) => {}
        Some(FileType::Directory) => {
            return Err(FilesError::IsDirectory {
                path: path.to_string(),
            });
        }
        Some(_) => {
            return Err(FilesError::NotAFile {
                path: path.to_string(),
            });
        }
    }
    if preconditions.hold(etag.as_ref()) {
        Ok(current)
    } else {
        Err(FilesError::Changed {
            path: path.to_string(),
            current: etag,
        })
    }
}

/// A file that is gone when it is closed, unless it is given a name before.
pub(super) fn make_nameless_file(folder: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    openat(folder, ".", flags, Mode::from_raw_mode(0o600))
}

/// Gives a nameless file a name that is free (open(2), O_TMPFILE).
fn give_name(
    file: &File,
    folder: &OwnedFd,
    name: impl rustix::path::Arg,
) -> rustix::io::Result<()> {
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(CWD, link, folder, name, AtFlags::SYMLINK_FOLLOW)
}

pub(super) fn make_temporary_file(folder: &OwnedFd) -> rustix::io::Result<(OsString, OwnedFd)> {
    let name = temporary_name();
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(folder, &name, flags, Mode::from_raw_mode(0o600))?;
    Ok((name, file))
}

/// Tells this process's temporary names from those of one that was killed, whatever the clock says.
static OURS: LazyLock<String> = LazyLock::new(|| format!("{:08x}", random_u32()));

fn random_u32() -> u32 {
    (crate::server::random_u64() >> 32) as u32
}

/// A name that nothing else has.
pub(super) fn temporary_name() -> OsString {
    format!(".clarateach-{}{:08x}.tmp", *OURS, random_u32()).into()
}

/// Whether a temporary name was made by this process.
pub(super) fn is_own_temporary_name(name: &[u8]) -> bool {
    let rest = name.strip_prefix(b".clarateach-");
    rest.is_some_and(|rest| rest.starts_with(OURS.as_bytes()))
}

/// Whether a name is one of ours: nobody needs to know of it.
pub(super) fn is_temporary_name(name: &[u8]) -> bool {
    let digits = name
        .strip_prefix(b".clarateach-")
        .and_then(|rest| rest.strip_suffix(b".tmp"));
    digits.is_some_and(|digits| digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit))
}

fn too_large(path: &FilePath, limit: u64) -> FilesError {
    FilesError::TooLarge {
        what: path.to_string(),
        limit,
    }
}
