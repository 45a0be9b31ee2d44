//! What seats were made from, read back from their containers: labels, and for seats of a version that
//! had fewer of them the limits in force. A seat's digest says whether it was read right.

use std::path::Path;

use bollard::models::ContainerInspectResponse;
use clarateach_protocol::id::{Generation, SeatKey, WorkshopId};

use super::connect::Engine;
use super::container::{self, WORKSPACE};
use super::disk::Disks;
use super::names::{self, InstanceId, SeatLabels};
use super::observe;
use crate::model::{BrowserPolicy, EgressPolicy, Resources, WorkshopSpec};
use crate::provider::{ProviderError, SeatSpec, spec_text};

/// The seats of a workshop, ordered by number.
pub(super) async fn seats(
    engine: &Engine,
    instance: &InstanceId,
    workshop: &WorkshopId,
    disks: &Disks,
) -> Result<Vec<SeatSpec>, ProviderError> {
    let labels = vec![
        names::filter(names::INSTANCE, instance),
        names::filter(names::WORKSHOP, workshop),
        names::filter(names::TYPE, names::TYPE_WORKSPACE),
    ];
    let mut seats = Vec::new();
    for id in container::ids(engine, labels).await? {
        let Some(inspect) = observe::inspect(engine, &id).await? else {
            continue;
        };
        let name = inspect.name.clone().unwrap_or(id);
        let seat = read(&inspect, disks).ok_or_else(|| ProviderError::Engine {
            operation: "tell what was made",
            subject: name.trim_start_matches('/').to_owned(),
            source: "its labels and limits don't say it".into(),
        })?;
        seats.push(seat);
    }
    seats.sort_by_key(|seat| seat.number);
    Ok(seats)
}

fn read(inspect: &ContainerInspectResponse, disks: &Disks) -> Option<SeatSpec> {
    let labels = inspect.config.as_ref()?.labels.as_ref()?;
    let SeatLabels {
        key,
        generation,
        spec_digest,
    } = SeatLabels::read(labels)?;
    let disk = disk(inspect).unwrap_or(generation);
    let label = |name: &str| labels.get(name).map(String::as_str);
    let resources = match label(names::RESOURCES) {
        Some(text) => spec_text::read_resources(text)?,
        None => limits(inspect, disks.size_mib(&key, disk)?)?,
    };
    let egress = label(names::EGRESS).and_then(spec_text::read_egress);
    let egress = egress.map_or(vec![EgressPolicy::Open, EgressPolicy::None], |it| vec![it]);
    let browser = label(names::BROWSER).and_then(spec_text::read_browser);
    let browser = browser.map_or(
        vec![
            BrowserPolicy::OnDemand,
            BrowserPolicy::Off,
            BrowserPolicy::Always,
        ],
        |it| vec![it],
    );
    let image = label(names::IMAGE)?;
    let seat = |egress: &EgressPolicy, browser| SeatSpec {
        workshop: WorkshopSpec {
            id: key.workshop,
            image: image.to_owned(),
            resources,
            egress: egress.clone(),
            browser,
        },
        number: key.seat,
        generation,
        disk,
    };
    let mut candidates = egress
        .iter()
        .flat_map(|egress| browser.iter().map(|browser| seat(egress, *browser)));
    candidates.find(|seat| seat.digest() == spec_digest)
}

/// The generation whose disk is mounted.
fn disk(inspect: &ContainerInspectResponse) -> Option<Generation> {
    let mounts = inspect.host_config.as_ref()?.mounts.as_ref()?;
    let workspace = mounts
        .iter()
        .find(|mount| mount.target.as_deref() == Some(WORKSPACE))?;
    let point = Path::new(workspace.source.as_deref()?);
    let number = point.file_name()?.to_str()?.strip_prefix('g')?;
    number.parse().ok().map(Generation)
}

fn limits(inspect: &ContainerInspectResponse, disk_mib: u32) -> Option<Resources> {
    let limits = inspect.host_config.as_ref()?;
    let number = |value: Option<i64>, unit: i64| u32::try_from(value? / unit).ok();
    Some(Resources {
        memory_mib: number(limits.memory, 1 << 20)?,
        cpu_millis: number(limits.nano_cpus, 1_000_000)?,
        pids: number(limits.pids_limit, 1)?,
        disk_mib,
    })
}

impl Disks {
    fn size_mib(&self, seat: &SeatKey, generation: Generation) -> Option<u32> {
        let file = self.file(seat, generation);
        u32::try_from(file.metadata().ok()?.len() >> 20).ok()
    }
}
