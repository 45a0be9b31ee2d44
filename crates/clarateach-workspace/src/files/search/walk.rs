//! The tree for a search: by open folders, without what nobody looks for.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clarateach_protocol::files::EntryKind;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use ignore::overrides::{Override, OverrideBuilder};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, statat};

use super::super::list::names;
use super::super::path::FilePath;
use super::super::root::{Root, kind};
use super::super::write::is_temporary_name;
use super::super::{FilesError, MAX_DEPTH};
use super::SearchError;

/// Nobody looks for something in these, whatever `.gitignore` says.
const LEFT_OUT: [&[u8]; 8] = [
    b"node_modules",
    b".git",
    b".hg",
    b".svn",
    b".cache",
    b".npm",
    b".venv",
    b"__pycache__",
];
/// The shells' home, in the root.
const HOME: &[u8] = b".home";
const IGNORE_FILE: &std::ffi::CStr = c".gitignore";
/// A longer one is cut.
const MAX_IGNORE_BYTES: u64 = 256 * 1024;
const MAX_GLOBS: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Usual,
    All,
}

/// Something that was found on the way.
pub(super) struct Found<'walk> {
    pub(super) folder: &'walk OwnedFd,
    pub(super) name: &'walk CString,
    pub(super) path: &'walk FilePath,
    pub(super) kind: EntryKind,
}

pub(super) struct Walk<'root> {
    root: &'root Root,
    top: FilePath,
    globs: Override,
    extent: Extent,
    /// From the root down to where the walk is; each with the length of its folder's path.
    ignored: Vec<(usize, Gitignore)>,
}

pub(super) type Visit<'a> = &'a mut dyn FnMut(&Found<'_>) -> ControlFlow<()>;

impl<'root> Walk<'root> {
    pub(super) fn new(
        root: &'root Root,
        top: &FilePath,
        globs: &[String],
        extent: Extent,
    ) -> Result<Self, SearchError> {
        let wrong = |error: ignore::Error| SearchError::Glob {
            reason: error.to_string(),
        };
        if globs.len() > MAX_GLOBS {
            return Err(SearchError::Glob {
                reason: format!("there are more than {MAX_GLOBS}"),
            });
        }
        let mut builder = OverrideBuilder::new("");
        for glob in globs {
            builder.add(glob).map_err(wrong)?;
        }
        Ok(Self {
            root,
            top: top.clone(),
            globs: builder.build().map_err(wrong)?,
            extent,
            ignored: Vec::new(),
        })
    }

    /// Visits everything below the top, by name, folders with what is in them.
    pub(super) fn each(mut self, visit: Visit<'_>) -> Result<(), FilesError> {
        let root = self.root;
        let top = self.top.clone();
        let opened = root
            .open_folder(&top)
            .map_err(|errno| FilesError::of("search", &top, errno))?;
        if !top.is_root() {
            // What the folders above leave out.
            for above in [FilePath::root()].into_iter().chain(top.folders()) {
                if let Ok(folder) = root.open_folder(&above) {
                    self.read_ignore_file(&folder, &above);
                }
            }
        }
        let _ = self.folder(&opened, &top, MAX_DEPTH, visit);
        Ok(())
    }

    fn folder(
        &mut self,
        folder: &OwnedFd,
        path: &FilePath,
        depth: usize,
        visit: Visit<'_>,
    ) -> ControlFlow<()> {
        // Gone meanwhile, or not ours to read.
        let Ok(found) = names(folder) else {
            return ControlFlow::Continue(());
        };
        let mut children: Vec<CString> = found.flatten().collect();
        children.sort();
        let before = self.ignored.len();
        self.read_ignore_file(folder, path);
        let walked = children
            .iter()
            .try_for_each(|name| self.entry(folder, name, path, depth, visit));
        self.ignored.truncate(before);
        walked
    }

    fn entry(
        &mut self,
        folder: &OwnedFd,
        name: &CString,
        above: &FilePath,
        depth: usize,
        visit: Visit<'_>,
    ) -> ControlFlow<()> {
        let bytes = name.to_bytes();
        let Ok(stat) = statat(folder, name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW) else {
            return ControlFlow::Continue(());
        };
        let kind = match kind(&stat) {
            FileType::RegularFile => EntryKind::File,
            FileType::Directory => EntryKind::Directory,
            FileType::Symlink => EntryKind::Symlink,
            _ => return ControlFlow::Continue(()),
        };
        let is_folder = kind == EntryKind::Directory;
        let path = above.join(bytes);
        if is_temporary_name(bytes) || self.is_left_out(bytes, &path, is_folder) {
            return ControlFlow::Continue(());
        }
        let relative = Path::new(path.as_os_str());
        let globbed = self.globs.matched(relative, is_folder);
        if is_folder && globbed.is_ignore() {
            return ControlFlow::Continue(());
        }
        // With globs, a folder itself is found only by one that names it.
        let named = self.globs.num_whitelists() == 0 || globbed.is_whitelist();
        if named && !globbed.is_ignore() {
            visit(&Found {
                folder,
                name,
                path: &path,
                kind,
            })?;
        }
        if is_folder && depth > 0 {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            if let Ok(child) = openat(folder, name.as_c_str(), flags, Mode::empty()) {
                return self.folder(&child, &path, depth - 1, visit);
            }
        }
        ControlFlow::Continue(())
    }

    fn is_left_out(&self, name: &[u8], path: &FilePath, is_folder: bool) -> bool {
        if self.extent == Extent::All {
            return false;
        }
        if is_folder && (LEFT_OUT.contains(&name) || path.as_os_str().as_bytes() == HOME) {
            return true;
        }
        // The nearest file that says something about it decides.
        let bytes = path.as_os_str().as_bytes();
        let decided = self.ignored.iter().rev().find_map(|(above, ignored)| {
            let relative = std::ffi::OsStr::from_bytes(&bytes[*above..]);
            let matched = ignored.matched(Path::new(relative), is_folder);
            (!matched.is_none()).then(|| matched.is_ignore())
        });
        decided.unwrap_or(false)
    }

    fn read_ignore_file(&mut self, folder: &OwnedFd, path: &FilePath) {
        if self.extent == Extent::All {
            return;
        }
        let Some(file) = open_file(folder, IGNORE_FILE) else {
            return;
        };
        let mut text = Vec::new();
        if file.take(MAX_IGNORE_BYTES).read_to_end(&mut text).is_err() {
            return;
        }
        let mut builder = GitignoreBuilder::new("");
        for line in String::from_utf8_lossy(&text).lines() {
            // A line that is no glob leaves nothing out, as in git.
            let _ = builder.add_line(None, line);
        }
        if let Ok(ignored) = builder.build() {
            let above = match path.is_root() {
                true => 0,
                false => path.as_os_str().len() + 1,
            };
            self.ignored.push((above, ignored));
        }
    }
}

/// Opens a regular file; nothing else, and nothing that a link leads to.
pub(super) fn open_file(folder: &OwnedFd, name: &std::ffi::CStr) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(openat(folder, name, flags, Mode::empty()).ok()?);
    file.metadata().ok()?.is_file().then_some(file)
}
