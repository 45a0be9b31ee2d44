//! Strong entity tags (RFC 9110, section 8.8.3) without reading the content.
//!
//! Inode, size, modification and change time. The change time can't be set by programs, and any
//! later write moves it, provided that the kernel's coarse clock has gone on since: [`settled`] waits
//! for that tick (1–10 ms, only for files changed just now). Writes through a shared memory mapping
//! are the exception: the kernel notes them when it writes them back.

use std::fmt;
use std::os::fd::AsFd;

use rustix::fs::{Stat, fstat};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Half a dozen of the slowest kernel's ticks.
const SETTLE_TRIES: usize = 60;

/// A file's tag, quotes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ETag(String);

impl ETag {
    pub(crate) fn of(stat: &Stat) -> Self {
        Self(format!(
            "\"{:x}-{:x}-{:x}.{:x}-{:x}.{:x}\"",
            stat.st_ino,
            stat.st_size,
            stat.st_mtime,
            stat.st_mtime_nsec,
            stat.st_ctime,
            stat.st_ctime_nsec
        ))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A stat that no later write can leave as it is. Blocks for a tick at the most.
pub(crate) fn settled(file: impl AsFd) -> rustix::io::Result<Stat> {
    let mut stat = fstat(&file)?;
    for _ in 0..SETTLE_TRIES {
        if has_ticked_since(&stat) {
            break;
        }
        pause();
        stat = fstat(&file)?;
    }
    Ok(stat)
}

fn has_ticked_since(stat: &Stat) -> bool {
    let now = clock_gettime(ClockId::RealtimeCoarse);
    let changed = (stat.st_ctime, i128::from(stat.st_ctime_nsec));
    (now.tv_sec, i128::from(now.tv_nsec)) > changed
}

fn pause() {
    let millisecond = Timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };
    // Cut short by a signal: then we merely look earlier.
    let _ = rustix::thread::nanosleep(&millisecond);
}

/// The preconditions of a request (RFC 9110, section 13.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Preconditions {
    /// `If-Match`
    pub(crate) wanted: Option<Wanted>,
    /// `If-None-Match: *`
    pub(crate) only_if_absent: Option<OnlyIfAbsent>,
}

/// The content that `If-Match` accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// `*`: any, but there must be one.
    Any,
    /// One of these tags.
    OneOf(Vec<String>),
}

/// The request is to make a file, never to replace one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OnlyIfAbsent;

impl Preconditions {
    /// Whether they hold for what is there now.
    pub(crate) fn hold(&self, current: Option<&ETag>) -> bool {
        let wanted = match (&self.wanted, current) {
            (None, _) | (Some(Wanted::Any), Some(_)) => true,
            (Some(_), None) => false,
            (Some(Wanted::OneOf(tags)), Some(current)) => {
                tags.iter().any(|tag| tag == current.as_str())
            }
        };
        wanted && (self.only_if_absent.is_none() || current.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    #[test]
    fn writes_of_equal_size_in_a_row_all_change_the_tag() {
        let mut file = tempfile::tempfile().unwrap();
        let mut seen = Vec::new();
        for round in 0..20u8 {
            file.rewind().unwrap();
            file.write_all(&[round; 8]).unwrap();
            let tag = ETag::of(&settled(&file).unwrap());
            assert!(!seen.contains(&tag), "round {round}");
            seen.push(tag);
        }
    }

    #[test]
    fn preconditions_read_as_the_rfc_says() {
        let tag = ETag("\"a\"".to_owned());
        let only = |wanted| Preconditions {
            wanted: Some(wanted),
            only_if_absent: None,
        };
        assert!(only(Wanted::Any).hold(Some(&tag)) && !only(Wanted::Any).hold(None));
        let one_of = |text: &str| only(Wanted::OneOf(vec![text.to_owned()]));
        assert!(one_of("\"a\"").hold(Some(&tag)));
        assert!(!one_of("W/\"a\"").hold(Some(&tag)) && !one_of("\"b\"").hold(Some(&tag)));
        let absent = Preconditions {
            wanted: None,
            only_if_absent: Some(OnlyIfAbsent),
        };
        assert!(absent.hold(None) && !absent.hold(Some(&tag)));
        assert!(Preconditions::default().hold(None));
    }
}
