//! Browsers: what their visitors want of them, whether they prove themselves, and what is told of it.

use std::sync::Arc;

use clarateach_protocol::id::SeatNumber;
use tokio::time::Instant;

use super::super::hands::Outcome;
use super::super::probe::browser::BrowserError;
use super::super::reconcile::SeatObservation;
use super::{Work, WorkshopLoop};
use crate::browser::BrowserDoor;
use crate::model::BrowserPolicy;
use crate::provider::{BrowserState, BrowserStatus};

impl WorkshopLoop {
    /// What a wanted seat's browser should be.
    pub(super) fn browser_asked(
        &self,
        number: SeatNumber,
        observed: &SeatObservation,
    ) -> Option<BrowserState> {
        let desired = self.present()?;
        desired.seat(number)?;
        let status = observed.instance.as_ref().map(|it| &it.browser);
        let browsers = &self.hands.browsers;
        Some(browsers.wanted(self.key(number), desired.spec.browser, status))
    }

    /// When a browser is wanted otherwise although nothing happens.
    pub(super) fn browser_due(&self, number: SeatNumber) -> Option<Instant> {
        self.hands.browsers.due(self.key(number))
    }

    /// Begins to ask browsers that run and nobody asked yet.
    pub(super) fn begin_browser_probes(&mut self, now: Instant) {
        let Some(policy) = self.present().map(|desired| desired.spec.browser) else {
            return;
        };
        let due = |(number, entry): (&SeatNumber, &mut super::SeatEntry)| {
            if policy == BrowserPolicy::Always {
                entry.track.browser().is_always_wanted();
            }
            let incarnation = entry.track.browser_probe_due(now)?;
            entry.track.browser().probing();
            Some((*number, incarnation))
        };
        let due: Vec<_> = self.seats.iter_mut().filter_map(due).collect();
        for (number, incarnation) in due {
            let (hands, key) = (self.hands.clone(), self.key(number));
            self.spawn(Work::Browser(number), async move {
                let probed = hands.calls.probe_browser(&key, &incarnation).await;
                Outcome::BrowserProbed(number, incarnation, probed)
            });
        }
    }

    pub(super) fn browser_probed(
        &mut self,
        number: SeatNumber,
        incarnation: &str,
        probed: Result<Arc<BrowserDoor>, BrowserError>,
    ) {
        let key = self.key(number);
        let Some(entry) = self.seats.get_mut(&number) else {
            return;
        };
        let of_this_start = entry.track.instance().is_some_and(|instance| {
            instance.incarnation == incarnation && instance.browser == BrowserStatus::Running
        });
        let browser = entry.track.browser();
        match probed {
            _ if !of_this_start => browser.probe_over(),
            Ok(door) => browser.proven(door),
            Err(BrowserError::Gone) => {
                browser.probe_over();
                self.look_wanted = true;
            }
            Err(error) => {
                tracing::warn!(seat = %key, %error, "a browser does not work");
                browser.failed(error.reason(), Instant::now(), &self.hands.calls.settings);
                self.look_wanted = true;
            }
        }
    }

    /// Tells whoever waits for a browser how far it is; whether anything is new.
    pub(super) fn tell_browsers(&self) -> bool {
        let Some(desired) = self.present() else {
            return false;
        };
        let browsers = &self.hands.browsers;
        let mut news = false;
        for seat in &desired.seats {
            let Some(entry) = self.seats.get(&seat.number) else {
                continue;
            };
            let key = self.key(seat.number);
            let progress = entry.track.browser_progress(browsers.is_wanted(key));
            news |= browsers.tell(key, progress);
        }
        browsers.keep_seats(self.id, |number| desired.seat(number).is_some());
        news
    }
}
