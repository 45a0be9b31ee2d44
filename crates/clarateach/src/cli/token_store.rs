//! The tokens that `token create --save` keeps: a file for each server, for this user only.
//!
//! A token belongs to the origin that made it, and is read for that origin alone.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// What a file name keeps of an origin as it is.
const IN_FILE_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-');

/// A token and where it is good.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    /// The origin that made it, `https://class.example.org`.
    pub(super) server: String,
    /// Its id there, `tk-…`.
    pub(super) id: String,
    /// `ct_…`
    pub(super) token: String,
}

/// The folder with the tokens.
fn folder() -> anyhow::Result<PathBuf> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let folder = absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .context("there is no HOME to keep tokens in. Hint: give --token or CLARATEACH_TOKEN")?;
    Ok(folder.join("clarateach/tokens"))
}

fn file(folder: &Path, origin: &str) -> PathBuf {
    folder.join(utf8_percent_encode(origin, IN_FILE_NAMES).to_string())
}

/// The token that was saved for exactly this origin.
pub(super) fn read(origin: &str) -> anyhow::Result<Option<Saved>> {
    let Ok(folder) = folder() else {
        return Ok(None);
    };
    let path = file(&folder, origin);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot read the token in {}", path.display()));
        }
    };
    let saved: Option<Saved> = serde_json::from_str(&text).ok();
    // A file that was renamed or edited by hand is not sent elsewhere.
    saved
        .filter(|saved| saved.server == origin)
        .map(Some)
        .with_context(|| {
            format!(
                "{} holds no token for {origin}. Hint: remove it, and make one with `clarateach token create --save`",
                path.display()
            )
        })
}

/// Origins that a token was saved for.
pub(super) fn origins() -> Vec<String> {
    let Ok(entries) = folder().and_then(|folder| Ok(fs::read_dir(folder)?)) else {
        return Vec::new();
    };
    let mut origins: Vec<String> = entries
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok())
        .filter_map(|text| serde_json::from_str::<Saved>(&text).ok())
        .map(|saved| saved.server)
        .collect();
    origins.sort();
    origins
}

/// Forgets a token that is revoked, where it is the one that was saved.
pub(super) fn forget(origin: &str, id: &str) -> anyhow::Result<()> {
    match read(origin) {
        Ok(Some(saved)) if saved.id == id => {
            let path = file(&folder()?, origin);
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Where a token is to be kept: written aside, for this user only, and renamed.
pub(super) struct Place {
    aside: tempfile::NamedTempFile,
    folder: PathBuf,
}

impl Place {
    pub(super) fn prepare() -> anyhow::Result<Self> {
        let folder = folder()?;
        let cannot = || format!("cannot keep a token in {}", folder.display());
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .with_context(cannot)?;
        // Files of this kind are 0600.
        let aside = tempfile::NamedTempFile::new_in(&folder).with_context(cannot)?;
        Ok(Self { aside, folder })
    }

    pub(super) fn keep(mut self, saved: &Saved) -> anyhow::Result<PathBuf> {
        let path = file(&self.folder, &saved.server);
        let text = serde_json::to_string(saved).context("a token is plain data")?;
        writeln!(self.aside, "{text}")
            .and_then(|()| self.aside.as_file().sync_all())
            .and_then(|()| self.aside.persist(&path).map_err(|error| error.error))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}
