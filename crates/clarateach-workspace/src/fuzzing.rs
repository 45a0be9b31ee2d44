//! What the fuzz targets call: invariants of the parsers that read what strangers wrote.
//!
//! Only there with the feature `fuzzing`; the targets are in `fuzz/`.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::files::archive::Format;
use crate::files::archive::entry::{entry_path, is_inner_link};
use crate::files::archive::unpack::{UnpackLimits, unpack};
use crate::files::path::FilePath;
use crate::files::relocate::Destination;
use crate::files::root::Root;

/// A path that is taken has no way out, whichever way it came.
///
/// # Panics
/// When one has.
pub fn check_path(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let taken = [
        FilePath::from_url(&text).ok(),
        FilePath::from_text(&text).ok(),
        FilePath::from_bytes(data).ok(),
        FilePath::root().join_raw(&text).ok(),
        entry_path(data).ok().flatten(),
    ];
    for path in taken.into_iter().flatten().filter(|path| !path.is_root()) {
        let bytes = path.as_os_str().as_bytes();
        assert!(bytes.len() <= 4095 && !bytes.contains(&0));
        for name in bytes.split(|byte| *byte == b'/') {
            assert!(!matches!(name, b"" | b"." | b"..") && name.len() <= 255);
        }
        assert!(path.is_below(&FilePath::root()));
        if let Some(above) = path.utf8_ancestor() {
            assert!(std::str::from_utf8(above.as_os_str().as_bytes()).is_ok());
        }
        if is_inner_link(&path, data) {
            check_link(&path, data);
        }
    }
}

/// Followed name by name, a link that is taken never gets above its folder.
fn check_link(path: &FilePath, target: &[u8]) {
    let mut depth = path.depth().cast_signed() - 1;
    for name in target.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => depth -= 1,
            _ => depth += 1,
        }
        assert!(depth >= 0, "{path} -> {target:?}");
    }
}

/// Unpacks into a folder, as what the first byte says; nothing beside the folder changes.
///
/// # Panics
/// When something does, or a link leads out of it.
pub fn check_archive(data: &[u8]) {
    let Some((kind, content)) = data.split_first() else {
        return;
    };
    // In memory: every round ends with a sync.
    let folder = Path::new("/dev/shm").join(format!("clarateach-fuzz-{}", std::process::id()));
    fs::create_dir_all(folder.join("root")).expect("memory for files");
    let mut archive = File::options()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(folder.join("archive"))
        .expect("a file");
    let format = if kind % 3 == 0 {
        Format::Zip
    } else {
        Format::TarGz
    };
    if kind % 3 == 2 {
        // The tar inside is what is to be read: a fuzzer doesn't find gzip's checksum.
        let mut gzip = GzEncoder::new(&mut archive, Compression::none());
        let _ = gzip
            .write_all(content)
            .and_then(|()| gzip.finish().map(drop));
    } else {
        let _ = archive.write_all(content);
    }
    let _ = archive.rewind();
    let root = Root::open(&folder.join("root")).expect("a root");
    let destination = if kind & 0x80 == 0 {
        Destination::Free
    } else {
        Destination::Replaced
    };
    let limits = UnpackLimits {
        entries: 100,
        bytes: 1_000_000,
    };
    let top = FilePath::root();
    let _ = unpack(&root, &top, &mut archive, Some(format), destination, limits);
    let beside = fs::read_dir(&folder).expect("the folder").count();
    assert_eq!(beside, 2, "something was written beside the root");
    check_links(&folder.join("root"), &folder.join("root"));
    fs::remove_dir_all(&folder).expect("it is ours");
}

fn check_links(root: &Path, folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_symlink() {
            // A link may lead to nothing; one that leads somewhere leads to somewhere inside.
            if let Ok(target) = fs::canonicalize(&path) {
                assert!(target.starts_with(root), "{} leads out", path.display());
            }
        } else if path.is_dir() {
            check_links(root, &path);
        }
    }
}
