//! Reads tar archives as a stream, with the crate `tar` and a limit on what it keeps in memory.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use clarateach_protocol::files::SkipReason;

use super::entry::{Entry, EntryKind};
use super::zip_reader::cannot_read;
use super::{ArchiveError, broken};

/// What the names and attributes of one entry may take.
const MAX_TAR_HEAD: u64 = 256 * 1024;
/// What may follow the last entry: tar fills up its last block.
const MAX_TAR_PADDING: u64 = 4 * 1024 * 1024;

/// Long names are read into memory by the crate: so much may be read between two contents.
struct Allowed<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Allowed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left.get()).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        if most == 0 && !buffer.is_empty() {
            return Err(io::Error::other("an entry's name is too long"));
        }
        let count = self.inner.read(&mut buffer[..most])?;
        self.left.set(self.left.get() - count as u64);
        Ok(count)
    }
}

/// Gives every entry with its content.
pub(super) fn each(
    input: impl Read,
    visit: &mut dyn FnMut(Entry, &mut dyn Read) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let left = Rc::new(Cell::new(MAX_TAR_HEAD));
    let mut archive = tar::Archive::new(Allowed {
        inner: input,
        left: Rc::clone(&left),
    });
    let mut entries = archive.entries().map_err(cannot_read)?;
    loop {
        left.set(MAX_TAR_HEAD);
        let Some(entry) = entries.next() else {
            break;
        };
        let mut entry = entry.map_err(cannot_read)?;
        left.set(u64::MAX);
        if let Some(described) = describe(&entry)? {
            visit(described, &mut entry)?;
        }
        // To the end of its content, which the next head is behind.
        io::copy(&mut entry, &mut io::sink()).map_err(cannot_read)?;
    }
    // To the end of the stream, where gzip has its checksum; behind a tar there is only padding.
    left.set(MAX_TAR_PADDING);
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(cannot_read)?;
    Ok(())
}

/// `None` for what is no entry but says something about others.
fn describe<R: Read>(entry: &tar::Entry<'_, R>) -> Result<Option<Entry>, ArchiveError> {
    let header = entry.header();
    let target = || {
        let target = entry.link_name_bytes().map(|target| target.into_owned());
        target.ok_or_else(|| broken("a link leads nowhere"))
    };
    let kind = match header.entry_type() {
        kind if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() => EntryKind::File,
        kind if kind.is_dir() => EntryKind::Folder,
        kind if kind.is_symlink() => EntryKind::Symlink(target()?),
        kind if kind.is_hard_link() => EntryKind::HardLink(target()?),
        kind if kind.is_pax_global_extensions() => return Ok(None),
        _ => EntryKind::Skipped(SkipReason::SpecialFile),
    };
    Ok(Some(Entry {
        name: entry.path_bytes().into_owned(),
        kind,
        mode: header.mode().ok().map(|mode| mode & 0o777),
        modified: header.mtime().ok().and_then(|time| time.try_into().ok()),
        size: entry.size(),
    }))
}
