//! The id that finds a request in the log.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use http::HeaderValue;

/// A request's random id, in its extensions and in the answer's `x-request-id`.
#[derive(Debug, Clone)]
pub struct RequestId(pub(super) HeaderValue);

impl RequestId {
    pub(crate) fn random() -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 20];
        for (digit, byte) in text.iter_mut().zip(draw::<20>()) {
            *digit = DIGITS[usize::from(byte % 16)];
        }
        Self(HeaderValue::from_bytes(&text).expect("hex digits are ASCII"))
    }

    /// A number of that range, another one for most requests.
    pub(super) fn spread(&self, range: RangeInclusive<u16>) -> u16 {
        let draw = self
            .0
            .as_bytes()
            .iter()
            .map(|byte| u16::from(*byte))
            .sum::<u16>();
        range.start() + draw % (range.end() - range.start() + 1)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

thread_local! {
    /// Random bytes for the next ids, and how many are used: the kernel is asked once for many.
    static DRAWN: RefCell<([u8; 1000], usize)> = const { RefCell::new(([0; 1000], 1000)) };
}

/// The next random bytes.
fn draw<const COUNT: usize>() -> [u8; COUNT] {
    DRAWN.with_borrow_mut(|(bytes, used)| {
        if *used + COUNT > bytes.len() {
            getrandom::fill(bytes).expect("the kernel has randomness");
            *used = 0;
        }
        let mut drawn = [0; COUNT];
        drawn.copy_from_slice(&bytes[*used..*used + COUNT]);
        *used += COUNT;
        drawn
    })
}
