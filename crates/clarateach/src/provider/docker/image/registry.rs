//! Getting an image: from the engine where it is there, else from its registry.

use std::time::Duration;

use bollard::models::ImageInspect;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;

use super::super::connect::{Engine, READ};
use super::super::pull::Layers;
use crate::provider::{Progress, ProviderError};

/// A registry that says nothing for so long has hung.
const PULL_SILENCE: Duration = Duration::from_secs(120);
/// How long a registry may take to say whether it has an image: somebody waits for the answer.
const REGISTRY_LOOKUP: Duration = Duration::from_secs(6);
/// Images of this name are made here (`./x images`); a registry's of the same name is somebody else's.
pub(in crate::provider::docker) const OWN: &str = "clarateach/";

/// What the engine knows of an image, if it has it; nothing is pulled, no registry is asked.
pub(in crate::provider::docker) async fn inspect(
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

pub(super) async fn inspect_or_pull(
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

/// Whether a registry has an image; nothing is pulled.
pub(super) async fn find(engine: &Engine, reference: &str) -> Result<(), ProviderError> {
    refuse_own(reference)?;
    let reference = tagged(reference);
    let lookup = engine.docker().inspect_registry_image(&reference, None);
    match tokio::time::timeout(REGISTRY_LOOKUP, lookup).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(missing(&reference, in_words(&error.to_string()))),
        Err(_) => Err(missing(&reference, "its registry does not answer")),
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

pub(super) fn missing(image: &str, detail: &str) -> ProviderError {
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
