//! The image of a workshop: there or pulled, and made to know the user that seats run as.
//!
//! Any OCI image will do. Where its `passwd` or `group` has no 1000, a copy with that entry is mounted
//! over it; both are read from a container that is never started.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig, ImageInspect};
use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, CreateContainerOptions, CreateImageOptionsBuilder,
    DownloadFromContainerOptionsBuilder,
};
use futures_util::{StreamExt, TryStreamExt};

use super::accounts::{with_group, with_user};
use super::connect::{Engine, READ, WRITE};
use super::container;
use super::files;
use super::image_report::{self, Shell};
use super::names::{self, InstanceId};
use super::pull::Layers;
use super::tar;
use crate::provider::{Finding, ImageReport, Progress, ProviderError};

/// A registry that says nothing for so long has hung.
const PULL_SILENCE: Duration = Duration::from_secs(120);
/// How long a registry may take to say whether it has an image: somebody waits for the answer.
const REGISTRY_LOOKUP: Duration = Duration::from_secs(6);
/// No account file is larger.
const MOST_BYTES: usize = 1 << 20;
/// Images of this name are made here (`./x images`); a registry's of the same name is somebody else's.
pub(super) const OWN: &str = "clarateach/";

/// What seats need to know of their image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) id: String,
    /// Folders that the image declares as volumes.
    pub(super) volumes: Vec<String>,
    /// A `passwd` to mount over the image's, which has no user 1000.
    pub(super) passwd: Option<PathBuf>,
    /// A `group` to mount over the image's, which has no group 1000.
    pub(super) group: Option<PathBuf>,
    pub(super) shell: Shell,
    /// Why no seat can be made of it.
    pub(super) unusable: Option<Finding>,
}

impl Image {
    /// An error where no seat can be made of it.
    pub(super) fn is_usable(&self, reference: &str) -> Result<(), ProviderError> {
        match &self.unusable {
            None => Ok(()),
            Some(finding) => Err(ProviderError::ImageUnusable {
                image: reference.to_owned(),
                detail: finding.message.clone(),
                hint: finding.remedy.clone().unwrap_or_default(),
            }),
        }
    }
}

/// The images seen so far.
#[derive(Debug)]
pub(super) struct Images {
    folder: PathBuf,
    known: Mutex<HashMap<String, Arc<Image>>>,
    inspecting: tokio::sync::Mutex<()>,
    /// Nothing of an earlier process is left.
    is_swept: AtomicBool,
}

impl Images {
    /// Images whose generated files lie below a data directory.
    pub(super) fn new(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join("images"),
            known: Mutex::default(),
            inspecting: tokio::sync::Mutex::default(),
            is_swept: AtomicBool::new(false),
        }
    }

    /// An image as it was last prepared, or prepared now.
    pub(super) async fn get(
        &self,
        engine: &Engine,
        instance: &InstanceId,
        reference: &str,
    ) -> Result<Arc<Image>, ProviderError> {
        match self.known(reference) {
            Some(image) => Ok(image),
            None => {
                let silent = Progress::silent();
                self.ensure(engine, instance, reference, &silent).await
            }
        }
    }

    /// An image as it is now: pulled where it is missing, inspected where it is new.
    pub(super) async fn ensure(
        &self,
        engine: &Engine,
        instance: &InstanceId,
        reference: &str,
        progress: &Progress,
    ) -> Result<Arc<Image>, ProviderError> {
        let _inspecting = self.inspecting.lock().await;
        let inspect = inspect_or_pull(engine, reference, progress).await?;
        let id = inspect.id.clone().unwrap_or_default();
        if let Some(image) = self.known(reference).filter(|image| image.id == id) {
            return Ok(image);
        }
        // Boxed: it is rare, and large where it would be part of every future that may come here.
        let examination = Box::pin(self.examine(engine, instance, &id, inspect));
        let image = Arc::new(examination.await?);
        self.lock().insert(reference.to_owned(), image.clone());
        Ok(image)
    }

    /// Makes sure of an image that needs no accounts of ours: pulled where it is missing.
    pub(super) async fn there(
        &self,
        engine: &Engine,
        reference: &str,
    ) -> Result<(), ProviderError> {
        if inspect(engine, reference).await?.is_some() {
            return Ok(());
        }
        // One pull, however many seats ask for a browser.
        let _inspecting = self.inspecting.lock().await;
        let silent = Progress::silent();
        let inspected = inspect_or_pull(engine, reference, &silent).await;
        inspected.map(drop)
    }

    /// Whether an image is there and good for seats, or a registry has it; nothing is pulled.
    pub(super) async fn find(
        &self,
        engine: &Engine,
        instance: &InstanceId,
        reference: &str,
    ) -> Result<(), ProviderError> {
        if inspect(engine, reference).await?.is_some() {
            let image = self.get(engine, instance, reference).await?;
            return image.is_usable(reference);
        }
        refuse_own(reference)?;
        let reference = tagged(reference);
        let lookup = engine.docker().inspect_registry_image(&reference, None);
        match tokio::time::timeout(REGISTRY_LOOKUP, lookup).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(missing(&reference, in_words(&error.to_string()))),
            Err(_) => Err(missing(&reference, "its registry does not answer")),
        }
    }

    /// What an image brings and lacks; pulled where it is missing.
    pub(super) async fn report(
        &self,
        engine: &Engine,
        instance: &InstanceId,
        reference: &str,
        runtime: &Path,
        progress: &Progress,
    ) -> Result<ImageReport, ProviderError> {
        let image = self.ensure(engine, instance, reference, progress).await?;
        let inspect = inspect(engine, &image.id)
            .await?
            .ok_or_else(|| missing(reference, "it was removed meanwhile"))?;
        let mut findings: Vec<Finding> = image.unusable.iter().cloned().collect();
        findings.extend(image_report::of_configuration(&inspect, image.shell));
        if image.unusable.is_none() {
            // Alone: a look at another image removes what it takes for left behind.
            let _inspecting = self.inspecting.lock().await;
            let probe = create_inspection(engine, instance, &image.id).await?;
            let found = image_report::of_files(engine, &probe, &inspect, runtime).await;
            container::remove(engine, &probe).await?;
            findings.extend(found?);
        }
        Ok(ImageReport {
            image: reference.to_owned(),
            id: Some(image.id.clone()),
            architecture: inspect.architecture,
            size_mib: inspect
                .size
                .and_then(|bytes| u64::try_from(bytes).ok())
                .map(|it| it >> 20),
            findings,
        })
    }

    /// Removes what an earlier process that was killed left of looking into images, once.
    pub(super) async fn sweep(
        &self,
        engine: &Engine,
        instance: &InstanceId,
    ) -> Result<(), ProviderError> {
        if self.is_swept.load(Ordering::Relaxed) {
            return Ok(());
        }
        // Whoever looks into an image now may be pulling it for long, and begins by removing what was left.
        if let Ok(_inspecting) = self.inspecting.try_lock() {
            remove_inspections(engine, instance).await?;
            self.is_swept.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn known(&self, reference: &str) -> Option<Arc<Image>> {
        self.lock().get(reference).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Image>>> {
        self.known
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Reads the image's accounts from a container made of it.
    async fn examine(
        &self,
        engine: &Engine,
        instance: &InstanceId,
        id: &str,
        inspect: ImageInspect,
    ) -> Result<Image, ProviderError> {
        remove_inspections(engine, instance).await?;
        let probe = create_inspection(engine, instance, id).await?;
        let accounts = async {
            let passwd = read_file(engine, &probe, "/etc/passwd").await?;
            let group = read_file(engine, &probe, "/etc/group").await?;
            let shell = if has_file(engine, &probe, "/bin/bash").await? {
                Shell::Bash
            } else if has_file(engine, &probe, "/bin/sh").await? {
                Shell::Sh
            } else {
                Shell::None
            };
            let path = match shell {
                Shell::Bash => "/bin/bash",
                Shell::Sh | Shell::None => "/bin/sh",
            };
            Ok((shell, with_user(&passwd, path), with_group(&group)))
        }
        .await;
        container::remove(engine, &probe).await?;
        let (shell, passwd, group) = accounts?;
        let folder = self.folder.join(id.rsplit(':').next().unwrap_or(id));
        Ok(Image {
            shell,
            unusable: image_report::unusable(&inspect, engine.architecture(), shell),
            id: id.to_owned(),
            volumes: inspect
                .config
                .and_then(|config| config.volumes)
                .unwrap_or_default(),
            passwd: write(&folder, "passwd", passwd).await?,
            group: write(&folder, "group", group).await?,
        })
    }
}

/// What the engine knows of an image, if it has it; nothing is pulled, no registry is asked.
pub(super) async fn inspect(
    engine: &Engine,
    reference: &str,
) -> Result<Option<ImageInspect>, ProviderError> {
    engine
        .find(
            "inspect the image",
            reference,
            READ,
            engine.docker().inspect_image(reference),
        )
        .await
}

async fn inspect_or_pull(
    engine: &Engine,
    reference: &str,
    progress: &Progress,
) -> Result<ImageInspect, ProviderError> {
    if let Some(inspect) = inspect(engine, reference).await? {
        return Ok(inspect);
    }
    pull(engine, reference, progress).await?;
    inspect(engine, reference)
        .await?
        .ok_or_else(|| missing(reference, "it was pulled, but the engine does not have it"))
}

async fn pull(engine: &Engine, reference: &str, progress: &Progress) -> Result<(), ProviderError> {
    refuse_own(reference)?;
    let options = CreateImageOptionsBuilder::new()
        .from_image(&tagged(reference))
        .build();
    let mut layers = Layers::default();
    let mut steps = Box::pin(engine.docker().create_image(Some(options), None, None));
    loop {
        let step = tokio::time::timeout(PULL_SILENCE, steps.next())
            .await
            .map_err(|_| ProviderError::Deadline {
                operation: format!("pull {reference}"),
                after: PULL_SILENCE,
            })?;
        match step {
            None => return Ok(()),
            Some(Err(error)) => return Err(missing(reference, in_words(&error.to_string()))),
            Some(Ok(said)) => {
                if let Some(pulled) = layers.take(&said) {
                    progress.pulled(pulled);
                }
            }
        }
    }
}

fn refuse_own(reference: &str) -> Result<(), ProviderError> {
    if reference.starts_with(OWN) {
        return Err(missing(reference, "it was not built on this machine yet"));
    }
    Ok(())
}

/// Without a tag the engine would pull every tag that there is.
fn tagged(reference: &str) -> String {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    if name.contains([':', '@']) {
        reference.to_owned()
    } else {
        format!("{reference}:latest")
    }
}

fn missing(image: &str, detail: &str) -> ProviderError {
    ProviderError::ImageMissing {
        image: image.to_owned(),
        detail: detail.to_owned(),
    }
}

/// What an engine said of a registry, as somebody reads it who has neither in mind.
fn in_words(said: &str) -> &str {
    const UNREACHABLE: [&str; 5] = [
        "no such host",
        "dial tcp",
        "i/o timeout",
        "connection refused",
        "Client.Timeout",
    ];
    const UNKNOWN: [&str; 4] = [
        "not found",
        "manifest unknown",
        "does not exist",
        "access denied",
    ];
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if says(&UNREACHABLE) {
        "it is not on this machine, and its registry cannot be reached from here"
    } else if says(&UNKNOWN) {
        "it is not on this machine, and its registry does not have it (or asks for a login)"
    } else {
        said
    }
}

async fn create_inspection(
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
async fn remove_inspections(engine: &Engine, instance: &InstanceId) -> Result<(), ProviderError> {
    let filters = [
        names::filter(names::INSTANCE, instance),
        names::filter(names::TYPE, names::TYPE_INSPECTION),
    ];
    for id in container::ids(engine, filters.to_vec()).await? {
        container::remove(engine, &id).await?;
    }
    Ok(())
}

pub(super) async fn has_file(
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
async fn read_file(engine: &Engine, container: &str, path: &str) -> Result<String, ProviderError> {
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

async fn write(
    folder: &Path,
    name: &str,
    text: Option<String>,
) -> Result<Option<PathBuf>, ProviderError> {
    let Some(text) = text else { return Ok(None) };
    let path = folder.join(name);
    files::write_mounted(&path, &text).map_err(|source| ProviderError::Engine {
        operation: "write",
        subject: path.display().to_string(),
        source: Box::new(source),
    })?;
    Ok(Some(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrys_silence_and_its_no_are_told_apart() {
        let silence =
            "Get \"https://registry.example/v2/\": dial tcp: lookup registry.example: no such host";
        assert!(in_words(silence).contains("cannot be reached"));
        let no = "pull access denied for nonexistent, repository does not exist or may require 'docker login'";
        assert!(in_words(no).contains("does not have it"));
        assert_eq!(in_words("toomanyrequests"), "toomanyrequests");
    }

    #[test]
    fn an_untagged_reference_means_latest() {
        assert_eq!(tagged("debian"), "debian:latest");
        assert_eq!(tagged("debian:12"), "debian:12");
        assert_eq!(tagged("localhost:5000/x"), "localhost:5000/x:latest");
        assert_eq!(tagged("x@sha256:00"), "x@sha256:00");
    }
}
