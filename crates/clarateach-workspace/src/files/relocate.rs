//! Moves: one rename, which the kernel makes atomic.

use rustix::fs::{RenameFlags, renameat, renameat_with};
use rustix::io::Errno;

use super::FilesError;
use super::path::FilePath;
use super::root::Root;

/// What becomes of something that is at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination {
    /// There must be nothing.
    Free,
    /// A file, or an empty folder, is replaced.
    Replaced,
}

pub(crate) fn relocate(
    root: &Root,
    from: &FilePath,
    to: &FilePath,
    destination: Destination,
) -> Result<(), FilesError> {
    let source = root.place(from, "move").map_err(|error| match error {
        FilesError::NoParent { path } => FilesError::NotFound { path },
        other => other,
    })?;
    let target = root.place(to, "move")?;
    let renamed = match destination {
        Destination::Free => renameat_with(
            &source.folder,
            &source.name,
            &target.folder,
            &target.name,
            RenameFlags::NOREPLACE,
        ),
        Destination::Replaced => {
            renameat(&source.folder, &source.name, &target.folder, &target.name)
        }
    };
    renamed.map_err(|errno| match errno {
        Errno::INVAL => FilesError::IntoItself {
            path: from.to_string(),
        },
        Errno::NOENT => FilesError::of("move", from, errno),
        other => FilesError::of("move", to, other),
    })
}
