//! What is mounted read-only into every seat: the in-seat server, the public keys, and the
//! certificates that seats trust.
//!
//! The server's binary is inside this one (`build.rs`) and written to the data directory, in a folder
//! named by its content: seats made by an older version keep theirs.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clarateach_protocol::token::VerifyingKeys;
use sha2::{Digest, Sha256};

/// The in-seat server that this binary carries; empty when it was built without.
const EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/clarateach-workspace"));

/// Why seats have no server to run.
#[derive(Debug, thiserror::Error)]
pub enum SeatRuntimeError {
    /// Neither in this binary nor named.
    #[error(
        "this build carries no in-seat server. Hint: build with `./x build`, or pass --workspace-binary FILE"
    )]
    Missing,
    /// A file can't be read or written.
    #[error("cannot {operation} {path}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The name of the CA bundle in the seats' folder.
pub const CA_BUNDLE: &str = "ca-certificates.crt";

/// What is installed for seats, below a data directory.
const FOLDER: &str = "seat-runtime";

/// Where distributions keep the certificates that a machine trusts: Debian's, then Fedora's place.
const HOST_CA_BUNDLES: [&str; 2] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

/// What seats trust: the named bundle, or this machine's own. Where a school's proxy opens TLS, its
/// certificate is in there, and `npm install` works in a seat as it does beside it.
///
/// # Errors
/// When the named bundle can't be read.
pub fn ca_bundle(named: Option<&Path>) -> Result<Option<Vec<u8>>, SeatRuntimeError> {
    match named {
        Some(path) => fs::read(path)
            .map(Some)
            .map_err(|source| SeatRuntimeError::Io {
                operation: "read",
                path: path.to_owned(),
                source,
            }),
        None => Ok(HOST_CA_BUNDLES.iter().find_map(|path| fs::read(path).ok())),
    }
}

/// Whether anything was ever installed for seats below `data_dir`: no container was made before.
#[must_use]
pub fn is_installed(data_dir: &Path) -> bool {
    data_dir.join(FOLDER).exists()
}

/// Writes the seats' folder below `data_dir`; an existing one of the same content is left alone.
///
/// # Errors
/// When there is no in-seat server, or the folder can't be written.
pub fn install(
    data_dir: &Path,
    binary: Option<&Path>,
    keys: &VerifyingKeys,
    ca_bundle: Option<Vec<u8>>,
) -> Result<PathBuf, SeatRuntimeError> {
    let io = |operation, path: &Path| {
        let path = path.to_owned();
        move |source| SeatRuntimeError::Io {
            operation,
            path,
            source,
        }
    };
    let server = match binary {
        Some(path) => fs::read(path).map_err(io("read", path))?,
        None if EMBEDDED.is_empty() => return Err(SeatRuntimeError::Missing),
        None => EMBEDDED.to_vec(),
    };
    let jwks = keys.to_jwks();
    let digest = Sha256::new()
        .chain_update(&server)
        .chain_update(&jwks)
        .chain_update(ca_bundle.as_deref().unwrap_or_default())
        .finalize();
    let name: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let all = data_dir.join(FOLDER);
    let folder = all.join(&name);
    if folder.exists() {
        return Ok(folder);
    }
    // Written aside and renamed: the folder is whole or not there.
    let aside = all.join(format!(".{name}.new"));
    let _ = fs::remove_dir_all(&aside);
    fs::create_dir_all(&aside).map_err(io("create", &aside))?;
    let ca_bundle = ca_bundle.map(|bytes| (CA_BUNDLE, bytes, 0o644));
    let files = [
        ("clarateach-workspace", server, 0o755),
        ("keys.json", jwks.into_bytes(), 0o644),
    ];
    for (file, content, mode) in files.into_iter().chain(ca_bundle) {
        let path = aside.join(file);
        fs::write(&path, content).map_err(io("write", &path))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .map_err(io("set the mode of", &path))?;
    }
    fs::set_permissions(&aside, fs::Permissions::from_mode(0o755))
        .map_err(io("set the mode of", &aside))?;
    fs::rename(&aside, &folder).map_err(io("create", &folder))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use clarateach_protocol::token::SigningKey;

    use super::*;

    #[test]
    fn the_folder_is_made_once_and_readable_for_seats() {
        let dir = tempfile::tempdir().unwrap();
        let server = dir.path().join("server");
        fs::write(&server, "#!/bin/true").unwrap();
        let keys = SigningKey::from_seed(&[1; 32]).verifying_keys();
        let first = install(dir.path(), Some(&server), &keys, None).unwrap();
        assert_eq!(
            install(dir.path(), Some(&server), &keys, None).unwrap(),
            first
        );
        assert!(
            VerifyingKeys::from_jwks(&fs::read_to_string(first.join("keys.json")).unwrap()).is_ok()
        );
        assert_eq!(
            fs::metadata(first.join("clarateach-workspace"))
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o755
        );
        fs::write(&server, "#!/bin/false").unwrap();
        assert_ne!(
            install(dir.path(), Some(&server), &keys, None).unwrap(),
            first
        );
        let trusting = install(dir.path(), Some(&server), &keys, Some(b"PEM".to_vec())).unwrap();
        assert_eq!(fs::read(trusting.join(CA_BUNDLE)).unwrap(), b"PEM");
        assert!(ca_bundle(Some(&dir.path().join("none"))).is_err());
    }
}
