//! What a seat's container is made of, word for word.

use std::path::PathBuf;

use clarateach_protocol::id::{Generation, SeatNumber};

use super::super::image_report::Shell;
use super::*;
use crate::model::{BrowserPolicy, EgressPolicy, WorkshopSpec};

fn body(image: &Image) -> ContainerCreateBody {
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
    };
    plan.body()
}

#[test]
fn a_seats_container_is_locked_down() {
    let image = Image {
        id: "sha256:00".to_owned(),
        volumes: vec!["/data".to_owned(), "/workspace/x".to_owned()],
        passwd: Some(PathBuf::from("/data/images/00/passwd")),
        group: None,
        shell: Shell::Bash,
        unusable: None,
    };
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!(body(&image), {
            ".HostConfig.SecurityOpt[1]" => "seccomp=<seccomp.rs>",
            ".HostConfig.Sysctls" => "<IPv6 off>",
        });
    });
}
