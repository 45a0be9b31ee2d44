//! How long, how often, how many: everything that the orchestrator waits for or counts.

use std::time::Duration;

/// Limits and pauses; the defaults are for real engines, tests bring shorter ones.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Between two reconciles of everything that nothing was heard of.
    pub reconcile_every: Duration,
    /// Actions on seats under way at once, over all workshops.
    pub parallel: usize,
    /// The same for workshops that are made ahead, for nobody yet.
    pub parallel_ahead: usize,
    /// Tries at making a seat before it is given up.
    pub attempts: u32,
    /// Pauses between tries.
    pub backoff: Backoff,
    /// Deaths of a seat within [`Settings::crash_window`] that are mended before it is given up.
    pub crash_limit: usize,
    /// How far back deaths count.
    pub crash_window: Duration,
    /// How ready seats are watched.
    pub health: HealthSettings,
    /// How long outward calls may take.
    pub deadlines: Deadlines,
}

/// How ready seats are watched.
#[derive(Debug, Clone)]
pub struct HealthSettings {
    /// Between two right answers; seats are spread over it.
    pub every: Duration,
    /// Between a wrong answer and the next question.
    pub again: Duration,
    /// How long one answer may take.
    pub deadline: Duration,
    /// Wrong answers in a row after which a seat is restarted.
    pub misses: u32,
}

/// How long outward calls may take.
#[derive(Debug, Clone)]
pub struct Deadlines {
    /// Questions that somebody waits for: whether the engine works, whether a workshop could be made.
    pub check: Duration,
    /// A listing, a read or a write of the store.
    pub look: Duration,
    /// Image, network, firewall; an image may have to be pulled.
    pub prepare: Duration,
    /// Making and starting one seat.
    pub create: Duration,
    /// Stopping one seat.
    pub stop: Duration,
    /// Removing one seat.
    pub destroy: Duration,
    /// Removing a workshop with all its seats.
    pub destroy_workshop: Duration,
    /// A started seat's first answer.
    pub first_answer: Duration,
    /// Each later step of a probe.
    pub probe_step: Duration,
    /// A started browser's first picture: Firefox on a machine that does much else.
    pub first_picture: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reconcile_every: Duration::from_secs(30),
            parallel: 10,
            parallel_ahead: 2,
            attempts: 3,
            backoff: Backoff {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(30),
            },
            crash_limit: 5,
            crash_window: Duration::from_secs(600),
            health: HealthSettings {
                every: Duration::from_secs(10),
                again: Duration::from_secs(2),
                deadline: Duration::from_secs(5),
                misses: 3,
            },
            deadlines: Deadlines {
                check: Duration::from_secs(15),
                look: Duration::from_secs(15),
                prepare: Duration::from_secs(900),
                create: Duration::from_secs(60),
                stop: Duration::from_secs(30),
                destroy: Duration::from_secs(60),
                destroy_workshop: Duration::from_secs(180),
                first_answer: Duration::from_secs(20),
                probe_step: Duration::from_secs(10),
                first_picture: Duration::from_secs(90),
            },
        }
    }
}

/// Exponential pauses with jitter, so that forty seats don't come back at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The first pause, before jitter.
    pub first: Duration,
    /// No pause is longer.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after `failures` in a row: doubled each time, of which the upper half is random.
    #[must_use]
    pub fn pause(&self, failures: u32) -> Duration {
        // Without randomness every pause is merely the longest of its range.
        self.pause_with(failures, getrandom::u32().unwrap_or(u32::MAX))
    }

    fn pause_with(&self, failures: u32, random: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        let half = whole / 2;
        half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(30),
    };

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<_> = [1, 2, 3, 5, 6, 40, u32::MAX]
            .map(|failures| BACKOFF.pause_with(failures, u32::MAX).as_secs())
            .into();
        assert_eq!(pauses, [1, 2, 4, 16, 30, 30, 30]);
    }

    #[test]
    fn jitter_takes_half_at_the_most() {
        for random in [0, 1, u32::MAX / 2, u32::MAX] {
            let pause = BACKOFF.pause_with(3, random);
            assert!((Duration::from_secs(2)..=Duration::from_secs(4)).contains(&pause));
        }
    }
}
