//! Paths below the root, parsed once from a URL; valid from then on.
//!
//! Syntax only: what a path leads to is the kernel's to decide ([`super::root`]).

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;

use super::FilesError;

/// `PATH_MAX` without its NUL.
const MAX_PATH_BYTES: usize = 4095;
/// `NAME_MAX`
const MAX_NAME_BYTES: usize = 255;

/// Names joined by `/`, none of them empty, `.` or `..`; without any: the root itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FilePath(Vec<u8>);

impl FilePath {
    pub(crate) fn root() -> Self {
        Self(Vec::new())
    }

    /// From the part of a URL path below `/files/`: every segment is percent-encoded UTF-8.
    pub(crate) fn from_url(encoded: &str) -> Result<Self, FilesError> {
        let mut path = Self::root();
        for segment in encoded.split('/') {
            check_encoding(segment)?;
            let name = percent_decode_str(segment)
                .decode_utf8()
                .map_err(|_| bad("a segment is not UTF-8"))?;
            path.push(name.as_bytes())?;
        }
        Ok(path)
    }

    /// From decoded text: a query's value, a starter file's path. Empty text is the root.
    pub(crate) fn from_text(text: &str) -> Result<Self, FilesError> {
        let mut path = Self::root();
        if !text.is_empty() {
            for name in text.split('/') {
                path.push(name.as_bytes())?;
            }
        }
        Ok(path)
    }

    /// From bytes that a program wrote, as in an archive; names joined by `/`.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, FilesError> {
        let mut path = Self::root();
        for name in bytes.split(|byte| *byte == b'/') {
            path.push(name)?;
        }
        Ok(path)
    }

    /// A path of one name that another path has.
    pub(crate) fn of_name(name: &[u8]) -> Self {
        Self(name.to_vec())
    }

    /// What has these bytes as its name, or as its path below this folder, in base64url.
    pub(crate) fn join_raw(mut self, encoded: &str) -> Result<Self, FilesError> {
        let names = URL_SAFE_NO_PAD
            .decode(encoded.trim_end_matches('='))
            .map_err(|_| bad("raw is not base64url"))?;
        for name in names.split(|byte| *byte == b'/') {
            self.push(name)?;
        }
        Ok(self)
    }

    /// The entry of this folder with that name, as the kernel gave it.
    pub(crate) fn join(&self, name: &[u8]) -> Self {
        let mut bytes = self.0.clone();
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
        Self(bytes)
    }

    /// The last name; the root has none.
    pub(crate) fn name(&self) -> Option<&[u8]> {
        self.0
            .rsplit(|byte| *byte == b'/')
            .next()
            .filter(|name| !name.is_empty())
    }

    /// Its names, from the outermost.
    pub(crate) fn names(&self) -> impl Iterator<Item = &[u8]> {
        let names = self.0.split(|byte| *byte == b'/');
        names.filter(|name| !name.is_empty())
    }

    /// How many names it has.
    pub(crate) fn depth(&self) -> usize {
        match self.0.len() {
            0 => 0,
            _ => memchr::memchr_iter(b'/', &self.0).count() + 1,
        }
    }

    /// Whether it leads to something in that folder, or deeper.
    pub(crate) fn is_below(&self, folder: &Self) -> bool {
        match self.0.strip_prefix(&folder.0[..]) {
            Some(rest) if folder.is_root() => !rest.is_empty(),
            Some(rest) => rest.starts_with(b"/"),
            None => false,
        }
    }

    /// The nearest folder above whose path is UTF-8; `None` when this path itself is.
    pub(crate) fn utf8_ancestor(&self) -> Option<Self> {
        let wrong = std::str::from_utf8(&self.0).err()?.valid_up_to();
        let slash = self.0[..wrong].iter().rposition(|byte| *byte == b'/');
        Some(Self(self.0[..slash.unwrap_or(0)].to_vec()))
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path as system calls take it.
    pub(crate) fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }

    /// The folder and the name in it; the root has neither.
    pub(crate) fn split(&self) -> Result<(Self, &OsStr), FilesError> {
        if self.is_root() {
            return Err(bad("the root itself can be neither written nor moved"));
        }
        let slash = self.0.iter().rposition(|byte| *byte == b'/');
        let (folder, name) = match slash {
            Some(at) => (&self.0[..at], &self.0[at + 1..]),
            None => (&self.0[..0], &self.0[..]),
        };
        Ok((Self(folder.to_vec()), OsStr::from_bytes(name)))
    }

    /// Each folder above the path, outermost first, the root left out.
    pub(crate) fn folders(&self) -> impl Iterator<Item = Self> {
        let bytes = &self.0;
        memchr::memchr_iter(b'/', bytes).map(|at| Self(bytes[..at].to_vec()))
    }

    fn push(&mut self, name: &[u8]) -> Result<(), FilesError> {
        match name {
            b"" => return Err(bad("a segment is empty")),
            b"." | b".." => return Err(bad("a segment is . or ..")),
            _ if name.contains(&b'/') => return Err(bad("a segment holds an encoded slash")),
            _ if name.contains(&0) => return Err(bad("a segment holds a NUL")),
            _ if name.len() > MAX_NAME_BYTES => return Err(bad("a name is longer than 255 bytes")),
            _ => {}
        }
        if !self.0.is_empty() {
            self.0.push(b'/');
        }
        self.0.extend_from_slice(name);
        if self.0.len() > MAX_PATH_BYTES {
            return Err(bad("it is longer than 4095 bytes"));
        }
        Ok(())
    }
}

/// For messages and listings: U+FFFD where it isn't UTF-8.
impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

fn bad(reason: &'static str) -> FilesError {
    FilesError::BadPath { reason }
}

/// Every `%` is followed by two hexadecimal digits: one spelling is one meaning.
fn check_encoding(segment: &str) -> Result<(), FilesError> {
    let right = segment.split('%').skip(1).all(|after| {
        let digits = after.as_bytes();
        digits.len() >= 2 && digits[..2].iter().all(u8::is_ascii_hexdigit)
    });
    right.then_some(()).ok_or(bad("a % stands alone"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for wrong in [
            "", "/", "a/", "/a", "a//b", ".", "..", "a/..", "a/../b", "%2e%2e", "a/%2E", "a%2fb",
            "%2F", "a%00", "a%", "a%2", "a%zz", "%ff", "a/%C3",
        ] {
            assert!(FilePath::from_url(wrong).is_err(), "{wrong:?} was taken");
        }
        assert!(FilePath::from_url(&"a".repeat(256)).is_err());
        assert!(FilePath::from_url(&["a"; 3000].join("/")).is_err());
    }

    #[test]
    fn odd_names_are_taken() {
        for (url, path) in [
            ("a%20b/%F0%9F%90%8D", "a b/🐍"),
            ("new%0Aline", "new\nline"),
            ("...", "..."),
            ("%252e%252e", "%2e%2e"),
            ("a\\b;c", "a\\b;c"),
        ] {
            assert_eq!(FilePath::from_url(url).unwrap().to_string(), path);
        }
    }

    #[test]
    fn raw_names_are_bytes() {
        let folder = FilePath::from_url("a").unwrap();
        let encoded = URL_SAFE_NO_PAD.encode(b"\xff\xfe");
        let path = folder.clone().join_raw(&encoded).unwrap();
        assert_eq!(path.as_os_str().as_bytes(), b"a/\xff\xfe");
        let encoded = URL_SAFE_NO_PAD.encode(b"\xff/b");
        let path = folder.clone().join_raw(&encoded).unwrap();
        assert_eq!(path.as_os_str().as_bytes(), b"a/\xff/b");
        for wrong in [&b".."[..], b"", b"b//c", b"/b", b"b/", b"b/../c", b"b\0"] {
            let encoded = URL_SAFE_NO_PAD.encode(wrong);
            assert!(
                folder.clone().join_raw(&encoded).is_err(),
                "{wrong:?} was taken"
            );
        }
        assert!(folder.join_raw("*").is_err());
    }

    #[test]
    fn a_path_knows_its_folders() {
        let path = FilePath::from_text("a/b/c").unwrap();
        let folders: Vec<_> = path.folders().map(|folder| folder.to_string()).collect();
        assert_eq!(folders, ["a", "a/b"]);
        let (folder, name) = path.split().unwrap();
        assert_eq!(
            (folder.to_string().as_str(), name),
            ("a/b", OsStr::new("c"))
        );
        assert!(FilePath::root().split().is_err());
    }

    proptest! {
        #[test]
        fn every_valid_name_survives_the_url(names in prop::collection::vec("[^/\0]{1,40}", 1..6)) {
            prop_assume!(names.iter().all(|name| name != "." && name != ".."));
            let url: Vec<_> = names
                .iter()
                .map(|name| utf8_percent_encode(name, NON_ALPHANUMERIC).to_string())
                .collect();
            prop_assert_eq!(FilePath::from_url(&url.join("/")).unwrap().to_string(), names.join("/"));
        }

        #[test]
        fn whatever_is_taken_stays_below(url in "[a-z./%2eEfF0\\\\]{0,40}") {
            if let Ok(path) = FilePath::from_url(&url) {
                let bytes = path.as_os_str().as_bytes();
                prop_assert!(!bytes.starts_with(b"/") && !bytes.contains(&0));
                for name in bytes.split(|byte| *byte == b'/') {
                    prop_assert!(!matches!(name, b"" | b"." | b".."));
                }
            }
        }
    }
}
