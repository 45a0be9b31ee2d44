//! Input: a host, a line end, a request target.

use clarateach_protocol::route::SEAT_ROUTES;
use http::Uri;

use crate::addresses::{Addresses, HostKind};
use crate::installations::{self, DOMAIN};
use crate::proxy::route::{NoRoute, Route, Target, parse};

/// What is routed was spelled exactly, goes to the seat that was spelled, and parses to the same again.
///
/// # Panics
/// When it doesn't.
pub fn check_routes(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some((host, target)) = text.split_once('\n') else {
        return;
    };
    for addresses in installations::all() {
        let Ok(kind) = addresses.classify(host) else {
            continue;
        };
        check_host(&addresses, host, &kind);
        let Ok(uri) = target.parse::<Uri>() else {
            continue;
        };
        match parse(&kind, &uri, &addresses) {
            Ok(route) => check_route(&addresses, &kind, &uri, &route),
            Err(NoRoute::Platform) => {
                assert!(matches!(kind, HostKind::Platform(_)), "{kind:?}");
                assert!(!uri.path().starts_with("/debug/proxy/"), "{uri}");
            }
            Err(NoRoute::Unknown | NoRoute::Malformed) => {}
        }
    }
}

/// A host has one canonical spelling, and that names the same.
fn check_host(addresses: &Addresses, host: &str, kind: &HostKind) {
    let lower = host.to_ascii_lowercase();
    let canonical = match kind {
        HostKind::Platform(origin) => origin.authority().to_owned(),
        HostKind::Workshop(workshop) => format!("{workshop}.{DOMAIN}"),
        HostKind::Own(own) => {
            let label = format!(
                "{}--{}--{}.",
                own.target,
                own.seat.seat.get(),
                own.seat.workshop
            );
            assert!(lower.starts_with(&label), "{host} is taken for {own:?}");
            assert_eq!(
                addresses.named_origin(own.origin.as_str()).as_ref(),
                Some(own)
            );
            own.origin.authority().to_owned()
        }
    };
    let bare = canonical
        .rsplit_once(':')
        .map_or(canonical.as_str(), |(name, port)| {
            if port.bytes().all(|byte| byte.is_ascii_digit()) {
                name
            } else {
                &canonical
            }
        });
    assert!(lower.starts_with(bare), "{host} is taken for {canonical}");
    assert_eq!(
        addresses.classify(&canonical).as_ref(),
        Ok(kind),
        "{canonical}"
    );
}

fn check_route(addresses: &Addresses, kind: &HostKind, uri: &Uri, route: &Route) {
    let text = uri.path_and_query().expect("it has a path").as_str();
    let seat = route.seat.seat.get();
    let base = match kind {
        HostKind::Platform(_) => {
            assert!(
                addresses.has_debug_proxy(),
                "a seat below the platform of a domain"
            );
            format!("/debug/proxy/{}/vm/{seat}/", route.seat.workshop)
        }
        HostKind::Workshop(workshop) => {
            assert_eq!(*workshop, route.seat.workshop, "another workshop's host");
            format!("/vm/{seat}/")
        }
        HostKind::Own(_) => panic!("an own origin has no routes"),
    };
    assert_eq!(route.base, base);
    let rest = text.strip_prefix(&base).expect("spelled exactly");
    let path = rest.split('?').next().unwrap_or_default();
    assert!(!path.contains(['\\', '\0']));
    assert!(!path.split('/').any(is_dots), "{text}");
    check_target(&route.target, path, rest);

    let canonical: Uri = format!("{base}{rest}")
        .parse()
        .expect("it was parsed before");
    let again = parse(kind, &canonical, addresses).expect("its canonical form is routed");
    assert_eq!(format!("{again:?}"), format!("{route:?}"));
}

fn check_target(target: &Target, path: &str, rest: &str) {
    let segment = path.split('/').next().unwrap_or_default();
    match target {
        Target::Session => assert_eq!(path, "session"),
        Target::Origins => assert_eq!(path, "origins"),
        Target::OpenPorts(None) => assert_eq!(path, "open-ports"),
        Target::OpenPorts(Some(port)) => assert_eq!(path, format!("open-ports/{port}")),
        Target::Browser => assert_eq!(segment, "browser"),
        Target::Seat {
            route,
            path_and_query,
        } => {
            assert_eq!(path_and_query.as_str(), format!("/{rest}"), "byte for byte");
            assert_eq!(route.segment, segment);
            assert!(
                route.public && route.scope.is_some(),
                "{segment} is not for clients"
            );
            assert!(SEAT_ROUTES.iter().any(|row| row == *route));
        }
    }
}

/// Whether a URL parser would remove the segment, in whatever spelling (RFC 3986, section 6.2.2).
fn is_dots(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}
