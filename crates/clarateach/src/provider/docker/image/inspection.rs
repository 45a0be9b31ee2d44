//! Looking into an image: at the files of a container that is made of it and never started.

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, CreateContainerOptions, DownloadFromContainerOptionsBuilder,
};
use futures_util::TryStreamExt;

use super::super::connect::{Engine, READ, WRITE};
use super::super::names::{self, InstanceId};
use super::super::{container, tar};
use crate::provider::ProviderError;

/// No file that is read is larger.
const MOST_BYTES: usize = 1 << 20;

pub(super) async fn create_inspection(
    engine: &Engine,
    instance: &InstanceId,
    image: &str,
) -> Result<String, ProviderError> {
    let labels = [
        (names::INSTANCE, instance.to_string()),
        (names::TYPE, names::TYPE_INSPECTION.to_owned()),
    ];
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        // Never run; an image without a command can't be made a container otherwise.
        entrypoint: Some(vec!["/-".to_owned()]),
        network_disabled: Some(true),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value)).into()),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let created = engine
        .call(
            "look into the image",
            image,
            WRITE,
            engine
                .docker()
                .create_container(None::<CreateContainerOptions>, body),
        )
        .await?;
    Ok(created.id)
}

/// Removes what a process that was killed left.
pub(super) async fn remove_inspections(
    engine: &Engine,
    instance: &InstanceId,
) -> Result<(), ProviderError> {
    let filters = [
        names::filter(names::INSTANCE, instance),
        names::filter(names::TYPE, names::TYPE_INSPECTION),
    ];
    for id in container::ids(engine, filters.to_vec()).await? {
        container::remove(engine, &id).await?;
    }
    Ok(())
}

pub(in crate::provider::docker) async fn has_file(
    engine: &Engine,
    container: &str,
    path: &str,
) -> Result<bool, ProviderError> {
    let options = ContainerArchiveInfoOptionsBuilder::new().path(path).build();
    let found = engine
        .find(
            "look into the image for",
            path,
            READ,
            engine
                .docker()
                .get_container_archive_info(container, Some(options)),
        )
        .await?;
    Ok(found.is_some())
}

/// A small file's text; an absent one is empty.
pub(super) async fn read_file(
    engine: &Engine,
    container: &str,
    path: &str,
) -> Result<String, ProviderError> {
    let options = DownloadFromContainerOptionsBuilder::new()
        .path(path)
        .build();
    let download = engine
        .docker()
        .download_from_container(container, Some(options))
        .try_fold(Vec::new(), |mut bytes, chunk| async move {
            let room = MOST_BYTES.saturating_sub(bytes.len());
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
            Ok(bytes)
        });
    let archive = engine
        .find("read from the image", path, READ, download)
        .await?
        .unwrap_or_default();
    let text = tar::first_file(&archive).unwrap_or_default();
    Ok(String::from_utf8_lossy(text).into_owned())
}
