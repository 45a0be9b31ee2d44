//! Puts an archive's entries below a folder: looks at all of them first, then writes.
//!
//! The first pass believes no name and adds up sizes, so that a bomb, a full disk or a file in the
//! way ends it before anything is written. The second is `writer`'s.

mod writer;

use std::fs::File;
use std::io::{self, Read, Seek};

use clarateach_protocol::files::Unpacked;
use flate2::read::MultiGzDecoder;
use rustix::fs::FileType;
use rustix::io::Errno;

use super::super::FilesError;
use super::super::path::FilePath;
use super::super::relocate::Destination;
use super::super::root::{Root, kind};
use super::entry::{Entry, EntryKind, entry_path};
use super::zip_reader::{ZipReader, cannot_read};
use super::{ArchiveError, Format, tar_reader};
use writer::Writer;

/// Paths in the way, and entries left out, that are named.
const MAX_NAMED: usize = 50;
/// Growth that is honest at any size; and from where on a larger one is none.
const MAX_RATIO: u64 = 250;
const RATIO_FROM: u64 = 100 * 1024 * 1024;

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
    let mut writer = Writer::new(&below, destination);
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
