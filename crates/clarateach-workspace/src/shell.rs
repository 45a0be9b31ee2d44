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
const GREETING_FILE: &str = "/etc/clarateach/greeting";
const GREETING_VARIABLE: &str = "CLARATEACH_GREETING";
/// A screenful.
const MAX_GREETING_CHARACTERS: usize = 4096;
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
    /// `wanted` if it can be run, else the shell of this process's user, with `home` as HOME and
    /// `folder` as first directory.
    pub(crate) fn find(wanted: Option<&Path>, home: &Path, folder: &Path) -> Result<Self, NoShell> {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let entry = passwd_entry(&passwd, rustix::process::getuid().as_raw());
        let (user, own) = entry.unwrap_or((FALLBACK_USER, ""));
        let others = std::iter::once(own).chain(FALLBACK_SHELLS).map(Path::new);
        let program = wanted
            .into_iter()
            .chain(others)
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

/// What a new terminal shows before its shell's first prompt: the binding's `CLARATEACH_GREETING`, or
/// the image's `/etc/clarateach/greeting`. Text alone: printed, never run, and without control
/// sequences.
pub(crate) fn greeting(bound: &Bound) -> String {
    let of_binding = bound
        .environment()
        .find_map(|(name, value)| (name == GREETING_VARIABLE).then_some(value));
    let text = of_binding.unwrap_or_else(|| {
        let file = fs::read(GREETING_FILE).unwrap_or_default();
        String::from_utf8_lossy(&file).into_owned()
    });
    shown(&text)
}

/// Lines for a terminal.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for line in text
        .chars()
        .take(MAX_GREETING_CHARACTERS)
        .collect::<String>()
        .lines()
    {
        shown.extend(line.chars().filter(|character| !character.is_control()));
        shown.push_str("\r\n");
    }
    shown
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
    fn a_greeting_is_text_alone() {
        assert_eq!(
            shown("Hi \u{1b}[31m世界\n\n\u{9b}2Jx\r\n"),
            "Hi [31m世界\r\n\r\n2Jx\r\n"
        );
        assert_eq!(shown(""), "");
        assert!(shown(&"x".repeat(100_000)).len() < 5000);
    }

    #[test]
    fn a_wanted_shell_comes_first_if_it_can_be_run() {
        let here = Path::new("/");
        let found = |wanted| {
            Shell::find(Some(Path::new(wanted)), here, here)
                .unwrap()
                .program
        };
        assert_eq!(found("/bin/sh"), Path::new("/bin/sh"));
        assert_ne!(found("/no/such/shell"), Path::new("/no/such/shell"));
    }

    #[test]
    fn a_login_shell_has_a_hyphen() {
        assert_eq!(login_name(Path::new("/bin/bash")), "-bash");
    }
}
