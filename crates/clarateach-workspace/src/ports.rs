//! What listens in this seat, from the kernel's socket tables (proc(5), `/proc/net/tcp`).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use clarateach_protocol::seat::{ListeningPort, Ports};

/// State `TCP_LISTEN` in the tables.
const LISTENING: &str = "0A";

/// Where a container engine's resolver listens in each seat's network: nothing of the learner's.
const ENGINE_RESOLVER: &str = "127.0.0.11";

/// Reads the tables; `own` ports are left out. Blocks.
pub(crate) fn listening_ports(own: [u16; 2]) -> Ports {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let found: BTreeSet<ListeningPort> = tables
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table))
        .filter(|listening| !own.contains(&listening.port))
        .filter(|listening| listening.address != ENGINE_RESOLVER)
        .collect();
    Ports {
        ports: found.into_iter().collect(),
    }
}

fn listening(table: &str) -> Vec<ListeningPort> {
    table.lines().skip(1).filter_map(parse_row).collect()
}

fn parse_row(row: &str) -> Option<ListeningPort> {
    let mut fields = row.split_ascii_whitespace();
    let local = fields.nth(1)?;
    let state = fields.nth(1)?;
    if state != LISTENING {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    Some(ListeningPort {
        port: u16::from_str_radix(port, 16).ok()?,
        address: parse_address(address)?.to_string(),
    })
}

/// The tables print 32-bit words in the host's byte order.
fn parse_address(hex: &str) -> Option<IpAddr> {
    let words = (0..hex.len())
        .step_by(8)
        .map(|at| u32::from_str_radix(hex.get(at..at + 8)?, 16).ok())
        .collect::<Option<Vec<u32>>>()?;
    match words[..] {
        [word] => Some(Ipv4Addr::from(word.to_ne_bytes()).into()),
        [a, b, c, d] => {
            let mut bytes = [0; 16];
            for (chunk, word) in bytes.chunks_exact_mut(4).zip([a, b, c, d]) {
                chunk.copy_from_slice(&word.to_ne_bytes());
            }
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;

    #[test]
    fn only_listening_rows_count() {
        let table = "  sl  local_address rem_address   st tx_queue\n   0: 0100007F:1F90 00000000:0000 0A 0\n   1: 0100007F:1F91 0100007F:0050 01 0\nnonsense\n";
        assert_eq!(
            listening(table),
            [ListeningPort {
                port: 8080,
                address: "127.0.0.1".to_owned()
            }]
        );
    }

    #[test]
    fn version_6_addresses_are_read() {
        let loopback = parse_address("00000000000000000000000001000000").unwrap();
        assert_eq!(loopback, IpAddr::from(Ipv6Addr::LOCALHOST));
        assert_eq!(parse_address("0100007"), None);
    }
}
