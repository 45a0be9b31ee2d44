//! One archive of what cannot be made again: database, keys, and which installation it is.
//!
//! Written while a server runs, read back while none does. Seats' disks and containers are not in it.
//! The archive holds secrets: it is made for this user only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::auth::keys::{self, KeysError, PlatformKeys};
use crate::store::{self, DATABASE, StoreError};

/// What an archive holds, and nothing else is taken from one.
const KEYS: [&str; 3] = ["keys/platform.key", "keys/reconnect.key", "keys/instance"];
/// Bytes of a database in an archive at the most: far above any that classes make.
const LARGEST: u64 = 16 << 30;

/// Why a backup was not made or brought back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data directory can't be used, or a server uses it.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The database can't be.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file can't be.
    #[error("cannot {operation} {path}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing to back up.
    #[error("{0} has no database. Hint: name the server's --data-dir")]
    NoDatabase(PathBuf),
    /// The archive isn't one of ours, or is cut short.
    #[error("{path} is no whole backup: {problem}")]
    NoBackup {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The data directory is another installation's.
    #[error(
        "{path} is a backup of the installation {theirs}, and {data_dir} is {ours}: seats of {ours} would be nobody's. Hint: restore into another --data-dir, or pass --force"
    )]
    OtherInstallation {
        /// Which file.
        path: PathBuf,
        /// The data directory.
        data_dir: PathBuf,
        /// Its installation.
        ours: String,
        /// The backup's.
        theirs: String,
    },
}

fn io_error<'a>(operation: &'static str, path: &'a Path) -> impl Fn(io::Error) -> BackupError + 'a {
    move |source| BackupError::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}

/// Whether an installation may be replaced by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// No.
    Refuse,
    /// The operator said so.
    Replace,
}

/// Writes an archive of `data_dir`, whose server may run; its size in bytes. An existing file is
/// replaced once the new one is whole.
///
/// # Errors
/// When something can't be read or written; nothing is left then.
pub fn write(data_dir: &Path, file: &Path) -> Result<u64, BackupError> {
    if !store::is_there(data_dir) {
        return Err(BackupError::NoDatabase(data_dir.to_owned()));
    }
    // In the data directory: for this user only, and on a disk that has room for the database.
    let folder = tempfile::Builder::new()
        .prefix(".backup-")
        .tempdir_in(data_dir)
        .map_err(io_error("make a folder in", data_dir))?;
    let copy = folder.path().join(DATABASE);
    store::snapshot(data_dir, &copy)?;
    let parent = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let aside = tempfile::Builder::new()
        .prefix(".clarateach-backup-")
        .tempfile_in(parent)
        .map_err(io_error("write a file in", parent))?;
    let mut archive = tar::Builder::new(aside);
    archive.mode(tar::HeaderMode::Deterministic);
    archive
        .append_path_with_name(&copy, DATABASE)
        .map_err(io_error("write", file))?;
    for name in KEYS {
        let key = data_dir.join(name);
        archive
            .append_path_with_name(&key, name)
            .map_err(io_error("read", &key))?;
    }
    let written = archive.into_inner().map_err(io_error("write", file))?;
    written
        .as_file()
        .sync_all()
        .map_err(io_error("write", file))?;
    let size = written
        .as_file()
        .metadata()
        .map_err(io_error("write", file))?
        .len();
    written
        .persist(file)
        .map_err(|error| io_error("write", file)(error.error))?;
    Ok(size)
}

/// What was brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The installation that the data directory is now.
    pub instance: String,
    /// Where the database is that was there before.
    pub before: Option<PathBuf>,
}

/// Puts an archive's content into `data_dir`, which no server may use meanwhile. The database that was
/// there is kept beside it.
///
/// # Errors
/// When a server runs there, the archive isn't whole or is from a newer version, or it is another
/// installation's; the data directory is as it was then.
pub fn restore(file: &Path, data_dir: &Path, other: Other) -> Result<Restored, BackupError> {
    let _alone = keys::lock_data_dir(data_dir)?;
    let folder = tempfile::Builder::new()
        .prefix(".restore-")
        .tempdir_in(data_dir)
        .map_err(io_error("make a folder in", data_dir))?;
    let unpacked = folder.path();
    unpack(file, unpacked)?;
    store::verify(unpacked)?;
    let instance = PlatformKeys::load_or_create(unpacked)?.instance;
    if let Some(ours) = keys::read_instance(data_dir)?
        && ours != instance
        && other == Other::Refuse
    {
        return Err(BackupError::OtherInstallation {
            path: file.to_owned(),
            data_dir: data_dir.to_owned(),
            ours,
            theirs: instance,
        });
    }
    keys::create_private_dir(&data_dir.join("keys"))?;
    for name in KEYS {
        let to = data_dir.join(name);
        fs::rename(unpacked.join(name), &to).map_err(io_error("write", &to))?;
    }
    let before = store::set_aside(data_dir, "before-restore")
        .map_err(io_error("move aside the database in", data_dir))?;
    // Last: with it the restore is done.
    let to = data_dir.join(DATABASE);
    fs::rename(unpacked.join(DATABASE), &to).map_err(io_error("write", &to))?;
    if let Ok(folder) = File::open(data_dir) {
        let _ = folder.sync_all();
    }
    Ok(Restored { instance, before })
}

/// Writes what an archive holds below `folder`: each file once, and all of them.
fn unpack(file: &Path, folder: &Path) -> Result<(), BackupError> {
    let no_backup = |problem: String| BackupError::NoBackup {
        path: file.to_owned(),
        problem,
    };
    let broken = |error: io::Error| no_backup(error.to_string());
    let mut archive = tar::Archive::new(File::open(file).map_err(io_error("open", file))?);
    keys::create_private_dir(&folder.join("keys"))?;
    let mut missing: Vec<&str> = KEYS.into_iter().chain([DATABASE]).collect();
    for entry in archive.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.into_owned();
        let Some(at) = missing.iter().position(|it| Path::new(it) == name) else {
            return Err(no_backup(format!("{} has no place in one", name.display())));
        };
        let name = missing.swap_remove(at);
        let size = entry.size();
        if !entry.header().entry_type().is_file() || size > LARGEST {
            return Err(no_backup(format!("{name} is no file of a sensible size")));
        }
        let to = folder.join(name);
        let copied = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&to)
            .and_then(|mut out| {
                let copied = io::copy(&mut entry.take(size), &mut out)?;
                out.flush()?;
                out.sync_all()?;
                Ok(copied)
            })
            .map_err(broken)?;
        if copied != size {
            return Err(no_backup(format!("{name} is cut short")));
        }
    }
    match missing.first() {
        None => Ok(()),
        Some(name) => Err(no_backup(format!("{name} is missing"))),
    }
}
