//! The installation's identity and keys, in its data directory; made on the first run, 0600.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clarateach_protocol::code::ReconnectCode;
use clarateach_protocol::token::SigningKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::secret::random_bytes;

/// How long a taken data directory is tried: who only looks has let go of it by then.
const LOCK_PATIENCE: Duration = Duration::from_millis(20);

/// Why the data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A directory or file can't be made, read or locked.
    #[error(
        "cannot {operation} {path}: {source}. Hint: make it writable for this user, or choose another --data-dir"
    )]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key file has the wrong content.
    #[error(
        "{path} is damaged: expected {expected}. Hint: restore it from a backup; without it, running seats and issued tokens are lost"
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
    },
    /// Another server works on this data directory.
    #[error("another ClaraTeach server uses {path}. Hint: stop it, or choose another --data-dir")]
    InUse {
        /// Which directory.
        path: PathBuf,
    },
}

/// What this installation is and signs with.
pub struct PlatformKeys {
    /// Signs seat and workspace tokens.
    pub signing: Arc<SigningKey>,
    /// Eight characters that mark what this installation made.
    pub instance: String,
    /// The random part of the session cookie's name.
    pub cookie_suffix: String,
    reconnect: [u8; 32],
}

impl PlatformKeys {
    /// Reads the keys in `data_dir`, making what is missing.
    ///
    /// # Errors
    /// When a file can't be read or made, or is damaged.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, KeysError> {
        let keys = data_dir.join("keys");
        create_private_dir(&keys)?;
        let seed = secret_file(&keys.join("platform.key"))?;
        let reconnect = secret_file(&keys.join("reconnect.key"))?;
        let identity = secret_file(&keys.join("instance"))?;
        Ok(Self {
            signing: Arc::new(SigningKey::from_seed(&seed)),
            instance: hex(&identity[..4]),
            cookie_suffix: hex(&identity[4..10]),
            reconnect,
        })
    }

    /// The reconnect code of an assignment: derived, so that a repeated join can answer with it
    /// although only its hash is stored.
    #[must_use]
    pub fn reconnect_code(&self, assignment: &str) -> ReconnectCode {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.reconnect).expect("HMAC takes keys of any length");
        mac.update(assignment.as_bytes());
        let derived = mac.finalize().into_bytes();
        let mut bytes = [0; 12];
        bytes.copy_from_slice(&derived[..12]);
        ReconnectCode::from_random(bytes)
    }
}

/// Holds a data directory for one server; gone with the process, however it ends.
#[derive(Debug)]
pub struct DataDirLock {
    _file: fs::File,
}

/// Makes `data_dir` (0700) and takes it for this process.
///
/// # Errors
/// When it can't be made or written, or another server has it.
pub fn lock_data_dir(data_dir: &Path) -> Result<DataDirLock, KeysError> {
    create_private_dir(data_dir)?;
    let path = data_dir.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(|source| KeysError::Io {
            operation: "open",
            path: path.clone(),
            source,
        })?;
    match lock_now(&file) {
        Ok(()) => Ok(DataDirLock { _file: file }),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(KeysError::InUse {
            path: data_dir.to_owned(),
        }),
        Err(error) => Err(KeysError::Io {
            operation: "lock",
            path,
            source: error.into(),
        }),
    }
}

/// Takes the lock; one that is held for a moment only, by [`is_in_use`], is waited for.
fn lock_now(file: &fs::File) -> rustix::io::Result<()> {
    let since = Instant::now();
    loop {
        match rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) if since.elapsed() < LOCK_PATIENCE => {
                std::thread::yield_now();
            }
            done => return done,
        }
    }
}

/// Whether a server runs on `data_dir` now; a directory that isn't there has none. Makes nothing.
///
/// # Errors
/// When it is there and can't be looked into.
pub fn is_in_use(data_dir: &Path) -> Result<bool, KeysError> {
    let path = data_dir.join("lock");
    let failed = |operation| {
        let path = path.clone();
        move |source| KeysError::Io {
            operation,
            path,
            source,
        }
    };
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed("open")(error)),
    };
    // Shared, so that two who look don't see each other; a server that starts just now tries again.
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(failed("lock")(error.into())),
    }
}

/// Whether all keys of an installation are in its data directory.
#[must_use]
pub fn are_there(data_dir: &Path) -> bool {
    ["platform.key", "reconnect.key", "instance"]
        .iter()
        .all(|name| data_dir.join("keys").join(name).exists())
}

/// The id that marks what the installation of `data_dir` made; `None` where there is none. Makes nothing.
///
/// # Errors
/// When it is there and can't be read, or is damaged.
pub fn read_instance(data_dir: &Path) -> Result<Option<String>, KeysError> {
    let path = data_dir.join("keys/instance");
    match fs::exists(&path) {
        Ok(true) => Ok(Some(hex(&secret_file(&path)?[..4]))),
        Ok(false) => Ok(None),
        Err(source) => Err(KeysError::Io {
            operation: "read",
            path,
            source,
        }),
    }
}

/// Makes a directory that only this user can enter, with its parents.
///
/// # Errors
/// When it can't be made.
pub fn create_private_dir(path: &Path) -> Result<(), KeysError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| KeysError::Io {
            operation: "create",
            path: path.to_owned(),
            source,
        })
}

/// 32 random bytes in hex, made when the file is missing.
fn secret_file(path: &Path) -> Result<[u8; 32], KeysError> {
    let io = |operation| {
        move |source| KeysError::Io {
            operation,
            path: path.to_owned(),
            source,
        }
    };
    match fs::read_to_string(path) {
        Ok(text) => unhex(text.trim()).ok_or_else(|| KeysError::Damaged {
            path: path.to_owned(),
            expected: "64 hexadecimal digits",
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = random_bytes::<32>();
            // Written aside and renamed: a kill in the middle leaves no half key.
            let aside = path.with_extension("new");
            let mut file = OpenOptions::new()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&aside)
                .map_err(io("create"))?;
            file.write_all(format!("{}\n", hex(&secret)).as_bytes())
                .and_then(|()| file.sync_all())
                .and_then(|()| fs::rename(&aside, path))
                .map_err(io("write"))?;
            Ok(secret)
        }
        Err(error) => Err(io("read")(error)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = PlatformKeys::load_or_create(dir.path()).unwrap();
        let second = PlatformKeys::load_or_create(dir.path()).unwrap();
        assert_eq!(first.instance, second.instance);
        assert_eq!(first.reconnect_code("as-1"), second.reconnect_code("as-1"));
        assert_ne!(first.reconnect_code("as-1"), first.reconnect_code("as-2"));
        for file in fs::read_dir(dir.path().join("keys")).unwrap() {
            assert_eq!(
                file.unwrap().metadata().unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }

    #[test]
    fn a_damaged_key_is_named_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("keys")).unwrap();
        fs::write(dir.path().join("keys/platform.key"), "zz").unwrap();
        let error = PlatformKeys::load_or_create(dir.path())
            .err()
            .map(|error| error.to_string())
            .unwrap();
        assert!(error.contains("platform.key"), "{error}");
        assert_eq!(
            fs::read_to_string(dir.path().join("keys/platform.key")).unwrap(),
            "zz"
        );
    }

    #[test]
    fn a_second_server_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock_data_dir(dir.path()).unwrap();
        assert!(matches!(
            lock_data_dir(dir.path()),
            Err(KeysError::InUse { .. })
        ));
        drop(held);
        assert!(lock_data_dir(dir.path()).is_ok());
    }
}
