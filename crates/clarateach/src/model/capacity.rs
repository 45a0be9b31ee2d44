//! What a machine can hold: the arithmetic of admission, and nothing else.

use std::fmt;
use std::iter::Sum;

use super::{BrowserPolicy, Resources};

/// Disks are sparse, and a full one costs nobody a process: a seat counts with a part of its size.
const DISK_PART: u64 = 8;
/// What a class uses of its seats' memory and processes, of which it may use all at any time.
const USED_PART: u64 = 4;

/// What a browser counts with beside its seat: a quarter of its limits, and a little more than
/// Firefox with a small page and its picture was seen to use. A frozen one keeps its memory.
const BROWSER: Amounts = Amounts {
    memory_mib: 512,
    disk_mib: 0,
    pids: 128,
};

/// Memory, disk and processes: a machine's, or what seats may use together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// MiB.
    pub memory_mib: u64,
    /// MiB.
    pub disk_mib: u64,
    /// Processes and threads.
    pub pids: u64,
}

impl Amounts {
    /// What so many seats count with: all the memory and processes that they may use, so that none loses
    /// a program for another's sake while it keeps to its own limits.
    #[must_use]
    pub fn of(seats: u64, each: Resources) -> Self {
        Self {
            memory_mib: seats * u64::from(each.memory_mib),
            disk_mib: seats * u64::from(each.disk_mib).div_ceil(DISK_PART),
            pids: seats * u64::from(each.pids),
        }
    }

    /// What so many seats count with whose browsers run as the policy says: those on demand are counted
    /// when somebody asks for them.
    #[must_use]
    pub fn with_browsers(seats: u64, each: Resources, policy: BrowserPolicy) -> Self {
        let browsers = match policy {
            BrowserPolicy::Always => seats,
            BrowserPolicy::OnDemand | BrowserPolicy::Off => 0,
        };
        [Self::of(seats, each), Self::of_browsers(browsers)]
            .into_iter()
            .sum()
    }

    /// What so many browsers count with.
    #[must_use]
    pub fn of_browsers(browsers: u64) -> Self {
        Self {
            memory_mib: browsers * BROWSER.memory_mib,
            disk_mib: browsers * BROWSER.disk_mib,
            pids: browsers * BROWSER.pids,
        }
    }

    /// What a class uses that may use this much.
    fn shared(self) -> Self {
        Self {
            memory_mib: self.memory_mib.div_ceil(USED_PART),
            disk_mib: self.disk_mib,
            pids: self.pids.div_ceil(USED_PART),
        }
    }

    fn without(self, other: Self) -> Self {
        Self {
            memory_mib: self.memory_mib.saturating_sub(other.memory_mib),
            disk_mib: self.disk_mib.saturating_sub(other.disk_mib),
            pids: self.pids.saturating_sub(other.pids),
        }
    }

    fn holds(self, other: Self) -> bool {
        self.memory_mib >= other.memory_mib
            && self.disk_mib >= other.disk_mib
            && self.pids >= other.pids
    }
}

impl Sum for Amounts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, next| Self {
            memory_mib: sum.memory_mib + next.memory_mib,
            disk_mib: sum.disk_mib + next.disk_mib,
            pids: sum.pids + next.pids,
        })
    }
}

impl fmt::Display for Amounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = |mib: u64| {
            format!(
                "{:.1}",
                f64::from(u32::try_from(mib).unwrap_or(u32::MAX)) / 1024.0
            )
        };
        write!(
            f,
            "{} GiB memory, {} GiB disk, {} processes",
            gib(self.memory_mib),
            gib(self.disk_mib),
            self.pids
        )
    }
}

/// What a machine has for seats; what it needs for itself is taken off already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// For all seats together.
    pub for_seats: Amounts,
}

impl Capacity {
    /// Memory that the machine, its engine and this server keep, MiB; and at least a tenth.
    const MEMORY_KEPT: u64 = 1024;
    /// Disk that stays free, MiB.
    const DISK_KEPT: u64 = 1024;
    /// Processes that the machine itself may have.
    const PIDS_KEPT: u64 = 2048;

    /// Of a machine that has `whole`: memory and processes in all, disk that seats use or could use.
    #[must_use]
    pub fn of_machine(whole: Amounts) -> Self {
        let kept = Amounts {
            memory_mib: Self::MEMORY_KEPT.max(whole.memory_mib / 10),
            disk_mib: Self::DISK_KEPT,
            pids: Self::PIDS_KEPT,
        };
        Self {
            for_seats: whole.without(kept),
        }
    }

    /// Whether `more` fits beside what is `taken`, with every seat counted as [`Amounts::of`] does.
    #[must_use]
    pub fn admits(&self, taken: Amounts, more: Amounts) -> bool {
        self.for_seats.holds([taken, more].into_iter().sum())
    }

    /// What is promised of what there is, in percent of whatever is scarcest; above 100 seats share.
    #[must_use]
    pub fn promised_percent(&self, taken: Amounts) -> u64 {
        let of = |taken: u64, there: u64| (taken * 100).div_ceil(there.max(1));
        let there = self.for_seats;
        of(taken.memory_mib, there.memory_mib)
            .max(of(taken.disk_mib, there.disk_mib))
            .max(of(taken.pids, there.pids))
    }

    /// How many browsers it holds beside all that is taken by seats.
    #[must_use]
    pub fn browsers_left(&self, taken: Amounts) -> u64 {
        let left = self.for_seats.without(taken);
        (left.memory_mib / BROWSER.memory_mib).min(left.pids / BROWSER.pids)
    }

    /// How many seats more it holds.
    #[must_use]
    pub fn seats_left(&self, taken: Amounts, each: Resources) -> u64 {
        self.seats_left_with(taken, (each, BrowserPolicy::Off))
    }

    /// How many seats more it holds as long as no class uses more than a quarter of its limits.
    #[must_use]
    pub fn seats_left_sharing(
        &self,
        taken: Amounts,
        (each, browser): (Resources, BrowserPolicy),
    ) -> u64 {
        let each = Amounts::with_browsers(1, each, browser);
        self.fit(taken.shared(), each.shared())
    }

    /// The same for seats whose browsers run as the policy says.
    #[must_use]
    pub fn seats_left_with(
        &self,
        taken: Amounts,
        (each, browser): (Resources, BrowserPolicy),
    ) -> u64 {
        self.fit(taken, Amounts::with_browsers(1, each, browser))
    }

    fn fit(&self, taken: Amounts, each: Amounts) -> u64 {
        let left = self.for_seats.without(taken);
        let fit = |left: u64, each: u64| left / each.max(1);
        fit(left.memory_mib, each.memory_mib)
            .min(fit(left.disk_mib, each.disk_mib))
            .min(fit(left.pids, each.pids))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Amounts = Amounts {
        memory_mib: 16 * 1024,
        disk_mib: 16 * 1024,
        pids: 32_768,
    };

    #[test]
    fn what_runs_out_first_decides() {
        let machine = Capacity::of_machine(MACHINE);
        let each = Resources::default();
        assert_eq!(machine.seats_left(Amounts::default(), each), 28, "memory");
        let sharing = machine.seats_left_sharing(Amounts::default(), (each, BrowserPolicy::Off));
        assert_eq!(sharing, 60, "disk");
        let small = Resources {
            memory_mib: 128,
            pids: 128,
            ..each
        };
        assert_eq!(machine.seats_left(Amounts::default(), small), 60, "disk");
        let tiny = Resources {
            disk_mib: 64,
            memory_mib: 32,
            ..small
        };
        assert_eq!(
            machine.seats_left(Amounts::default(), tiny),
            240,
            "processes"
        );
    }

    /// The sizing table of docs/performance.md.
    #[test]
    fn browsers_are_counted_beside_their_seats() {
        let each = Resources::default();
        for (gib, without, with_one_each) in [(8, 14, 7), (16, 28, 14), (64, 115, 57)] {
            let machine = Capacity::of_machine(Amounts {
                memory_mib: gib * 1024,
                disk_mib: 1024 * 1024,
                // What systemd sets `kernel.pid_max` to; the kernel's own is 32,768, which ends at 60 seats.
                pids: 4_194_304,
            });
            let nothing = Amounts::default();
            let fit = |policy| machine.seats_left_with(nothing, (each, policy));
            assert_eq!(fit(BrowserPolicy::OnDemand), without);
            assert_eq!(fit(BrowserPolicy::Always), with_one_each);
            // On demand so many may run at once when every seat has been made.
            let taken = Amounts::of(with_one_each, each);
            assert!(machine.browsers_left(taken) >= with_one_each);
        }
    }

    #[test]
    fn the_last_seat_that_fits_is_admitted_and_no_other() {
        let machine = Capacity::of_machine(MACHINE);
        let each = Resources::default();
        for taken in 0..=28 {
            let taken_by = Amounts::of(taken, each);
            let left = machine.seats_left(taken_by, each);
            assert_eq!(left, 28 - taken);
            assert!(machine.admits(taken_by, Amounts::of(left, each)));
            assert!(!machine.admits(taken_by, Amounts::of(left + 1, each)));
        }
        let promised = |seats| machine.promised_percent(Amounts::of(seats, each));
        assert_eq!([0, 28, 29].map(promised), [0, 98, 101]);
    }
}
