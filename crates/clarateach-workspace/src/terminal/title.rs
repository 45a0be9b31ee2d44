//! Finds titles in terminal output: OSC 0 and 2 (XTerm Control Sequences, "Operating System Commands").
//!
//! Incremental: a sequence may be cut anywhere between two reads.

use memchr::memchr;

/// Longer ones are cut; nobody reads them.
const MAX_TITLE_CHARACTERS: usize = 128;
/// Collected at most; enough for the longest title in four-byte characters.
const MAX_COLLECTED_BYTES: usize = 4 * MAX_TITLE_CHARACTERS + 2;

const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Escape,
    Command,
    CommandEscape,
}

/// Where in the output the reader is.
#[derive(Debug, Default)]
pub(crate) struct TitleReader {
    state: State,
    collected: Vec<u8>,
}

impl TitleReader {
    /// Reads on; the last title that ended in this output, if one did.
    pub(crate) fn read(&mut self, output: &[u8]) -> Option<String> {
        let mut title = None;
        let mut rest = output;
        while !rest.is_empty() {
            if self.state == State::Text {
                match memchr(ESC, rest) {
                    Some(at) => rest = &rest[at + 1..],
                    None => return title,
                }
                self.state = State::Escape;
                continue;
            }
            if let Some(found) = self.step(rest[0]) {
                title = Some(found);
            }
            rest = &rest[1..];
        }
        title
    }

    fn step(&mut self, byte: u8) -> Option<String> {
        self.state = match (self.state, byte) {
            (State::Escape, b']') => {
                self.collected.clear();
                State::Command
            }
            (State::Command, BEL) | (State::CommandEscape, b'\\') => {
                self.state = State::Text;
                return self.finish();
            }
            (State::Command, ESC) => State::CommandEscape,
            (State::Command, CAN | SUB) => State::Text,
            (State::Command, _) => {
                if self.collected.len() < MAX_COLLECTED_BYTES {
                    self.collected.push(byte);
                }
                State::Command
            }
            (State::Escape | State::CommandEscape, ESC) => State::Escape,
            // An escape inside a command ends it and begins a sequence of its own.
            (State::CommandEscape, b']') => {
                self.collected.clear();
                State::Command
            }
            _ => State::Text,
        };
        None
    }

    fn finish(&mut self) -> Option<String> {
        let collected = std::mem::take(&mut self.collected);
        match &collected[..] {
            [b'0' | b'2', b';', title @ ..] => Some(sanitise(title)),
            _ => None,
        }
    }
}

/// Text that can be shown anywhere: no control, no character that turns the reading direction.
pub(super) fn sanitise(title: &[u8]) -> String {
    String::from_utf8_lossy(title)
        .chars()
        .filter(|character| !character.is_control() && !is_direction_control(*character))
        .take(MAX_TITLE_CHARACTERS)
        .collect()
}

fn is_direction_control(character: char) -> bool {
    matches!(
        character,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(output: &[u8]) -> Option<String> {
        TitleReader::default().read(output)
    }

    #[test]
    fn both_terminators_and_both_commands_work() {
        assert_eq!(read(b"a\x1b]0;one\x07b").as_deref(), Some("one"));
        assert_eq!(read(b"\x1b]2;two\x1b\\").as_deref(), Some("two"));
        assert_eq!(read(b"\x1b]0;one\x07\x1b]2;\x07").as_deref(), Some(""));
    }

    #[test]
    fn other_sequences_are_no_titles() {
        for other in [
            &b"\x1b]52;c;aGk=\x07"[..],
            b"\x1b]0;cut\x18\x07",
            b"\x1b[0;title\x07",
            b"\x1b]8;;http://x\x1b\\",
            b"\x1b]0;open",
        ] {
            assert_eq!(read(other), None, "{other:?}");
        }
    }

    #[test]
    fn what_could_deceive_is_taken_out() {
        let title = read("\x1b]0;a\u{202e}b\n\u{85}c\x07".as_bytes());
        assert_eq!(title.as_deref(), Some("abc"));
        let long = [b"\x1b]0;", &[b'x'; 5000][..], b"\x07"].concat();
        assert_eq!(
            read(&long).map(|title| title.len()),
            Some(MAX_TITLE_CHARACTERS)
        );
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(cut in 0usize..30) {
            let output = "text\x1b]0;a tïtle\x1b\\more\x07".as_bytes();
            let cut = cut.min(output.len());
            let mut reader = TitleReader::default();
            let titles = [reader.read(&output[..cut]), reader.read(&output[cut..])];
            let found: Vec<_> = titles.into_iter().flatten().collect();
            prop_assert_eq!(found, vec!["a tïtle".to_owned()]);
        }

        #[test]
        fn any_output_is_read_without_a_panic(output: Vec<u8>) {
            let _ = read(&output);
        }
    }
}
