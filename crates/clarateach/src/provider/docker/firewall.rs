//! What seats may send packets to: one nftables table a workshop, put before the engine's own rules.
//!
//! The engine does not keep a container from host services, other networks' gateways, metadata
//! addresses or private ranges; these rules do. A table is replaced in one transaction, so asserting it
//! again leaves no gap, and one workshop's end removes exactly its own table. Seats' addresses are
//! translated here after the engine had its chance: `nft flush ruleset` takes its rules along, and only
//! a restart of it would bring them back.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use clarateach_protocol::id::WorkshopId;

use super::keeper::{Keeper, KeeperError};
use super::names::{self, InstanceId};
use crate::model::{Cidr, EgressPolicy};

/// Ranges that are not the public internet (RFC 6890 and 5735), other than those shut in any case.
const SPECIAL: [&str; 10] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
];
/// Link-local, where clouds keep their metadata: shut under every policy.
const LINK_LOCAL: &str = "169.254.0.0/16";

/// The rules of one workshop.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub(super) table: String,
    pub(super) bridge: String,
    /// Where the workshop's seats are numbered.
    pub(super) subnet: Cidr,
    pub(super) egress: &'a EgressPolicy,
    /// Where port 53 is open although the ranges around it are shut.
    pub(super) resolvers: &'a [Ipv4Addr],
    /// Where all seats of this installation are numbered.
    pub(super) seat_networks: Cidr,
}

impl Rules<'_> {
    /// Puts the rules in force in place of the table's earlier ones.
    pub(super) async fn assert(&self, keeper: &Keeper) -> Result<(), KeeperError> {
        keeper.set_rules(&self.render()).await
    }

    /// The rules as one nft transaction.
    fn render(&self) -> String {
        let Self {
            table,
            bridge,
            subnet,
            ..
        } = self;
        let dns = self.dns();
        let policy = self.policy();
        format!(
            r#"table inet {table}
delete table inet {table}
table inet {table} {{
  chain input {{
    type filter hook input priority filter - 10; policy accept;
    iifname "{bridge}" jump to_host
  }}
  chain to_host {{
    meta nfproto ipv6 drop
    ip saddr != {subnet} drop
    ct state established,related accept
{dns}    drop
  }}
  chain forward {{
    type filter hook forward priority filter - 10; policy accept;
    iifname "{bridge}" jump from_seats
    oifname "{bridge}" jump to_seats
  }}
  chain from_seats {{
    oifname "{bridge}" drop
    meta nfproto ipv6 drop
    ip saddr != {subnet} drop
    ct state established,related accept
{dns}    ct status dnat drop
{policy}  }}
  chain to_seats {{
    ct state established,related accept
    drop
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat + 10; policy accept;
    ip saddr {subnet} oifname != "{bridge}" masquerade
  }}
}}
"#
        )
    }

    fn dns(&self) -> String {
        if matches!(self.egress, EgressPolicy::None) || self.resolvers.is_empty() {
            return String::new();
        }
        let resolvers = list(self.resolvers);
        format!(
            "    ip daddr {{ {resolvers} }} udp dport 53 accept\n    ip daddr {{ {resolvers} }} tcp dport 53 accept\n"
        )
    }

    fn policy(&self) -> String {
        let mut rules = String::new();
        let mut rule = |networks: &dyn std::fmt::Display, verdict: &str| {
            writeln!(rules, "    ip daddr {networks} {verdict}")
                .expect("writing to a String cannot fail");
        };
        rule(&self.seat_networks, "drop");
        rule(&LINK_LOCAL, "drop");
        match self.egress {
            EgressPolicy::None => rules.push_str("    drop\n"),
            EgressPolicy::Open => rule(&format!("{{ {} }}", list(&SPECIAL)), "drop"),
            // One rule each: the networks of a set may not overlap.
            EgressPolicy::Allow(networks) => {
                for network in networks {
                    rule(network, "accept");
                }
                rules.push_str("    drop\n");
            }
        }
        rules
    }
}

/// Removes a workshop's table; an absent one is fine.
pub(super) async fn remove(
    keeper: &Keeper,
    instance: &InstanceId,
    workshop: &WorkshopId,
) -> Result<(), KeeperError> {
    delete_table(keeper, &names::table(instance, workshop)).await
}

/// Workshops of this installation that have a table.
pub(super) async fn workshops(
    keeper: &Keeper,
    instance: &InstanceId,
) -> Result<Vec<WorkshopId>, KeeperError> {
    Ok(tables(keeper, instance)
        .await?
        .iter()
        .filter_map(|table| names::workshop_of_table(instance, table))
        .collect())
}

/// Every table of this installation, whatever it is for.
pub(super) async fn tables(
    keeper: &Keeper,
    instance: &InstanceId,
) -> Result<Vec<String>, KeeperError> {
    Ok(ours(&keeper.list_tables().await?, instance))
}

/// Those of this installation, of all that nft lists.
pub(super) fn ours(listed: &str, instance: &InstanceId) -> Vec<String> {
    listed
        .lines()
        .filter_map(|line| line.strip_prefix("table inet "))
        .map(str::trim)
        .filter(|table| names::is_our_table(instance, table))
        .map(ToOwned::to_owned)
        .collect()
}

/// Makes and removes a table that does nothing: whether rules can be set at all.
pub(super) async fn probe(keeper: &Keeper, instance: &InstanceId) -> Result<(), KeeperError> {
    delete_table(keeper, &format!("clarateach_{instance}_probe")).await
}

/// Naming a table before deleting it makes an absent one no error (`destroy` is newer than Debian 12).
async fn delete_table(keeper: &Keeper, table: &str) -> Result<(), KeeperError> {
    let rules = format!("table inet {table}\ndelete table inet {table}\n");
    keeper.set_rules(&rules).await
}

fn list<T: ToString>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(egress: &EgressPolicy) -> String {
        Rules {
            table: "clarateach_aaaa1111_abcd1234".to_owned(),
            bridge: "ct-abcd1234".to_owned(),
            subnet: "198.18.5.0/24".parse().unwrap(),
            egress,
            resolvers: &[
                Ipv4Addr::new(10, 255, 255, 53),
                Ipv4Addr::new(169, 254, 169, 254),
            ],
            seat_networks: "198.18.0.0/15".parse().unwrap(),
        }
        .render()
    }

    #[test]
    fn open_policy() {
        insta::assert_snapshot!(rules(&EgressPolicy::Open));
    }

    #[test]
    fn none_policy_has_no_name_resolution() {
        insta::assert_snapshot!(rules(&EgressPolicy::None));
    }

    #[test]
    fn allow_policy_never_opens_seats_or_metadata() {
        let networks = ["10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0"].map(|text| text.parse().unwrap());
        insta::assert_snapshot!(rules(&EgressPolicy::Allow(networks.to_vec())));
    }
}
