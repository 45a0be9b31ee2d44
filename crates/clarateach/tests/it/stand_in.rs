//! A stand-in for the browser image: the workspace image with a web server on the browser's port.
//! These tests are about containers, not about Firefox.

use std::process::Command;
use std::sync::LazyLock;

use clarateach::browser::SELKIES;
use clarateach::provider::docker::BrowserConfig;

const WORKSPACE: &str = "clarateach/workspace:latest";
/// Says when it listens, and listens at once after a restart.
const SERVER: &str = r#"CMD ["python3", "-u", "-m", "http.server", "3003", "--directory", "/tmp"]"#;

/// What browsers are made of in these tests.
pub(crate) fn browser() -> BrowserConfig {
    BrowserConfig {
        engine: &SELKIES,
        image: browser_image(),
    }
}

/// Its reference; made when it is first needed, of layers that the engine has.
fn browser_image() -> String {
    static IMAGE: LazyLock<String> = LazyLock::new(|| {
        let workspace = docker(&["image", "inspect", "--format", "{{.Id}}", WORKSPACE]);
        let id = workspace
            .trim_start_matches("sha256:")
            .get(..12)
            .expect("these tests need the workspace image: ./x images");
        let image = format!("clarateach-test/browser:{id}");
        if docker(&["image", "ls", "--quiet", &image]).is_empty() {
            let container = docker(&["create", WORKSPACE]);
            docker(&["commit", "--change", SERVER, &container, &image]);
            docker(&["rm", &container]);
        }
        image
    });
    IMAGE.clone()
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
