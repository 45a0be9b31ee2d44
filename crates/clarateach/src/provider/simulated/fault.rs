//! What goes wrong on purpose.

use std::collections::BTreeMap;
use std::time::Duration;

use clarateach_protocol::id::SeatNumber;

use super::super::ProviderError;

/// Something that goes wrong with a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Making it fails, so many times.
    CreateFails {
        /// How often.
        times: u32,
        /// How.
        failure: Failure,
    },
    /// Making it takes that long.
    CreateTakes(Duration),
    /// Making it never ends.
    CreateHangs,
    /// It starts, so many times, and answers nothing.
    NeverAnswers {
        /// How often.
        times: u32,
    },
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// As when the engine answers 500; trying again may help.
    Engine,
    /// As when there is no such image; trying again is of no use.
    ImageMissing,
}

impl Failure {
    pub(super) fn error(self, operation: &'static str, subject: &str) -> ProviderError {
        match self {
            Self::Engine => ProviderError::Engine {
                operation,
                subject: subject.to_owned(),
                source: "scripted failure".into(),
            },
            Self::ImageMissing => ProviderError::ImageMissing {
                image: "scripted".to_owned(),
                detail: "scripted failure".to_owned(),
            },
        }
    }
}

/// What a call does before, or instead of, what it should.
pub(super) enum Step {
    Wait(Duration),
    Hang,
    Fail(Failure),
    NeverAnswer,
}

/// Everything that goes wrong from now on.
#[derive(Default)]
pub(super) struct Script {
    seats: BTreeMap<SeatNumber, Vec<Fault>>,
    prepare: Option<(u32, Failure)>,
    list: u32,
    browsers: Option<(u32, Failure)>,
}

impl Script {
    pub(super) fn add(&mut self, seat: SeatNumber, fault: Fault) {
        self.seats.entry(seat).or_default().push(fault);
    }

    pub(super) fn fail_prepare(&mut self, times: u32, failure: Failure) {
        self.prepare = Some((times, failure));
    }

    pub(super) fn fail_list(&mut self, times: u32) {
        self.list = times;
    }

    pub(super) fn next_prepare(&mut self) -> Option<Failure> {
        let (times, failure) = self.prepare.as_mut()?;
        count_down(times).then_some(*failure)
    }

    pub(super) fn fail_browsers(&mut self, times: u32, failure: Failure) {
        self.browsers = Some((times, failure));
    }

    pub(super) fn next_browser(&mut self) -> Option<Failure> {
        let (times, failure) = self.browsers.as_mut()?;
        count_down(times).then_some(*failure)
    }

    pub(super) fn next_list(&mut self) -> Option<Failure> {
        count_down(&mut self.list).then_some(Failure::Engine)
    }

    /// What the next `create` of a seat meets.
    pub(super) fn next_create(&mut self, seat: SeatNumber) -> Vec<Step> {
        let Some(faults) = self.seats.get_mut(&seat) else {
            return Vec::new();
        };
        let step = |fault: &mut Fault| match fault {
            Fault::CreateTakes(pause) => Some(Step::Wait(*pause)),
            Fault::CreateHangs => Some(Step::Hang),
            Fault::CreateFails { times, failure } => {
                count_down(times).then_some(Step::Fail(*failure))
            }
            Fault::NeverAnswers { times } => count_down(times).then_some(Step::NeverAnswer),
        };
        faults.iter_mut().filter_map(step).collect()
    }
}

fn count_down(times: &mut u32) -> bool {
    let left = *times > 0;
    *times = times.saturating_sub(1);
    left
}
