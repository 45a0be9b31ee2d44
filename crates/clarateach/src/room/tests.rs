//! Which address a class is given.

use super::*;

fn interface(name: &str, address: &str, kind: Kind) -> Interface {
    Interface {
        name: name.to_owned(),
        address: address.parse().unwrap(),
        kind,
    }
}

fn laptop() -> Machine {
    Machine {
        interfaces: vec![
            interface("lo", "127.0.0.1", Kind::Network),
            interface("lo", "::1", Kind::Network),
            interface("tun0", "10.8.0.2", Kind::Tunnel),
            interface("usb0", "169.254.3.4", Kind::Network),
            interface("eth0", "10.0.0.7", Kind::Network),
            interface("wlan0", "fe80::1", Kind::Network),
            interface("wlan0", "2001:db8::7", Kind::Network),
            interface("wlan0", "192.168.1.5", Kind::Network),
            interface("eth1", "192.168.9.9", Kind::Down),
            interface("br0", "192.168.122.1", Kind::Bridge),
            interface("docker0", "172.17.0.1", Kind::Inner),
            interface("ct-abcdefgh", "198.19.31.1", Kind::Inner),
            interface("dummy0", "198.18.7.1", Kind::Network),
        ],
        default_route: vec!["wlan0".to_owned(), "tun0".to_owned()],
    }
}

fn choose(name: Option<&str>, machine: &Machine) -> Result<Room, RoomError> {
    Room::choose(name, machine, "198.18.0.0/15".parse().unwrap())
}

fn host(name: &str, machine: &Machine) -> String {
    choose(Some(name), machine).unwrap().host.unwrap()
}

#[test]
fn the_default_routes_network_comes_first_and_tunnels_last() {
    let room = choose(None, &laptop()).unwrap();
    assert_eq!(room.host.as_deref(), Some("192.168.1.5"));
    assert_eq!(room.url(8080).unwrap(), "http://192.168.1.5:8080");
    let others: Vec<_> = room.others.0.iter().map(ToString::to_string).collect();
    assert_eq!(
        others,
        ["10.0.0.7 (eth0)", "169.254.3.4 (usb0)", "10.8.0.2 (tun0)"]
    );
}

#[test]
fn a_bridge_counts_when_it_is_the_way_out() {
    let machine = Machine {
        default_route: vec!["br0".to_owned()],
        ..laptop()
    };
    assert_eq!(
        choose(None, &machine).unwrap().host.as_deref(),
        Some("192.168.122.1")
    );
}

#[test]
fn ipv6_is_taken_where_there_is_nothing_else() {
    let mut machine = laptop();
    machine.interfaces.retain(|one| one.address.is_ipv6());
    let room = choose(None, &machine).unwrap();
    assert_eq!(room.url(80).unwrap(), "http://[2001:db8::7]:80");
    assert!(room.listen(80).is_ipv6());
}

#[test]
fn any_address_of_this_machine_may_be_named() {
    for (named, host_in_url) in [
        ("10.0.0.7", "10.0.0.7"),
        ("198.19.31.1", "198.19.31.1"),
        ("198.18.7.1", "198.18.7.1"),
        ("2001:DB8::7", "[2001:db8::7]"),
        ("[2001:db8::7]", "[2001:db8::7]"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("Laptop.Local", "laptop.local"),
        ("laptop", "laptop"),
    ] {
        assert_eq!(host(named, &laptop()), host_in_url);
    }
    let room = choose(Some("10.0.0.7"), &laptop()).unwrap();
    assert_eq!(room.others.0[0].interface, "wlan0");
    assert_eq!(room.listen(9000).to_string(), "0.0.0.0:9000");
}

#[test]
fn what_cannot_be_reached_is_refused_with_a_remedy() {
    for (named, said) in [
        (
            "192.168.1.6",
            "which has 192.168.1.5 (wlan0), 10.0.0.7 (eth0)",
        ),
        ("0.0.0.0", "no address of this machine"),
        ("127.0.0.1", "leads every device to itself"),
        ("::1", "leads every device to itself"),
        ("fe80::1", "needs the interface beside it"),
        ("localhost", "leads every device to itself"),
        ("http://192.168.1.5", "neither an address nor a host name"),
        ("192.168.1.5:8080", "neither an address nor a host name"),
        ("192.168.1", "neither an address nor a host name"),
        ("a b", "neither an address nor a host name"),
    ] {
        let error = choose(Some(named), &laptop()).unwrap_err().to_string();
        assert!(error.contains(said), "{named}: {error}");
        assert!(error.contains("Hint: "), "{named}: {error}");
    }
}

#[test]
fn a_machine_on_no_network_is_told_so() {
    let mut machine = laptop();
    machine
        .interfaces
        .retain(|one| matches!(one.kind, Kind::Inner | Kind::Down) || one.address.is_loopback());
    let error = choose(None, &machine).unwrap_err();
    assert!(matches!(error, RoomError::Offline), "{error}");
    assert_eq!(host("laptop.local", &machine), "laptop.local");
}

#[test]
fn a_room_is_switched_off_as_well() {
    for off in ["", "false", "0"] {
        assert_eq!(off.parse(), Ok(RoomChoice::Off));
    }
    #[derive(Deserialize)]
    struct File {
        room: RoomChoice,
    }
    for (text, choice) in [
        ("room = true", RoomChoice::Best),
        ("room = false", RoomChoice::Off),
        (
            "room = \"10.0.0.7\"",
            RoomChoice::Named("10.0.0.7".to_owned()),
        ),
    ] {
        assert_eq!(toml::from_str::<File>(text).unwrap().room, choice);
    }
}
