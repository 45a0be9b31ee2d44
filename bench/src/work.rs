//! Kinds of terminal output, and what must arrive of it.

use std::fmt::Write;

use clap::ValueEnum;
use sha2::{Digest, Sha256};

/// What a program prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// `yes` with a sentence.
    Yes,
    /// `ls -l --color`: dates, sizes, names in colours.
    Colours,
    /// `seq`: short lines that differ.
    Seq,
}

/// Length and SHA-256 of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
}

impl Work {
    pub(crate) const ALL: [Self; 3] = [Self::Yes, Self::Colours, Self::Seq];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Colours => "colours",
            Self::Seq => "seq",
        }
    }

    /// Whole lines, at least so many bytes.
    pub(crate) fn text(self, bytes: u64) -> Vec<u8> {
        let wanted = usize::try_from(bytes).unwrap_or(usize::MAX);
        let mut text = String::with_capacity(wanted);
        let mut line = 0u64;
        while text.len() < wanted {
            line += 1;
            self.line(line, &mut text);
            text.push_str("\r\n");
        }
        text.into_bytes()
    }

    fn line(self, number: u64, text: &mut String) {
        let wrote = match self {
            Self::Yes => write!(text, "the quick brown fox jumps over the lazy dog"),
            Self::Colours => {
                let size = number.wrapping_mul(2_654_435_761) % 10_000_000;
                let colour = 31 + number % 6;
                let (hour, minute) = (number / 60 % 24, number % 60);
                write!(
                    text,
                    "-rw-r--r-- 1 learner learner {size:>8} Nov 22 {hour:02}:{minute:02} \
                     \u{1b}[01;{colour}mexercise-{number}.py\u{1b}[0m"
                )
            }
            Self::Seq => write!(text, "{number}"),
        };
        wrote.expect("strings take everything");
    }

    /// What comes out of the terminal for [`Self::text`].
    pub(crate) fn expected(self, bytes: u64) -> Recorded {
        let mut recorder = Recorder::default();
        recorder.take(&self.text(bytes));
        recorder.finish()
    }
}

/// Hashes output as it comes.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) bytes: u64,
    hash: Sha256,
}

impl Recorder {
    pub(crate) fn take(&mut self, output: &[u8]) {
        self.bytes += output.len() as u64;
        self.hash.update(output);
    }

    pub(crate) fn finish(self) -> Recorded {
        Recorded {
            bytes: self.bytes,
            sha256: self.hash.finalize().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_has_the_asked_length() {
        for work in Work::ALL {
            let bytes = work.expected(100_000).bytes;
            assert!((100_000..100_200).contains(&bytes), "{work:?}: {bytes}");
        }
    }
}
