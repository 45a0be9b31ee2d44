//! What an archive says about one of its entries, and whether it may be believed.

use clarateach_protocol::files::SkipReason;

use super::super::MAX_DEPTH;
use super::super::path::FilePath;

/// A symlink's target at the most.
pub(crate) const MAX_TARGET_BYTES: usize = 4095;

/// One entry, as the archive has it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) kind: EntryKind,
    /// Permission bits, if the archive has any.
    pub(crate) mode: Option<u32>,
    /// Seconds since 1970, if the archive has them.
    pub(crate) modified: Option<i64>,
    /// What a file's content will be at the most.
    pub(crate) size: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntryKind {
    File,
    Folder,
    Symlink(Vec<u8>),
    /// Another name of an entry that came before.
    HardLink(Vec<u8>),
    /// Not unpacked, and why.
    Skipped(SkipReason),
}

/// The path of an entry's name. `./` before it and `/` behind it mean nothing; whatever could lead
/// elsewhere, here or on another system, is refused. `None`: the folder itself.
pub(crate) fn entry_path(name: &[u8]) -> Result<Option<FilePath>, SkipReason> {
    let mut rest = name;
    while let Some(shorter) = rest.strip_prefix(b"./") {
        rest = shorter;
    }
    let rest = rest.strip_suffix(b"/").unwrap_or(rest);
    if matches!(rest, b"" | b".") && !name.starts_with(b"/") {
        return Ok(None);
    }
    let drive = matches!(rest, [letter, b':', ..] if letter.is_ascii_alphabetic());
    if rest.contains(&b'\\') || drive {
        return Err(SkipReason::UnsafeName);
    }
    let path = FilePath::from_bytes(rest).map_err(|_| SkipReason::UnsafeName)?;
    if path.depth() > MAX_DEPTH {
        return Err(SkipReason::UnsafeName);
    }
    Ok(Some(path))
}

/// Whether a symlink at `path` stays below the archive's folder. Only `..` at the beginning counts
/// for sure, as links are put into real folders: behind a name it could be another link's parent.
pub(crate) fn is_inner_link(path: &FilePath, target: &[u8]) -> bool {
    if target.is_empty()
        || target.len() > MAX_TARGET_BYTES
        || target.starts_with(b"/")
        || target.contains(&0)
    {
        return false;
    }
    let names = target.split(|byte| *byte == b'/');
    let mut names = names.filter(|name| !matches!(*name, b"" | b"."));
    let ups = names.by_ref().take_while(|name| *name == b"..").count();
    ups < path.depth() && names.all(|name| name != b"..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for wrong in [
            &b"../x"[..],
            b"a/../../x",
            b"a/..",
            b"..",
            b"/etc/passwd",
            b"/",
            b"//x",
            b"a//b",
            b"a/./b",
            b"C:\\x",
            b"C:x",
            b"a\\..\\b",
            b"a\0b",
            b"./../x",
            b".//x",
        ] {
            assert_eq!(entry_path(wrong), Err(SkipReason::UnsafeName), "{wrong:?}");
        }
        assert!(entry_path(&[b'a'; 256]).is_err() && entry_path(&b"a/".repeat(257)).is_err());
        for (name, path) in [
            ("./a/b/", "a/b"),
            ("a b", "a b"),
            ("././x", "x"),
            ("a:b", ""),
        ] {
            let read = entry_path(name.as_bytes());
            match path {
                "" => assert!(read.is_err()),
                path => assert_eq!(read.unwrap().unwrap().to_string(), path),
            }
        }
        assert_eq!(entry_path(b"./"), Ok(None));
        assert!(entry_path(b"n\xff").unwrap().is_some());
    }

    #[test]
    fn links_stay_below_the_folder() {
        let path = |text: &str| FilePath::from_text(text).unwrap();
        for (link, target) in [("a", "b"), ("a/b", "../c"), ("a/b", "./../c/d"), ("a", ".")] {
            assert!(is_inner_link(&path(link), target.as_bytes()), "{target}");
        }
        for (link, target) in [
            ("a", ".."),
            ("a", "../x"),
            ("a/b", "../../x"),
            ("a/b", "/etc"),
            ("a/b/c", "d/../.."),
            ("a", ""),
            ("a", "b/.."),
        ] {
            assert!(!is_inner_link(&path(link), target.as_bytes()), "{target}");
        }
    }
}
