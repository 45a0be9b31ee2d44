//! What an emulator says when a program asks it, told from what a person types.

/// Whether these bytes are nothing but reports: device attributes and status, modes, colours, focus.
///
/// The few keys that look the same (a modified F3 is a cursor position) are taken for reports.
pub(super) fn is_report(mut bytes: &[u8]) -> bool {
    if bytes.is_empty() {
        return false;
    }
    while !bytes.is_empty() {
        let Some(length) = report(bytes) else {
            return false;
        };
        bytes = &bytes[length..];
    }
    true
}

/// The length of the report at the start.
fn report(bytes: &[u8]) -> Option<usize> {
    match bytes.strip_prefix(b"\x1b")? {
        [b'[', rest @ ..] => {
            let middle = rest
                .iter()
                .take_while(|byte| matches!(byte, b' '..=b'?'))
                .count();
            let (body, last) = (&rest[..middle], rest.get(middle)?);
            let is_report = match last {
                b'I' | b'O' => body.is_empty(),
                b'R' => body.contains(&b';'),
                b'c' => matches!(body.first(), Some(b'?' | b'>')),
                b'n' => body == b"0",
                b'y' => body.ends_with(b"$"),
                b't' => matches!(body.first(), Some(b'4' | b'6' | b'8')),
                _ => false,
            };
            is_report.then_some(middle + 3)
        }
        // Colours (OSC) and settings (DCS), up to their terminator.
        [b']' | b'P', rest @ ..] => {
            let end = rest.iter().position(|byte| matches!(byte, 0x07 | 0x1b))?;
            match rest[end..] {
                [0x07, ..] => Some(end + 3),
                [0x1b, b'\\', ..] => Some(end + 4),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_keys() {
        for answer in [
            "\x1b[?1;2c",
            "\x1b[>0;276;0c",
            "\x1b[12;40R",
            "\x1b[0n",
            "\x1b[?2004;2$y",
            "\x1b]11;rgb:1111/1616/1b1b\x1b\\",
            "\x1b]10;rgb:dddd/e4e4/eaea\x07",
            "\x1bP1$r0m\x1b\\",
            "\x1b[I",
            "\x1b[12;40R\x1b[?1;2c",
        ] {
            assert!(is_report(answer.as_bytes()), "{answer:?}");
        }
        for key in [
            "",
            "a",
            "\x1b",
            "\x1b[A",
            "\x1bOP",
            "\x1b[1;5C",
            "\x1b[3~",
            "\x1b[200~x\x1b[201~",
            "\x1b[<0;3;4M",
            "\x1b[0nx",
            "\x1b]11;cut",
            "\x1b[M !!",
            "\x1b[R",
        ] {
            assert!(!is_report(key.as_bytes()), "{key:?}");
        }
    }
}
