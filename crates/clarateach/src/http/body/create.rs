//! What an instructor asks for: a workshop to make, and what its seats may be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;
use utoipa::ToSchema;

use crate::model;

/// A workshop to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct CreateWorkshop {
    /// 1 to 80 characters.
    pub(in crate::http) name: String,
    /// 1 to 200.
    #[schema(minimum = 1, maximum = 200)]
    pub(in crate::http) seats: u16,
    /// OCI image of the seats.
    pub(in crate::http) image: Option<String>,
    /// When browsers run.
    #[serde(default)]
    pub(in crate::http) browser: Browser,
    /// A key for an AI service; shells get it as `ANTHROPIC_API_KEY` or `api_key_name`.
    pub(in crate::http) api_key: Option<String>,
    /// The variable's name for the key.
    pub(in crate::http) api_key_name: Option<String>,
    /// More environment of every shell.
    #[serde(default)]
    pub(in crate::http) env: BTreeMap<String, String>,
    /// Limits of each seat.
    #[serde(default)]
    pub(in crate::http) resources: Resources,
    /// Where seats may send packets: `"open"`, `"none"` or `{"allow": ["10.1.0.0/16"]}`.
    #[serde(default)]
    pub(in crate::http) egress: Egress,
    /// When it should be there (RFC 3339).
    #[serde(default, with = "rfc3339::option")]
    pub(in crate::http) starts_at: Option<OffsetDateTime>,
    /// When it ends by itself (RFC 3339).
    #[serde(default, with = "rfc3339::option")]
    pub(in crate::http) ends_at: Option<OffsetDateTime>,
    /// It ends when nobody used it for so long: no key, no file changed, no processor time. It is warned
    /// of, and never before an `ends_at` that was named. 30 to 43200; 0: never; absent: as configured.
    pub(in crate::http) idle_after_minutes: Option<u32>,
    /// Make it although the machine can't give every seat all that its limits allow.
    #[serde(default)]
    pub(in crate::http) allow_overcommit: bool,
}

/// When a seat's browser runs.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum Browser {
    /// From its first use.
    #[default]
    OnDemand,
    /// From the start.
    Always,
    /// Never.
    Off,
}

/// Limits of each seat.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::http) struct Resources {
    /// Memory without swap, MiB.
    memory_mb: u32,
    /// Thousandths of a CPU.
    cpu_millis: u32,
    /// Processes and threads.
    pids: u32,
    /// Size of `/workspace`, MiB.
    disk_mb: u32,
}

impl Default for Resources {
    fn default() -> Self {
        model::Resources::default().into()
    }
}

impl From<model::Resources> for Resources {
    fn from(resources: model::Resources) -> Self {
        Self {
            memory_mb: resources.memory_mib,
            cpu_millis: resources.cpu_millis,
            pids: resources.pids,
            disk_mb: resources.disk_mib,
        }
    }
}

impl From<Resources> for model::Resources {
    fn from(resources: Resources) -> Self {
        Self {
            memory_mib: resources.memory_mb,
            cpu_millis: resources.cpu_millis,
            pids: resources.pids,
            disk_mib: resources.disk_mb,
        }
    }
}

/// Where seats may send packets.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum Egress {
    /// The public internet.
    #[default]
    Open,
    /// Nowhere.
    None,
    /// Name resolution and these IPv4 networks only.
    Allow(Vec<String>),
}

impl Egress {
    pub(in crate::http) fn into_policy(self) -> Result<model::EgressPolicy, model::CidrError> {
        Ok(match self {
            Self::Open => model::EgressPolicy::Open,
            Self::None => model::EgressPolicy::None,
            Self::Allow(networks) => model::EgressPolicy::Allow(
                networks
                    .iter()
                    .map(|network| network.parse())
                    .collect::<Result<_, _>>()?,
            ),
        })
    }
}

impl From<Browser> for model::BrowserPolicy {
    fn from(browser: Browser) -> Self {
        match browser {
            Browser::OnDemand => Self::OnDemand,
            Browser::Always => Self::Always,
            Browser::Off => Self::Off,
        }
    }
}

impl From<model::BrowserPolicy> for Browser {
    fn from(browser: model::BrowserPolicy) -> Self {
        match browser {
            model::BrowserPolicy::OnDemand => Self::OnDemand,
            model::BrowserPolicy::Always => Self::Always,
            model::BrowserPolicy::Off => Self::Off,
        }
    }
}
