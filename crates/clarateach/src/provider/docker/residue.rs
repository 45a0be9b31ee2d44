//! What an installation has on this machine. Only looks: makes, mounts and removes nothing.

use std::io;
use std::path::Path;

use super::connect::Engine;
use super::disk::Disks;
use super::keeper::Keeper;
use super::names::{self, InstanceId};
use super::{Connector, container, files, firewall, network};
use crate::provider::ProviderError;
use crate::provider::residue::Residue;

/// Looks for what `instance` made: at the engine, the firewall, the mounts and the data directory;
/// without an instance at the latter two alone.
pub async fn residue(instance: Option<&InstanceId>, data_dir: &Path) -> Residue {
    let mut found = Residue::default();
    if let Some(instance) = instance {
        look_at_engine(instance, &mut found).await;
        // Elsewhere a helper container has them, and goes after the last.
        match firewall::tables(&Keeper::Own, instance).await {
            Ok(tables) => found.firewall_tables = tables,
            Err(error) => {
                let problem =
                    format!("cannot look at the firewall: {error}. Hint: run this as root");
                found.unknown.push(problem);
            }
        }
    }
    let seats = Disks::new(data_dir).folder().to_owned();
    if let Err(error) = look_at_disks(&seats, &mut found) {
        let problem = format!("cannot look into {}: {error}", seats.display());
        found.unknown.push(problem);
    }
    found
}

async fn look_at_engine(instance: &InstanceId, found: &mut Residue) {
    let connector = Connector::default();
    let engine = match connector.engine().await {
        Ok(engine) => engine,
        Err(error) => {
            found.unknown.push(error.to_string());
            return;
        }
    };
    match containers(engine, instance).await {
        Ok(names) => found.containers = names,
        Err(error) => found.unknown.push(error.to_string()),
    }
    match network::names_of(engine, instance).await {
        Ok(names) => found.networks = names,
        Err(error) => found.unknown.push(error.to_string()),
    }
    found.containers.sort();
    found.networks.sort();
}

async fn containers(engine: &Engine, instance: &InstanceId) -> Result<Vec<String>, ProviderError> {
    let ours = vec![names::filter(names::INSTANCE, instance)];
    let containers = container::list(engine, ours).await?;
    Ok(containers
        .into_iter()
        .filter_map(|found| {
            let name = found.names.unwrap_or_default().into_iter().next();
            name.map(|name| name.trim_start_matches('/').to_owned())
                .or(found.id)
        })
        .collect())
}

fn look_at_disks(seats: &Path, found: &mut Residue) -> io::Result<()> {
    let entries = match std::fs::read_dir(seats) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        found.disks.push(entry?.path());
    }
    found.disks.sort();
    found.mounts = files::mounts_below(seats)?;
    found.loop_devices = files::loop_devices_below(seats);
    Ok(())
}
