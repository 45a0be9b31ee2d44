//! How seats are reached, and who keeps their firewall.

use super::super::ground::REMEDY;
use super::super::keeper::Keeper;
use super::super::reach::Reach;
use super::super::{DockerProvider, firewall};
use super::{bad, good};
use crate::provider::Finding;

impl DockerProvider {
    /// How seats are reached, and whether they can be.
    pub(super) async fn network_of_the_engine(&self) -> Finding {
        let code = "engine_network";
        let ground = match self.ground().await {
            Ok(ground) => ground,
            Err(error) => return bad(code, error.to_string(), "ask again when the engine answers"),
        };
        match (ground.reach, ground.place.why()) {
            (Reach::Bridge, None) => good(
                code,
                "the engine's network is this machine's: seats are reached at their addresses",
            ),
            (Reach::Bridge, Some(why)) => bad(
                code,
                format!(
                    "seats can be neither reached nor isolated from here, told to reach them at their addresses: {why}"
                ),
                "leave out --docker-reach bridge",
            ),
            (Reach::Published, why) => {
                let why = why.unwrap_or("as it was told (--docker-reach)");
                match self.ports_answer().await {
                    Ok(()) => good(
                        code,
                        format!("seats are reached by ports published on 127.0.0.1: {why}"),
                    ),
                    Err(error) => bad(code, format!("{error} ({why})"), REMEDY),
                }
            }
        }
    }

    /// Whether rules can be set.
    pub(super) async fn firewall(&self) -> Finding {
        let code = "firewall";
        let keeper = match self.keeper().await {
            Ok(keeper) => keeper,
            Err(error) => return bad(code, error.to_string(), "see to the engine first"),
        };
        let by = match keeper {
            Keeper::Own => "nftables",
            Keeper::Helper(_) => "nftables, by a helper container in the engine's network",
        };
        let probed = firewall::probe(keeper, &self.config.instance).await;
        // It is made again for the first workshop; a report leaves nothing behind.
        let _ = self.rest_helper().await;
        match probed {
            Ok(()) => good(code, format!("firewall rules can be set ({by})")),
            Err(error) => bad(
                code,
                format!(
                    "firewall rules can't be set, so seats could reach the engine's machine and each other: {error}"
                ),
                error.hint(),
            ),
        }
    }
}
