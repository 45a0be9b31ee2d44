//! Identifiers, parsed once at the edge and valid from then on.
//!
//! Every parser is exact: one spelling an id, so that routing and authorisation compare values and
//! never strings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not an identifier; names the kind and the form that it takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind}: expected {expected}")]
pub struct IdError {
    kind: &'static str,
    expected: &'static str,
}

impl IdError {
    pub(crate) const fn new(kind: &'static str, expected: &'static str) -> Self {
        Self { kind, expected }
    }
}

/// Implements the text forms of a type that has `Display` and `FromStr`: serde as a string.
macro_rules! serde_as_text {
    ($name:ty) => {
        impl TryFrom<String> for $name {
            type Error = $crate::id::IdError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}
pub(crate) use serde_as_text;

const ID_ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// A workshop's id: `ws-` and eight of `[a-z0-9]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkshopId([u8; 8]);

impl WorkshopId {
    /// An id drawn from random bytes; the caller brings the randomness.
    #[must_use]
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(bytes.map(|byte| ID_ALPHABET[usize::from(byte) % ID_ALPHABET.len()]))
    }

    /// The eight characters behind `ws-`, for names with a length limit (network interfaces).
    #[must_use]
    pub fn short(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the alphabet is ASCII")
    }
}

impl FromStr for WorkshopId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        const ERROR: IdError = IdError::new("workshop id", "ws- and eight of a-z, 0-9");
        let short = text.strip_prefix("ws-").ok_or(ERROR)?;
        let bytes: [u8; 8] = short.as_bytes().try_into().map_err(|_| ERROR)?;
        if !bytes.iter().all(|byte| ID_ALPHABET.contains(byte)) {
            return Err(ERROR);
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for WorkshopId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ws-{}", self.short())
    }
}
serde_as_text!(WorkshopId);

/// A seat's number in its workshop, from 1 to 999; in URLs `[1-9][0-9]{0,2}` and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct SeatNumber(u16);

impl SeatNumber {
    /// The highest number that a URL can name.
    pub const MAX: u16 = 999;

    /// A seat number from an integer.
    ///
    /// # Errors
    /// When it is 0 or above [`Self::MAX`].
    pub fn new(number: u16) -> Result<Self, IdError> {
        if (1..=Self::MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err(SEAT_NUMBER_ERROR)
        }
    }

    /// The number, 1 to 999.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

const SEAT_NUMBER_ERROR: IdError = IdError::new("seat number", "a number from 1 to 999");

impl FromStr for SeatNumber {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text.as_bytes();
        let plain = matches!(digits, [b'1'..=b'9', rest @ ..] if rest.len() <= 2 && rest.iter().all(u8::is_ascii_digit));
        if !plain {
            return Err(SEAT_NUMBER_ERROR);
        }
        text.parse()
            .map_err(|_| SEAT_NUMBER_ERROR)
            .and_then(Self::new)
    }
}

impl TryFrom<u16> for SeatNumber {
    type Error = IdError;
    fn try_from(number: u16) -> Result<Self, IdError> {
        Self::new(number)
    }
}

impl From<SeatNumber> for u16 {
    fn from(seat: SeatNumber) -> Self {
        seat.0
    }
}

impl fmt::Display for SeatNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How often a seat was made, from 1: one more by reset and release, never by a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u32);

impl Generation {
    /// The generation that a new seat has.
    pub const FIRST: Self = Self(1);

    /// The generation after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One seat of one workshop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeatKey {
    /// The workshop that the seat belongs to.
    pub workshop: WorkshopId,
    /// Its number there.
    pub seat: SeatNumber,
}

impl fmt::Display for SeatKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-seat-{:02}", self.workshop, self.seat.get())
    }
}

/// A terminal's name in its seat: one to 32 of `[A-Za-z0-9_-]`, beginning with a letter or digit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TerminalName(String);

impl TerminalName {
    /// The terminal that every seat has; it is made when it is missing.
    pub const MAIN: &'static str = "main";
    /// The terminal with which the platform looks whether a seat works; lists leave it out, for
    /// nobody should find a tab of it.
    pub const PROBE: &'static str = "clarateach-probe";

    /// The terminal that every seat has.
    #[must_use]
    pub fn main() -> Self {
        Self(Self::MAIN.to_owned())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TerminalName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        const ERROR: IdError = IdError::new(
            "terminal name",
            "one to 32 letters, digits, - or _, beginning with a letter or digit",
        );
        let bytes = text.as_bytes();
        let right = matches!(bytes, [first, ..] if first.is_ascii_alphanumeric())
            && bytes.len() <= 32
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if right {
            Ok(Self(text.to_owned()))
        } else {
            Err(ERROR)
        }
    }
}

impl fmt::Display for TerminalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
serde_as_text!(TerminalName);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn seat_numbers_have_one_spelling() {
        for wrong in [
            "", "0", "04", "+4", "-4", " 4", "4 ", "4%20", "٤", "1000", "1e1", "0x1", "4\0",
        ] {
            assert!(wrong.parse::<SeatNumber>().is_err(), "{wrong:?} was taken");
        }
        for right in ["1", "9", "10", "200", "999"] {
            assert_eq!(right.parse::<SeatNumber>().unwrap().to_string(), right);
        }
    }

    #[test]
    fn workshop_ids_have_one_spelling() {
        for wrong in [
            "",
            "ws-",
            "ws-abc",
            "WS-abcdefgh",
            "ws-ABCDEFGH",
            "ws-abcdefghi",
            "ws-abcdefg%",
            "ws-abcdéfg",
        ] {
            assert!(wrong.parse::<WorkshopId>().is_err(), "{wrong:?} was taken");
        }
    }

    proptest! {
        #[test]
        fn drawn_workshop_ids_parse_back(bytes: [u8; 8]) {
            let id = WorkshopId::from_random(bytes);
            prop_assert_eq!(id.to_string().parse::<WorkshopId>().unwrap(), id);
        }

        #[test]
        fn whatever_parses_as_an_id_prints_as_it_was(text in ".{0,14}") {
            if let Ok(id) = text.parse::<WorkshopId>() { prop_assert_eq!(id.to_string(), text.clone()); }
            if let Ok(seat) = text.parse::<SeatNumber>() { prop_assert_eq!(seat.to_string(), text.clone()); }
            if let Ok(name) = text.parse::<TerminalName>() { prop_assert_eq!(name.to_string(), text.clone()); }
        }
    }
}
