//! Joining: a code and a name become a seat, and a reconnect code brings it back.

use std::net::IpAddr;

use clarateach_protocol::code::{JoinCode, ReconnectCode};
use clarateach_protocol::token::{Mode, Role};
use time::OffsetDateTime;

use super::{Error, Service, input};
use crate::auth::secret;
use crate::model::{Assignment, Seat, Workshop, WorkshopStatus};
use crate::store::{NewAssignment, Seated};

/// Bytes of a client's `request_id` at the most.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// What a learner sends.
#[derive(Debug, Clone)]
pub struct JoinRequest {
    /// The workshop's code, as typed.
    pub code: String,
    /// Their name, as typed.
    pub name: String,
    /// Their reconnect code, when they were here before.
    pub reconnect_code: Option<String>,
    /// Their client's id of this attempt.
    pub request_id: Option<String>,
}

/// What they get.
#[derive(Debug, Clone)]
pub struct Joined {
    /// Opens their seat.
    pub token: String,
    /// When it ends.
    pub expires_at: OffsetDateTime,
    /// The workshop.
    pub workshop: Workshop,
    /// Their seat.
    pub seat: Seat,
    /// Brings them back from any device.
    pub reconnect_code: ReconnectCode,
}

impl Service {
    /// Gives a learner a seat, or the one that they have.
    ///
    /// # Errors
    /// [`Error::UnknownCode`] for unknown and malformed codes alike; only a right code learns
    /// [`Error::NoSeats`], [`Error::SeatLocked`], [`Error::Ended`] or [`Error::NotReady`].
    pub async fn join(&self, address: IpAddr, request: JoinRequest) -> Result<Joined, Error> {
        self.inner.join_failures.check(address)?;
        let service = self.clone();
        let result = self
            .to_the_end(async move { service.join_unmetered(request).await })
            .await;
        if matches!(
            result,
            Err(Error::UnknownCode | Error::UnknownReconnectCode)
        ) {
            self.inner.join_failures.failed(address);
        }
        result
    }

    async fn join_unmetered(&self, request: JoinRequest) -> Result<Joined, Error> {
        let workshop = self.workshop_of_code(&request.code).await?;
        let name = input::name("name", &request.name)?;
        if request
            .request_id
            .as_ref()
            .is_some_and(|id| id.is_empty() || id.len() > MAX_REQUEST_ID_BYTES)
        {
            return Err(Error::invalid(
                "request_id",
                format!("a request id has 1 to {MAX_REQUEST_ID_BYTES} bytes"),
            ));
        }
        if matches!(
            workshop.status,
            WorkshopStatus::Ended | WorkshopStatus::Ending
        ) {
            return Err(Error::Ended);
        }
        // Who has a seat gets it back whatever the workshop does just now; their page waits for it.
        let code = request
            .reconnect_code
            .filter(|code| !code.trim().is_empty());
        let seat = match code {
            Some(code) => self.seat_of_reconnect(&workshop, &code).await?,
            None => {
                check_open(workshop.status)?;
                self.free_seat(&workshop, name, request.request_id).await?
            }
        };
        self.joined(workshop, seat)
    }

    /// Malformed codes cost the same look-up as well-formed ones: neither answer nor time tells them
    /// apart.
    async fn workshop_of_code(&self, text: &str) -> Result<Workshop, Error> {
        let code = text
            .parse()
            .unwrap_or_else(|_| JoinCode::from_random(secret::random_bytes()));
        let found = self.inner.store.workshop_of_code(code).await?;
        found
            .filter(|_| text.parse::<JoinCode>().is_ok())
            .ok_or(Error::UnknownCode)
    }

    async fn seat_of_reconnect(&self, workshop: &Workshop, text: &str) -> Result<Seat, Error> {
        let code: ReconnectCode = text.parse().map_err(|_| Error::UnknownReconnectCode)?;
        let hash = secret::hash(code.to_string());
        let seat = self
            .inner
            .store
            .seat_of_reconnect(workshop.spec.id, hash)
            .await?;
        seat.ok_or(Error::UnknownReconnectCode)
    }

    async fn free_seat(
        &self,
        workshop: &Workshop,
        name: String,
        request_id: Option<String>,
    ) -> Result<Seat, Error> {
        let id = secret::random_id("as");
        let reconnect_code = self.inner.keys.reconnect_code(&id);
        let new = NewAssignment {
            workshop: workshop.spec.id,
            name,
            reconnect_hash: secret::hash(reconnect_code.to_string()),
            request_id,
            joined_at: OffsetDateTime::now_utc(),
            id,
        };
        let seat = match self.inner.store.assign_seat(new).await? {
            Seated::On(seat) => *seat,
            Seated::Full => return Err(Error::NoSeats),
            Seated::NoneReady => {
                return Err(Error::NotReady {
                    message: "a seat is being prepared for you: try again in a moment",
                });
            }
            Seated::NotOpen => return Err(Error::Ended),
        };
        self.announce(&seat, workshop.ends_at);
        self.inner.idle.use_now(&workshop.spec.id);
        self.inner.orchestrator.wake(workshop.spec.id);
        tracing::info!(workshop = %workshop.spec.id, seat = %seat.key.seat, "learner joined");
        Ok(seat)
    }

    fn joined(&self, mut workshop: Workshop, seat: Seat) -> Result<Joined, Error> {
        if seat.locked_at.is_some() {
            return Err(Error::SeatLocked);
        }
        let Assignment { id, .. } = seat.assignment.clone().ok_or(Error::NoSeats)?;
        let reconnect_code = self.inner.keys.reconnect_code(&id);
        workshop.ends_at = self.ends_at(&workshop);
        let (token, expires_at) = self.mint(&workshop, &seat, id, Role::Learner, Mode::Control);
        Ok(Joined {
            token,
            expires_at,
            workshop,
            seat,
            reconnect_code,
        })
    }
}

fn check_open(status: WorkshopStatus) -> Result<(), Error> {
    match status {
        // The seats that are ready are there for whoever comes, while others are still being made.
        WorkshopStatus::Provisioning | WorkshopStatus::Ready => Ok(()),
        WorkshopStatus::Scheduled => Err(Error::NotReady {
            message: "this workshop has not opened yet",
        }),
        WorkshopStatus::Failed => Err(Error::NotReady {
            message: "no seat of this workshop could be made: ask your instructor",
        }),
        WorkshopStatus::Ending | WorkshopStatus::Ended => Err(Error::Ended),
    }
}
