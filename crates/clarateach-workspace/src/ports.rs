//! What listens in this seat, from the kernel's socket tables (proc(5), `/proc/net/tcp`).

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use clarateach_protocol::seat::{ListeningPort, Ports};

/// State `TCP_LISTEN` in the tables.
const LISTENING: &str = "0A";

/// Where a container engine's resolver listens in each seat's network: nothing of the learner's.
const ENGINE_RESOLVER: &str = "127.0.0.11";

/// The platform's own: terminals, files, the browser's engine.
const PLATFORM_PORTS: [u16; 3] = [3001, 3002, 3003];
/// What is looked at for a name at the most.
const MAX_PROCESSES: usize = 4096;
const MAX_DESCRIPTORS: usize = 1024;

/// Reads the tables; `own` ports are left out. Blocks.
pub(crate) fn listening_ports(own: [u16; 2]) -> Ports {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let found: BTreeSet<Row> = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table))
        .filter(|row| !own.contains(&row.listening.port))
        .filter(|row| !PLATFORM_PORTS.contains(&row.listening.port))
        .filter(|row| row.listening.address != ENGINE_RESOLVER)
        .collect();
    let programs = match found.is_empty() {
        true => HashMap::new(),
        false => programs_by_socket(),
    };
    let ports = found.into_iter().map(|row| ListeningPort {
        process: programs.get(&row.socket).cloned(),
        ..row.listening
    });
    let mut ports: Vec<ListeningPort> = ports.collect();
    // Several sockets may share one.
    ports.dedup_by(|a, b| (a.port, &a.address) == (b.port, &b.address));
    Ports { ports }
}

/// A row of the table, ordered by port.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    listening: ListeningPort,
    /// The socket's inode.
    socket: u64,
}

/// The programs of this seat and the sockets that they have open; other users' can't be read.
fn programs_by_socket() -> HashMap<u64, String> {
    let mut programs = HashMap::new();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes.take(MAX_PROCESSES) {
        let Ok(files) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        for file in files.flatten().take(MAX_DESCRIPTORS) {
            let socket = fs::read_link(file.path()).ok().and_then(|link| {
                link.to_str()?
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .parse()
                    .ok()
            });
            if let Some(socket) = socket
                && let Ok(name) = fs::read(process.path().join("comm"))
            {
                let name = String::from_utf8_lossy(name.trim_ascii_end()).into_owned();
                programs.insert(socket, name);
            }
        }
    }
    programs
}

fn listening(table: &str) -> Vec<Row> {
    table.lines().skip(1).filter_map(parse_row).collect()
}

fn parse_row(row: &str) -> Option<Row> {
    let mut fields = row.split_ascii_whitespace();
    let local = fields.nth(1)?;
    let state = fields.nth(1)?;
    if state != LISTENING {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    Some(Row {
        listening: ListeningPort {
            port: u16::from_str_radix(port, 16).ok()?,
            address: parse_address(address)?.to_string(),
            process: None,
        },
        socket: fields.nth(5)?.parse().ok()?,
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
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100\n   1: 0100007F:1F91 0100007F:0050 01 00000000:00000000 00:00000000 00000000  1000        0 4243 1 0\nnonsense\n";
        assert_eq!(
            listening(table),
            [Row {
                listening: ListeningPort {
                    port: 8080,
                    address: "127.0.0.1".to_owned(),
                    process: None,
                },
                socket: 4242,
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
