//! Ports that the engine publishes on 127.0.0.1, where seats' own addresses lead nowhere: asked for when a container is
//! made, read back from what the engine says of it. They are other ones after every start.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bollard::models::{ContainerInspectResponse, PortBinding, PortMap};
use clarateach_protocol::route::{BROWSER_PORT, Service};

/// Where a container's ports answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Doors {
    pub(super) terminal: SocketAddr,
    pub(super) files: SocketAddr,
    /// Of its browser, running or not.
    pub(super) browser: SocketAddr,
}

/// A seat's ports, as the engine names them: its browser's, too, which shares its network.
pub(super) fn names() -> Vec<String> {
    let ports = [
        Service::Terminal.port(),
        Service::Files.port(),
        BROWSER_PORT,
    ];
    ports.map(name).into()
}

/// These ports on 127.0.0.1, at numbers that the engine chooses.
pub(super) fn bindings(names: &[String]) -> PortMap {
    let anywhere = PortBinding {
        host_ip: Some(Ipv4Addr::LOCALHOST.to_string()),
        host_port: Some(String::new()),
    };
    names
        .iter()
        .map(|name| (name.clone(), Some(vec![anywhere.clone()])))
        .collect()
}

/// Where a running container answers whose own address is `ip`; `None` where ports that it should have published
/// aren't.
pub(super) fn doors(inspect: &ContainerInspectResponse, ip: IpAddr) -> Option<Doors> {
    if !is_published(inspect) {
        let at = |port| SocketAddr::new(ip, port);
        return Some(Doors {
            terminal: at(Service::Terminal.port()),
            files: at(Service::Files.port()),
            browser: at(BROWSER_PORT),
        });
    }
    Some(Doors {
        terminal: door(inspect, Service::Terminal.port())?,
        files: door(inspect, Service::Files.port())?,
        browser: door(inspect, BROWSER_PORT)?,
    })
}

/// Whether a container was made to publish its ports.
pub(super) fn is_published(inspect: &ContainerInspectResponse) -> bool {
    let asked = inspect.host_config.as_ref();
    let asked = asked.and_then(|host| host.port_bindings.as_ref());
    asked.is_some_and(|ports| !ports.is_empty())
}

/// Where a container's port is published, while it runs.
pub(super) fn door(inspect: &ContainerInspectResponse, port: u16) -> Option<SocketAddr> {
    let ports = inspect.network_settings.as_ref()?.ports.as_ref()?;
    let published = ports.get(&name(port))?.iter().flatten();
    let mut published = published.filter_map(|it| {
        let ip: IpAddr = it.host_ip.as_ref()?.parse().ok()?;
        let port: u16 = it.host_port.as_ref()?.parse().ok()?;
        (port > 0 && ip.is_loopback()).then_some(SocketAddr::new(ip, port))
    });
    published.next()
}

fn name(port: u16) -> String {
    format!("{port}/tcp")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bollard::models::{HostConfig, NetworkSettings};

    use super::*;

    fn inspect(published: &[(u16, &str, &str)]) -> ContainerInspectResponse {
        let asked = bindings(&names());
        let ports: HashMap<_, _> = published
            .iter()
            .map(|(port, ip, at)| {
                let binding = PortBinding {
                    host_ip: Some((*ip).to_owned()),
                    host_port: Some((*at).to_owned()),
                };
                (name(*port), Some(vec![binding]))
            })
            .collect();
        ContainerInspectResponse {
            host_config: Some(HostConfig {
                port_bindings: Some(asked),
                ..HostConfig::default()
            }),
            network_settings: Some(NetworkSettings {
                ports: Some(ports),
                ..NetworkSettings::default()
            }),
            ..ContainerInspectResponse::default()
        }
    }

    const IP: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 5, 10));

    #[test]
    fn ports_are_where_the_engine_says() {
        let said = inspect(&[
            (3001, "127.0.0.1", "32768"),
            (3002, "127.0.0.1", "32770"),
            (3003, "127.0.0.1", "32769"),
        ]);
        let doors = doors(&said, IP).unwrap();
        assert_eq!(doors.terminal.to_string(), "127.0.0.1:32768");
        assert_eq!(doors.files.to_string(), "127.0.0.1:32770");
        assert_eq!(doors.browser.to_string(), "127.0.0.1:32769");
    }

    #[test]
    fn a_port_that_is_open_to_others_or_not_there_is_no_door() {
        let two = [(3002, "127.0.0.1", "32770"), (3003, "127.0.0.1", "32769")];
        let with = |ip, port| inspect(&[two[0], two[1], (3001, ip, port)]);
        assert!(doors(&with("127.0.0.1", "32768"), IP).is_some());
        let open = with("0.0.0.0", "32768");
        assert_eq!(doors(&open, IP), None);
        assert_eq!(doors(&inspect(&two), IP), None);
        for none in ["0", "", "70000"] {
            assert_eq!(doors(&with("127.0.0.1", none), IP), None, "{none:?}");
        }
    }

    #[test]
    fn a_seat_that_publishes_nothing_answers_at_its_own_address() {
        let doors = doors(&ContainerInspectResponse::default(), IP).unwrap();
        assert_eq!(doors.terminal.to_string(), "198.18.5.10:3001");
        assert_eq!(doors.browser.to_string(), "198.18.5.10:3003");
    }
}
