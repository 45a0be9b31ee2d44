//! What a seat's container is made of, word for word.

use std::path::PathBuf;

use clarateach_protocol::id::{Generation, SeatNumber};

use super::super::image_report::Shell;
use super::*;
use crate::model::{BrowserPolicy, EgressPolicy, WorkshopSpec};

fn body(image: &Image, reach: Reach) -> ContainerCreateBody {
    let seat = SeatSpec {
        workshop: WorkshopSpec {
            id: "ws-abcd1234".parse().unwrap(),
            image: "example/image:1".to_owned(),
            resources: Resources::default(),
            egress: EgressPolicy::Open,
            browser: BrowserPolicy::Off,
        },
        number: SeatNumber::new(3).unwrap(),
        generation: Generation(2),
        disk: Generation(2),
    };
    let plan = Plan {
        instance: &"aaaa1111".parse().unwrap(),
        seat: &seat,
        image,
        address: Ipv4Addr::new(198, 18, 5, 12),
        workspace: Path::new("/data/seats/ws-abcd1234/seat-03/g2"),
        runtime: Path::new("/data/runtime"),
        resolv_conf: Path::new("/data/seats/ws-abcd1234/resolv.conf"),
        cpus: 4,
        reach,
    };
    plan.body()
}

fn image() -> Image {
    Image {
        id: "sha256:00".to_owned(),
        volumes: vec!["/data".to_owned(), "/workspace/x".to_owned()],
        passwd: Some(PathBuf::from("/data/images/00/passwd")),
        group: None,
        shell: Shell::Bash,
        unusable: None,
    }
}

#[test]
fn a_seats_container_is_locked_down() {
    let image = image();
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!(body(&image, Reach::Bridge), {
            ".HostConfig.SecurityOpt[1]" => "seccomp=<seccomp.rs>",
            ".HostConfig.Sysctls" => "<IPv6 off>",
        });
    });
}

#[test]
fn a_published_seat_differs_by_its_ports_alone() {
    let image = image();
    let bridge = body(&image, Reach::Bridge);
    let mut published = body(&image, Reach::Published);
    let asked = published.exposed_ports.take().unwrap();
    assert_eq!(asked, ["3001/tcp", "3002/tcp", "3003/tcp"]);
    let host = published.host_config.as_mut().unwrap();
    let ports = host.port_bindings.take().unwrap();
    assert_eq!(ports.len(), 3);
    for binding in ports.values().flatten().flatten() {
        assert_eq!(binding.host_ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(binding.host_port.as_deref(), Some(""), "the engine chooses");
    }
    assert_eq!(published, bridge);
}
