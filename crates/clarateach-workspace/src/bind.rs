//! The binding: whose seat this is and what their shells know. Kept in memory only.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clarateach_protocol::seat::{BindRequest, Binding};
use parking_lot::RwLock;

use crate::files::FilesError;
use crate::files::path::FilePath;
use crate::files::root::Root;
use crate::files::write;

/// The learner's name, as their shells see it.
const LEARNER_VARIABLE: &str = "CLARATEACH_LEARNER";
const MAX_DIGEST_BYTES: usize = 128;

/// Why a binding is not applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    #[error("a digest is 1 to {MAX_DIGEST_BYTES} letters and digits")]
    Digest,
    #[error("environment variable {name:?} has no usable name or value")]
    Variable { name: String },
    #[error("starter file {path:?} is not base64")]
    NotBase64 { path: String },
    #[error(transparent)]
    File(#[from] FilesError),
}

/// What is bound now; empty after each start.
#[derive(Default)]
pub(crate) struct Bound(RwLock<State>);

#[derive(Default)]
struct State {
    digest: Option<String>,
    environment: Arc<BTreeMap<String, String>>,
}

impl Bound {
    pub(crate) fn digest(&self) -> Option<String> {
        self.0.read().digest.clone()
    }

    /// The variables of shells that start from now on.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (String, String)> {
        let environment = Arc::clone(&self.0.read().environment);
        let pairs: Vec<_> = environment.iter().map(own).collect();
        pairs.into_iter()
    }

    /// Applies a binding; the same digest again changes nothing. Blocks: it writes starter files.
    pub(crate) fn apply(&self, request: BindRequest, root: &Root) -> Result<(), BindError> {
        let BindRequest { digest, binding } = request;
        check_digest(&digest)?;
        if self.digest().as_ref() == Some(&digest) {
            return Ok(());
        }
        let environment = environment_of(&binding)?;
        write_starter_files(&binding, root)?;
        *self.0.write() = State {
            digest: Some(digest),
            environment: Arc::new(environment),
        };
        Ok(())
    }
}

fn own((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

fn check_digest(digest: &str) -> Result<(), BindError> {
    let right = (1..=MAX_DIGEST_BYTES).contains(&digest.len())
        && digest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    right.then_some(()).ok_or(BindError::Digest)
}

fn environment_of(binding: &Binding) -> Result<BTreeMap<String, String>, BindError> {
    let mut environment = BTreeMap::new();
    if let Some(learner) = &binding.learner {
        let name = learner.name.replace('\0', "");
        environment.insert(LEARNER_VARIABLE.to_owned(), name);
    }
    for (name, value) in &binding.env {
        if !is_variable_name(name) || value.contains('\0') {
            return Err(BindError::Variable { name: name.clone() });
        }
        environment.insert(name.clone(), value.clone());
    }
    Ok(environment)
}

pub(crate) fn is_variable_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    matches!(bytes, [first, ..] if first.is_ascii_alphabetic() || *first == b'_')
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// All are read before the first is written: a bad one leaves nothing half-made.
fn write_starter_files(binding: &Binding, root: &Root) -> Result<(), BindError> {
    let mut files = Vec::with_capacity(binding.files.len());
    for file in &binding.files {
        let path = FilePath::from_text(&file.path)?;
        let content = STANDARD
            .decode(&file.content_base64)
            .map_err(|_| BindError::NotBase64 {
                path: file.path.clone(),
            })?;
        files.push((path, content));
    }
    for (path, content) in files {
        write::write_if_absent(root, &path, &content)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_shell_can_read_are_refused() {
        for wrong in ["", "1A", "A-B", "A=B", "Ä", "A\0"] {
            assert!(!is_variable_name(wrong), "{wrong:?} was taken");
        }
        assert!(is_variable_name("_ANTHROPIC_API_KEY2"));
    }
}
