//! What the provider does by its ground: who keeps the firewall, whether published ports answer, and what becomes of a
//! measure of isolation that fails.

use clarateach_protocol::id::WorkshopId;

use super::config::WeakIsolation;
use super::helper::{Helper, HelperError};
use super::keeper::{Keeper, KeeperError};
use super::reach::{Ground, Place, Reach};
use super::{DockerProvider, firewall, trial};
use crate::provider::ProviderError;

/// What makes seats reachable, where published ports are not.
pub(super) const REMEDY: &str = "run the server where the engine runs: on a Linux machine as root, or within the engine's virtual machine";

impl DockerProvider {
    /// Where the engine's bridges are, and how seats are reached: decided once.
    pub(super) async fn ground(&self) -> Result<&Ground, ProviderError> {
        Ok(&self.ground_and_keeper().await?.0)
    }

    /// Who sets firewall and bridges.
    pub(super) async fn keeper(&self) -> Result<&Keeper, ProviderError> {
        Ok(&self.ground_and_keeper().await?.1)
    }

    async fn ground_and_keeper(&self) -> Result<&(Ground, Keeper), ProviderError> {
        // Boxed: it is awaited once, and every call that may be the first would hold its room.
        let find = || {
            Box::pin(async {
                let ground = Ground::find(self.engine().await?, self.config.reach).await?;
                if let Place::Elsewhere(why) = &ground.place {
                    self.disks.have_no_size(why);
                }
                let keeper = match ground.reach {
                    Reach::Bridge => Keeper::Own,
                    Reach::Published => {
                        let instance = self.config.instance.clone();
                        Keeper::Helper(Helper::new(self.connector.clone(), instance))
                    }
                };
                Ok((ground, keeper))
            })
        };
        self.ground.get_or_try_init(find).await
    }

    /// An error where seats would be made that nobody here can reach.
    pub(super) async fn ports_answer(&self) -> Result<(), ProviderError> {
        if self.ground().await?.reach == Reach::Bridge {
            return Ok(());
        }
        let prove = || {
            Box::pin(async {
                let (engine, config) = (self.engine().await?, &self.config);
                if config.weak_isolation == WeakIsolation::Allow && !trial::can_try(engine).await? {
                    tracing::warn!(
                        "published ports are not tried: there is no image to try them with"
                    );
                    return Ok(());
                }
                let tried = trial::try_ports(engine, &config.instance, &config.runtime_dir);
                tried.await?.map_err(|detail| ProviderError::Unreached {
                    detail: format!("a port that the engine published does not answer: {detail}"),
                    hint: REMEDY.to_owned(),
                })
            })
        };
        self.ports_proven.get_or_try_init(prove).await.copied()
    }

    /// Keeps a workshop's seats from seeing each other.
    pub(super) async fn isolate_ports(&self, workshop: &WorkshopId) -> Result<(), ProviderError> {
        let isolated = self.keeper().await?.isolate_ports(workshop).await;
        self.or_weak("isolate bridge ports", isolated)
    }

    /// Removes a workshop's rules, and after the last one's the helper.
    pub(super) async fn remove_firewall(&self, workshop: &WorkshopId) -> Result<(), ProviderError> {
        let keeper = self.keeper().await?;
        match firewall::remove(keeper, &self.config.instance, workshop).await {
            // What can't be had didn't set any: rules of a bridge that is gone hold nobody.
            Err(KeeperError::Helper(error @ (HelperError::NoImage | HelperError::Refused(_)))) => {
                tracing::warn!(%error, "cannot look for the firewall's rules of a workshop that ended");
            }
            removed => self.or_weak("remove the firewall's rules", removed)?,
        }
        self.rest_helper().await
    }

    /// Removes the helper where it keeps nothing any more.
    pub(super) async fn rest_helper(&self) -> Result<(), ProviderError> {
        let Keeper::Helper(helper) = self.keeper().await? else {
            return Ok(());
        };
        let ours = |listed: &str| !firewall::ours(listed, &self.config.instance).is_empty();
        let rested = helper.rest(ours).await.map_err(KeeperError::from);
        self.or_weak("remove the helper container", rested)
    }

    /// A failed measure of isolation: an error, or a warning where the operator allows it.
    pub(super) fn or_weak(
        &self,
        operation: &str,
        result: Result<(), KeeperError>,
    ) -> Result<(), ProviderError> {
        match (result, self.config.weak_isolation) {
            (Ok(()), _) => Ok(()),
            (Err(error), WeakIsolation::Allow) => {
                tracing::warn!(%error, "cannot {operation}: seats are weakly isolated, as allowed");
                Ok(())
            }
            (Err(error), WeakIsolation::Refuse) => {
                Err(error
                    .of_the_engine()
                    .unwrap_or_else(|error| ProviderError::Isolation {
                        operation: operation.to_owned(),
                        detail: error.to_string(),
                        hint: error.hint().to_owned(),
                    }))
            }
        }
    }
}
