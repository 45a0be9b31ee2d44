//! What settings make of each other.

use std::time::Duration;

use super::*;
use crate::room::RoomChoice;

#[test]
fn flags_come_before_the_file_and_the_file_before_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clarateach.toml");
    std::fs::write(
        &path,
        "listen = \"127.0.0.1:9000\"\nimage = \"file:1\"\nseat_networks = \"198.19.0.0/16\"\n",
    )
    .unwrap();
    let flags = Settings {
        image: Some("flag:1".to_owned()),
        ..Settings::default()
    };
    let config = flags.with_file(Some(&path)).unwrap().resolve().unwrap();
    assert_eq!(config.listen.port(), 9000);
    assert_eq!(config.image, "flag:1");
    assert_eq!(config.seat_networks.to_string(), "198.19.0.0/16");
    assert_eq!(config.provider, ProviderKind::Docker);
    assert!(config.data_dir.is_absolute());
}

#[test]
fn a_room_goes_with_no_domain_and_one_public_name() {
    let room = |room: &str| Settings {
        room: Some(room.parse().unwrap_or(RoomChoice::Off)),
        listen: Some(([127, 0, 0, 1], 9000).into()),
        public_url: Some("http://laptop.local:9000".to_owned()),
        ..Settings::default()
    };
    let config = room("true").resolve().unwrap();
    assert_eq!(config.listen.to_string(), "0.0.0.0:9000");
    assert_eq!(
        config.public_url.as_deref(),
        Some("http://laptop.local:9000")
    );
    assert_eq!(
        room("false").resolve().unwrap().listen.to_string(),
        "127.0.0.1:9000"
    );
    let error = room("192.168.1.5").resolve().unwrap_err().to_string();
    assert!(error.contains("--public-url"), "{error}");
    let with_domain = Settings {
        domain: Some("class.example.org".to_owned()),
        ..room("true")
    };
    let error = with_domain.resolve().unwrap_err().to_string();
    assert!(error.contains("--domain"), "{error}");
}

#[test]
fn lengths_have_units() {
    let length = |text: &str| text.parse::<Length>().map(Length::limit);
    assert_eq!(length("90m"), Ok(Some(Duration::from_secs(5400))));
    assert_eq!(length("7d"), Ok(Some(Duration::from_secs(604_800))));
    assert_eq!(length("none"), Ok(None));
    for wrong in ["", "m", "90", "0h", "-1h", "1h30m", "400d", "1µ"] {
        assert!(length(wrong).is_err(), "{wrong:?} was taken");
    }
}

#[test]
fn standby_plans_name_seats_and_workshops() {
    let plans = |text: &str| {
        let plans = text.parse::<StandbyPlans>()?.0.into_iter();
        Ok::<_, String>(plans.map(|it| (it.seats, it.workshops)).collect::<Vec<_>>())
    };
    assert_eq!(plans("10x1"), Ok(vec![(10, 1)]));
    assert_eq!(plans("10x1, 30x2"), Ok(vec![(10, 1), (30, 2)]));
    assert_eq!(plans("none"), Ok(vec![]));
    for wrong in ["10", "0x1", "10x0", "201x1", "10x1x1", "10x99", "x"] {
        assert!(plans(wrong).is_err(), "{wrong:?} was taken");
    }
}

#[test]
fn wrong_settings_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clarateach.toml");
    std::fs::write(&path, "lisen = \"127.0.0.1:9000\"\n").unwrap();
    let error = Settings::default()
        .with_file(Some(&path))
        .err()
        .map(|error| error.to_string())
        .unwrap();
    assert!(error.contains("lisen"), "{error}");
    assert!(
        Settings::default()
            .with_file(Some(&dir.path().join("none.toml")))
            .is_err()
    );
    let simulated = Settings {
        provider: Some(ProviderKind::Simulated),
        ..Settings::default()
    };
    assert!(simulated.resolve().is_err());
    let small = Settings {
        seat_networks: Some("198.18.0.0/25".parse().unwrap()),
        ..Settings::default()
    };
    assert!(small.resolve().is_err());
}

#[test]
fn limits_are_settings() {
    let limits = |all, address, seat| {
        let settings = Settings {
            max_connections: all,
            max_connections_per_address: address,
            max_connections_per_seat: seat,
            ..Settings::default()
        };
        let config = settings.resolve()?;
        let server = config.server_limits;
        Ok::<_, ConfigError>((
            server.connections,
            server.connections_per_address,
            config.seat_limits.exchanges,
        ))
    };
    assert_eq!(limits(None, None, None).unwrap(), (20_000, 10_000, 1024));
    assert_eq!(limits(Some(300), None, None).unwrap(), (300, 150, 1024));
    assert_eq!(limits(Some(300), Some(7), Some(9)).unwrap(), (300, 7, 9));
    let error = limits(None, Some(0), None).unwrap_err().to_string();
    assert!(
        error.starts_with("max_connections_per_address: 0"),
        "{error}"
    );
}
