//! What is remembered of seats' own origins, whoever remembers it.
//!
//! The proxy asks through [`OriginBook`], `service` keeps it in the store; neither knows the other.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use async_trait::async_trait;
use clarateach_protocol::id::{Generation, SeatKey};
use clarateach_protocol::origin::{SeatPort, Target};

/// Ports of one seat that are open to the class at a time, at the most.
pub const MAX_OPEN_PORTS: usize = 16;
/// Numbers that one seat holds, at the most: none may take the range from the others.
pub const MAX_NUMBERS: usize = 16;

/// Which ports of this machine may be used; `none` for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewPorts(Option<RangeInclusive<u16>>);

impl PreviewPorts {
    /// The ports; `None`: there are to be none.
    #[must_use]
    pub fn range(&self) -> Option<RangeInclusive<u16>> {
        self.0.clone()
    }
}

impl Default for PreviewPorts {
    fn default() -> Self {
        Self(Some(20000..=20999))
    }
}

impl FromStr for PreviewPorts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const WRONG: &str = "expected FIRST-LAST, as in 20000-20999, or `none`";
        if text == "none" {
            return Ok(Self(None));
        }
        let (first, last) = text.split_once('-').ok_or(WRONG)?;
        let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port >= 1024);
        let range = number(first).zip(number(last)).filter(|(a, b)| a <= b);
        let (first, last) = range.ok_or(WRONG)?;
        Ok(Self(Some(first..=last)))
    }
}

impl fmt::Display for PreviewPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(range) => write!(f, "{}-{}", range.start(), range.end()),
            None => f.write_str("none"),
        }
    }
}

/// Who may look at a port, beside the seat's learner and instructors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Nobody.
    Seat,
    /// Every learner of the workshop.
    Class,
}

/// A number that stands for a target of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// The TCP port of this machine.
    pub number: u16,
    /// The seat.
    pub seat: SeatKey,
    /// What of it.
    pub target: Target,
}

/// Why something was not remembered.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The seat is of another generation by now, or gone.
    #[error("the seat was made anew meanwhile; open its page again")]
    Superseded,
    /// The seat has as many as one may.
    #[error("a seat has at most {limit} of them; close one first")]
    TooMany {
        /// How many.
        limit: usize,
    },
    /// Every number is taken.
    #[error(
        "every port for previews is in use. Hint: end a workshop, or widen CLARATEACH_PREVIEW_PORTS"
    )]
    NoneFree,
    /// It could not be written down.
    #[error("cannot remember what was asked")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Remembers open ports and numbers over restarts.
#[async_trait]
pub trait OriginBook: Send + Sync {
    /// Opens a port to the class or closes it, and tells the directory.
    async fn set_audience(
        &self,
        seat: SeatKey,
        generation: Generation,
        port: SeatPort,
        audience: Audience,
    ) -> Result<(), BookError>;

    /// The number of a seat's target: the one that it has, or one out of `range` that has been free
    /// for longest. One of `refused` is no good: another program has it.
    async fn number(
        &self,
        seat: SeatKey,
        target: Target,
        range: RangeInclusive<u16>,
        refused: Vec<u16>,
    ) -> Result<u16, BookError>;

    /// Every number that stands for something.
    async fn numbers(&self) -> Result<Vec<Numbered>, BookError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_two_unprivileged_ports_or_none() {
        for right in ["20000-20999", "1024-65535", "3000-3000", "none"] {
            assert_eq!(right.parse::<PreviewPorts>().unwrap().to_string(), right);
        }
        for wrong in [
            "",
            "20000",
            "80-90",
            "30000-20000",
            "20000-70000",
            "a-b",
            "NONE",
            "1-",
        ] {
            assert!(
                wrong.parse::<PreviewPorts>().is_err(),
                "{wrong:?} was taken"
            );
        }
    }
}
