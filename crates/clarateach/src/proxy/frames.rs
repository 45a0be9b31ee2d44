//! Tells what a person typed from what a page sends by itself, on a WebSocket that is relayed.
//!
//! It reads frame headers (RFC 6455, section 5.2) out of bytes that pass by, and changes, keeps and
//! refuses none of them: what makes no sense as frames merely tells nothing. On a terminal's
//! connection, binary messages are what was typed; acknowledgements and sizes are text.

use crate::attendance::Attending;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;

/// Looks at what a client sends; input is its learner's sign of life.
pub(super) struct InputWatch {
    /// `None`: nobody's presence hangs on it.
    attending: Option<Attending>,
    frames: FrameReader,
}

impl InputWatch {
    pub(super) fn new(attending: Option<Attending>) -> Self {
        Self {
            attending,
            frames: FrameReader::default(),
        }
    }

    /// The next bytes that the client sends.
    pub(super) fn note(&mut self, bytes: &[u8]) {
        if let Some(attending) = &self.attending
            && self.frames.read(bytes)
        {
            attending.sign_of_life();
        }
    }
}

/// Where in a stream of frames the next byte is.
#[derive(Debug, Default)]
struct FrameReader {
    header: Header,
    /// Bytes of the current frame's payload still to come.
    left: u64,
    /// Whether these are somebody's input.
    is_input: bool,
    /// Whether the message that is under way is binary; control frames may stand inside it.
    is_binary: bool,
}

impl FrameReader {
    /// Takes the next bytes. Tells whether any input is among them.
    fn read(&mut self, mut bytes: &[u8]) -> bool {
        let mut saw_input = false;
        while let Some((next, rest)) = bytes.split_first() {
            if self.left > 0 {
                saw_input |= self.is_input;
                let here = usize::try_from(self.left).unwrap_or(usize::MAX);
                let skipped = here.min(bytes.len());
                self.left -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            bytes = rest;
            if let Some((opcode, length)) = self.header.push(*next) {
                self.is_binary = match opcode {
                    TEXT => false,
                    BINARY => true,
                    _ => self.is_binary,
                };
                self.is_input = self.is_binary && matches!(opcode, BINARY | CONTINUATION);
                self.left = length;
            }
        }
        saw_input
    }
}

/// As much of a frame's header as was seen: 2 bytes, a longer length of 2 or 8, a mask of 4.
#[derive(Debug, Default)]
struct Header {
    bytes: [u8; 14],
    seen: usize,
}

impl Header {
    /// Takes one byte; with the last one, tells opcode and length of the payload, and begins anew.
    fn push(&mut self, byte: u8) -> Option<(u8, u64)> {
        self.bytes[self.seen] = byte;
        self.seen += 1;
        if self.seen < 2 {
            return None;
        }
        let short = self.bytes[1] & 0x7f;
        let longer = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.bytes[1] & 0x80 == 0 { 0 } else { 4 };
        if self.seen < 2 + longer + mask {
            return None;
        }
        self.seen = 0;
        let length = self.bytes[2..2 + longer]
            .iter()
            .fold(0, |length, byte| length << 8 | u64::from(*byte));
        let length = if longer == 0 { short.into() } else { length };
        Some((self.bytes[0] & 0x0f, length))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PING: u8 = 0x9;
    const CLOSE: u8 = 0x8;

    /// A client's frame: masked, as RFC 6455, section 5.1 demands.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..126 => bytes.push(0x80 | u8::try_from(length).unwrap()),
            length @ 126..0x1_0000 => {
                bytes.push(0x80 | 126);
                bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            length => {
                bytes.push(0x80 | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend([1, 2, 3, 4]);
        bytes.extend(payload);
        bytes
    }

    const FINAL: u8 = 0x80;

    #[test]
    fn binary_payload_is_input_and_nothing_else_is() {
        let mut reader = FrameReader::default();
        for length in [1, 125, 126, 65_535, 65_536] {
            let payload = vec![0x82; length];
            assert!(!reader.read(&frame(FINAL | TEXT, &payload)), "{length}");
            assert!(reader.read(&frame(FINAL | BINARY, &payload)), "{length}");
        }
        for opcode in [PING, CLOSE, 0xa, 0x3] {
            assert!(!reader.read(&frame(FINAL | opcode, b"x")), "{opcode}");
        }
        assert!(!reader.read(&frame(FINAL | BINARY, b"")));
    }

    #[test]
    fn parts_of_a_message_are_what_it_began_as_even_around_a_ping() {
        let mut reader = FrameReader::default();
        assert!(reader.read(&frame(BINARY, b"a")));
        assert!(!reader.read(&frame(FINAL | PING, b"p")));
        assert!(reader.read(&frame(FINAL | CONTINUATION, b"b")));
        assert!(!reader.read(&frame(TEXT, b"a")));
        assert!(!reader.read(&frame(FINAL | CONTINUATION, b"b")));
    }

    #[test]
    fn the_longest_lengths_overflow_nothing() {
        let mut reader = FrameReader::default();
        let mut bytes = vec![FINAL | TEXT, 0xff];
        bytes.extend([0xff; 8]);
        bytes.extend([0; 4]);
        reader.read(&bytes);
        assert!(!reader.read(&[FINAL | BINARY; 1000]));
    }

    proptest! {
        /// However the network cuts the bytes, the same is told.
        #[test]
        fn cuts_change_nothing(
            frames in prop::collection::vec((0_u8..16, 0_usize..300), 1..20),
            cuts in prop::collection::vec(1_usize..40, 1..50),
        ) {
            let bytes: Vec<u8> = frames
                .iter()
                .flat_map(|(opcode, length)| frame(FINAL | opcode, &vec![0x82; *length]))
                .collect();
            let mut whole = FrameReader::default();
            let expected = whole.read(&bytes);
            let mut reader = FrameReader::default();
            let (mut rest, mut seen) = (bytes.as_slice(), false);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (part, later) = rest.split_at((*cut).min(rest.len()));
                seen |= reader.read(part);
                rest = later;
            }
            prop_assert_eq!(seen, expected);
            prop_assert_eq!(reader.left, whole.left);
        }
    }
}
