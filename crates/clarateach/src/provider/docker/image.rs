//! The image of a workshop: there or pulled, and made to know the user that seats run as.
//!
//! Any OCI image will do. Where its `passwd` or `group` has no 1000, a copy with that entry is mounted
//! over it; both are read from a container that is never started.

mod inspection;
mod registry;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bollard::models::ImageInspect;

use super::accounts::{with_group, with_user};
use super::connect::Engine;
use super::container;
use super::files;
use super::image_report::{self, Shell};
use super::names::InstanceId;
use crate::provider::{Finding, ImageReport, Progress, ProviderError};
pub(super) use inspection::has_file;
use inspection::{create_inspection, read_file, remove_inspections};
pub(super) use registry::{OWN, inspect};
use registry::{inspect_or_pull, missing};

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
        registry::find(engine, reference).await
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
