//! Codes that people read aloud and type: join codes and reconnect codes.
//!
//! Crockford's base32 (<https://www.crockford.com/base32.html>): no `I L O U`; read back with case,
//! spaces and hyphens ignored, `I` and `L` as 1, `O` as 0.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{IdError, serde_as_text};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A workshop's join code: 40 bits, shown `XXXX-XXXX`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JoinCode(Symbols<8>);

/// One learner's own code, with which any device gets their seat back: 60 bits, shown `XXXX-XXXX-XXXX`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReconnectCode(Symbols<12>);

impl JoinCode {
    /// A code drawn from random bytes; the caller brings the randomness.
    #[must_use]
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(Symbols::from_bytes(bytes))
    }
}

impl ReconnectCode {
    /// A code from random or derived bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 12]) -> Self {
        Self(Symbols::from_bytes(bytes))
    }
}

impl FromStr for JoinCode {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Symbols::parse(text).map(Self).ok_or(IdError::new(
            "join code",
            "8 letters and digits, like 7K3Q-9XWD",
        ))
    }
}

impl FromStr for ReconnectCode {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Symbols::parse(text).map(Self).ok_or(IdError::new(
            "reconnect code",
            "12 letters and digits, like 7K3Q-9XWD-M2PA",
        ))
    }
}

impl fmt::Display for JoinCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ReconnectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
serde_as_text!(JoinCode);

impl TryFrom<String> for ReconnectCode {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<ReconnectCode> for String {
    fn from(code: ReconnectCode) -> Self {
        code.to_string()
    }
}

/// Shows nothing: a reconnect code is a credential, and `Debug` ends up in logs.
impl fmt::Debug for ReconnectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReconnectCode(…)")
    }
}

/// `N` characters of the alphabet, canonical (upper case, no hyphens).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Symbols<const N: usize>([u8; N]);

impl<const N: usize> Symbols<N> {
    fn from_bytes(bytes: [u8; N]) -> Self {
        Self(bytes.map(|byte| ALPHABET[usize::from(byte & 31)]))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut symbols = [0; N];
        let mut count = 0;
        for character in text.chars().filter(|c| !matches!(c, ' ' | '-')) {
            let symbol = match character.to_ascii_uppercase() {
                'I' | 'L' => b'1',
                'O' => b'0',
                other => u8::try_from(other)
                    .ok()
                    .filter(|byte| ALPHABET.contains(byte))?,
            };
            *symbols.get_mut(count)? = symbol;
            count += 1;
        }
        (count == N).then_some(Self(symbols))
    }
}

impl<const N: usize> fmt::Display for Symbols<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, group) in self.0.chunks(4).enumerate() {
            if index > 0 {
                f.write_str("-")?;
            }
            f.write_str(std::str::from_utf8(group).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_are_read_as_people_write_them() {
        let code: JoinCode = "7K3Q-9XWD".parse().unwrap();
        for same in ["7k3q9xwd", " 7K3Q 9XWD ", "7-k-3-q-9-x-w-d"] {
            assert_eq!(same.parse::<JoinCode>().unwrap(), code);
        }
        assert_eq!(
            "oil0-1111".parse::<JoinCode>().unwrap().to_string(),
            "0110-1111"
        );
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for wrong in [
            "",
            "7K3Q-9XW",
            "7K3Q-9XWDD",
            "7K3Q_9XWD",
            "7K3Q-9XWU",
            "７K3Q-9XWD",
        ] {
            assert!(wrong.parse::<JoinCode>().is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn debug_does_not_show_a_reconnect_code() {
        assert_eq!(
            format!("{:?}", ReconnectCode::from_random([7; 12])),
            "ReconnectCode(…)"
        );
    }

    proptest! {
        #[test]
        fn drawn_codes_parse_back(join: [u8; 8], reconnect: [u8; 12]) {
            let code = JoinCode::from_random(join);
            prop_assert_eq!(code.to_string().to_lowercase().parse::<JoinCode>().unwrap(), code);
            let code = ReconnectCode::from_random(reconnect);
            prop_assert_eq!(code.to_string().parse::<ReconnectCode>().unwrap(), code);
        }
    }
}
