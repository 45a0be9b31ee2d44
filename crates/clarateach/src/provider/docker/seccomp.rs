//! The system calls that a seat may make, as the engine takes them: a list of what is allowed.
//!
//! Our own instead of the engine's default, which differs between versions and lets io_uring through
//! on older ones. The names are in `seccomp/allowed.txt`, the calls with conditions here.

use std::sync::LazyLock;

use serde_json::{Value, json};

const ALLOWED: &str = include_str!("seccomp/allowed.txt");
/// `CLONE_NEW*`: a user namespace would hand out capabilities over new kernel surface.
const NEW_NAMESPACES: u64 = 0x7e02_0000;
/// Unix, IPv4, IPv6 and netlink; no packet, vsock, Bluetooth or kernel-crypto sockets.
const SOCKET_FAMILIES: [u64; 4] = [1, 2, 10, 16];
/// Linux, Linux with 32-bit limits, and both without address randomisation (debuggers); asking.
const PERSONALITIES: [u64; 5] = [0, 0x8, 0x2_0000, 0x4_0000, 0xffff_ffff];
const ENOSYS: u32 = 38;

/// The profile as JSON, for a container's security options.
pub(super) fn profile() -> &'static str {
    static PROFILE: LazyLock<String> = LazyLock::new(|| render().to_string());
    &PROFILE
}

fn render() -> Value {
    let mut rules = vec![
        json!({"names": allowed(), "action": "SCMP_ACT_ALLOW"}),
        json!({
            "names": ["clone"],
            "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": NEW_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
        }),
        // Its flags lie in memory, where no filter sees them; told that there is none, libraries use clone.
        json!({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS}),
    ];
    rules.extend(SOCKET_FAMILIES.map(|family| equals("socket", family)));
    rules.extend(PERSONALITIES.map(|persona| equals("personality", persona)));
    json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": [architecture()],
        "syscalls": rules,
    })
}

/// Rules about one call are alternatives.
fn equals(call: &str, value: u64) -> Value {
    json!({
        "names": [call],
        "action": "SCMP_ACT_ALLOW",
        "args": [{"index": 0, "value": value, "op": "SCMP_CMP_EQ"}],
    })
}

fn allowed() -> Vec<&'static str> {
    ALLOWED
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect()
}

/// The machine's own; programs of the 32-bit one have no business here.
const fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "SCMP_ARCH_AARCH64"
    } else {
        "SCMP_ARCH_X86_64"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_dangerous_is_on_the_list() {
        let allowed = allowed();
        for call in [
            "bpf",
            "perf_event_open",
            "userfaultfd",
            "keyctl",
            "add_key",
            "request_key",
            "io_uring_setup",
            "io_uring_enter",
            "io_uring_register",
            "unshare",
            "setns",
            "mount",
            "open_by_handle_at",
            "clone",
            "clone3",
            "socket",
            "personality",
        ] {
            assert!(!allowed.contains(&call), "{call} is allowed");
        }
        assert!(allowed.contains(&"openat2"));
    }

    #[test]
    fn no_call_is_named_twice() {
        let mut names = allowed();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
