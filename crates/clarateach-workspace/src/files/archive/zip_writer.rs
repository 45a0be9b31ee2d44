//! Writes zip archives as a stream (APPNOTE.TXT 6.3, sections 4.3 and 4.5): sizes come in data
//! descriptors behind the content, so nothing is kept but the central directory.

use std::io::{self, Read, Write};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use rustix::fs::Stat;
use time::OffsetDateTime;

use super::pack::{Attributes, Sink};

/// Made by Unix, version 4.5 of the format.
const MADE_BY: u16 = 3 << 8 | 45;
const NEEDED: u16 = 20;
const NEEDED_ZIP64: u16 = 45;
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_UTF8: u16 = 1 << 11;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Sizes from here on are said in 64 bits; below, deflating can't make more than 32 of it.
const ZIP64_FROM: u64 = 0xff00_0000;
const PIECE_BYTES: usize = 64 * 1024;

const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// A zip that is being written.
pub(super) struct ZipWriter<W: Write> {
    output: Counted<W>,
    directory: Vec<u8>,
    entries: u64,
}

struct Counted<W> {
    output: W,
    count: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.output.write(bytes)?;
        self.count += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// What both headers of an entry say.
struct Head<'a> {
    name: &'a [u8],
    flags: u16,
    method: u16,
    modified: i64,
    /// Type and permission bits.
    mode: u32,
    zip64: bool,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    crc: u32,
    packed: u64,
    size: u64,
}

impl<W: Write> ZipWriter<W> {
    pub(super) fn new(output: W) -> Self {
        Self {
            output: Counted { output, count: 0 },
            directory: Vec::new(),
            entries: 0,
        }
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        let begin = self.output.count;
        self.output.write_all(&self.directory)?;
        let size = self.output.count - begin;
        let mut end = Vec::new();
        if self.entries >= 0xffff || begin >= 0xffff_ffff || size >= 0xffff_ffff {
            let at = self.output.count;
            put32(&mut end, 0x0606_4b50);
            put64(&mut end, 44);
            put16(&mut end, MADE_BY);
            put16(&mut end, NEEDED_ZIP64);
            put32(&mut end, 0);
            put32(&mut end, 0);
            put64(&mut end, self.entries);
            put64(&mut end, self.entries);
            put64(&mut end, size);
            put64(&mut end, begin);
            put32(&mut end, 0x0706_4b50);
            put32(&mut end, 0);
            put64(&mut end, at);
            put32(&mut end, 1);
        }
        let entries = u16::try_from(self.entries).unwrap_or(u16::MAX);
        put32(&mut end, 0x0605_4b50);
        put32(&mut end, 0);
        put16(&mut end, entries);
        put16(&mut end, entries);
        put32(&mut end, clamped(size));
        put32(&mut end, clamped(begin));
        put16(&mut end, 0);
        self.output.write_all(&end)?;
        self.output.flush()
    }

    fn stored(&mut self, head: &Head<'_>, content: &[u8]) -> io::Result<()> {
        let mut crc = Crc::new();
        crc.update(content);
        let sums = Sums {
            crc: crc.sum(),
            packed: content.len() as u64,
            size: content.len() as u64,
        };
        let at = self.output.count;
        self.output.write_all(&local_header(head, sums))?;
        self.output.write_all(content)?;
        self.note(head, sums, at);
        Ok(())
    }

    fn note(&mut self, head: &Head<'_>, sums: Sums, at: u64) {
        let mut wide = Vec::new();
        for value in [sums.size, sums.packed, at] {
            if value >= 0xffff_ffff {
                put64(&mut wide, value);
            }
        }
        let record = &mut self.directory;
        put32(record, 0x0201_4b50);
        put16(record, MADE_BY);
        put_common(record, head);
        put32(record, sums.crc);
        put32(record, clamped(sums.packed));
        put32(record, clamped(sums.size));
        put16(record, length(head.name));
        let wide_length = if wide.is_empty() {
            0
        } else {
            4 + length(&wide)
        };
        put16(record, 9 + wide_length);
        put16(record, 0);
        put16(record, 0);
        put16(record, 0);
        let folder_bit = u32::from(head.mode & 0o170_000 == FOLDER) << 4;
        put32(record, head.mode << 16 | folder_bit);
        put32(record, clamped(at));
        record.extend_from_slice(head.name);
        put_time(record, head.modified);
        if !wide.is_empty() {
            put16(record, 1);
            put16(record, length(&wide));
            record.extend_from_slice(&wide);
        }
        self.entries += 1;
    }
}

impl<W: Write> Sink for ZipWriter<W> {
    fn folder(&mut self, name: &[u8], stat: &Stat) -> io::Result<()> {
        let name = [name, b"/"].concat();
        self.stored(&head(&name, STORED, FOLDER, Attributes::of(stat)), b"")
    }

    fn link(&mut self, name: &[u8], stat: &Stat, target: &[u8]) -> io::Result<()> {
        self.stored(&head(name, STORED, LINK, Attributes::of(stat)), target)
    }

    fn file(
        &mut self,
        name: &[u8],
        attributes: Attributes,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        let mut head = head(name, DEFLATED, FILE, attributes);
        head.flags |= FLAG_DESCRIPTOR;
        head.zip64 = attributes.size >= ZIP64_FROM;
        let at = self.output.count;
        self.output
            .write_all(&local_header(&head, Sums::default()))?;
        let begin = self.output.count;
        let mut crc = Crc::new();
        let mut encoder = DeflateEncoder::new(&mut self.output, Compression::fast());
        let mut piece = vec![0; PIECE_BYTES];
        let mut size = 0;
        loop {
            let count = content.read(&mut piece)?;
            if count == 0 {
                break;
            }
            crc.update(&piece[..count]);
            encoder.write_all(&piece[..count])?;
            size += count as u64;
        }
        encoder.finish()?;
        let sums = Sums {
            crc: crc.sum(),
            packed: self.output.count - begin,
            size,
        };
        let mut descriptor = Vec::new();
        put32(&mut descriptor, 0x0807_4b50);
        put32(&mut descriptor, sums.crc);
        for value in [sums.packed, sums.size] {
            if head.zip64 {
                put64(&mut descriptor, value);
            } else {
                put32(&mut descriptor, clamped(value));
            }
        }
        self.output.write_all(&descriptor)?;
        self.note(&head, sums, at);
        Ok(())
    }
}

fn head(name: &[u8], method: u16, file_type: u32, attributes: Attributes) -> Head<'_> {
    Head {
        name,
        flags: match std::str::from_utf8(name) {
            Ok(_) => FLAG_UTF8,
            Err(_) => 0,
        },
        method,
        modified: attributes.modified,
        mode: file_type | attributes.mode,
        zip64: false,
    }
}

fn local_header(head: &Head<'_>, sums: Sums) -> Vec<u8> {
    let mut header = Vec::new();
    put32(&mut header, 0x0403_4b50);
    put_common(&mut header, head);
    put32(&mut header, sums.crc);
    if head.zip64 {
        put32(&mut header, u32::MAX);
        put32(&mut header, u32::MAX);
    } else {
        put32(&mut header, clamped(sums.packed));
        put32(&mut header, clamped(sums.size));
    }
    put16(&mut header, length(head.name));
    put16(&mut header, if head.zip64 { 9 + 20 } else { 9 });
    header.extend_from_slice(head.name);
    put_time(&mut header, head.modified);
    if head.zip64 {
        put16(&mut header, 1);
        put16(&mut header, 16);
        put64(&mut header, 0);
        put64(&mut header, 0);
    }
    header
}

fn put_common(record: &mut Vec<u8>, head: &Head<'_>) {
    put16(record, if head.zip64 { NEEDED_ZIP64 } else { NEEDED });
    put16(record, head.flags);
    put16(record, head.method);
    let (time, date) = dos_time(head.modified);
    put16(record, time);
    put16(record, date);
}

/// The extended timestamp, which is UTC and to the second.
fn put_time(record: &mut Vec<u8>, modified: i64) {
    put16(record, 0x5455);
    put16(record, 5);
    record.push(1);
    let seconds = i32::try_from(modified).unwrap_or(0);
    record.extend_from_slice(&seconds.to_le_bytes());
}

/// MS-DOS time and date, from 1980 on.
fn dos_time(seconds: i64) -> (u16, u16) {
    let Ok(time) = OffsetDateTime::from_unix_timestamp(seconds) else {
        return (0, 0x21);
    };
    let Some(year) = u16::try_from(time.year() - 1980)
        .ok()
        .filter(|year| *year < 128)
    else {
        return (0, 0x21);
    };
    let (hour, minute, second) = time.to_hms();
    (
        u16::from(hour) << 11 | u16::from(minute) << 5 | (u16::from(second) / 2),
        year << 9 | u16::from(u8::from(time.month())) << 5 | u16::from(time.day()),
    )
}

fn length(bytes: &[u8]) -> u16 {
    // Paths have at most 4095 bytes.
    u16::try_from(bytes.len()).unwrap_or(u16::MAX)
}

fn clamped(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn put16(to: &mut Vec<u8>, value: u16) {
    to.extend_from_slice(&value.to_le_bytes());
}

fn put32(to: &mut Vec<u8>, value: u32) {
    to.extend_from_slice(&value.to_le_bytes());
}

fn put64(to: &mut Vec<u8>, value: u64) {
    to.extend_from_slice(&value.to_le_bytes());
}
