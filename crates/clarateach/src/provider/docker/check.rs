//! What this machine has and lacks for seats, for `doctor` and readiness.
use super::DockerProvider;
use crate::provider::{ProviderError, ProviderReport};
impl DockerProvider {
    pub(super) async fn report(&self) -> Result<ProviderReport, ProviderError> {
        Ok(ProviderReport {
            provider: "docker",
            findings: Vec::new(),
        })
    }
}
