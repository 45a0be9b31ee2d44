//! Reads regular files, and nothing that could block or have effects.

use std::fs::File;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use rustix::fs::{FileType, OFlags};

use super::FilesError;
use super::etag::{ETag, settled};
use super::path::FilePath;
use super::root::{Root, kind};

/// Read and sent in one piece.
const PIECE_BYTES: u64 = 128 * 1024;

/// An open regular file with its size and tag at that moment.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: File,
    pub(crate) size: u64,
    pub(crate) etag: ETag,
    /// Seconds and nanoseconds.
    modified: (i64, u64),
}

/// Opens a file for reading.
pub(crate) fn open(root: &Root, path: &FilePath) -> Result<OpenFile, FilesError> {
    let fail = |errno| FilesError::of("read", path, errno);
    // A FIFO without a writer opens at once with O_NONBLOCK; it is refused below.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = root.open_path(path, flags).map_err(fail)?;
    let stat = rustix::fs::fstat(&file).map_err(fail)?;
    match kind(&stat) {
        FileType::RegularFile => {}
        FileType::Directory => {
            return Err(FilesError::IsDirectory {
                path: path.to_string(),
            });
        }
        _ => {
            return Err(FilesError::NotAFile {
                path: path.to_string(),
            });
        }
    }
    let stat = settled(&file).map_err(fail)?;
    Ok(OpenFile {
        file: File::from(file),
        size: stat.st_size.cast_unsigned(),
        etag: ETag::of(&stat),
        modified: (stat.st_mtime, stat.st_mtime_nsec),
    })
}

impl OpenFile {
    /// The next piece of `from..to`; empty when the file has become shorter.
    pub(crate) fn piece(&self, from: u64, to: u64) -> std::io::Result<Bytes> {
        let length = usize::try_from((to - from).min(PIECE_BYTES)).unwrap_or(0);
        let mut piece = vec![0; length];
        let count = self.file.read_at(&mut piece, from)?;
        piece.truncate(count);
        self.check_unchanged()?;
        Ok(Bytes::from(piece))
    }
}

impl OpenFile {
    /// Bytes of two contents under one tag would be a lie: after a change in place the answer breaks
    /// off. One that has only become longer is a log, whose beginning stays what it was.
    fn check_unchanged(&self) -> std::io::Result<()> {
        let stat = rustix::fs::fstat(&self.file)?;
        let is_longer = stat.st_size.cast_unsigned() > self.size;
        if is_longer || (stat.st_mtime, stat.st_mtime_nsec) == self.modified {
            return Ok(());
        }
        Err(std::io::Error::other(
            "the file was changed while it was read",
        ))
    }
}

/// What a `Range` header (RFC 9110, section 14.2) asks of a file of some size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    /// Everything: no range, or none that we understand.
    Whole,
    /// Bytes from `first` up to and without `end`.
    Part { first: u64, end: u64 },
    /// Nothing of it exists.
    Unsatisfiable,
}

/// Reads a single byte range; several in one header are answered with everything, as allowed.
pub(crate) fn select(range: Option<&str>, size: u64) -> Selection {
    let Some((first, last)) = range.and_then(parse_range) else {
        return Selection::Whole;
    };
    match (first, last) {
        (Some(first), last) => {
            let end = last.map_or(size, |last| last.saturating_add(1).min(size));
            if last.is_some_and(|last| last < first) {
                Selection::Whole
            } else if first >= size {
                Selection::Unsatisfiable
            } else {
                Selection::Part { first, end }
            }
        }
        (None, Some(length)) if length == 0 || size == 0 => Selection::Unsatisfiable,
        (None, Some(length)) => Selection::Part {
            first: size.saturating_sub(length),
            end: size,
        },
        (None, None) => Selection::Whole,
    }
}

fn parse_range(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    Some((parse_position(first)?, parse_position(last)?))
}

/// Digits or nothing.
fn parse_position(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .map(|position| position.or(Some(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_as_the_rfc_says() {
        let part = |first, end| Selection::Part { first, end };
        for (range, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=2-", part(2, 10)),
            ("bytes=2-99", part(2, 10)),
            ("bytes=-3", part(7, 10)),
            ("bytes=-99", part(0, 10)),
            ("bytes=10-", Selection::Unsatisfiable),
            ("bytes=-0", Selection::Unsatisfiable),
            ("bytes=99999999999999999999999-", Selection::Unsatisfiable),
            ("bytes=5-2", Selection::Whole),
            ("bytes=0-1,3-4", Selection::Whole),
            ("bytes=-", Selection::Whole),
            ("lines=1-2", Selection::Whole),
            ("bytes=+1-2", Selection::Whole),
        ] {
            assert_eq!(select(Some(range), 10), expected, "{range}");
        }
        assert_eq!(select(None, 10), Selection::Whole);
        assert_eq!(select(Some("bytes=0-"), 0), Selection::Unsatisfiable);
    }
}
