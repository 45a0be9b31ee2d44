//! How far a pull is, from what the engine says of its layers.
//!
//! The engine names every layer first; a layer's size comes with its first bytes, and it fetches a few
//! at a time. So the size of all is known late, and until then each layer counts the same.

use std::collections::BTreeMap;

use bollard::models::CreateImageInfo;

use crate::provider::Pulled;

/// Share of a layer's work that fetching it is; the rest is unpacking.
const FETCHING: f64 = 0.8;

/// The layers of an image that is being pulled.
#[derive(Debug, Default)]
pub(super) struct Layers(BTreeMap<String, Layer>);

#[derive(Debug, Clone, Copy, Default)]
struct Layer {
    fetched: u64,
    size: Option<u64>,
    stage: Stage,
    /// Share of it that is unpacked.
    unpacked: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    #[default]
    Fetching,
    Fetched,
    /// It was on this machine before: nothing is fetched.
    There,
}

impl Layers {
    /// Takes over what the engine says; how far the whole is, where it is about a layer.
    pub(super) fn take(&mut self, said: &CreateImageInfo) -> Option<Pulled> {
        let (id, status) = (said.id.as_ref()?, said.status.as_deref()?);
        if status.starts_with("Pulling from") {
            return None;
        }
        let detail = said.progress_detail.as_ref();
        let number = |it: Option<i64>| it.and_then(|it| u64::try_from(it).ok());
        let current = number(detail.and_then(|it| it.current));
        let total = number(detail.and_then(|it| it.total)).filter(|it| *it > 0);
        let layer = self.0.entry(id.clone()).or_default();
        match status {
            "Downloading" => {
                layer.fetched = layer.fetched.max(current.unwrap_or(0));
                layer.size = total.or(layer.size);
            }
            "Verifying Checksum" | "Download complete" => layer.is_fetched(),
            "Extracting" => {
                layer.is_fetched();
                if let Some((current, total)) = current.zip(total) {
                    layer.unpacked = layer.unpacked.max(share(current, total));
                }
            }
            "Pull complete" => {
                layer.is_fetched();
                layer.unpacked = 1.0;
            }
            "Already exists" => layer.stage = Stage::There,
            // "Pulling fs layer", "Waiting", and what other engines say.
            _ => {}
        }
        Some(self.pulled())
    }

    fn pulled(&self) -> Pulled {
        let coming = || self.0.values().filter(|layer| layer.stage != Stage::There);
        let sizes: Option<Vec<u64>> = coming().map(Layer::size).collect();
        let work: f64 = match &sizes {
            Some(sizes) => {
                let whole: u64 = sizes.iter().sum();
                let parts = coming().zip(sizes);
                parts
                    .map(|(layer, size)| layer.share() * share(*size, whole))
                    .sum()
            }
            None => coming().map(Layer::share).sum::<f64>() / count(coming().count()),
        };
        Pulled {
            bytes: coming().map(|layer| layer.fetched).sum(),
            of: sizes.map(|sizes| sizes.iter().sum()).filter(|of| *of > 0),
            permille: permille(work),
        }
    }
}

impl Layer {
    fn is_fetched(&mut self) {
        self.stage = self.stage.max(Stage::Fetched);
        self.fetched = self.size.unwrap_or(self.fetched);
    }

    /// `None`: not known yet. One that came without a word of its size was small.
    fn size(&self) -> Option<u64> {
        match self.stage {
            Stage::Fetched => Some(self.size.unwrap_or(self.fetched)),
            Stage::Fetching | Stage::There => self.size,
        }
    }

    fn share(&self) -> f64 {
        let fetched = match (self.stage, self.size) {
            (Stage::Fetched | Stage::There, _) => 1.0,
            (Stage::Fetching, Some(size)) => share(self.fetched, size),
            (Stage::Fetching, None) => 0.0,
        };
        FETCHING * fetched + (1.0 - FETCHING) * self.unpacked
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share need not be exact to the byte"
)]
fn share(part: u64, whole: u64) -> f64 {
    (part as f64 / whole.max(1) as f64).min(1.0)
}

fn count(layers: usize) -> f64 {
    f64::from(u32::try_from(layers.max(1)).unwrap_or(u32::MAX))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is between 0 and 1000"
)]
fn permille(share: f64) -> u16 {
    (share.clamp(0.0, 1.0) * 1000.0).round() as u16
}

#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;

    use super::*;

    fn say(
        layers: &mut Layers,
        id: &str,
        status: &str,
        detail: Option<(i64, i64)>,
    ) -> Option<Pulled> {
        layers.take(&CreateImageInfo {
            id: Some(id.to_owned()),
            status: Some(status.to_owned()),
            progress_detail: detail.map(|(current, total)| ProgressDetail {
                current: Some(current),
                total: Some(total),
            }),
            ..CreateImageInfo::default()
        })
    }

    #[test]
    fn a_pull_is_counted_by_bytes_as_soon_as_every_size_is_known() {
        let mut layers = Layers::default();
        assert_eq!(
            say(&mut layers, "latest", "Pulling from library/x", None),
            None
        );
        for id in ["a", "b"] {
            let begun = say(&mut layers, id, "Pulling fs layer", None).unwrap();
            assert_eq!((begun.bytes, begun.of, begun.permille), (0, None, 0));
        }
        let one = say(&mut layers, "a", "Downloading", Some((100, 900))).unwrap();
        assert_eq!((one.bytes, one.of), (100, None));
        let both = say(&mut layers, "b", "Downloading", Some((50, 100))).unwrap();
        assert_eq!((both.bytes, both.of, both.permille), (150, Some(1000), 120));
        say(&mut layers, "a", "Download complete", None);
        let fetched = say(&mut layers, "b", "Download complete", None).unwrap();
        assert_eq!((fetched.bytes, fetched.permille), (1000, 800));
        say(&mut layers, "a", "Extracting", Some((450, 900)));
        let unpacking = say(&mut layers, "b", "Pull complete", None).unwrap();
        assert_eq!(unpacking.permille, 910);
        let done = say(&mut layers, "a", "Pull complete", None).unwrap();
        assert_eq!(
            (done.bytes, done.of, done.permille),
            (1000, Some(1000), 1000)
        );
    }

    #[test]
    fn layers_that_are_there_already_are_not_counted() {
        let mut layers = Layers::default();
        say(&mut layers, "base", "Already exists", None);
        let pulled = say(&mut layers, "new", "Downloading", Some((5, 10))).unwrap();
        assert_eq!(
            (pulled.bytes, pulled.of, pulled.permille),
            (5, Some(10), 400)
        );
    }
}
