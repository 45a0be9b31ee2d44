//! The name servers that seats use: those of the host, or configured ones.
//!
//! Seats get a `resolv.conf` of their own and ask these servers directly: names of other containers
//! don't resolve, and names go on resolving while the engine restarts. The file is rewritten in place,
//! so running seats follow a laptop into another network.

use std::net::Ipv4Addr;

const HOST: &str = "/etc/resolv.conf";
/// Where systemd-resolved keeps the real servers behind its own 127.0.0.53.
const SYSTEMD: &str = "/run/systemd/resolve/resolv.conf";
/// What the engine falls back to when a host names only itself.
pub(super) const PUBLIC: [Ipv4Addr; 2] = [Ipv4Addr::new(8, 8, 8, 8), Ipv4Addr::new(8, 8, 4, 4)];
/// The C library reads no more.
const MOST: usize = 3;

/// The host's name servers as the engine would choose them.
pub(super) fn of_host() -> Vec<Ipv4Addr> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    choose(&read(HOST), &read(SYSTEMD))
}

fn choose(host: &str, systemd: &str) -> Vec<Ipv4Addr> {
    let own = servers(host);
    let own = match own[..] {
        [Ipv4Addr::LOCALHOST | STUB] => servers(systemd),
        _ => own,
    };
    let mut usable: Vec<_> = own.into_iter().filter(|ip| !ip.is_loopback()).collect();
    usable.truncate(MOST);
    if usable.is_empty() {
        PUBLIC.to_vec()
    } else {
        usable
    }
}

const STUB: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 53);

fn servers(resolv_conf: &str) -> Vec<Ipv4Addr> {
    resolv_conf
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("nameserver")).then(|| words.next())?
        })
        .filter_map(|address| address.parse().ok())
        .collect()
}

/// The text of a seat's `resolv.conf`.
pub(super) fn resolv_conf(resolvers: &[Ipv4Addr]) -> String {
    let servers = resolvers.iter().map(|ip| format!("nameserver {ip}\n"));
    format!("# Written by ClaraTeach.\n{}", servers.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_chosen_as_the_engine_does() {
        let one = |text: &str| choose(text, "nameserver 192.0.2.7\n");
        assert_eq!(
            one("nameserver 10.0.0.1\n"),
            [Ipv4Addr::new(10, 0, 0, 1)],
            "the host's own"
        );
        assert_eq!(
            one("search x\nnameserver 127.0.0.53\noptions edns0\n"),
            [Ipv4Addr::new(192, 0, 2, 7)],
            "those behind systemd-resolved"
        );
        assert_eq!(
            choose("nameserver 127.0.0.1\nnameserver ::1\n", ""),
            PUBLIC,
            "a host that names only itself"
        );
    }
}
