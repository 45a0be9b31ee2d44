//! How far the making of a workshop is: a percentage that never goes back, and the time left where it
//! can be known. Pure: whoever tells it something says when.
//!
//! Phases weigh what they took lately ([`Pace`]). Seats are worked on many at a time, so what they take
//! together is remembered as a whole, by how many there were.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use clarateach_protocol::id::SeatNumber;
use tokio::time::Instant;

use super::progress::{ProgressPhase, ProgressView};
use crate::provider::Pulled;

/// How much the last time counts beside those before it.
const NEWEST: f64 = 0.3;
/// Boots that are remembered.
const REMEMBERED: usize = 16;
/// Seats that a machine makes at once without any of them taking longer; only a first guess.
const AT_ONCE: u16 = 4;
/// What a pull is taken for until its own speed is known, seconds.
const PULL_SECONDS: f64 = 30.0;
/// A speed is believed after this, seconds.
const BELIEVED_AFTER: f64 = 2.0;
/// Up to this share of the seats' work, what boots took before says more than this one.
const EARLY: f64 = 0.15;
/// From this share on, a boot without any before it tells its time left by itself.
const ENOUGH: f64 = 0.3;

/// What is being done to a seat that is made, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Its container and disk are made, or it waits for its turn.
    Create,
    /// It is started.
    Start,
    /// Its server's first answer is waited for.
    Probe,
    /// It is bound, and its terminal and files are tried.
    Bind,
}

impl Step {
    fn phase(self) -> ProgressPhase {
        match self {
            Self::Create => ProgressPhase::Create,
            Self::Start => ProgressPhase::Start,
            Self::Probe => ProgressPhase::Probe,
            Self::Bind => ProgressPhase::Bind,
        }
    }
}

/// What phases took lately.
#[derive(Debug)]
pub(super) struct Pace {
    /// Seconds of each [`Step`], of one seat.
    steps: [f64; 4],
    /// Seconds until network and firewall stand.
    network: f64,
    /// How many seats there were, and how long all of them took.
    boots: VecDeque<(u16, Duration)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            steps: [0.6, 0.6, 0.4, 0.4],
            network: 0.5,
            boots: VecDeque::new(),
        }
    }
}

impl Pace {
    fn learn(known: &mut f64, took: Duration) {
        *known += NEWEST * (took.as_secs_f64() - *known);
    }

    /// Share of a seat's work that is done when `step` begins.
    fn share_before(&self, step: Step) -> f64 {
        let before: f64 = self.steps[..step as usize].iter().sum();
        before / self.steps.iter().sum::<f64>().max(f64::MIN_POSITIVE)
    }

    /// Seconds that so many seats take, by boots of about as many.
    fn known_seconds(&self, seats: u16) -> Option<f64> {
        let far = |known: u16| known.abs_diff(seats);
        // Of equally near ones the newest.
        let (known, took) = self.boots.iter().rev().min_by_key(|(it, _)| far(*it))?;
        let ratio = f64::from(seats.max(1)) / f64::from((*known).max(1));
        // Fewer seats take less time only as far as they stood in each other's way.
        Some(took.as_secs_f64() * ratio.max(0.5))
    }

    fn seconds(&self, seats: u16) -> f64 {
        let guess = || {
            let rounds = f64::from(seats) / f64::from(AT_ONCE);
            self.steps.iter().sum::<f64>() * rounds.max(1.0)
        };
        self.known_seconds(seats).unwrap_or_else(guess)
    }
}

/// What is being done for all seats of a workshop.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ground {
    /// The image is looked for, or pulled.
    Image { pull: Option<Pull> },
    /// Network and firewall are made.
    Network { since: Instant },
    /// They stand; seats are made.
    Ready { since: Instant },
}

/// A pull under way.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pull {
    since: Instant,
    pulled: Pulled,
    /// What was pulled already when it began.
    before: u16,
}

/// The making of one workshop.
#[derive(Debug)]
pub(super) struct Boot {
    ground: Ground,
    /// Seconds that the image took; until it is there, what it is taken for.
    image: f64,
    /// How far each seat came, and since when; the furthest counts, so that a retry takes nothing back.
    seats: BTreeMap<SeatNumber, (Step, Instant)>,
    done: u16,
    total: u16,
    /// Something went wrong that is tried again: no experience holds then.
    is_held_up: bool,
    percent: u8,
}

/// The seats as they are observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seats {
    /// Ready, or given up.
    pub(super) done: u16,
    /// In all.
    pub(super) total: u16,
    /// One is tried again, or waits for the engine.
    pub(super) is_held_up: bool,
}

impl Boot {
    pub(super) fn new(seats: Seats) -> Self {
        Self {
            ground: Ground::Image { pull: None },
            image: 0.0,
            seats: BTreeMap::new(),
            done: seats.done,
            total: seats.total,
            is_held_up: seats.is_held_up,
            percent: 0,
        }
    }

    /// Seats were looked at.
    pub(super) fn seen(&mut self, seats: Seats, pace: &Pace) {
        (self.done, self.total) = (seats.done, seats.total);
        self.is_held_up = seats.is_held_up;
        self.count(pace);
    }

    /// More of the image is there.
    pub(super) fn pulled(&mut self, pulled: Pulled, pace: &Pace, now: Instant) {
        let Ground::Image { pull } = &mut self.ground else {
            return;
        };
        let pull = pull.get_or_insert(Pull {
            since: now,
            pulled,
            before: pulled.permille,
        });
        pull.pulled = pulled;
        self.image = match pull.seconds_left(now) {
            Some(left) => left + (now - pull.since).as_secs_f64(),
            None => PULL_SECONDS,
        };
        self.count(pace);
    }

    /// The image is there; network and firewall begin.
    pub(super) fn network(&mut self, pace: &Pace, now: Instant) {
        if let Ground::Image { pull } = self.ground {
            self.image = pull.map_or(0.0, |pull| (now - pull.since).as_secs_f64());
            self.ground = Ground::Network { since: now };
            self.count(pace);
        }
    }

    /// What all seats need is there. It is asserted again later, which is no news.
    pub(super) fn prepared(&mut self, pace: &mut Pace, now: Instant) {
        if let Ground::Network { since } = self.ground {
            Pace::learn(&mut pace.network, now - since);
        }
        if !matches!(self.ground, Ground::Ready { .. }) {
            self.ground = Ground::Ready { since: now };
            self.count(pace);
        }
    }

    /// A step of a seat begins.
    pub(super) fn step(&mut self, seat: SeatNumber, step: Step, pace: &mut Pace, now: Instant) {
        match self.seats.get_mut(&seat) {
            Some((reached, since)) if *reached < step => {
                if step as usize == *reached as usize + 1 && !self.is_held_up {
                    Pace::learn(&mut pace.steps[*reached as usize], now - *since);
                }
                (*reached, *since) = (step, now);
            }
            // It is tried again.
            Some(_) => {}
            None => {
                self.seats.insert(seat, (step, now));
            }
        }
        self.count(pace);
    }

    /// It is made: how long it took is remembered.
    pub(super) fn finish(self, pace: &mut Pace, now: Instant) {
        if let Ground::Ready { since } = self.ground
            && !self.is_held_up
            && !self.seats.is_empty()
        {
            if pace.boots.len() == REMEMBERED {
                pace.boots.pop_front();
            }
            pace.boots.push_back((self.total, now - since));
        }
    }

    /// Share of the seats' work that is done.
    fn seats_share(&self, pace: &Pace) -> f64 {
        let under_way = self
            .seats
            .values()
            .map(|(step, _)| pace.share_before(*step));
        let mut shares: Vec<f64> = under_way.collect();
        // Seats that are done came furthest: those that are open are the least far of them.
        shares.sort_by(f64::total_cmp);
        let begun = shares.len().saturating_sub(usize::from(self.done));
        let shares: f64 = shares[..begun].iter().sum();
        (f64::from(self.done) + shares) / f64::from(self.total.max(1))
    }

    fn count(&mut self, pace: &Pace) {
        let seats = pace.seconds(self.total);
        let share = self.seats_share(pace);
        let done = match self.ground {
            Ground::Image { pull } => pull.map_or(0.0, |it| self.image * it.share()),
            Ground::Network { .. } => self.image,
            Ground::Ready { .. } => self.image + pace.network + share * seats,
        };
        let whole = self.image + pace.network + seats;
        let percent = (100.0 * done / whole.max(f64::MIN_POSITIVE)).clamp(0.0, 99.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and 99"
        )]
        let percent = percent as u8;
        self.percent = self.percent.max(percent);
    }

    pub(super) fn view(&self, pace: &Pace, now: Instant) -> ProgressView {
        let phase = match self.ground {
            Ground::Image { .. } => ProgressPhase::Image,
            Ground::Network { .. } => ProgressPhase::Network,
            Ground::Ready { .. } => self.least_far().phase(),
        };
        ProgressView {
            phase,
            done: self.done,
            total: self.total,
            percent: Some(self.percent),
            seconds_left: self.seconds_left(pace, now),
            pulled: match self.ground {
                Ground::Image { pull } => pull.map(|pull| pull.pulled),
                Ground::Network { .. } | Ground::Ready { .. } => None,
            },
        }
    }

    /// The step of the seat that is least far, of those that aren't done.
    fn least_far(&self) -> Step {
        let open = usize::from(self.total.saturating_sub(self.done));
        let begun = self.seats.len().max(usize::from(self.done));
        if begun < usize::from(self.total) {
            return Step::Create;
        }
        // Seats that are done came furthest.
        let mut steps: Vec<Step> = self.seats.values().map(|(step, _)| *step).collect();
        steps.sort_unstable();
        let first = steps.first().filter(|_| open > 0);
        first.copied().unwrap_or(Step::Bind)
    }

    fn seconds_left(&self, pace: &Pace, now: Instant) -> Option<u32> {
        if self.is_held_up {
            return None;
        }
        let known = pace.known_seconds(self.total);
        let left = match self.ground {
            Ground::Image { pull: None } => return None,
            Ground::Image { pull: Some(pull) } => pull.seconds_left(now)? + pace.network + known?,
            Ground::Network { .. } => pace.network + known?,
            Ground::Ready { since } => {
                let elapsed = (now - since).as_secs_f64();
                let share = self.seats_share(pace);
                match known {
                    // Longer than ever, and hardly anything is done: nobody knows.
                    Some(known) if share < EARLY => {
                        Some(known - elapsed).filter(|left| *left > 0.0)?
                    }
                    Some(known) => (1.0 - share) * ((1.0 - share) * known + elapsed),
                    None if share >= ENOUGH && elapsed >= BELIEVED_AFTER => {
                        elapsed * (1.0 - share) / share
                    }
                    None => return None,
                }
            }
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is a number of seconds, and what is too large becomes the largest"
        )]
        Some(left.ceil().max(1.0) as u32)
    }
}

impl Pull {
    fn share(&self) -> f64 {
        f64::from(self.pulled.permille.min(1000)) / 1000.0
    }

    /// By its own speed.
    fn seconds_left(&self, now: Instant) -> Option<f64> {
        let elapsed = (now - self.since).as_secs_f64();
        let done = self.pulled.permille.saturating_sub(self.before);
        let left = 1000_u16.saturating_sub(self.pulled.permille);
        let is_known = elapsed >= BELIEVED_AFTER && done >= 10 && self.pulled.of.is_some();
        is_known.then(|| elapsed * f64::from(left) / f64::from(done))
    }
}

#[cfg(test)]
mod tests;
