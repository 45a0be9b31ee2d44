//! Versions of engine parts and kernels that are known to let a container out.

use bollard::models::SystemVersion;

use super::check::weak;
use crate::provider::Finding;

/// Major, minor, patch.
type Version = [u32; 3];

/// Versions from one up to, and without, another.
struct Hole {
    part: &'static str,
    from: Version,
    fixed: Version,
    advisory: &'static str,
}

const HOLES: [Hole; 7] = [
    hole("runc", [1, 0, 0], [1, 1, 12], LEAKED_DESCRIPTOR),
    hole("runc", [1, 1, 12], [1, 2, 8], MOUNT_RACES),
    hole("runc", [1, 3, 0], [1, 3, 3], MOUNT_RACES),
    hole("Engine", [0, 0, 0], [20, 10, 9], OPEN_FOLDERS),
    hole("kernel", [5, 8, 0], [5, 10, 102], DIRTY_PIPE),
    hole("kernel", [5, 11, 0], [5, 15, 25], DIRTY_PIPE),
    hole("kernel", [5, 16, 0], [5, 16, 11], DIRTY_PIPE),
];
const LEAKED_DESCRIPTOR: &str = "CVE-2024-21626 (a leaked descriptor leads out of the container)";
const MOUNT_RACES: &str = "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881 (races while mounting)";
const OPEN_FOLDERS: &str = "CVE-2021-41091 (other users enter containers' folders)";
const DIRTY_PIPE: &str = "CVE-2022-0847 (read-only files can be written)";

const fn hole(part: &'static str, from: Version, fixed: Version, advisory: &'static str) -> Hole {
    Hole {
        part,
        from,
        fixed,
        advisory,
    }
}

/// What is known to be bad of this engine and its machine. Builds of distributions are passed over:
/// they carry fixes without carrying the number.
pub(super) fn known_bad(version: &SystemVersion) -> Vec<Finding> {
    let mut parts: Vec<(String, String)> = components(version)
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect();
    parts.extend(
        version
            .kernel_version
            .clone()
            .map(|kernel| ("kernel".to_owned(), kernel)),
    );
    parts
        .iter()
        .flat_map(|(part, text)| holes(part, text))
        .collect()
}

fn holes(part: &str, text: &str) -> Vec<Finding> {
    let Some(version) = upstream(text) else {
        return Vec::new();
    };
    HOLES
        .iter()
        .filter(|hole| hole.part == part && hole.from <= version && version < hole.fixed)
        .map(|hole| {
            weak(
                "known_bad_version",
                format!("{part} {text} has {}", hole.advisory),
                "update it",
            )
        })
        .collect()
}

/// Engine, containerd, runc and what else it is made of.
pub(super) fn components(version: &SystemVersion) -> impl Iterator<Item = (&str, &str)> {
    version
        .components
        .iter()
        .flatten()
        .filter(|component| component.name != "docker-init")
        .map(|component| (component.name.as_str(), component.version.as_str()))
}

/// A version as upstream numbers it; `None` for a distribution's build (`1.1.5+ds1`, `5.10.0-28-amd64`).
fn upstream(text: &str) -> Option<Version> {
    let numbers: Vec<u32> = text
        .split('.')
        .map(|number| number.parse().ok())
        .collect::<Option<_>>()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_known_by_upstream_numbers_only() {
        assert_eq!(holes("runc", "1.1.5").len(), 1);
        assert_eq!(holes("runc", "1.2.7").len(), 1);
        assert_eq!(holes("runc", "1.2.8").len(), 0);
        assert_eq!(holes("runc", "1.1.5+ds1").len(), 0);
        assert_eq!(holes("kernel", "5.15.24").len(), 1);
        assert_eq!(holes("kernel", "5.15.25").len(), 0);
        assert_eq!(holes("kernel", "5.10.0-28-amd64").len(), 0);
    }
}
