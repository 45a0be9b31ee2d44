//! What clients and seats may take: numbers that the operator sets, and times that tests shorten.
//!
//! `server` and `proxy` keep to them; how an operator names them is `config`'s business.

use std::time::Duration;

/// What clients may take.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// For a complete header section; an idle connection is closed after it, too.
    pub header: Duration,
    /// Size of a header section, request line included.
    pub header_bytes: usize,
    /// Bytes buffered for a connection.
    pub buffer_bytes: usize,
    /// Connections at a time. A few beyond it are told to come back, the rest are closed.
    pub connections: usize,
    /// The same for one address (of IPv6, one /64). A class behind one router is one address: 200
    /// learners with a dozen connections each must fit in.
    pub connections_per_address: usize,
    /// Requests that wait for their answers at a time; more are answered `503`.
    pub requests: usize,
    /// For a client to take what was written to it, before it is cut.
    pub unread: Duration,
    /// For an answer, or for more of one, to a client that has closed its side: it may have left.
    pub half_open: Duration,
    /// For requests in flight, once the server is told to stop.
    pub drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            header_bytes: 32 * 1024,
            buffer_bytes: 64 * 1024,
            connections: 20_000,
            connections_per_address: 10_000,
            requests: 4_096,
            unread: Duration::from_secs(60),
            half_open: Duration::from_secs(15),
            drain: Duration::from_secs(10),
        }
    }
}

/// How long seats may take, and how much one may.
#[derive(Debug, Clone, Copy)]
pub struct SeatLimits {
    /// For a connection.
    pub connect: Duration,
    /// For the first byte of an answer, counted from the last movement of the request's body.
    pub first_byte: Duration,
    /// For the other side of an upgraded connection, once one side is done.
    pub half_open: Duration,
    /// Requests and live connections of one seat at a time. All who look at a port that is open to the
    /// class count there: 200 learners with a few each must fit in.
    pub exchanges: usize,
}

impl Default for SeatLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            first_byte: Duration::from_secs(30),
            half_open: Duration::from_secs(10),
            exchanges: 1024,
        }
    }
}
