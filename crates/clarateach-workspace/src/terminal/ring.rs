//! The last bytes of a terminal's output, addressed by their position in the whole of it.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

/// Allocated as output comes, up to `capacity`.
pub(crate) struct Ring {
    bytes: VecDeque<u8>,
    start: u64,
    capacity: usize,
}

impl Ring {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            start: 0,
            capacity,
        }
    }

    /// Position of the oldest byte that is kept.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Position behind the newest byte.
    pub(crate) fn head(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Appends output; the oldest makes room.
    pub(crate) fn push(&mut self, output: &[u8]) {
        let skipped = output.len().saturating_sub(self.capacity);
        let kept = &output[skipped..];
        let excess = (self.bytes.len() + kept.len()).saturating_sub(self.capacity);
        self.bytes.drain(..excess);
        self.start += (excess + skipped) as u64;
        self.make_room_for(kept.len());
        self.bytes.extend(kept);
    }

    /// A copy of the bytes at these positions, which must be kept ones.
    pub(crate) fn copy(&self, positions: Range<u64>) -> Bytes {
        let (front, back) = self.slices(positions);
        Bytes::from([front, back].concat())
    }

    /// The bytes at these positions, which must be kept ones.
    pub(crate) fn slices(&self, positions: Range<u64>) -> (&[u8], &[u8]) {
        let index = |position: u64| {
            usize::try_from(position - self.start).expect("kept positions are near the start")
        };
        let (from, to) = (index(positions.start), index(positions.end));
        let (front, back) = self.bytes.as_slices();
        let split = front.len();
        (
            &front[from.min(split)..to.min(split)],
            &back[from.saturating_sub(split)..to.saturating_sub(split)],
        )
    }

    /// Doubles, but never past the capacity, as `VecDeque` alone would.
    fn make_room_for(&mut self, more: usize) {
        let needed = self.bytes.len() + more;
        if needed > self.bytes.capacity() {
            let target = needed.next_power_of_two().min(self.capacity);
            self.bytes.reserve_exact(target - self.bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn memory_stays_at_the_capacity() {
        let mut ring = Ring::new(1 << 16);
        for _ in 0..100 {
            ring.push(&[b'y'; 5000]);
        }
        assert_eq!(ring.head() - ring.start(), 1 << 16);
        assert!(ring.bytes.capacity() <= 1 << 16);
    }

    proptest! {
        #[test]
        fn the_ring_holds_the_tail_of_everything(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..30)) {
            let mut ring = Ring::new(64);
            let mut all = Vec::new();
            for chunk in chunks {
                ring.push(&chunk);
                all.extend_from_slice(&chunk);
                prop_assert_eq!(ring.head(), all.len() as u64);
                let from = usize::try_from(ring.start()).unwrap();
                prop_assert!(all.len() - from == all.len().min(64));
                prop_assert_eq!(&ring.copy(ring.start()..ring.head())[..], &all[from..]);
            }
        }
    }
}
