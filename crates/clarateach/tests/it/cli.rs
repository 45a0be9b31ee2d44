//! The command line as people and scripts meet it: the built binary against a real server. What a server
//! of ours can't be made to say is said by a scripted one (`cli/scripted.rs`).

mod https;
mod names;
mod offline;
mod scripted;
mod terminal;
mod terminals;
mod waiting;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::task::LocalSet;

use super::app::{PASSWORD, TestApp, scene};

const BINARY: &str = env!("CARGO_BIN_EXE_clarateach");
/// The longest that anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody at a shell, with a home of their own.
struct Shell {
    home: TempDir,
    variables: Vec<(&'static str, String)>,
}

#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Shell {
    fn at(app: &TestApp) -> Self {
        Self::at_url(&format!("http://{}", app.listen))
    }

    /// One with a token that was made over the API.
    async fn signed_in(app: &TestApp, instructor: &super::app::Client) -> Self {
        let token = instructor.post("/api/tokens", json!({"name": "cli"})).await;
        let token = token.json()["token"].as_str().unwrap().to_owned();
        let mut shell = Self::at(app);
        shell.variables.push(("CLARATEACH_TOKEN", token));
        shell
    }

    /// Somebody whose server is at `url`.
    fn at_url(url: &str) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            variables: vec![("CLARATEACH_SERVER", url.to_owned())],
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(self.variables.iter().cloned())
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, args: &[&str]) -> Ran {
        let mut command = self.command(BINARY);
        let output = tokio::time::timeout(PATIENCE, command.args(args).output());
        let output = output.await.expect("the command hangs").unwrap();
        Ran {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Files with saved tokens.
    fn saved_tokens(&self) -> Vec<PathBuf> {
        let folder = std::fs::read_dir(self.home.path().join(".config/clarateach/tokens"));
        let entries = folder.into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_workshop_is_made_listed_shown_and_ended_from_a_shell() {
    scene(|app, instructor| async move {
        let shell = Shell::signed_in(&app, &instructor).await;
        let empty = shell.run(&["status"]).await;
        assert!(empty.out.contains("safe to power off"), "{empty:?}");
        let create = [
            "workshop",
            "create",
            "Rust",
            "--seats",
            "2",
            "--json",
            "--idempotency-key",
            "k",
        ];
        let made = shell.run(&create).await.json();
        assert_eq!(made["status"], "ready");
        assert_eq!(shell.run(&create).await.json()["id"], made["id"]);
        let id = made["id"].as_str().unwrap();
        app.client().join(&made, "Ada").await;

        let list = shell.run(&["workshop", "list"]).await;
        let row = list.out.lines().nth(1).unwrap();
        let code = made["code"].as_str().unwrap();
        for part in [id, "ready", code, "2/2", "Rust"] {
            assert!(row.contains(part), "{part} in {list:?}");
        }
        let shown = shell.run(&["workshop", "show", id]).await;
        assert!(
            shown.out.contains("/join#") && shown.out.contains("Ada"),
            "{shown:?}"
        );
        let seats = shell.run(&["seat", "list", id, "--json"]).await.json();
        assert_eq!(seats["seats"][0]["learner"]["name"], "Ada");
        let reset = shell
            .run(&["seat", "reset", id, "1", "--json"])
            .await
            .json();
        assert_eq!(
            (&reset["generation"], &reset["learner"]["name"]),
            (&json!(2), &json!("Ada"))
        );
        let released = shell
            .run(&["seat", "release", id, "1", "--json"])
            .await
            .json();
        assert!(released["learner"].is_null(), "{released}");
        assert_eq!(shell.run(&["seat", "retry", id, "2"]).await.code, 0);

        let busy = shell.run(&["status", "--json"]).await.json();
        assert_eq!(busy["safe_to_power_off"], false);
        let gone = shell.run(&["workshop", "delete", id]).await;
        assert_eq!((gone.code, gone.out), (0, format!("{id} is gone\n")));
        let status = shell.run(&["status", "--json"]).await.json();
        assert_eq!(status["safe_to_power_off"], true);
    })
    .await;
}

#[tokio::test]
async fn a_token_is_made_with_the_password_saved_and_revoked() {
    scene(|app, _instructor| async move {
        let shell = Shell::at(&app);
        let nobody = shell.run(&["workshop", "list"]).await;
        assert_eq!(nobody.code, 4);
        assert!(nobody.err.contains("token create --save"), "{nobody:?}");
        let asks = shell.run(&["token", "create"]).await;
        assert!(asks.err.contains("--password-file"), "{asks:?}");

        let wrong = shell.file("wrong", "not the password");
        let refused = shell
            .run(&["token", "create", "--save", "--password-file", &wrong])
            .await;
        assert!(
            refused.err.contains("that password is not right"),
            "{refused:?}"
        );
        assert_eq!((refused.code, shell.saved_tokens()), (4, vec![]));
        let right = shell.file("right", &format!("{PASSWORD}\n"));
        let saved = shell
            .run(&[
                "token",
                "create",
                "--save",
                "--json",
                "--password-file",
                &right,
            ])
            .await;
        assert!(!saved.out.contains("ct_"), "{saved:?}");
        let file = shell.saved_tokens().remove(0);
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
        let id = saved.json()["id"].as_str().unwrap().to_owned();

        assert_eq!(shell.run(&["workshop", "list"]).await.code, 0);
        let list = shell.run(&["token", "list"]).await;
        assert!(list.out.contains(&id), "{list:?}");
        let printed = shell
            .run(&["token", "create", "--password-file", &right])
            .await;
        let printed = printed.out.trim();
        assert!(printed.starts_with("ct_"), "{printed}");
        let revoked = shell.run(&["token", "revoke", &id]).await;
        assert_eq!(revoked.code, 0, "{revoked:?}");
        // What is revoked here is not kept here.
        assert_eq!(shell.saved_tokens(), Vec::<PathBuf>::new());
        let after = shell
            .run(&["--token", "ct_revoked", "workshop", "list"])
            .await;
        assert_eq!(after.code, 4);
        assert!(after.err.contains("revoked"), "{after:?}");
        let with_flag = shell
            .run(&["--token", printed, "workshop", "list", "--json"])
            .await;
        assert_eq!(with_flag.json(), json!({"workshops": []}));
    })
    .await;
}

#[tokio::test]
async fn what_went_wrong_and_what_to_do_is_said() {
    scene(|app, instructor| async move {
        let mut shell = Shell::signed_in(&app, &instructor).await;
        let none = shell.run(&["workshop", "show", "ws-aaaaaaaa"]).await;
        assert_eq!(none.code, 1);
        assert!(none.err.contains("there is no such workshop"), "{none:?}");
        for usage in [
            &["seat", "reset", "ws-aaaaaaaa", "0"][..],
            &["seat", "add", "ws-aaaaaaaa", "201"],
            &["workshop", "create", "Rust"],
            &["token", "revoke", "../tokens"],
            &["--server", "localhost", "status"],
        ] {
            let ran = shell.run(usage).await;
            assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{usage:?}: {ran:?}");
        }
        let bad = shell.run(&["--token", "ct_nobodys", "status"]).await;
        assert_eq!(bad.code, 4);
        assert!(!bad.err.contains("ct_nobodys"), "{bad:?}");
        assert!(bad.err.contains("token create --save"), "{bad:?}");

        // Bound and released: nobody listens there.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let nowhere = format!("http://{}", free.local_addr().unwrap());
        drop(free);
        shell.variables[0].1 = nowhere.clone();
        let down = shell.run(&["status"]).await;
        assert_eq!((down.code, down.out.as_str()), (3, ""));
        for part in [&nowhere, "onnection refused", "clarateach serve"] {
            assert!(down.err.contains(part), "{part} in {down:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_set_up_link_is_there_for_the_operator_until_it_is_used() {
    LocalSet::new()
        .run_until(async {
            let dir = tempfile::tempdir().unwrap();
            let app = TestApp::start(dir.path()).await;
            let shell = Shell::at(&app);
            let data_dir = dir.path().display().to_string();
            let show = ["setup-link", "--data-dir", &data_dir];
            let shown = shell.run(&show).await;
            assert_eq!(shown.out.trim(), app.setup_link.as_deref().unwrap());
            let file = dir.path().join("setup-link");
            assert_eq!(mode(&file), 0o600);
            let instructor = app.instructor().await;
            while file.exists() {
                tokio::task::yield_now().await;
            }
            let used = shell.run(&show).await;
            assert_eq!((used.code, used.out.as_str()), (1, ""));
            assert!(used.err.contains("there is no set-up link"), "{used:?}");

            let shell = Shell::signed_in(&app, &instructor).await;
            let left = dir.path().join("seats/ws-00000000");
            std::fs::create_dir_all(&left).unwrap();
            let status = ["status", "--json", "--data-dir", &data_dir];
            let found = shell.run(&status).await.json();
            assert_eq!(found["disks"], json!([left]));
            assert_eq!(found["safe_to_power_off"], false);
            std::fs::remove_dir(&left).unwrap();
            let clean = shell.run(&status).await.json();
            assert_eq!(clean["safe_to_power_off"], true);
            app.stop().await;

            // What a killed server left behind goes at the next start.
            std::fs::write(&file, "http://localhost/setup#old").unwrap();
            let app = TestApp::start(dir.path()).await;
            assert!(!file.exists());
            app.stop().await;
        })
        .await;
}

#[tokio::test]
async fn completions_know_the_commands_and_bash_reads_them() {
    let shell = Shell::at_url("http://localhost");
    for name in ["bash", "zsh", "fish"] {
        let script = shell.run(&["completions", name]).await;
        assert_eq!(script.code, 0, "{script:?}");
        assert!(script.out.contains("setup-link"), "{name}");
        if name == "bash" {
            let path = shell.file("completions", &script.out);
            let parsed = shell.command("bash").args(["-n", &path]).output().await;
            let parsed = parsed.unwrap();
            assert!(parsed.status.success(), "{parsed:?}");
            assert!(parsed.stderr.is_empty(), "{parsed:?}");
        }
    }
}

#[tokio::test]
async fn every_flag_is_described_and_exit_codes_are_told() {
    let shell = Shell::at_url("http://localhost");
    for command in [
        &["--help"][..],
        &["workshop", "create", "--help"],
        &["status", "--help"],
    ] {
        let help = shell.run(command).await;
        assert!(help.out.contains("Examples:"), "{command:?}: {}", help.out);
        assert!(help.out.contains("130 interrupted"), "{command:?}");
    }
    for command in [
        &["workshop", "delete", "-h"][..],
        &["seat", "add", "-h"],
        &["seat", "reset", "-h"],
        &["token", "create", "-h"],
        &["setup-link", "-h"],
    ] {
        let help = shell.run(command).await;
        let words = help.out.split_whitespace().collect::<Vec<_>>().join(" ");
        for name in ["SERVER", "TOKEN", "CA_FILE"] {
            assert!(
                words.contains(&format!("env: CLARATEACH_{name}")),
                "{words}"
            );
        }
        for line in help
            .out
            .lines()
            .filter(|line| line.trim_start().starts_with("--"))
        {
            let says = line.trim_start().split_once("  ");
            assert!(
                says.is_some_and(|(_, says)| !says.trim().is_empty()),
                "{command:?}: no description in {line:?}"
            );
        }
    }
}
