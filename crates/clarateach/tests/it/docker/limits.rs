//! What a seat can't be or use up, tried from inside one.

use clarateach::model::Resources;

use super::fixture::{scene, workshop};

/// Calls what our profile refuses and what programs need; says `held` when each ends as it should.
const SYSTEM_CALLS: &str = r#"
import ctypes, os, platform, socket, struct
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    return 0 if libc.syscall(number, *arguments) >= 0 else ctypes.get_errno()
def family(number, kind):
    try: socket.socket(number, kind).close()
    except OSError as error: return error.errno
    return 0
x86 = platform.machine() == "x86_64"
refused = {
    "io_uring_setup": (425, 8, ctypes.create_string_buffer(256)),
    "bpf": (321 if x86 else 280, 0, 0, 0),
    "perf_event_open": (298 if x86 else 241, 0, 0, 0, 0, 0),
    "userfaultfd": (323 if x86 else 282, 0),
    "keyctl": (250 if x86 else 219, 0, -3, 0),
    "add_key": (248 if x86 else 217, b"user", b"k", b"v", 1, -3),
    "unshare": (272 if x86 else 97, 0x10000000),
}
for name, arguments in refused.items():
    error = call(*arguments)
    assert error == EPERM, (name, error)
error = call(435, 0, 0)
assert error == ENOSYS, ("clone3", error)
for number in (socket.AF_UNIX, socket.AF_INET):
    assert family(number, socket.SOCK_STREAM) == 0, number
assert family(socket.AF_INET6, socket.SOCK_STREAM) in (0, EAFNOSUPPORT)
assert family(socket.AF_NETLINK, socket.SOCK_RAW) == 0
for number in (38, 40): # kernel crypto, virtual machines
    assert family(number, socket.SOCK_STREAM) == EPERM, number
RESOLVE_NO_MAGICLINKS, RESOLVE_BENEATH = 2, 8
how = struct.pack("QQQ", os.O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
error = call(437, os.open("/workspace", os.O_PATH), b".", how, len(how))
assert error == 0, ("openat2", error)
print("held")
"#;
/// Forks until it may not, and prints how often that went well.
const FORKS: &str = r#"
import os, signal
children = []
try:
    while len(children) < 500:
        child = os.fork()
        if child == 0: signal.pause()
        children.append(child)
except OSError: pass
for child in children: os.kill(child, signal.SIGKILL)
print(len(children))
"#;

#[tokio::test]
async fn a_learner_has_no_powers_and_gains_none() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        let status = world.sh(&seat, "cat /proc/self/status").await.ok();
        let value = |field: &str| {
            let line = status.lines().find(|line| line.starts_with(field));
            let value = line.and_then(|line| line.split_whitespace().nth(1));
            value.unwrap().to_owned()
        };
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(value(set), "0000000000000000", "{set}");
        }
        assert_eq!(value("NoNewPrivs:"), "1");
        assert_eq!(value("Seccomp:"), "2");
        assert_eq!(value("Uid:"), "1000");

        let setuid = "find / -xdev -perm /6000 -type f 2>/dev/null";
        assert_eq!(world.sh(&seat, setuid).await.stdout, "");
        // Said by the file system itself: permissions alone would refuse in other words.
        for read_only in [
            "touch /etc/x",
            "touch /usr/x",
            "touch /.clarateach/x",
            "echo nameserver 192.0.2.1 > /etc/resolv.conf",
        ] {
            let ran = world.sh(&seat, read_only).await;
            let said = ran.stderr.contains("Read-only file system");
            assert!(ran.code != 0 && said, "{read_only}: {ran:?}");
        }
        for refused in [
            "unshare -U true",
            "mount -t tmpfs x /mnt",
            "mknod /tmp/device c 1 3",
            "cat /proc/kcore",
            "dmesg",
        ] {
            let ran = world.sh(&seat, refused).await;
            assert_ne!(ran.code, 0, "{refused}: {ran:?}");
        }
        for possible in ["touch /workspace/x", "touch /tmp/x", "touch /run/x"] {
            world.sh(&seat, possible).await.ok();
        }
        // A setuid program of the learner's own making is nobody else's.
        let own = "cp /usr/bin/id /workspace/id && chmod u+s /workspace/id && /workspace/id -u";
        assert_eq!(world.sh(&seat, own).await.ok(), "1000");
    })
    .await;
}

#[tokio::test]
async fn dangerous_system_calls_are_refused_and_needed_ones_are_not() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        assert_eq!(world.python(&seat, SYSTEM_CALLS).await.ok(), "held");
    })
    .await;
}

#[tokio::test]
async fn processes_memory_files_and_memory_disks_have_limits() {
    scene(|world| async move {
        let mut spec = workshop();
        spec.resources = Resources {
            pids: 64,
            ..spec.resources
        };
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        let forked: usize = world.python(&seat, FORKS).await.ok().parse().unwrap();
        assert!((20..64).contains(&forked), "{forked} processes");

        let memory = world.python(&seat, "x = bytearray(400 << 20)").await;
        assert_eq!(memory.code, 137, "400 MiB of 256: {memory:?}");
        assert_eq!(world.sh(&seat, "ulimit -n").await.ok(), "16384");
        let filled = "dd if=/dev/zero of=/run/x bs=1M count=32; rm /run/x";
        let filled = world.sh(&seat, filled).await;
        assert!(filled.stderr.contains("No space left"), "{filled:?}");
    })
    .await;
}
