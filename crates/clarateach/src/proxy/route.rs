//! The one parse of a request's host and path, used by routing and authorisation alike.
//!
//! Nothing is decoded here: a segment has one spelling, and another spelling names nothing. Which
//! service of the seat is meant comes from the protocol's route table, never from the URL; what is
//! behind the prefix reaches the seat byte for byte.

use clarateach_protocol::id::{SeatKey, SeatNumber, WorkshopId};
use clarateach_protocol::origin::SeatPort;
use clarateach_protocol::route::{SeatRoute, public_route};
use http::Uri;
use http::uri::PathAndQuery;

use crate::addresses::{Addresses, HostKind};

const DEBUG_PREFIX: &str = "/debug/proxy/";
const SEAT_PREFIX: &str = "/vm/";

/// The gateway's own routes below a seat, beside those of the in-seat server
/// ([`clarateach_protocol::route::SEAT_ROUTES`]), by their first segment.
pub const OWN_ROUTES: [(&str, OwnRoute); 4] = [
    ("session", OwnRoute::Session),
    ("origins", OwnRoute::Origins),
    ("open-ports", OwnRoute::OpenPorts),
    ("browser", OwnRoute::Browser),
];

/// A route that the gateway answers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnRoute {
    /// Credentials.
    Session,
    /// Ways into own origins.
    Origins,
    /// What is open to the class.
    OpenPorts,
    /// The seat's browser.
    Browser,
}

/// What a request wants of which seat.
#[derive(Debug, Clone)]
pub struct Route {
    /// The seat; credentials are compared with this value.
    pub seat: SeatKey,
    /// Path that everything of the seat is below, `…/vm/{seat}/`: the cookie's path.
    pub base: String,
    /// What is wanted of it.
    pub target: Target,
}

/// What is wanted of a seat.
#[derive(Debug, Clone)]
pub enum Target {
    /// The gateway's own: credentials.
    Session,
    /// The gateway's own: an origin of the seat's own, to be entered with a ticket.
    Origins,
    /// The gateway's own: which ports are open to the class; with a port, that one.
    OpenPorts(Option<SeatPort>),
    /// The seat's browser, which lives on an origin of its own.
    Browser,
    /// A route of the in-seat server.
    Seat {
        /// The row of the table that covers it.
        route: &'static SeatRoute,
        /// What the seat is asked for: the rest of the path and the query as they came.
        path_and_query: PathAndQuery,
    },
}

/// Why a path names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoute {
    /// It is the platform's, not a seat's.
    Platform,
    /// It would be a seat's, and no route has that name.
    Unknown,
    /// It has dot segments or characters that have no place in a path.
    Malformed,
}

/// Reads host and path of a request.
///
/// # Errors
/// [`NoRoute`] says whose the path is, or what is wrong with it.
pub fn parse(host: &HostKind, uri: &Uri, addresses: &Addresses) -> Result<Route, NoRoute> {
    let text = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let path = uri.path();
    let (workshop, in_workshop) = split_workshop(host, path, addresses)?;
    let rest = in_workshop
        .strip_prefix(SEAT_PREFIX)
        .ok_or(NoRoute::Unknown)?;
    let (number, below) = rest.split_once('/').ok_or(NoRoute::Unknown)?;
    let seat: SeatNumber = number.parse().map_err(|_| NoRoute::Unknown)?;
    if has_dot_segment(below) || below.contains(['\\', '\0']) {
        return Err(NoRoute::Malformed);
    }
    let base = &path[..path.len() - below.len()];
    Ok(Route {
        seat: SeatKey { workshop, seat },
        base: base.to_owned(),
        // From the slash before `below` to the end of the query, as it came.
        target: target(below, &text[base.len() - 1..])?,
    })
}

fn split_workshop<'a>(
    host: &HostKind,
    path: &'a str,
    addresses: &Addresses,
) -> Result<(WorkshopId, &'a str), NoRoute> {
    match host {
        HostKind::Workshop(workshop) => Ok((*workshop, path)),
        // Own origins have no paths of ours but those that `origin` answers itself.
        HostKind::Own(_) => Err(NoRoute::Unknown),
        HostKind::Platform(_) => {
            let rest = path.strip_prefix(DEBUG_PREFIX).ok_or(NoRoute::Platform)?;
            if !addresses.has_debug_proxy() {
                return Err(NoRoute::Unknown);
            }
            let end = rest.find('/').ok_or(NoRoute::Unknown)?;
            let (workshop, in_workshop) = rest.split_at(end);
            let workshop = workshop.parse().map_err(|_| NoRoute::Unknown)?;
            Ok((workshop, in_workshop))
        }
    }
}

fn target(below: &str, path_and_query: &str) -> Result<Target, NoRoute> {
    let (segment, rest) = match below.split_once('/') {
        Some((segment, rest)) => (segment, Some(rest)),
        None => (below, None),
    };
    let own = OWN_ROUTES.iter().find(|(name, _)| *name == segment);
    let Some((_, own)) = own else {
        let route = public_route(below).ok_or(NoRoute::Unknown)?;
        let path_and_query = path_and_query.parse().map_err(|_| NoRoute::Malformed)?;
        return Ok(Target::Seat {
            route,
            path_and_query,
        });
    };
    match (own, rest) {
        (OwnRoute::Session, None) => Ok(Target::Session),
        (OwnRoute::Origins, None) => Ok(Target::Origins),
        (OwnRoute::OpenPorts, None) => Ok(Target::OpenPorts(None)),
        (OwnRoute::OpenPorts, Some(port)) => {
            let port = port.parse().map_err(|_| NoRoute::Unknown)?;
            Ok(Target::OpenPorts(Some(port)))
        }
        (OwnRoute::Browser, _) => Ok(Target::Browser),
        (OwnRoute::Session | OwnRoute::Origins, Some(_)) => Err(NoRoute::Unknown),
    }
}

/// Whether a segment is `.` or `..` in any spelling (RFC 3986, section 6.2.2.3): URL parsers remove
/// them, so what is behind them would be somebody else's decision.
fn has_dot_segment(path: &str) -> bool {
    path.split('/').any(|segment| {
        let (mut rest, mut dots) = (segment, 0);
        while let Some(behind) = [".", "%2e", "%2E"]
            .iter()
            .find_map(|dot| rest.strip_prefix(dot))
        {
            (rest, dots) = (behind, dots + 1);
        }
        rest.is_empty() && matches!(dots, 1 | 2)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn addresses(domain: Option<&str>) -> Addresses {
        Addresses::new(None, domain, "127.0.0.1:8080".parse().unwrap()).unwrap()
    }

    fn local(path: &str) -> Result<Route, NoRoute> {
        let addresses = addresses(None);
        let host = addresses.classify("localhost:8080").unwrap();
        parse(&host, &path.parse().unwrap(), &addresses)
    }

    fn by_domain(host: &str, path: &str) -> Result<Route, NoRoute> {
        let addresses = addresses(Some("class.test"));
        let host = addresses.classify(host).unwrap();
        parse(&host, &path.parse().unwrap(), &addresses)
    }

    fn forwarded(route: Route) -> String {
        match route.target {
            Target::Seat { path_and_query, .. } => path_and_query.as_str().to_owned(),
            other => panic!("not the seat's: {other:?}"),
        }
    }

    #[test]
    fn paths_below_the_prefix_reach_the_seat_as_they_came() {
        for (below, expected) in [
            ("terminal?name=main&cols=1", "/terminal?name=main&cols=1"),
            ("files", "/files"),
            ("files/", "/files/"),
            (
                "files/a%20b/%C3%BC%2f%00;x=1//y",
                "/files/a%20b/%C3%BC%2f%00;x=1//y",
            ),
            ("files/%252e%252e/x", "/files/%252e%252e/x"),
            ("files/...", "/files/..."),
            ("files?path=../..", "/files?path=../.."),
            ("stats?", "/stats?"),
        ] {
            let route = local(&format!("/debug/proxy/ws-abcdefgh/vm/12/{below}")).unwrap();
            assert_eq!(route.seat.to_string(), "ws-abcdefgh-seat-12");
            assert_eq!(route.base, "/debug/proxy/ws-abcdefgh/vm/12/");
            assert_eq!(forwarded(route), expected);
            let route = by_domain("ws-abcdefgh.class.test", &format!("/vm/12/{below}")).unwrap();
            assert_eq!(route.base, "/vm/12/");
            assert_eq!(forwarded(route), expected);
        }
    }

    #[test]
    fn other_spellings_of_the_prefix_name_nothing() {
        for below in [
            "ws-abcdefgh/vm/03/files",
            "ws-abcdefgh/vm/+3/files",
            "ws-abcdefgh/vm/3%20/files",
            "ws-abcdefgh/vm/%33/files",
            "ws-abcdefgh/vm/0/files",
            "ws-abcdefgh/vm/1000/files",
            "ws-abcdefgh/vm/3;x/files",
            "ws-abcdefgh/vm/3",
            "ws-abcdefgh/vm//3/files",
            "ws-abcdefgh/vm/./3/files",
            "ws-abcdefgh/vm/../vm/3/files",
            "ws-abcdefgh//vm/3/files",
            "ws-abcdefgh/VM/3/files",
            "ws-abcdefgh/vm%2f3/files",
            "ws-abcdefgh%00/vm/3/files",
            "WS-abcdefgh/vm/3/files",
            "ws-ABCDEFGH/vm/3/files",
            "ws-abcdefgh\\vm\\3\\files",
            "/ws-abcdefgh/vm/3/files",
            "../debug/proxy/ws-abcdefgh/vm/3/files",
            "ws-abcdefgh/vm/3/%66iles",
            "ws-abcdefgh/vm/3/files%2fx",
            "ws-abcdefgh/vm/3/Files",
            "ws-abcdefgh/vm/3/bind",
            "ws-abcdefgh/vm/3/exec",
            "ws-abcdefgh/vm/3/health",
            "ws-abcdefgh/vm/3/session/",
            "ws-abcdefgh/vm/3/terminal/x",
            "ws-abcdefgh/vm/3//files",
            "ws-abcdefgh/vm/3/",
        ] {
            assert_eq!(
                local(&format!("/debug/proxy/{below}")).unwrap_err(),
                NoRoute::Unknown,
                "{below}"
            );
        }
    }

    #[test]
    fn dot_segments_are_malformed_in_every_spelling() {
        for below in [
            "files/..",
            "files/../x",
            "files/./x",
            "files/%2e%2e/x",
            "files/%2E./x",
            "files/.%2e",
            "files/%2e",
            "../4/files",
            "files\\..\\x",
        ] {
            let path = format!("/debug/proxy/ws-abcdefgh/vm/3/{below}");
            assert_eq!(local(&path).unwrap_err(), NoRoute::Malformed, "{below}");
        }
    }

    #[test]
    fn everything_else_is_the_platforms() {
        for path in [
            "/",
            "/api/workshops",
            "/debug",
            "/debug/proxy",
            "/debug//proxy/ws-abcdefgh/vm/3/files",
            "/%64ebug/proxy/ws-abcdefgh/vm/3/files",
            "//debug/proxy/ws-abcdefgh/vm/3/files",
            "/vm/3/files",
        ] {
            assert_eq!(local(path).unwrap_err(), NoRoute::Platform, "{path}");
        }
    }

    #[test]
    fn a_domain_leaves_no_debug_proxy_and_no_api_on_workshop_hosts() {
        let below = "/debug/proxy/ws-abcdefgh/vm/3/files";
        assert_eq!(
            by_domain("class.test", below).unwrap_err(),
            NoRoute::Unknown
        );
        for path in [below, "/api/workshops", "/", "/vm/3"] {
            assert_eq!(
                by_domain("ws-abcdefgh.class.test", path).unwrap_err(),
                NoRoute::Unknown
            );
        }
    }

    #[test]
    fn the_gateway_keeps_its_own_routes() {
        let base = "/debug/proxy/ws-abcdefgh/vm/3/";
        for (below, expected) in [
            ("session", "Session"),
            ("session?x", "Session"),
            ("browser", "Browser"),
            ("browser/x", "Browser"),
            ("origins", "Origins"),
            ("open-ports", "OpenPorts(None)"),
            ("open-ports/5173", "OpenPorts(Some(SeatPort(5173)))"),
        ] {
            let route = local(&format!("{base}{below}")).unwrap();
            assert_eq!(format!("{:?}", route.target), expected);
        }
        for below in [
            "session/",
            "origins/",
            "origins/x",
            "open-ports/",
            "open-ports/05173",
            "open-ports/3002",
            "open-ports/80",
            "open-ports/5173/",
            "tunnel",
            "tunnel?port=5173",
        ] {
            let route = local(&format!("{base}{below}"));
            assert_eq!(route.unwrap_err(), NoRoute::Unknown, "{below}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_routed_was_spelled_exactly(path in "/debug/proxy/ws-abcdefgh/vm/[0-9+%]{1,4}/[a-z%./;\\\\-]{0,20}") {
            if let Ok(uri) = path.parse::<Uri>() {
                let addresses = addresses(None);
                let host = addresses.classify("localhost:8080").unwrap();
                if let Ok(route) = parse(&host, &uri, &addresses) {
                    let base = format!("/debug/proxy/{}/vm/{}/", route.seat.workshop, route.seat.seat.get());
                    prop_assert_eq!(&route.base, &base);
                    prop_assert!(path.starts_with(&base));
                    if let Target::Seat { path_and_query, .. } = route.target {
                        prop_assert_eq!(format!("{}{}", &base[..base.len() - 1], path_and_query), path);
                    }
                }
            }
        }

        #[test]
        fn any_path_gets_an_answer(path in "/[ -~]{0,60}") {
            if let Ok(uri) = path.parse::<Uri>() {
                let addresses = addresses(None);
                let host = addresses.classify("localhost:8080").unwrap();
                let _ = parse(&host, &uri, &addresses);
            }
        }
    }
}
