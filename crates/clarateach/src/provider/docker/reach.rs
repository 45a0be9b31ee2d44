//! Whether the engine's bridges are this machine's: seats are dialled and held back there.
//!
//! In a virtual machine (Docker Desktop, Colima) or a network namespace (rootless) they are not. Seats' addresses lead
//! nowhere from here then, and firewall rules that this process sets hold nobody.

use bollard::models::SystemInfo;

use super::check::{bad, good};
use crate::provider::Finding;

const REMEDY: &str = "run the server where the engine runs, as root: on a Linux machine, or within the engine's virtual machine";

/// The finding about the engine that said `info`.
pub(super) fn finding(info: &SystemInfo) -> Finding {
    let code = "engine_network";
    match elsewhere(info, &kernel()) {
        None => good(code, "the engine's kernel is this machine's"),
        Some(why) => bad(
            code,
            format!("seats can be neither reached nor isolated from here: {why}"),
            REMEDY,
        ),
    }
}

/// Why the engine's bridges can't be this machine's, whose kernel is `kernel`; none where nothing says so.
fn elsewhere(info: &SystemInfo, kernel: &str) -> Option<String> {
    let system = info.operating_system.as_deref().unwrap_or_default();
    let its_kernel = info.kernel_version.as_deref().unwrap_or_default();
    let mut options = info.security_options.iter().flatten();
    if system.contains("Docker Desktop") {
        Some("Docker Desktop runs its engine in a virtual machine".to_owned())
    } else if options.any(|option| option == "name=rootless") {
        Some("the engine is rootless and has a network of its own".to_owned())
    } else if !its_kernel.is_empty() && its_kernel != kernel {
        Some(format!(
            "the engine runs on another machine, perhaps a virtual one (its kernel is {its_kernel})"
        ))
    } else {
        None
    }
}

/// This machine's, as `uname -r` says; empty where it isn't Linux.
fn kernel() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(system: &str, kernel: &str, options: &[&str]) -> SystemInfo {
        SystemInfo {
            operating_system: Some(system.to_owned()),
            kernel_version: Some(kernel.to_owned()),
            security_options: Some(options.iter().map(ToString::to_string).collect()),
            ..SystemInfo::default()
        }
    }

    #[test]
    fn an_engine_on_this_kernel_is_here() {
        let here = info(
            "Debian GNU/Linux 12 (bookworm)",
            "6.1.0-18-amd64",
            &["name=seccomp"],
        );
        assert_eq!(elsewhere(&here, "6.1.0-18-amd64"), None);
        assert_eq!(elsewhere(&SystemInfo::default(), "6.1.0-18-amd64"), None);
    }

    #[test]
    fn engines_in_virtual_machines_and_namespaces_are_elsewhere() {
        let desktop = info("Docker Desktop", "6.6.12-linuxkit", &[]);
        let same_kernel = elsewhere(&desktop, "6.6.12-linuxkit").unwrap();
        assert!(same_kernel.contains("Docker Desktop"), "{same_kernel}");

        let colima = info("Ubuntu 24.04 LTS", "6.8.0-31-generic", &["name=seccomp"]);
        for kernel in ["", "6.1.0-18-amd64"] {
            let why = elsewhere(&colima, kernel).unwrap();
            assert!(why.contains("6.8.0-31-generic"), "{why}");
        }

        let rootless = info("Debian GNU/Linux 12", "6.1.0-18-amd64", &["name=rootless"]);
        let why = elsewhere(&rootless, "6.1.0-18-amd64").unwrap();
        assert!(why.contains("rootless"), "{why}");
    }
}
