//! Names and labels of everything that this provider makes, and how to read them back.
//!
//! One place, because cleaning up means recognising what was made by a process that is gone.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use clarateach_protocol::id::{Generation, SeatKey, SeatNumber, WorkshopId};

pub(super) const WORKSHOP: &str = "clarateach.workshop";
pub(super) const SEAT: &str = "clarateach.seat";
pub(super) const TYPE: &str = "clarateach.type";
pub(super) const INSTANCE: &str = "clarateach.instance";
pub(super) const GENERATION: &str = "clarateach.generation";
pub(super) const SPEC: &str = "clarateach.spec";
pub(super) const IMAGE: &str = "clarateach.image";
/// What else a seat was made from, in the words of `provider/spec_text.rs`.
pub(super) const RESOURCES: &str = "clarateach.resources";
pub(super) const EGRESS: &str = "clarateach.egress";
pub(super) const BROWSER: &str = "clarateach.browser";
/// `<container>@<StartedAt>`: the start of the seat that a browser belongs to.
pub(super) const PARENT: &str = "clarateach.parent";

/// Values of the label [`TYPE`].
pub(super) const TYPE_WORKSPACE: &str = "workspace";
pub(super) const TYPE_BROWSER: &str = "browser";
pub(super) const TYPE_NETWORK: &str = "workshop-network";
pub(super) const TYPE_INSPECTION: &str = "inspection";
pub(super) const TYPE_HELPER: &str = "firewall";
pub(super) const TYPE_TRIAL: &str = "trial";

const TABLE_PREFIX: &str = "clarateach_";

/// This installation's id, eight of `[a-z0-9]`: two installations on one engine never touch each
/// other's seats.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InstanceId(String);

/// The text is no installation id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an installation id: expected eight of a-z, 0-9")]
pub struct InstanceIdError;

impl FromStr for InstanceId {
    type Err = InstanceIdError;
    fn from_str(text: &str) -> Result<Self, InstanceIdError> {
        let right = text.len() == 8
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if right {
            Ok(Self(text.to_owned()))
        } else {
            Err(InstanceIdError)
        }
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The workspace container of a seat.
pub(super) fn container(seat: &SeatKey) -> String {
    seat.to_string()
}

/// The browser's container of a seat.
pub(super) fn browser(seat: &SeatKey) -> String {
    format!("{seat}-browser")
}

/// The network of a workshop.
pub(super) fn network(workshop: &WorkshopId) -> String {
    format!("clarateach-{workshop}")
}

/// The workshop whose network, of whichever installation, has that name.
pub(super) fn workshop_of_network(name: &str) -> Option<WorkshopId> {
    name.strip_prefix("clarateach-")?.parse().ok()
}

/// The bridge of that network; interface names end at 15 characters.
pub(super) fn bridge(workshop: &WorkshopId) -> String {
    format!("ct-{}", workshop.short())
}

/// The container that sets the firewall in the engine's network.
pub(super) fn helper(instance: &InstanceId) -> String {
    format!("clarateach-firewall-{instance}")
}

/// The container that shows whether published ports can be reached.
pub(super) fn trial(instance: &InstanceId) -> String {
    format!("clarateach-trial-{instance}")
}

/// The firewall table of a workshop.
pub(super) fn table(instance: &InstanceId, workshop: &WorkshopId) -> String {
    format!("{TABLE_PREFIX}{instance}_{}", workshop.short())
}

/// The workshop that a firewall table of this installation is for.
pub(super) fn workshop_of_table(instance: &InstanceId, table: &str) -> Option<WorkshopId> {
    format!("ws-{}", purpose_of_table(instance, table)?)
        .parse()
        .ok()
}

/// Whether a firewall table is this installation's.
pub(super) fn is_our_table(instance: &InstanceId, table: &str) -> bool {
    purpose_of_table(instance, table).is_some()
}

fn purpose_of_table<'a>(instance: &InstanceId, table: &'a str) -> Option<&'a str> {
    table
        .strip_prefix(TABLE_PREFIX)?
        .strip_prefix(&instance.0)?
        .strip_prefix('_')
}

/// `label=value` as the engine's filters take it.
pub(super) fn filter(label: &str, value: impl fmt::Display) -> String {
    format!("{label}={value}")
}

/// What the labels of one of our workspace containers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeatLabels {
    pub(super) key: SeatKey,
    pub(super) generation: Generation,
    pub(super) spec_digest: String,
}

impl SeatLabels {
    /// The labels of a container, read back; `None` when they aren't all there and whole.
    pub(super) fn read(labels: &HashMap<String, String>) -> Option<Self> {
        Some(Self {
            key: seat(labels)?,
            generation: Generation(labels.get(GENERATION)?.parse().ok()?),
            spec_digest: labels.get(SPEC)?.clone(),
        })
    }
}

/// The seat that a container, or an event about one, is labelled with.
pub(super) fn seat(labels: &HashMap<String, String>) -> Option<SeatKey> {
    Some(SeatKey {
        workshop: workshop(labels)?,
        seat: labels.get(SEAT)?.parse::<SeatNumber>().ok()?,
    })
}

/// The workshop that something is labelled with.
pub(super) fn workshop(labels: &HashMap<String, String>) -> Option<WorkshopId> {
    labels.get(WORKSHOP)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_lead_back_to_their_workshop_in_their_installation_only() {
        let workshop: WorkshopId = "ws-abcd1234".parse().unwrap();
        let ours: InstanceId = "aaaa1111".parse().unwrap();
        let other: InstanceId = "bbbb1111".parse().unwrap();
        let name = table(&ours, &workshop);
        assert_eq!(name, "clarateach_aaaa1111_abcd1234");
        assert_eq!(workshop_of_table(&ours, &name), Some(workshop));
        assert_eq!(workshop_of_table(&other, &name), None);
        assert_eq!(
            workshop_of_table(&ours, "clarateach_aaaa1111_abcd1234x"),
            None
        );
    }

    #[test]
    fn an_installation_id_has_one_form() {
        for wrong in ["", "abc", "ABCDEFGH", "abcdefghi", "abcd;fgh", "abcdéfg"] {
            assert!(wrong.parse::<InstanceId>().is_err(), "{wrong:?} was taken");
        }
    }

    #[test]
    fn a_bridge_name_fits_an_interface() {
        assert!(bridge(&"ws-abcd1234".parse().unwrap()).len() <= 15);
    }
}
