//! What the program wrote: the last of it as bytes, and what all of it looks like.
//!
//! The model reads the ring a little later than clients do: output is sent before it is parsed. Who looks at the
//! model has it catch up first.

use std::ops::Range;

use bytes::Bytes;
use clarateach_protocol::terminal::RING_BYTES;

use super::super::Size;
use super::super::model::Model;
use super::super::ring::Ring;

/// The model is behind by no more: the more text comes at once, the more of it need not be parsed. Well below what
/// the ring keeps.
const MODEL_LAG_BYTES: u64 = 512 * 1024;
/// The model takes so much at once; other terminals wait meanwhile, well below a millisecond.
const MODEL_BYTES: usize = 32 * 1024;

pub(super) struct Output {
    ring: Ring,
    model: Model,
    /// How much of the output the model has.
    modelled: u64,
    /// Before that, looking for output to skip was in vain.
    skip_from: u64,
}

impl Output {
    pub(super) fn new(size: Size) -> Self {
        Self {
            ring: Ring::new(RING_BYTES),
            model: Model::new(size),
            modelled: 0,
            skip_from: 0,
        }
    }

    /// Position of the oldest byte that is kept.
    pub(super) fn start(&self) -> u64 {
        self.ring.start()
    }

    /// Position behind the newest byte.
    pub(super) fn head(&self) -> u64 {
        self.ring.head()
    }

    /// A copy of the bytes at these positions, which must be kept ones.
    pub(super) fn copy(&self, positions: Range<u64>) -> Bytes {
        self.ring.copy(positions)
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        // Nothing may leave the ring before the model has it.
        for piece in bytes.chunks(MODEL_BYTES) {
            self.ring.push(piece);
            while self.ring.head() - self.modelled > MODEL_LAG_BYTES {
                // What is kept may be skipped next time.
                if self.skip() < MODEL_BYTES {
                    self.parse_some();
                }
            }
        }
    }

    /// Whether output waits to be parsed.
    pub(super) fn is_behind(&self) -> bool {
        self.modelled < self.ring.head()
    }

    /// Takes a piece of what waits to be parsed.
    pub(super) fn catch_up_some(&mut self) {
        self.skip();
        self.parse_some();
    }

    /// Passes over output that what waits behind it pushes out of sight; how much that was.
    fn skip(&mut self) -> usize {
        if self.modelled < self.skip_from {
            return 0;
        }
        let head = self.ring.head();
        let (front, back) = self.ring.slices(self.modelled..head);
        let skipped = self.model.skip(front, back);
        self.modelled += skipped as u64;
        if skipped < MODEL_BYTES {
            self.skip_from = self.modelled + (head - self.modelled) / 2;
        }
        skipped
    }

    fn parse_some(&mut self) {
        let (front, back) = self.ring.slices(self.modelled..self.ring.head());
        let next = if front.is_empty() { back } else { front };
        let next = &next[..next.len().min(MODEL_BYTES)];
        self.model.feed(next);
        self.modelled += next.len() as u64;
    }

    /// The model, as far as it is: [`Self::is_behind`].
    pub(super) fn model(&mut self) -> &mut Model {
        &mut self.model
    }
}
