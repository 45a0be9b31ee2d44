//! Skips work whose inputs did not change: a stamp under `target/x/stamps` holds the hash of what was last used.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::step::step;

/// Made by tools, never an input.
const PRODUCTS: [&str; 4] = ["node_modules", "dist", "results", "build"];

/// A hash over files' paths and contents and whatever else decides the result.
pub(crate) struct Inputs(Sha256);

impl Inputs {
    pub(crate) fn new() -> Self {
        Self(Sha256::new())
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
        self
    }

    /// A file, or all files below a folder.
    pub(crate) fn path(mut self, path: impl AsRef<Path>) -> Result<Self> {
        for file in files_below(path.as_ref())? {
            let content = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            self = self.text(&file.to_string_lossy());
            self.0.update((content.len() as u64).to_le_bytes());
            self.0.update(content);
        }
        Ok(self)
    }

    pub(crate) fn hash(self) -> String {
        self.0
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Runs the step unless `product` is there and was made from the same inputs.
pub(crate) fn step_when_changed(
    name: &str,
    inputs: Inputs,
    product: &Path,
    work: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let hash = inputs.hash();
    let stamp =
        Path::new("target/x/stamps").join(name.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
    if product.exists() && fs::read_to_string(&stamp).is_ok_and(|stamped| stamped == hash) {
        return Ok(());
    }
    step(name, work)?;
    fs::create_dir_all("target/x/stamps")?;
    fs::write(&stamp, hash).with_context(|| format!("writing {}", stamp.display()))
}

fn files_below(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut entries = fs::read_dir(path)
        .with_context(|| format!("listing {}", path.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    entries.retain(|entry| {
        !entry
            .file_name()
            .is_some_and(|name| PRODUCTS.iter().any(|product| name == *product))
    });
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        files.extend(files_below(&entry)?);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_differ_when_a_text_moves_from_one_part_to_the_next() {
        let one = Inputs::new().text("ab").text("c").hash();
        let other = Inputs::new().text("a").text("bc").hash();
        assert_ne!(one, other);
    }
}
