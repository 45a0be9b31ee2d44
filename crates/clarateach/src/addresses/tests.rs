//! Which hosts are taken, and which links come out.

use super::*;
use clarateach_protocol::id::SeatKey;

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

fn local() -> Addresses {
    Addresses::new(None, None, LISTEN).unwrap()
}

fn room() -> Addresses {
    Addresses::new(Some("http://192.168.1.5:8080"), None, LISTEN).unwrap()
}

fn production() -> Addresses {
    Addresses::new(None, Some("Class.Example.org"), LISTEN).unwrap()
}

fn workshop() -> WorkshopId {
    "ws-abcdefgh".parse().unwrap()
}

#[test]
fn loopback_names_get_loopback_endpoints() {
    for (host, origin) in [
        ("localhost:8080", "http://localhost:8080"),
        ("LOCALHOST:8080", "http://localhost:8080"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("127.8.9.1:8080", "http://127.8.9.1:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("192.168.1.5:8080", "http://192.168.1.5:8080"),
    ] {
        let addresses = room();
        let kind = addresses.classify(host).unwrap();
        assert_eq!(addresses.origin(&kind).as_str(), origin);
        assert_eq!(
            addresses.endpoint(&workshop(), &kind),
            format!("{origin}/debug/proxy/ws-abcdefgh")
        );
    }
}

#[test]
fn join_links_carry_the_public_name() {
    let code: JoinCode = "7K3Q-9XWD".parse().unwrap();
    assert_eq!(
        room().join_url(&code),
        "http://192.168.1.5:8080/join#7K3Q-9XWD"
    );
}

#[test]
fn other_hosts_are_refused() {
    for host in [
        "",
        "localhost",
        "localhost:8081",
        "localhost:08080",
        "localhost:+8080",
        "localhost:",
        "localhost.:8080",
        "evil.example:8080",
        "localhost.evil.example:8080",
        "user@localhost:8080",
        "localhost:8080@evil.example",
        "localhost:8080, evil.example",
        "192.168.1.6:8080",
        "127.0.0.1.nip.io:8080",
        "2130706433:8080",
        "[::1%25lo]:8080",
        "[::1]8080",
        "ws-abcdefgh.localhost:8080",
        "localhost:8080/x",
    ] {
        assert_eq!(room().classify(host), Err(WrongHost), "{host:?} was taken");
    }
}

#[test]
fn a_domain_gives_workshops_hosts_of_their_own() {
    let addresses = production();
    assert_eq!(addresses.public().as_str(), "https://class.example.org");
    let kind = addresses.classify("ws-abcdefgh.class.example.org").unwrap();
    assert_eq!(kind, HostKind::Workshop(workshop()));
    assert_eq!(addresses.origin(&kind), addresses.public());
    assert_eq!(
        addresses.endpoint(&workshop(), &kind),
        "https://ws-abcdefgh.class.example.org"
    );
    assert!(!addresses.has_debug_proxy());
    for wrong in [
        "ws-abcdefgh.class.example.org:8080",
        "ws-abcdefg.class.example.org",
        "x.ws-abcdefgh.class.example.org",
        "ws-abcdefghclass.example.org",
        ".class.example.org",
        "ws-abcdefgh.example.org",
        "3--ws-abcdefgh.class.example.org",
    ] {
        assert_eq!(
            addresses.classify(wrong),
            Err(WrongHost),
            "{wrong:?} was taken"
        );
    }
}

#[test]
fn a_domain_may_be_served_on_a_port() {
    let addresses =
        Addresses::new(Some("http://class.test:8080"), Some("class.test"), LISTEN).unwrap();
    let kind = addresses.classify("ws-abcdefgh.class.test:8080").unwrap();
    assert_eq!(
        addresses.endpoint(&workshop(), &kind),
        "http://ws-abcdefgh.class.test:8080"
    );
}

#[test]
fn without_names_the_listening_address_is_the_public_one() {
    assert_eq!(local().public().as_str(), "http://localhost:8080");
    let any = Addresses::new(None, None, "0.0.0.0:80".parse().unwrap()).unwrap();
    assert_eq!(any.public().as_str(), "http://localhost");
    assert!(any.classify("localhost").is_ok());
    let one = Addresses::new(None, None, "[2001:db8::1]:8080".parse().unwrap()).unwrap();
    assert_eq!(one.public().as_str(), "http://[2001:db8::1]:8080");
    assert!(one.classify("[2001:DB8::1]:8080").is_ok());
}

#[test]
fn wrong_names_are_told() {
    for url in [
        "",
        "localhost",
        "ftp://x",
        "http://",
        "http://x/y",
        "http://x/?q",
        "http://u@x",
        "http://x/#f",
    ] {
        assert!(
            Addresses::new(Some(url), None, LISTEN).is_err(),
            "{url:?} was taken"
        );
    }
    assert!(Addresses::new(Some("https://Class.Example.org/"), None, LISTEN).is_ok());
    for domain in ["", ".", "a..b", "https://x.org", "x.org:80", "x.org/"] {
        assert!(
            Addresses::new(None, Some(domain), LISTEN).is_err(),
            "{domain:?} was taken"
        );
    }
}

fn own(addresses: &Addresses, host: &str) -> Option<OwnHost> {
    match addresses.classify(host) {
        Ok(HostKind::Own(own)) => Some(own),
        _ => None,
    }
}

#[test]
fn own_origins_have_names_on_loopback_and_below_a_domain() {
    for (addresses, host, origin, platform) in [
        (
            local(),
            "5173--3--ws-abcdefgh.localhost:8080",
            "http://5173--3--ws-abcdefgh.localhost:8080",
            "http://localhost:8080",
        ),
        (
            room(),
            "BROWSER--12--ws-abcdefgh.localhost:8080",
            "http://browser--12--ws-abcdefgh.localhost:8080",
            "http://localhost:8080",
        ),
        (
            production(),
            "8000--1--ws-abcdefgh.class.example.org",
            "https://8000--1--ws-abcdefgh.class.example.org",
            "https://class.example.org",
        ),
    ] {
        let own = own(&addresses, host).unwrap();
        assert_eq!(own.origin.as_str(), origin);
        assert_eq!(own.platform.as_str(), platform);
        assert_eq!(own.naming, Naming::Names);
        let kind = HostKind::Own(own.clone());
        assert_eq!(addresses.origin(&kind).as_str(), platform);
        assert_eq!(addresses.named_origin(origin), Some(own.clone()));
        assert_eq!(addresses.own_by_name(own.seat, own.target, &kind), own);
    }
}

#[test]
fn own_origins_have_one_spelling() {
    for label in [
        "05173--3--ws-abcdefgh",
        "5173--03--ws-abcdefgh",
        "5173--0--ws-abcdefgh",
        "5173--3--ws-abcdefg",
        "5173--3--ws-abcdefgh--x",
        "x--5173--3--ws-abcdefgh",
        "5173--3",
        "5173-3-ws-abcdefgh",
        "80--3--ws-abcdefgh",
        "3001--3--ws-abcdefgh",
        "3002--3--ws-abcdefgh",
        "3003--3--ws-abcdefgh",
        "65536--3--ws-abcdefgh",
        "files--3--ws-abcdefgh",
        "a.5173--3--ws-abcdefgh",
        "5173--1000--ws-abcdefgh",
        "5173--+3--ws-abcdefgh",
    ] {
        for (addresses, suffix) in [
            (local(), ".localhost:8080"),
            (production(), ".class.example.org"),
        ] {
            let host = format!("{label}{suffix}");
            assert_eq!(
                addresses.classify(&host),
                Err(WrongHost),
                "{host} was taken"
            );
        }
    }
    for (addresses, host) in [
        (local(), "5173--3--ws-abcdefgh.localhost"),
        (local(), "5173--3--ws-abcdefgh.localhost:8081"),
        (local(), "5173--3--ws-abcdefgh.localhost.:8080"),
        (local(), "5173--3--ws-abcdefgh.evil.example:8080"),
        (local(), "5173--3--ws-abcdefghlocalhost:8080"),
        (room(), "5173--3--ws-abcdefgh.192.168.1.5:8080"),
        (production(), "5173--3--ws-abcdefgh.localhost:8080"),
        (production(), "5173--3--ws-abcdefgh.class.example.org:8080"),
    ] {
        assert_eq!(addresses.classify(host), Err(WrongHost), "{host} was taken");
    }
}

#[test]
fn own_origins_are_named_where_names_lead_here() {
    let naming = |addresses: &Addresses, host: &str| {
        addresses.own_naming(&addresses.classify(host).unwrap())
    };
    assert_eq!(naming(&local(), "127.0.0.1:8080"), Some(Naming::Names));
    assert_eq!(naming(&room(), "localhost:8080"), Some(Naming::Names));
    assert_eq!(naming(&room(), "192.168.1.5:8080"), Some(Naming::Numbers));
    assert_eq!(
        naming(&production(), "class.example.org"),
        Some(Naming::Names)
    );
    let behind = Addresses::new(Some("https://class.test"), None, LISTEN).unwrap();
    assert_eq!(naming(&behind, "class.test"), None);
    assert_eq!(naming(&behind, "localhost:8080"), Some(Naming::Names));
}

#[test]
fn a_numbered_origin_takes_its_own_host_only() {
    let addresses = room();
    let seat = SeatKey {
        workshop: workshop(),
        seat: "3".parse().unwrap(),
    };
    let own = addresses.own_by_number(seat, "5173".parse().unwrap(), 20007);
    assert_eq!(own.origin.as_str(), "http://192.168.1.5:20007");
    assert!(addresses.check_numbered("192.168.1.5:20007", &own).is_ok());
    for wrong in [
        "192.168.1.5:8080",
        "192.168.1.5",
        "localhost:20007",
        "127.0.0.1:20007",
        "evil.test:20007",
    ] {
        assert!(
            addresses.check_numbered(wrong, &own).is_err(),
            "{wrong} was taken"
        );
    }
}

#[test]
fn frames_show_own_origins_and_nothing_else() {
    assert_eq!(local().frame_sources(), "http://*.localhost:8080");
    assert_eq!(
        room().frame_sources(),
        "http://*.localhost:8080 http://192.168.1.5:*"
    );
    assert_eq!(production().frame_sources(), "https://*.class.example.org");
}
