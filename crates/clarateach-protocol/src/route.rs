//! The in-seat routes: one table, from which the proxy's is made.

use crate::token::Scope;

/// The port inside the seat at which its browser's engine answers; no route of the in-seat server.
pub const BROWSER_PORT: u16 = 3003;

/// Which of the in-seat server's two listeners serves a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Port 3001.
    Terminal,
    /// Port 3002.
    Files,
}

impl Service {
    /// The port inside the seat.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Terminal => 3001,
            Self::Files => 3002,
        }
    }
}

/// Which paths a route covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Exactly the route's own path.
    Exact,
    /// The route's own path and everything below it.
    Subtree,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatRoute {
    /// First path segment, without slashes.
    pub segment: &'static str,
    /// What is below it.
    pub coverage: Coverage,
    /// Who serves it.
    pub service: Service,
    /// What a workspace token must allow; `None`: anybody who reaches the port.
    pub scope: Option<Scope>,
    /// Whether the proxy lets it through, as `/vm/{seat}/{segment}`.
    pub public: bool,
}

const fn row(
    segment: &'static str,
    coverage: Coverage,
    service: Service,
    scope: Option<Scope>,
    public: bool,
) -> SeatRoute {
    SeatRoute {
        segment,
        coverage,
        service,
        scope,
        public,
    }
}

/// Every route of the in-seat server.
pub const SEAT_ROUTES: &[SeatRoute] = &[
    row(
        "terminal",
        Coverage::Exact,
        Service::Terminal,
        Some(Scope::Terminal),
        true,
    ),
    row(
        "terminals",
        Coverage::Subtree,
        Service::Terminal,
        Some(Scope::Terminal),
        true,
    ),
    row(
        "files",
        Coverage::Subtree,
        Service::Files,
        Some(Scope::Files),
        true,
    ),
    row(
        "files-archive",
        Coverage::Exact,
        Service::Files,
        Some(Scope::Files),
        true,
    ),
    row(
        "files-events",
        Coverage::Exact,
        Service::Files,
        Some(Scope::Files),
        true,
    ),
    row(
        "search",
        Coverage::Exact,
        Service::Files,
        Some(Scope::Files),
        true,
    ),
    row(
        "stats",
        Coverage::Exact,
        Service::Files,
        Some(Scope::Stats),
        true,
    ),
    row(
        "ports",
        Coverage::Exact,
        Service::Files,
        Some(Scope::Stats),
        true,
    ),
    row(
        "bind",
        Coverage::Exact,
        Service::Files,
        Some(Scope::Bind),
        false,
    ),
    row(
        "exec",
        Coverage::Exact,
        Service::Files,
        Some(Scope::Exec),
        false,
    ),
    row(
        "tunnel",
        Coverage::Exact,
        Service::Files,
        Some(Scope::Tunnel),
        false,
    ),
    row("health", Coverage::Exact, Service::Files, None, false),
];

/// The public route that covers a path below `/vm/{seat}/`, given without its leading slash and not
/// decoded: an encoded spelling of a segment names nothing.
#[must_use]
pub fn public_route(path: &str) -> Option<&'static SeatRoute> {
    let (segment, below) = match path.split_once('/') {
        Some((segment, _)) => (segment, true),
        None => (path, false),
    };
    SEAT_ROUTES.iter().find(|route| {
        route.public && route.segment == segment && (!below || route.coverage == Coverage::Subtree)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_routes_are_not_public() {
        for path in [
            "bind",
            "exec",
            "tunnel",
            "health",
            "",
            "files-",
            "Files",
            "%66iles",
            "terminal/x",
        ] {
            assert!(public_route(path).is_none(), "{path:?} is reachable");
        }
        for path in [
            "terminal",
            "terminals",
            "terminals/main",
            "files",
            "files/a/b",
            "stats",
        ] {
            assert!(public_route(path).is_some(), "{path:?} is not reachable");
        }
    }

    #[test]
    fn every_public_route_has_a_scope() {
        assert!(
            SEAT_ROUTES
                .iter()
                .all(|route| !route.public || route.scope.is_some())
        );
    }
}
