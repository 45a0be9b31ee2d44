//! Streams a folder as an archive, in constant memory (zip remembers some 100 bytes an entry).
//!
//! Links are stored as links; what is neither file, folder nor link is left out, and so is what
//! can't be read: a text file at the end names them. A file that becomes shorter while it is read
//! breaks the stream off: half an archive is seen as such, a wrong one is not.

use std::ffi::CStr;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};

use super::super::list::names;
use super::super::path::FilePath;
use super::super::root::{Root, kind};
use super::super::write::is_temporary_name;
use super::super::{FilesError, MAX_DEPTH};
use super::Format;
use super::zip_writer::ZipWriter;

/// The last entry, if something was left out.
const SKIPPED_NAME: &str = "not-in-this-archive.txt";
const MAX_SKIPPED_LINES: usize = 1000;
/// Where the kernel keeps what a repair found; nobody's.
const LOST_AND_FOUND: &[u8] = b"lost+found";

/// What is to be packed: found, and open.
pub(crate) struct Source {
    folder: OwnedFd,
    path: FilePath,
}

impl Source {
    /// Finds a folder or file.
    pub(crate) fn open(root: &Root, path: &FilePath) -> Result<Self, FilesError> {
        let fail = |errno| FilesError::of("pack", path, errno);
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let folder = root.open_path(path, flags).map_err(fail)?;
        match kind(&fstat(&folder).map_err(fail)?) {
            FileType::Directory | FileType::RegularFile => Ok(Self {
                folder,
                path: path.clone(),
            }),
            _ => Err(FilesError::NotAFile {
                path: path.to_string(),
            }),
        }
    }

    /// Writes all of it. An error means that what was written is no whole archive.
    pub(crate) fn pack(self, format: Format, output: impl Write) -> io::Result<()> {
        match format {
            Format::Zip => {
                let mut pack = Pack::new(ZipWriter::new(output));
                pack.all(self)?;
                pack.sink.finish()
            }
            Format::TarGz => {
                let gzip = GzEncoder::new(output, Compression::fast());
                let mut pack = Pack::new(TarWriter(tar::Builder::new(gzip)));
                pack.all(self)?;
                pack.sink.0.into_inner()?.finish()?.flush()
            }
        }
    }
}

/// An archive that is being written.
pub(super) trait Sink {
    fn folder(&mut self, name: &[u8], stat: &Stat) -> io::Result<()>;
    fn link(&mut self, name: &[u8], stat: &Stat, target: &[u8]) -> io::Result<()>;
    /// Exactly `size` bytes of content.
    fn file(
        &mut self,
        name: &[u8],
        attributes: Attributes,
        content: &mut dyn Read,
    ) -> io::Result<()>;
}

/// What archives keep of a file.
#[derive(Clone, Copy)]
pub(super) struct Attributes {
    pub(super) mode: u32,
    pub(super) modified: i64,
    pub(super) size: u64,
}

impl Attributes {
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            mode: stat.st_mode & 0o7777,
            modified: stat.st_mtime,
            size: stat.st_size.cast_unsigned(),
        }
    }
}

struct Pack<S> {
    sink: S,
    skipped: Vec<String>,
    skipped_total: usize,
}

impl<S: Sink> Pack<S> {
    fn new(sink: S) -> Self {
        Self {
            sink,
            skipped: Vec::new(),
            skipped_total: 0,
        }
    }

    /// Entries of the root have no folder before them, so that they come back to where they were.
    fn all(&mut self, source: Source) -> io::Result<()> {
        let stat = fstat(&source.folder)?;
        let name = source
            .path
            .name()
            .map(FilePath::of_name)
            .unwrap_or(FilePath::root());
        if kind(&stat) == FileType::RegularFile {
            let mut file = std::fs::File::from(source.folder);
            self.file(&name, &stat, &mut file)?;
        } else {
            if !name.is_root() {
                self.sink.folder(name.as_os_str().as_bytes(), &stat)?;
            }
            self.folder(&source.folder, &name, MAX_DEPTH)?;
        }
        self.tell_skipped()
    }

    fn folder(&mut self, folder: &OwnedFd, path: &FilePath, depth: usize) -> io::Result<()> {
        if depth == 0 {
            self.skip(path, "too many levels of folders");
            return Ok(());
        }
        for name in names(folder)? {
            let name = name?;
            let bytes = name.to_bytes();
            if is_temporary_name(bytes) || (path.is_root() && bytes == LOST_AND_FOUND) {
                continue;
            }
            self.entry(folder, &name, &path.join(bytes), depth)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        folder: &OwnedFd,
        name: &CStr,
        path: &FilePath,
        depth: usize,
    ) -> io::Result<()> {
        // Removed since it was listed.
        let Ok(stat) = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
            return Ok(());
        };
        let bytes = path.as_os_str().as_bytes();
        match kind(&stat) {
            FileType::Symlink => match readlinkat(folder, name, Vec::new()) {
                Ok(target) => self.sink.link(bytes, &stat, target.to_bytes()),
                Err(_) => Ok(()),
            },
            FileType::Directory => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let Ok(opened) = openat(folder, name, flags, Mode::empty()) else {
                    self.skip(path, "no permission");
                    return Ok(());
                };
                self.sink.folder(bytes, &stat)?;
                self.folder(&opened, path, depth - 1)
            }
            FileType::RegularFile => {
                let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let opened = openat(folder, name, flags, Mode::empty());
                let opened = opened.and_then(|file| fstat(&file).map(|stat| (file, stat)));
                match opened {
                    Ok((file, stat)) if kind(&stat) == FileType::RegularFile => {
                        self.file(path, &stat, &mut std::fs::File::from(file))
                    }
                    _ => {
                        self.skip(path, "no permission");
                        Ok(())
                    }
                }
            }
            _ => {
                self.skip(path, "a pipe, socket or device");
                Ok(())
            }
        }
    }

    fn file(&mut self, path: &FilePath, stat: &Stat, file: &mut impl Read) -> io::Result<()> {
        let attributes = Attributes::of(stat);
        let mut content = Exactly {
            file,
            left: attributes.size,
        };
        self.sink
            .file(path.as_os_str().as_bytes(), attributes, &mut content)
    }

    fn skip(&mut self, path: &FilePath, reason: &str) {
        self.skipped_total += 1;
        if self.skipped.len() < MAX_SKIPPED_LINES {
            self.skipped.push(format!("{path}: {reason}\n"));
        }
    }

    fn tell_skipped(&mut self) -> io::Result<()> {
        if self.skipped_total == 0 {
            return Ok(());
        }
        let count = self.skipped_total;
        let text = format!("Left out, {count} in all:\n{}", self.skipped.concat());
        let attributes = Attributes {
            mode: 0o644,
            modified: time::OffsetDateTime::now_utc().unix_timestamp(),
            size: text.len() as u64,
        };
        self.sink
            .file(SKIPPED_NAME.as_bytes(), attributes, &mut text.as_bytes())
    }
}

/// As many bytes as were announced: one that grows is cut, one that shrinks is an error.
struct Exactly<R> {
    file: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.file.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(io::Error::other(
                "a file became shorter while it was packed",
            ));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

struct TarWriter<W: Write>(tar::Builder<W>);

impl<W: Write> TarWriter<W> {
    fn header(kind: tar::EntryType, attributes: Attributes) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(attributes.mode);
        header.set_mtime(attributes.modified.try_into().unwrap_or(0));
        header.set_size(attributes.size);
        header
    }
}

impl<W: Write> Sink for TarWriter<W> {
    fn folder(&mut self, name: &[u8], stat: &Stat) -> io::Result<()> {
        let attributes = Attributes {
            size: 0,
            ..Attributes::of(stat)
        };
        let mut header = Self::header(tar::EntryType::Directory, attributes);
        let name = [name, b"/"].concat();
        self.0
            .append_data(&mut header, std::ffi::OsStr::from_bytes(&name), io::empty())
    }

    fn link(&mut self, name: &[u8], stat: &Stat, target: &[u8]) -> io::Result<()> {
        let attributes = Attributes {
            size: 0,
            ..Attributes::of(stat)
        };
        let mut header = Self::header(tar::EntryType::Symlink, attributes);
        let name = std::ffi::OsStr::from_bytes(name);
        self.0
            .append_link(&mut header, name, std::ffi::OsStr::from_bytes(target))
    }

    fn file(
        &mut self,
        name: &[u8],
        attributes: Attributes,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        let mut header = Self::header(tar::EntryType::Regular, attributes);
        self.0
            .append_data(&mut header, std::ffi::OsStr::from_bytes(name), content)
    }
}
