//! What the server, the seat and the browser agree on.
//!
//! Ids and codes ([`id`], [`code`]), signed tokens ([`token`]), the terminal's text frames
//! ([`terminal`]), the file API's bodies ([`files`]), binding and health ([`seat`]), the in-seat
//! route table ([`route`]), what an own origin shows ([`origin`]) and the error body ([`error`]). Plain data: no I/O, no clock, no
//! randomness; callers pass those in. Start at [`route::SEAT_ROUTES`].

pub mod code;
pub mod error;
pub mod files;
pub mod id;
pub mod origin;
pub mod route;
pub mod seat;
pub mod terminal;
pub mod token;
