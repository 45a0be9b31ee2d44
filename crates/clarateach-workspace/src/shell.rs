//! Which shell a terminal runs, and with what environment.
//!
//! `/etc/passwd` is parsed here: the static C library can't load the name service's modules.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bind::Bound;

const FALLBACK_SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];
const FALLBACK_USER: &str = "learner";

/// The shell and the person whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shell {
    program: PathBuf,
    user: String,
    home: PathBuf,
    folder: PathBuf,
}

/// The image has no shell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the image has no shell: neither the passwd entry's nor /bin/bash nor /bin/sh can be run")]
pub(crate) struct NoShell;

impl Shell {
    /// The shell of this process's user, with `home` as HOME and `folder` as first directory.
    pub(crate) fn find(home: &Path, folder: &Path) -> Result<Self, NoShell> {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let entry = passwd_entry(&passwd, rustix::process::getuid().as_raw());
        let (user, own) = entry.unwrap_or((FALLBACK_USER, ""));
        let program = std::iter::once(own)
            .chain(FALLBACK_SHELLS)
            .map(Path::new)
            .find(|path| is_executable(path))
            .ok_or(NoShell)?;
        Ok(Self {
            program: program.to_owned(),
            user: user.to_owned(),
            home: home.to_owned(),
            folder: folder.to_owned(),
        })
    }

    /// A login shell: it inherits the image's environment, then ours, then the binding's.
    pub(crate) fn command(&self, folder: Option<&Path>, bound: &Bound) -> Command {
        let folder = folder.map_or_else(|| self.folder.clone(), |below| self.folder.join(below));
        let mut command = Command::new(&self.program);
        command
            .arg0(login_name(&self.program))
            .current_dir(&folder)
            .env("HOME", &self.home)
            .env("USER", &self.user)
            .env("LOGNAME", &self.user)
            .env("SHELL", &self.program)
            .env("TERM", "xterm-256color")
            .env("COLORTERM", "truecolor")
            .env("PWD", &folder);
        if std::env::var_os("LANG").is_none() {
            command.env("LANG", "C.UTF-8");
        }
        for (name, value) in bound.environment() {
            command.env(name, value);
        }
        command
    }
}

/// `-bash`: the leading hyphen makes it a login shell.
fn login_name(program: &Path) -> OsString {
    let mut name = OsString::from("-");
    name.push(program.file_name().unwrap_or(OsStr::new("sh")));
    name
}

/// Name and shell of a user id.
fn passwd_entry(passwd: &str, uid: u32) -> Option<(&str, &str)> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [name, _, id, _, _, _, shell] if id.parse() == Ok(uid) => Some((name, shell)),
            _ => None,
        }
    })
}

fn is_executable(path: &Path) -> bool {
    // `nologin` and `false` run, but are no shells.
    let refuses = matches!(
        path.file_name().and_then(OsStr::to_str),
        Some("nologin" | "false")
    );
    !refuses
        && path.is_absolute()
        && fs::metadata(path)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_of_the_user_is_found() {
        let passwd =
            "root:x:0:0:root:/root:/bin/bash\nbroken line\nada:x:1000:1000::/home/ada:/bin/zsh\n";
        assert_eq!(passwd_entry(passwd, 1000), Some(("ada", "/bin/zsh")));
        assert_eq!(passwd_entry(passwd, 100), None);
    }

    #[test]
    fn what_cannot_run_is_no_shell() {
        assert!(is_executable(Path::new("/bin/sh")));
        for wrong in [
            "",
            "/etc/passwd",
            "/bin/false",
            "/usr/sbin/nologin",
            "/bin",
            "bin/sh",
        ] {
            assert!(!is_executable(Path::new(wrong)), "{wrong}");
        }
    }

    #[test]
    fn a_login_shell_has_a_hyphen() {
        assert_eq!(login_name(Path::new("/bin/bash")), "-bash");
    }
}
