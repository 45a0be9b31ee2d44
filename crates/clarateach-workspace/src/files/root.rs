//! The confinement: names are resolved by the kernel beneath one descriptor.
//!
//! `openat2(2)` with RESOLVE_BENEATH refuses every way out (absolute symlinks, `..`, links swapped
//! during the call) and RESOLVE_NO_MAGICLINKS the ways through `/proc`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use clarateach_protocol::seat::Usage;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, fstatvfs, openat2, readlinkat, statat,
    unlinkat,
};
use rustix::io::Errno;

use super::FilesError;
use super::path::FilePath;
use super::write::{make_nameless_file, make_temporary_file};

/// The kernel gives up with EAGAIN when folders are renamed during the walk; so often we try again.
const RESOLVE_TRIES: usize = 128;
/// Symlinks that a file to be written may be behind, as in the kernel.
const MAX_LINKS: usize = 40;

/// The folder that everything is below.
pub(crate) struct Root(OwnedFd);

/// Where a name is to be written: an open folder and a name in it that is no symlink.
pub(crate) struct Place {
    pub(crate) folder: OwnedFd,
    pub(crate) name: OsString,
}

impl Root {
    /// Opens the root and makes sure that the kernel confines and that files can be made in it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = Self(rustix::fs::open(path, flags, Mode::empty())?);
        root.resolve(OsStr::new("."), OFlags::PATH)?;
        root.probe_writing()?;
        Ok(root)
    }

    /// Makes a folder the root of what is done below it.
    pub(crate) fn below(folder: OwnedFd) -> Self {
        Self(folder)
    }

    /// Writes everything that is in memory only, of the whole file system.
    pub(crate) fn sync(&self) -> rustix::io::Result<()> {
        rustix::fs::syncfs(self.open_folder(&FilePath::root())?)
    }

    /// A file that is gone when it is closed.
    pub(crate) fn make_nameless_file(&self) -> rustix::io::Result<OwnedFd> {
        let folder = self.open_folder(&FilePath::root())?;
        match make_nameless_file(&folder) {
            // A file system that has no such files.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                let (name, file) = make_temporary_file(&folder)?;
                unlinkat(&folder, &name, AtFlags::empty())?;
                Ok(file)
            }
            done => done,
        }
    }

    /// What a path is, no name of it being a symlink but perhaps the last; `None` when it isn't there.
    pub(crate) fn stat_without_links(&self, path: &FilePath) -> rustix::io::Result<Option<Stat>> {
        let (folder, name) = path.split().map_err(|_| Errno::INVAL)?;
        let found = self
            .open_folder_without_links(&folder)
            .and_then(|folder| statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW));
        match found {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Permission bits don't tell (root, read-only mounts, `/proc`): a file does.
    fn probe_writing(&self) -> rustix::io::Result<()> {
        let folder = self.open_folder(&FilePath::root())?;
        let (name, _file) = make_temporary_file(&folder)?;
        unlinkat(&folder, &name, AtFlags::empty())
    }

    /// Opens what a path leads to, following symlinks that stay below the root.
    pub(crate) fn open_path(&self, path: &FilePath, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let name = if path.is_root() {
            OsStr::new(".")
        } else {
            path.as_os_str()
        };
        self.resolve(name, flags)
    }

    pub(crate) fn open_folder(&self, path: &FilePath) -> rustix::io::Result<OwnedFd> {
        self.open_path(path, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// Opens a folder that the path leads to without any symlink: what a walk of the tree finds.
    pub(crate) fn open_folder_without_links(&self, path: &FilePath) -> rustix::io::Result<OwnedFd> {
        let name = if path.is_root() {
            OsStr::new(".")
        } else {
            path.as_os_str()
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        self.resolve_with(name, flags, ResolveFlags::NO_SYMLINKS)
    }

    /// The folder of a path and the last name, which is not followed when it is a symlink.
    pub(crate) fn place(
        &self,
        path: &FilePath,
        operation: &'static str,
    ) -> Result<Place, FilesError> {
        let (folder, name) = path.split()?;
        let folder = self
            .open_folder(&folder)
            .map_err(|errno| FilesError::of_parent(operation, path, errno))?;
        Ok(Place {
            folder,
            name: name.to_owned(),
        })
    }

    /// The same, but behind the symlinks: writing to a link writes what it points to.
    pub(crate) fn place_behind_links(
        &self,
        path: &FilePath,
        operation: &'static str,
    ) -> Result<Place, FilesError> {
        let mut place = self.place(path, operation)?;
        let mut trail = path.as_os_str().to_owned();
        for _ in 0..MAX_LINKS {
            let Ok(target) = readlinkat(&place.folder, &place.name, Vec::new()) else {
                return Ok(place);
            };
            trail = beside(&trail, target.as_bytes());
            place = self
                .place_of_trail(&trail)
                .map_err(|errno| FilesError::of_parent(operation, path, errno))?;
        }
        Err(FilesError::Outside {
            path: path.to_string(),
        })
    }

    /// `trail` may hold `..` and links; the kernel resolves all of it but the last name.
    fn place_of_trail(&self, trail: &OsStr) -> rustix::io::Result<Place> {
        let bytes = trail.as_bytes();
        let (folder, name) = match bytes.iter().rposition(|byte| *byte == b'/') {
            Some(0) => return Err(Errno::XDEV),
            Some(at) => (&bytes[..at], &bytes[at + 1..]),
            None => (&b"."[..], bytes),
        };
        if matches!(name, b"" | b"." | b"..") {
            return Err(Errno::ISDIR);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        Ok(Place {
            folder: self.resolve(OsStr::from_bytes(folder), flags)?,
            name: OsStr::from_bytes(name).to_owned(),
        })
    }

    fn resolve(&self, name: &OsStr, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        self.resolve_with(name, flags, ResolveFlags::empty())
    }

    fn resolve_with(
        &self,
        name: &OsStr,
        flags: OFlags,
        also: ResolveFlags,
    ) -> rustix::io::Result<OwnedFd> {
        let confined = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | also;
        let flags = flags | OFlags::CLOEXEC;
        for _ in 0..RESOLVE_TRIES {
            match openat2(&self.0, name, flags, Mode::empty(), confined) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                done => return done,
            }
        }
        Err(Errno::AGAIN)
    }

    pub(crate) fn disk_usage(&self) -> Usage {
        let Ok(disk) = fstatvfs(&self.0) else {
            return Usage::default();
        };
        Usage {
            used: (disk.f_blocks - disk.f_bfree) * disk.f_frsize,
            limit: Some((disk.f_blocks - disk.f_bfree + disk.f_bavail) * disk.f_frsize),
        }
    }
}

impl Place {
    /// What is there now, not following a symlink; `None` when nothing is.
    pub(crate) fn stat(&self) -> rustix::io::Result<Option<Stat>> {
        match statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }
}

/// What kind of file a stat is of.
pub(crate) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// A link's target, as seen from the folder that the link is in.
fn beside(link: &OsStr, target: &[u8]) -> OsString {
    if target.starts_with(b"/") {
        return OsString::from_vec(target.to_vec());
    }
    let folder = match link.as_bytes().iter().rposition(|byte| *byte == b'/') {
        Some(at) => &link.as_bytes()[..=at],
        None => &[],
    };
    OsString::from_vec([folder, target].concat())
}
