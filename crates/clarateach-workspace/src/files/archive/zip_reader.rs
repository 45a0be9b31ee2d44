//! Reads zip archives by their central directory, one record at a time: however many it claims to
//! have, memory stays as it is.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;

use clarateach_protocol::files::SkipReason;
use flate2::read::DeflateDecoder;
use flate2::{Crc, CrcReader};

use super::entry::{Entry, EntryKind, MAX_TARGET_BYTES};
use super::{ArchiveError, broken};

const END_BYTES: u64 = 22;
/// The end has a comment of at most so many bytes behind it.
const MAX_COMMENT: u64 = 0xffff;
const FLAG_ENCRYPTED: u16 = 1;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Of an archive made on Unix, external attributes hold the mode.
const MADE_ON_UNIX: u16 = 3;

/// A zip, found in a file.
pub(super) struct ZipReader<'file> {
    file: &'file File,
    /// Where the central directory is, and how long.
    begin: u64,
    length: u64,
    entries: u64,
    /// Bytes in front of the archive, which its offsets don't count.
    prefix: u64,
}

/// A part of a file.
struct Section<'file> {
    file: &'file File,
    at: u64,
    end: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// A record of the central directory.
struct Record {
    made_by: u16,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    attributes: u32,
    offset: u64,
    name: Vec<u8>,
    modified: Option<i64>,
}

impl<'file> ZipReader<'file> {
    pub(super) fn open(file: &'file File) -> Result<Self, ArchiveError> {
        let length = file.metadata().map_err(cannot_read)?.len();
        let tail = read_part(file, length.saturating_sub(END_BYTES + MAX_COMMENT), length)?;
        let at = find_end(&tail).ok_or_else(|| broken("it has no end of central directory"))?;
        let end = &tail[at..];
        let end_at = length - tail.len() as u64 + at as u64;
        let reader = Self {
            file,
            entries: u64::from(u16_at(end, 10)),
            length: u64::from(u32_at(end, 12)),
            begin: u64::from(u32_at(end, 16)),
            prefix: 0,
        };
        let wide =
            reader.entries == 0xffff || reader.length == 0xffff_ffff || reader.begin == 0xffff_ffff;
        match wide.then(|| reader.wide_end(end_at)).transpose()?.flatten() {
            Some((wide, directory_end)) => wide.placed(directory_end),
            None => reader.placed(end_at),
        }
    }

    /// What the zip64 end says, and where it begins; `None` where there is none.
    fn wide_end(&self, end_at: u64) -> Result<Option<(Self, u64)>, ArchiveError> {
        let Some(locator_at) = end_at.checked_sub(20) else {
            return Ok(None);
        };
        let locator = read_part(self.file, locator_at, end_at)?;
        if u32_at(&locator, 0) != 0x0706_4b50 {
            return Ok(None);
        }
        let at = u64_at(&locator, 8);
        let end = at.checked_add(56).filter(|end| *end <= locator_at);
        let end = end.ok_or_else(|| broken("its zip64 end is elsewhere"))?;
        let end = read_part(self.file, at, end)?;
        if u32_at(&end, 0) != 0x0606_4b50 {
            return Err(broken("its zip64 end is none"));
        }
        let wide = Self {
            file: self.file,
            entries: u64_at(&end, 32),
            length: u64_at(&end, 40),
            begin: u64_at(&end, 48),
            prefix: 0,
        };
        Ok(Some((wide, at)))
    }

    /// The directory ends where its end record begins; what lies in front of it all is a prefix.
    fn placed(mut self, directory_end: u64) -> Result<Self, ArchiveError> {
        let claimed = self.begin.checked_add(self.length);
        self.prefix = claimed
            .and_then(|claimed| directory_end.checked_sub(claimed))
            .ok_or_else(|| broken("its central directory is outside of it"))?;
        self.begin += self.prefix;
        Ok(self)
    }

    /// Gives every entry with its content, in the directory's order. Content that is read to its end
    /// has the announced length and checksum.
    pub(super) fn each(
        &self,
        visit: &mut dyn FnMut(Entry, &mut dyn Read) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let mut directory = BufReader::new(Section {
            file: self.file,
            at: self.begin,
            end: self.begin + self.length,
        });
        for _ in 0..self.entries {
            let record = Record::read(&mut directory)?;
            let (entry, mut content) = self.entry(&record)?;
            visit(entry, &mut content)?;
        }
        Ok(())
    }

    fn entry(&self, record: &Record) -> Result<(Entry, Content<'file>), ArchiveError> {
        let on_unix = record.made_by >> 8 == MADE_ON_UNIX;
        let mode = Some(record.attributes >> 16).filter(|mode| on_unix && *mode != 0);
        let mut entry = Entry {
            name: record.name.clone(),
            kind: EntryKind::File,
            mode: mode.map(|mode| mode & 0o777),
            modified: record.modified,
            size: record.size,
        };
        let file_type = mode.map_or(0, |mode| mode & 0o170_000);
        entry.kind = match file_type {
            _ if record.flags & FLAG_ENCRYPTED != 0 => EntryKind::Skipped(SkipReason::Encrypted),
            _ if record.name.ends_with(b"/") => EntryKind::Folder,
            0o040_000 => EntryKind::Folder,
            _ if !matches!(record.method, STORED | DEFLATED) => {
                EntryKind::Skipped(SkipReason::Unsupported)
            }
            0 | 0o100_000 => EntryKind::File,
            0o120_000 => EntryKind::Symlink(Vec::new()),
            _ => EntryKind::Skipped(SkipReason::SpecialFile),
        };
        if !matches!(entry.kind, EntryKind::File | EntryKind::Symlink(_)) {
            return Ok((entry, Content::none()));
        }
        let mut content = self.content(record)?;
        if let EntryKind::Symlink(target) = &mut entry.kind {
            let limit = MAX_TARGET_BYTES as u64 + 1;
            let read = (&mut content).take(limit).read_to_end(target);
            read.map_err(cannot_read)?;
        }
        Ok((entry, content))
    }

    fn content(&self, record: &Record) -> Result<Content<'file>, ArchiveError> {
        let outside = || broken("an entry is outside of it");
        let at = record.offset.checked_add(self.prefix);
        let at = at.filter(|at| *at < self.begin).ok_or_else(outside)?;
        let header = read_part(self.file, at, at + 30)?;
        if u32_at(&header, 0) != 0x0403_4b50 {
            return Err(broken("an entry has no header"));
        }
        let names = u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
        let begin = at + 30 + names;
        let end = begin.checked_add(record.packed);
        let end = end.filter(|end| *end <= self.begin).ok_or_else(outside)?;
        let section = Section {
            file: self.file,
            at: begin,
            end,
        };
        let packed: Box<dyn Read + 'file> = match record.method {
            DEFLATED => Box::new(DeflateDecoder::new(section)),
            _ => Box::new(section),
        };
        Ok(Content {
            packed: Some(CrcReader::new(packed)),
            left: record.size,
            crc: record.crc,
        })
    }
}

/// An entry's content; too much, too little or something else is an error.
struct Content<'file> {
    packed: Option<CrcReader<Box<dyn Read + 'file>>>,
    left: u64,
    crc: u32,
}

impl Content<'_> {
    fn none() -> Self {
        Self {
            packed: None,
            left: 0,
            crc: Crc::new().sum(),
        }
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(packed) = &mut self.packed else {
            return Ok(0);
        };
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = packed.read(buffer)?;
        let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        self.left = match self.left.checked_sub(count as u64) {
            Some(left) => left,
            None => return wrong("an entry is longer than it says"),
        };
        if count == 0 && self.left > 0 {
            return wrong("an entry is shorter than it says");
        }
        if count == 0 && packed.crc().sum() != self.crc {
            return wrong("an entry's checksum is wrong");
        }
        Ok(count)
    }
}

impl Record {
    fn read(directory: &mut impl Read) -> Result<Self, ArchiveError> {
        let mut head = [0; 46];
        let short = |_| broken("its central directory ends early");
        directory.read_exact(&mut head).map_err(short)?;
        if u32_at(&head, 0) != 0x0201_4b50 {
            return Err(broken("its central directory holds something else"));
        }
        let mut rest = |length: u16| {
            let mut bytes = vec![0; usize::from(length)];
            directory.read_exact(&mut bytes).map_err(short)?;
            Ok::<_, ArchiveError>(bytes)
        };
        let name = rest(u16_at(&head, 28))?;
        let extra = rest(u16_at(&head, 30))?;
        rest(u16_at(&head, 32))?;
        let mut record = Self {
            made_by: u16_at(&head, 4),
            flags: u16_at(&head, 8),
            method: u16_at(&head, 10),
            crc: u32_at(&head, 16),
            packed: u64::from(u32_at(&head, 20)),
            size: u64::from(u32_at(&head, 24)),
            attributes: u32_at(&head, 38),
            offset: u64::from(u32_at(&head, 42)),
            name,
            modified: None,
        };
        record.read_extra(&extra);
        Ok(record)
    }

    /// Sizes of 64 bits (id 1) and Unix time (id 0x5455); the others don't matter here.
    fn read_extra(&mut self, mut extra: &[u8]) {
        while extra.len() >= 4 {
            let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
            let Some(mut field) = extra.get(4..4 + length) else {
                return;
            };
            extra = &extra[4 + length..];
            if id == 1 {
                for value in [&mut self.size, &mut self.packed, &mut self.offset] {
                    if *value == 0xffff_ffff && field.len() >= 8 {
                        *value = u64_at(field, 0);
                        field = &field[8..];
                    }
                }
            } else if id == 0x5455 && field.len() >= 5 && field[0] & 1 == 1 {
                self.modified = Some(i64::from(u32_at(field, 1).cast_signed()));
            }
        }
    }
}

/// The last end record whose comment reaches the end of the file.
fn find_end(tail: &[u8]) -> Option<usize> {
    memchr::memmem::rfind_iter(tail, b"PK\x05\x06").find(|at| {
        let end = &tail[*at..];
        end.len() >= 22 && end.len() == 22 + usize::from(u16_at(end, 20))
    })
}

fn read_part(file: &File, from: u64, to: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut part = vec![0; usize::try_from(to - from).unwrap_or(0)];
    file.read_exact_at(&mut part, from).map_err(cannot_read)?;
    Ok(part)
}

pub(super) fn cannot_read(error: io::Error) -> ArchiveError {
    broken(error.to_string())
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
