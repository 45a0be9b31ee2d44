//! A workshop's network: one bridge with a subnet of our own pool, and ports that can't see each other.
//!
//! Addresses are fixed: gateway base + 1, seat n base + 9 + n. Those given by start order swap between
//! seats.

mod removal;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::Ipv4Addr;
use std::time::Duration;

use bollard::models::{Ipam, IpamConfig, Network, NetworkCreateRequest};
use bollard::query_parameters::{ListNetworksOptions, ListNetworksOptionsBuilder};
use clarateach_protocol::id::{SeatNumber, WorkshopId};

use super::connect::{Engine, READ, Refusal, WRITE, refused};
use super::names::{self, InstanceId};
use crate::model::Cidr;
use crate::provider::ProviderError;
pub(super) use removal::{Making, remove, unplug};

/// Prefix length of one workshop's subnet: 200 seats fit.
const PREFIX: u8 = 24;
/// A seat's address is this much above the subnet's base, plus its number.
const FIRST_SEAT: u32 = 9;
/// Subnets tried before giving up on an engine that refuses every one of them.
const ATTEMPTS: usize = 8;
/// Pause before looking again for what the engine is making.
const UNDER_WAY: Duration = Duration::from_millis(300);

/// The subnet of one workshop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subnet(Cidr);

/// What Ethernet carries, and engines assume.
const ETHERNET_MTU: u32 = 1500;

impl Subnet {
    /// Its addresses.
    pub(super) fn cidr(self) -> Cidr {
        self.0
    }

    fn gateway(self) -> Ipv4Addr {
        self.address(1)
    }

    /// A seat's fixed address; `None` for a number that has none in this subnet.
    pub(super) fn seat(self, number: SeatNumber) -> Option<Ipv4Addr> {
        let address = self.address(FIRST_SEAT + u32::from(number.get()));
        (self.0.contains(address) && address != self.broadcast()).then_some(address)
    }

    fn address(self, host: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.0.network().to_bits().saturating_add(host))
    }

    fn broadcast(self) -> Ipv4Addr {
        let hosts = u32::MAX.checked_shr(u32::from(self.0.prefix()));
        self.address(hosts.unwrap_or(0))
    }
}

/// The network of a workshop, made where it is missing. The caller holds the lock on networks: two at
/// once would choose the same subnet.
pub(super) async fn ensure(
    engine: &Engine,
    instance: &InstanceId,
    workshop: &WorkshopId,
    pool: Cidr,
) -> Result<Subnet, ProviderError> {
    let networks = list(engine, None).await?;
    if let Some(subnet) = find_subnet(&networks, instance, workshop) {
        return Ok(subnet);
    }
    let mut taken: Vec<Cidr> = networks.iter().flat_map(subnets).collect();
    taken.extend(host_routes());
    let mut last_refusal = None;
    for _ in 0..ATTEMPTS {
        let Some(subnet) = choose(pool, &taken, workshop) else {
            break;
        };
        match create(engine, instance, workshop, subnet).await? {
            Ok(()) => return Ok(subnet),
            // Made just now by whoever asked before and was cut off: the engine goes on.
            Err(refusal) if refusal.message.contains("same bridge name") => {
                last_refusal = Some(refusal);
                tokio::time::sleep(UNDER_WAY).await;
                let networks = list(engine, None).await?;
                if let Some(subnet) = find_subnet(&networks, instance, workshop) {
                    return Ok(subnet);
                }
            }
            Err(refusal) if refusal.message.contains("overlap") => {
                last_refusal = Some(refusal);
                taken.push(subnet.0);
            }
            Err(refusal) => {
                return Err(refused(
                    "create the network",
                    names::network(workshop),
                    refusal,
                ));
            }
        }
    }
    Err(match last_refusal {
        Some(refusal) => refused("create the network", names::network(workshop), refusal),
        None => ProviderError::NoSubnet {
            pool: pool.to_string(),
        },
    })
}

/// Workshops of this installation that have a network.
pub(super) async fn workshops(
    engine: &Engine,
    instance: &InstanceId,
) -> Result<Vec<WorkshopId>, ProviderError> {
    let networks = list(engine, Some((instance, None))).await?;
    Ok(networks
        .iter()
        .filter_map(|network| names::workshop(network.labels.as_ref()?))
        .collect())
}

/// Names of this installation's networks.
pub(super) async fn names_of(
    engine: &Engine,
    instance: &InstanceId,
) -> Result<Vec<String>, ProviderError> {
    let networks = list(engine, Some((instance, None))).await?;
    Ok(networks
        .into_iter()
        .filter_map(|network| network.name.or(network.id))
        .collect())
}

/// Networks of the pool that something else on this machine uses already.
pub(super) async fn collisions(
    engine: &Engine,
    instance: &InstanceId,
    pool: Cidr,
) -> Result<Vec<Cidr>, ProviderError> {
    let networks = list(engine, None).await?;
    let (ours, foreign): (Vec<_>, Vec<_>) = networks
        .iter()
        .partition(|network| is_ours(network, instance));
    let ours: Vec<Cidr> = ours.into_iter().flat_map(subnets).collect();
    let mut found: Vec<Cidr> = foreign.into_iter().flat_map(subnets).collect();
    found.extend(host_routes().into_iter().filter(|net| !ours.contains(net)));
    found.retain(|network| network.overlaps(pool));
    found.sort();
    found.dedup();
    Ok(found)
}

async fn list(
    engine: &Engine,
    of: Option<(&InstanceId, Option<&WorkshopId>)>,
) -> Result<Vec<Network>, ProviderError> {
    let options: Option<ListNetworksOptions> = of.map(|(instance, workshop)| {
        let mut labels = vec![names::filter(names::INSTANCE, instance)];
        labels.extend(workshop.map(|id| names::filter(names::WORKSHOP, id)));
        ListNetworksOptionsBuilder::new()
            .filters(&HashMap::from([("label", labels)]))
            .build()
    });
    engine
        .call(
            "list",
            "networks",
            READ,
            engine.docker().list_networks(options),
        )
        .await
}

async fn create(
    engine: &Engine,
    instance: &InstanceId,
    workshop: &WorkshopId,
    subnet: Subnet,
) -> Result<Result<(), Refusal>, ProviderError> {
    let text = |pairs: &[(&str, String)]| -> HashMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect()
    };
    let request = NetworkCreateRequest {
        name: names::network(workshop),
        driver: Some("bridge".to_owned()),
        enable_ipv6: Some(false),
        ipam: Some(Ipam {
            driver: Some("default".to_owned()),
            config: Some(vec![IpamConfig {
                subnet: Some(subnet.0.to_string()),
                gateway: Some(subnet.gateway().to_string()),
                ..IpamConfig::default()
            }]),
            options: None,
        }),
        options: Some(text(&[
            ("com.docker.network.bridge.name", names::bridge(workshop)),
            ("com.docker.network.bridge.enable_icc", "false".to_owned()),
            ("com.docker.network.driver.mtu", uplink_mtu().to_string()),
        ])),
        labels: Some(text(&[
            (names::INSTANCE, instance.to_string()),
            (names::WORKSHOP, workshop.to_string()),
            (names::TYPE, names::TYPE_NETWORK.to_owned()),
        ])),
        ..NetworkCreateRequest::default()
    };
    let created = engine
        .attempt(
            "create the network",
            names::network(workshop),
            WRITE,
            engine.docker().create_network(request),
        )
        .await?;
    Ok(created.map(drop))
}

/// The largest packet that the way out takes: seats with larger ones would stall behind a tunnel whose
/// "fragmentation needed" gets lost.
fn uplink_mtu() -> u32 {
    let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    let uplink = routes.lines().skip(1).find_map(|route| {
        let mut fields = route.split_whitespace();
        let (interface, destination) = (fields.next()?, fields.next()?);
        (destination == "00000000").then_some(interface)
    });
    uplink
        .and_then(|name| std::fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok())
        .and_then(|mtu| mtu.trim().parse().ok())
        .map_or(ETHERNET_MTU, |mtu: u32| mtu.min(ETHERNET_MTU))
}

fn is_ours(network: &Network, instance: &InstanceId) -> bool {
    network
        .labels
        .as_ref()
        .and_then(|labels| labels.get(names::INSTANCE))
        .is_some_and(|value| *value == instance.to_string())
}

fn find_subnet(
    networks: &[Network],
    instance: &InstanceId,
    workshop: &WorkshopId,
) -> Option<Subnet> {
    networks
        .iter()
        .filter(|network| is_ours(network, instance))
        .find(|network| {
            network.labels.as_ref().and_then(names::workshop).as_ref() == Some(workshop)
        })
        .and_then(|network| subnets(network).into_iter().next())
        .map(Subnet)
}

fn subnets(network: &Network) -> Vec<Cidr> {
    let configs = network.ipam.as_ref().and_then(|ipam| ipam.config.as_ref());
    configs
        .into_iter()
        .flatten()
        .filter_map(|config| config.subnet.as_ref()?.parse().ok())
        .collect()
}

/// The first free subnet from a place that the workshop's id decides: the subnet of a workshop that
/// ended just now, whose connections the kernel still tracks, is rarely used again at once.
fn choose(pool: Cidr, taken: &[Cidr], workshop: &WorkshopId) -> Option<Subnet> {
    let count = 1_u32.checked_shl(u32::from(PREFIX.checked_sub(pool.prefix())?))?;
    let mut hasher = DefaultHasher::new();
    workshop.hash(&mut hasher);
    let start = u32::try_from(hasher.finish() % u64::from(count)).ok()?;
    (0..count)
        .map(|step| (start + step) % count)
        .filter_map(|index| {
            let base = pool.network().to_bits() + index * (1 << (32 - PREFIX));
            Cidr::new(Ipv4Addr::from_bits(base), PREFIX).ok()
        })
        .find(|candidate| !taken.iter().any(|network| network.overlaps(*candidate)))
        .map(Subnet)
}

/// Networks that this machine routes to, the default route apart.
fn host_routes() -> Vec<Cidr> {
    parse_routes(&std::fs::read_to_string("/proc/net/route").unwrap_or_default())
}

fn parse_routes(table: &str) -> Vec<Cidr> {
    let hex = |field: &str| u32::from_str_radix(field, 16).ok().map(u32::from_be);
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let destination = hex(fields.get(1)?)?;
            let mask = hex(fields.get(7)?)?;
            let prefix = u8::try_from(mask.leading_ones()).ok()?;
            Cidr::new(Ipv4Addr::from_bits(destination), prefix).ok()
        })
        .filter(|network| network.prefix() > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn seats_have_fixed_addresses_inside_their_subnet() {
        let subnet = Subnet(cidr("198.18.5.0/24"));
        let seat = |number| subnet.seat(SeatNumber::new(number).unwrap());
        assert_eq!(subnet.gateway(), Ipv4Addr::new(198, 18, 5, 1));
        assert_eq!(seat(1), Some(Ipv4Addr::new(198, 18, 5, 10)));
        assert_eq!(seat(200), Some(Ipv4Addr::new(198, 18, 5, 209)));
        assert_eq!(seat(245), Some(Ipv4Addr::new(198, 18, 5, 254)));
        assert_eq!(seat(246), None);
    }

    #[test]
    fn a_taken_subnet_is_never_chosen() {
        let pool = cidr("198.18.0.0/22");
        let workshop = "ws-abcd1234".parse().unwrap();
        let mut taken = vec![cidr("10.0.0.0/8")];
        for _ in 0..4 {
            let Subnet(chosen) = choose(pool, &taken, &workshop).unwrap();
            assert!(pool.contains(chosen.network()));
            assert!(!taken.contains(&chosen));
            taken.push(chosen);
        }
        assert_eq!(choose(pool, &taken, &workshop), None);
        assert_eq!(choose(pool, &[cidr("198.18.0.0/16")], &workshop), None);
        assert_eq!(choose(cidr("198.18.0.0/25"), &[], &workshop), None);
    }

    #[test]
    fn the_kernels_routes_are_read() {
        let table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n\
            eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
        assert_eq!(parse_routes(table), [cidr("172.17.0.0/16")]);
    }
}
