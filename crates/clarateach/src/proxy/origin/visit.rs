//! Who may look at an own origin: the one check of its cookie, at every request.

use std::sync::Arc;

use clarateach_protocol::id::SeatKey;
use clarateach_protocol::origin::Target;
use clarateach_protocol::token::{Mode, OriginClaims, Role, TokenError, Visitor};
use http::{HeaderMap, Method};
use tokio_util::sync::CancellationToken;

use super::super::Gateway;
use super::super::authorise::check_lock;
use super::super::ending::Ending;
use super::super::error::{Gone, ProxyError};
use super::{OwnOrigins, cookies};
use crate::addresses::OwnHost;
use crate::directory::{Incarnation, SeatEntry, Tenancy};

/// A visitor whose cookie holds.
pub(super) struct Visit {
    pub(super) claims: Arc<OriginClaims>,
    pub(super) entry: Arc<SeatEntry>,
    /// What ends it, beside the seat's tenancy and the cookie's time.
    endings: Vec<CancellationToken>,
}

impl Gateway {
    /// Who shows the origin's cookie.
    pub(super) fn visit(
        &self,
        origins: &OwnOrigins,
        own: &OwnHost,
        headers: &HeaderMap,
        now: u64,
    ) -> Result<Visit, ProxyError> {
        let token =
            cookies::only(headers, &origins.cookie_of(own)).ok_or(ProxyError::NotEntered)?;
        let claims = origins
            .verified
            .check(token, &self.gatekeeper.keys, now)
            .map_err(|error| match error {
                TokenError::Expired | TokenError::Invalid => ProxyError::NotEntered,
            })?;
        if (claims.seat, claims.target) != (own.seat, own.target) {
            return Err(ProxyError::NotEntered);
        }
        self.admit(claims, now)
    }

    /// Whether claims of ours still hold.
    pub(super) fn admit(&self, claims: Arc<OriginClaims>, now: u64) -> Result<Visit, ProxyError> {
        let lookup = |key: &SeatKey| {
            let entry = self.directory.lookup(key);
            entry.ok_or(ProxyError::Gone(Gone::Ended))
        };
        let entry = lookup(&claims.seat)?;
        check_generation(&claims, entry.tenancy(), now)?;
        let sits = |tenancy: &Tenancy| tenancy.assignment.as_deref() == Some(claims.sub.as_str());
        let mut endings = Vec::new();
        match claims.visitor {
            Visitor::Instructor => {}
            Visitor::Learner if sits(entry.tenancy()) => check_lock(&entry)?,
            Visitor::Learner => return Err(ProxyError::Gone(Gone::Released)),
            Visitor::Guest { home } => {
                let home = lookup(&SeatKey {
                    seat: home,
                    ..claims.seat
                })?;
                if !sits(home.tenancy()) {
                    return Err(ProxyError::Gone(Gone::Released));
                }
                check_lock(&home)?;
                check_lock(&entry)?;
                endings.push(home.shut_out(Role::Learner).clone());
                endings.push(open_to_class(&claims, &entry)?.clone());
            }
        }
        Ok(Visit {
            claims,
            entry,
            endings,
        })
    }
}

fn open_to_class<'a>(
    claims: &OriginClaims,
    entry: &'a SeatEntry,
) -> Result<&'a CancellationToken, ProxyError> {
    let Target::Port(port) = claims.target else {
        return Err(ProxyError::Forbidden {
            why: "a seat's browser is its learner's",
        });
    };
    entry.port_closed(port).ok_or(ProxyError::NotOpen {
        port: port.get(),
        seat: claims.seat.seat.get(),
    })
}

fn check_generation(claims: &OriginClaims, tenancy: &Tenancy, now: u64) -> Result<(), ProxyError> {
    let is_over = tenancy
        .ends_at
        .is_some_and(|end| end.unix_timestamp() <= i64::try_from(now).unwrap_or(i64::MAX));
    if is_over {
        return Err(ProxyError::Gone(Gone::Ended));
    }
    match claims.generation.cmp(&tenancy.generation) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => Err(ProxyError::Gone(Gone::Reset)),
        // Minted after a commit that the directory is about to hear of.
        std::cmp::Ordering::Greater => Err(ProxyError::SeatUnavailable),
    }
}

impl Visit {
    /// Who may only look sends nothing; a socket is part of looking, for live pages have one.
    pub(super) fn check_mode(&self, method: &Method, is_upgrade: bool) -> Result<(), ProxyError> {
        let looks = is_upgrade || super::asker::is_reading(method) || *method == Method::OPTIONS;
        match self.claims.mode {
            Mode::Control => Ok(()),
            Mode::View if looks => Ok(()),
            Mode::View => Err(ProxyError::Forbidden {
                why: "you are only looking at this seat",
            }),
        }
    }

    /// What ends the visit: the tenancy's end or a lock, the port's closing, the cookie's time, or
    /// another start of the seat.
    pub(super) fn ending(&self, incarnation: &Incarnation) -> Ending {
        let role = match self.claims.visitor {
            Visitor::Instructor => Role::Instructor,
            Visitor::Learner | Visitor::Guest { .. } => Role::Learner,
        };
        let mut ending = Ending::at(self.claims.expires_at);
        for token in &self.endings {
            ending.or_when(token);
        }
        ending.or_when(self.entry.shut_out(role));
        ending.or_when(&incarnation.ended);
        ending
    }
}
