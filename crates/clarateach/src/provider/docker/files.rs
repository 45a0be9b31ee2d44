//! Files under the data directory: private, whole or absent, sparse; and what the kernel has mounted.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{CWD, RenameFlags, SeekFrom};

/// Writes a file that is mounted into seats. In place, since a mounted file is its inode; not at all
/// where it says the same already.
pub(super) fn write_mounted(path: &Path, text: &str) -> io::Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        private_dir(folder)?;
    }
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o644))
}

/// A folder, and those above it, that only this user can enter.
pub(super) fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A new file that only this user can read.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// A name beside `path` that nobody else uses, for a file that isn't whole yet.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{number}.tmp", std::process::id()));
    PathBuf::from(name)
}

/// Copies a file without its holes. An existing copy stays as it is: it may be mounted.
pub(super) fn copy_sparse(from: &Path, to: &Path) -> io::Result<()> {
    let unfinished = unfinished(to);
    let result = copy_data(from, &unfinished).and_then(|()| {
        let renamed = rustix::fs::renameat_with(CWD, &unfinished, CWD, to, RenameFlags::NOREPLACE);
        match renamed {
            Err(rustix::io::Errno::EXIST) => Ok(()),
            other => other.map_err(io::Error::from),
        }
    });
    // After a rename it isn't there any more.
    let _ = std::fs::remove_file(&unfinished);
    result
}

fn copy_data(from: &Path, to: &Path) -> io::Result<()> {
    let source = File::open(from)?;
    let target = create_private(to)?;
    let length = source.metadata()?.len();
    target.set_len(length)?;
    let mut position = 0;
    loop {
        let start = match rustix::fs::seek(&source, SeekFrom::Data(position)) {
            Ok(start) => start,
            // No data from here on.
            Err(rustix::io::Errno::NXIO) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(&source, SeekFrom::Hole(start))?;
        copy_range(&source, &target, start, end)?;
        position = end;
    }
}

fn copy_range(source: &File, target: &File, mut offset: u64, end: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    let mut buffer = vec![0; 256 * 1024];
    while offset < end {
        let want =
            usize::try_from(end - offset).map_or(buffer.len(), |left| left.min(buffer.len()));
        let chunk = &mut buffer[..want];
        source.read_exact_at(chunk, offset)?;
        target.write_all_at(chunk, offset)?;
        offset += want as u64;
    }
    Ok(())
}

/// Mount points at or below a folder, innermost and latest first.
pub(super) fn mounts_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = folder.canonicalize()?;
    let table = std::fs::read("/proc/self/mountinfo")?;
    Ok(mount_points(&table)
        .filter(|point| point.starts_with(&folder))
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect())
}

/// The fifth field of each line, octal escapes undone (proc_pid_mountinfo(5)).
fn mount_points(table: &[u8]) -> impl Iterator<Item = PathBuf> {
    table.split(|byte| *byte == b'\n').filter_map(|line| {
        let field = line.split(|byte| *byte == b' ').nth(4)?;
        Some(PathBuf::from(OsString::from_vec(unescape(field))))
    })
}

fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = after
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        plain.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &after[3..] } else { after };
    }
    plain
}

/// Loop devices whose file lies below a folder.
pub(super) fn loop_devices_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(devices) = std::fs::read_dir("/sys/block") else {
        return Vec::new();
    };
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    devices
        .flatten()
        .filter(|device| {
            std::fs::read_to_string(device.path().join("loop/backing_file"))
                .is_ok_and(|file| Path::new(file.trim_end()).starts_with(&folder))
        })
        .map(|device| Path::new("/dev").join(device.file_name()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_sparse_copy_has_the_bytes_and_keeps_the_holes() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let file = create_private(&from).unwrap();
        file.set_len(64 << 20).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"middle", 32 << 20).unwrap();
        copy_sparse(&from, &to).unwrap();
        let copied = std::fs::read(&to).unwrap();
        assert_eq!(copied.len(), 64 << 20);
        assert_eq!(&copied[32 << 20..][..6], b"middle");
        assert!(to.metadata().unwrap().blocks() * 512 < 1 << 20);
        assert_eq!(to.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_copy_never_replaces_a_disk_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::write(&from, "template").unwrap();
        std::fs::write(&to, "work").unwrap();
        copy_sparse(&from, &to).unwrap();
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "work");
    }

    #[test]
    fn mount_points_are_read_with_their_spaces() {
        let table = b"36 35 98:0 / /mnt/a\\040b rw - ext4 /dev/loop0 rw\n\n";
        let points: Vec<_> = mount_points(table).collect();
        assert_eq!(points, [PathBuf::from("/mnt/a b")]);
    }
}
