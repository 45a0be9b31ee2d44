//! Ids in a request's path.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use clarateach_protocol::id::{SeatKey, SeatNumber, WorkshopId};
use serde::de::DeserializeOwned;

use super::no_such;
use crate::http::error::ApiError;

/// What stands in a path's places, as it came. An id has one spelling, and another one of it names
/// nothing, as at the gateway: axum would decode `%31` to `1`.
async fn places<T: DeserializeOwned + Send, S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    what: &str,
) -> Result<T, ApiError> {
    if parts.uri.path().contains('%') {
        return Err(no_such(what));
    }
    let places = Path::<T>::from_request_parts(parts, state).await;
    places.map(|Path(places)| places).map_err(|_| no_such(what))
}

/// A workshop's id in the path; what is none names nothing.
pub(in crate::http) struct WorkshopPath(pub(in crate::http) WorkshopId);

impl<S: Send + Sync> FromRequestParts<S> for WorkshopPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id: String = places(parts, state, "workshop").await?;
        id.parse().map(Self).map_err(|_| no_such("workshop"))
    }
}

/// A workshop's id and a seat number in the path.
pub(in crate::http) struct SeatPath(pub(in crate::http) SeatKey);

impl<S: Send + Sync> FromRequestParts<S> for SeatPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let (id, number): (String, String) = places(parts, state, "seat").await?;
        let workshop = id.parse().map_err(|_| no_such("workshop"))?;
        let seat: SeatNumber = number.parse().map_err(|_| no_such("seat"))?;
        Ok(Self(SeatKey { workshop, seat }))
    }
}

/// An API token's id in the path.
pub(in crate::http) struct TokenPath(pub(in crate::http) String);

impl<S: Send + Sync> FromRequestParts<S> for TokenPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        places(parts, state, "API token").await.map(Self)
    }
}
