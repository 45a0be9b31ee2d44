//! Our image's shells, as learners type into them.

use super::fixture::{scene, workshop};

/// Types what is given, byte for byte, into a login shell on a terminal of its own; prints what the shell drew.
const TYPIST: &str = r#"
import os, pty, select, sys, time

def drawn(fd, until, within):
    seen, end = b"", time.monotonic() + within
    while until not in seen and time.monotonic() < end:
        if select.select([fd], [], [], 0.2)[0]:
            seen += os.read(fd, 65536)
    return seen

pid, fd = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execv("/bin/bash", ["-bash"])
prompt = drawn(fd, b"$\x1b[0m ", 20)
for typed, until in TYPED:
    os.write(fd, typed)
    print(drawn(fd, until, 20).decode())
"#;

fn typist(typed: &[(&str, &str)]) -> String {
    let typed: Vec<String> = typed
        .iter()
        .map(|(typed, until)| format!("(b{typed:?}, b{until:?})"))
        .collect();
    TYPIST.replace("TYPED", &format!("[{},]", typed.join(", ")))
}

#[tokio::test]
async fn the_first_tab_completes_and_no_shell_waits_for_that_before() {
    scene(|world| async move {
        let spec = workshop();
        world.prepared(&spec).await;
        let seat = world.seat(&spec, 1).await;
        // A word of a program's own completion, an option, a folder: each as the first Tab of a shell.
        for (typed, completed) in [
            ("git clon\t", "git clone "),
            ("ls --au\t", "ls --author "),
            ("cd /usr/sh\t", "cd /usr/share/"),
        ] {
            let drawn = world
                .python(&seat, &typist(&[(typed, completed)]))
                .await
                .ok();
            assert!(drawn.contains(completed.trim_end()), "{typed:?}: {drawn:?}");
        }
        let count = "bash -lic 'declare -F | wc -l' 2>/dev/null";
        let functions = world.sh(&seat, count).await.ok();
        let functions: u32 = functions.trim().parse().unwrap();
        assert!(
            functions < 20,
            "{functions} functions are read at the start"
        );
    })
    .await;
}
