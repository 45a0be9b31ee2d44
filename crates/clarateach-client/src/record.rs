//! What was received, by length and hash, for output that is too long to keep.

use sha2::{Digest, Sha256};

/// Length and SHA-256 of a stretch of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 in hex.
    pub sha256: String,
}

#[derive(Default)]
pub(crate) struct Recorder {
    bytes: u64,
    hash: Sha256,
}

impl Recorder {
    pub(crate) fn take(&mut self, output: &[u8]) {
        self.bytes += output.len() as u64;
        self.hash.update(output);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn finish(self) -> Recorded {
        let digest = self.hash.finalize();
        let sha256 = digest.iter().map(|byte| format!("{byte:02x}"));
        Recorded {
            bytes: self.bytes,
            sha256: sha256.collect(),
        }
    }
}

impl Recorded {
    /// Of bytes that are at hand, to compare with.
    #[must_use]
    pub fn of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut recorder = Recorder::default();
        pieces.into_iter().for_each(|piece| recorder.take(piece));
        recorder.finish()
    }
}
