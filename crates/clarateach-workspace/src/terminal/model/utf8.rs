//! Characters from bytes, as xterm.js takes them.

pub(super) enum Decoded {
    Character(char, usize),
    /// So many bytes are no character.
    Wrong(usize),
    Incomplete,
}

/// The character of several bytes at the start (RFC 3629). What is wrong disappears, and so does the byte order
/// mark, as in xterm.js.
pub(super) fn decode(bytes: &[u8]) -> Decoded {
    let (length, first) = match bytes[0] {
        lead @ 0xc0..=0xdf => (2, lead & 0x1f),
        lead @ 0xe0..=0xef => (3, lead & 0x0f),
        lead @ 0xf0..=0xf7 => (4, lead & 0x07),
        _ => return Decoded::Wrong(1),
    };
    let mut code = u32::from(first);
    for at in 1..length {
        match bytes.get(at) {
            None => return Decoded::Incomplete,
            Some(byte) if byte & 0xc0 == 0x80 => code = code << 6 | u32::from(byte & 0x3f),
            Some(_) => return Decoded::Wrong(at),
        }
    }
    let smallest = [0x80, 0x800, 0x1_0000][length - 2];
    match char::from_u32(code) {
        Some(character) if code >= smallest && character != '\u{feff}' => {
            Decoded::Character(character, length)
        }
        _ => Decoded::Wrong(length),
    }
}
