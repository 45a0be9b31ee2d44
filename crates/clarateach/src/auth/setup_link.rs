//! The set-up link in the data directory, while nobody can sign in: for the operator, 0600. Its secret
//! is in the server's memory too, and nowhere else.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::keys::KeysError;

const NAME: &str = "setup-link";

/// The file with the link; removed when this is dropped.
pub struct SetupLink {
    path: PathBuf,
}

impl SetupLink {
    /// Writes the link, in place of one of an earlier run.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write(data_dir: &Path, link: &str) -> Result<Self, KeysError> {
        remove(data_dir)?;
        let path = data_dir.join(NAME);
        OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| writeln!(file, "{link}"))
            .map_err(|source| failed("write", &path, source))?;
        Ok(Self { path })
    }
}

impl Drop for SetupLink {
    fn drop(&mut self) {
        // One that stays opens nothing: its secret is used, or went with the process.
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes what a run that was killed left behind.
///
/// # Errors
/// When it is there and can't be removed.
pub fn remove(data_dir: &Path) -> Result<(), KeysError> {
    let path = data_dir.join(NAME);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("remove", &path, error))
        }
        _ => Ok(()),
    }
}

/// The link, where there is one.
///
/// # Errors
/// When the file is there and can't be read.
pub fn read(data_dir: &Path) -> Result<Option<String>, KeysError> {
    let path = data_dir.join(NAME);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", &path, error)),
    }
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> KeysError {
    KeysError::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}
