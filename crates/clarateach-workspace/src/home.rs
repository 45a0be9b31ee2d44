//! The learner's home: made from `/etc/skel` when it is absent.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Deeper skeletons than this are not copied: nobody has one.
const SKELETON_DEPTH: usize = 16;

/// Makes `home` (0700) with the image's skeleton in it; does nothing when it exists.
///
/// # Errors
/// When the folder can't be made. What the skeleton lacks or hides is left out.
pub fn prepare_home(home: &Path) -> io::Result<()> {
    if home.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(home)?;
    copy_skeleton(Path::new("/etc/skel"), home, SKELETON_DEPTH)
}

fn copy_skeleton(from: &Path, to: &Path, depth: usize) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(from) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() && depth > 0 {
            fs::create_dir(&target)?;
            copy_skeleton(&entry.path(), &target, depth - 1)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
        } else if kind.is_file() && fs::copy(entry.path(), &target).is_ok() {
            // A read-only skeleton must not make read-only dotfiles.
            let mode = fs::metadata(&target)?.permissions().mode();
            fs::set_permissions(&target, fs::Permissions::from_mode(mode | 0o600))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_made_once_and_then_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        prepare_home(&home).unwrap();
        let mode = fs::metadata(&home).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        fs::write(home.join(".bashrc"), "mine").unwrap();
        prepare_home(&home).unwrap();
        assert_eq!(fs::read_to_string(home.join(".bashrc")).unwrap(), "mine");
    }

    #[test]
    fn a_skeleton_is_copied_with_its_folders_and_links() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("skel"), folder.path().join("home"));
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(from.join("a/b/.rc"), "x").unwrap();
        fs::set_permissions(from.join("a/b/.rc"), fs::Permissions::from_mode(0o444)).unwrap();
        std::os::unix::fs::symlink("a/b/.rc", from.join("link")).unwrap();
        copy_skeleton(&from, &to, SKELETON_DEPTH).unwrap();
        assert_eq!(fs::read_to_string(to.join("link")).unwrap(), "x");
        fs::write(to.join("a/b/.rc"), "y").unwrap();
    }
}
