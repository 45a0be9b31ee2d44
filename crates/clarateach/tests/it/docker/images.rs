//! Images that know nothing of us: a bare Debian, a busybox without bash, one that is root's and has an
//! entrypoint; one that comes from a registry, and some that no seat can be made of.

use std::path::Path;
use std::sync::{Arc, Mutex};

use clarateach::model::WorkshopSpec;
use clarateach::provider::{ImageReport, Level, Progress, Provider, Pulled, Told};

use super::fixture::{World, host, scene, workshop};
use super::registry::Registry;

const DEBIAN: &str = "debian:bookworm-slim";
/// Everything that a shell without bash needs.
const APPLETS: [&str; 12] = [
    "sh", "ls", "cat", "id", "whoami", "touch", "stty", "mkdir", "rm", "env", "test", "sleep",
];
const WHEEL: &str = r#"
import zipfile
with zipfile.ZipFile("/workspace/hello-1-py3-none-any.whl", "w") as wheel:
    wheel.writestr("hello.py", "print('hello from a package')")
    info = "hello-1.dist-info/"
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: hello\nVersion: 1\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "RECORD", "hello.py,,\n" + info + "METADATA,,\n" + info + "WHEEL,,\n" + info + "RECORD,,\n")
"#;

/// An image that goes with it.
struct Made(String);

impl Made {
    fn name(kind: &str) -> String {
        let random = workshop().id.short().to_owned();
        format!("clarateach-test/{kind}:{random}")
    }

    /// From a folder that becomes its root, with these lines of a Dockerfile.
    fn of_folder(kind: &str, root: &Path, changes: &[&str]) -> Self {
        let name = Self::name(kind);
        let archive = archive(root);
        let mut arguments = vec!["import"];
        arguments.extend(changes.iter().flat_map(|change| ["--change", change]));
        let path = archive.path().to_string_lossy().into_owned();
        arguments.extend([path.as_str(), name.as_str()]);
        host("docker", &arguments);
        Self(name)
    }

    /// Another one with these lines of a Dockerfile on top.
    fn of_image(kind: &str, base: &str, changes: &[&str]) -> Self {
        let name = Self::name(kind);
        let container = host("docker", &["create", base, "true"]);
        let container = container.trim();
        let mut arguments = vec!["commit"];
        arguments.extend(changes.iter().flat_map(|change| ["--change", change]));
        arguments.extend([container, &name]);
        host("docker", &arguments);
        host("docker", &["rm", container]);
        Self(name)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        host("docker", &["rmi", "--force", &self.0]);
    }
}

fn archive(root: &Path) -> tempfile::NamedTempFile {
    let archive = tempfile::NamedTempFile::new().unwrap();
    let (to, from) = (archive.path().to_str().unwrap(), root.to_str().unwrap());
    host("tar", &["-cf", to, "-C", from, "."]);
    archive
}

/// A root of busybox alone.
fn busybox() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let bin = root.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let program = host("sh", &["-c", "command -v busybox"]);
    std::fs::copy(program.trim(), bin.join("busybox")).unwrap();
    for applet in APPLETS {
        std::os::unix::fs::symlink("busybox", bin.join(applet)).unwrap();
    }
    root
}

fn of(image: &str) -> WorkshopSpec {
    WorkshopSpec {
        image: image.to_owned(),
        ..workshop()
    }
}

async fn report(world: &World, image: &str) -> ImageReport {
    let silent = Progress::silent();
    world.provider.check_image(image, &silent).await.unwrap()
}

#[track_caller]
fn level(report: &ImageReport, code: &str) -> Option<Level> {
    let found = report.findings.iter().find(|it| it.code == code);
    found.map(|finding| finding.level)
}

/// What every image must give: a user with a name and a home, a disk of their own, nothing of root's.
async fn is_a_seat(world: &World, spec: &WorkshopSpec) -> clarateach::provider::Instance {
    world.prepared(spec).await;
    let seat = world.seat(spec, 1).await;
    let said = |line: &'static str| {
        let seat = &seat;
        async move { world.sh(seat, line).await.ok() }
    };
    let name = said("whoami").await;
    assert!(!name.is_empty() && name != "root", "{name}");
    assert_eq!(said("id -u").await, "1000");
    assert_eq!(said("echo $HOME").await, "/workspace/.home");
    said("touch /workspace/mine /tmp/mine && mkdir -p ~/.config").await;
    let refused = world.sh(&seat, "touch /bin/mine").await;
    assert_ne!(refused.code, 0, "the image's own files can't be written");
    seat
}

#[tokio::test]
async fn a_bare_debian_is_a_seat_and_its_report_names_what_it_lacks() {
    scene(|world| async move {
        let report = report(&world, DEBIAN).await;
        assert!(report.is_usable(), "{report:?}");
        assert_eq!(level(&report, "shell"), Some(Level::Good));
        for lacks in ["git", "python", "pip", "node", "user"] {
            assert_eq!(level(&report, lacks), Some(Level::Warning), "{lacks}");
        }
        let seats = world.provider.list(None).await.unwrap();
        assert_eq!(seats, [], "a report makes no seat");
        is_a_seat(&world, &of(DEBIAN)).await;
    })
    .await;
}

#[tokio::test]
async fn a_busybox_without_bash_is_a_seat() {
    scene(|world| async move {
        let root = busybox();
        let image = Made::of_folder("busybox", root.path(), &[]);
        let report = report(&world, &image.0).await;
        assert!(report.is_usable(), "{report:?}");
        assert_eq!(level(&report, "no_bash"), Some(Level::Warning));
        let spec = of(&image.0);
        is_a_seat(&world, &spec).await;
        world.provider.destroy_workshop(&spec.id).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_image_of_roots_with_an_entrypoint_is_a_seat_where_git_and_pip_work() {
    scene(|world| async move {
        let changes = [
            "USER root",
            r#"ENTRYPOINT ["/bin/false", "--never"]"#,
            "VOLUME /var/lib/data",
            "WORKDIR /root",
        ];
        let image = Made::of_image("root", super::fixture::IMAGE, &changes);
        let report = report(&world, &image.0).await;
        assert!(report.is_usable(), "{report:?}");
        for told in ["user", "entrypoint", "volumes"] {
            assert_eq!(level(&report, told), Some(Level::Warning), "{told}");
        }
        for there in ["git", "python", "pip"] {
            assert_eq!(level(&report, there), Some(Level::Good), "{there}");
        }
        let spec = of(&image.0);
        let seat = is_a_seat(&world, &spec).await;
        let commit = "cd /workspace && git init -q repo && cd repo && touch a && git add a && git -c user.name=Ada -c user.email=a@b commit -qm first && git log --oneline | wc -l";
        assert_eq!(world.sh(&seat, commit).await.ok(), "1");
        world.python(&seat, WHEEL).await.ok();
        let install = "cd /workspace && pip install --user --no-index --quiet ./hello-1-py3-none-any.whl && python3 -m hello";
        assert_eq!(
            world.sh(&seat, install).await.ok(),
            "hello from a package"
        );
        world.provider.destroy_workshop(&spec.id).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_image_without_a_shell_is_refused_before_anything_is_made() {
    scene(|world| async move {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("program"), "no shell").unwrap();
        let image = Made::of_folder("scratch", root.path(), &[]);
        let report = report(&world, &image.0).await;
        assert!(!report.is_usable());
        assert_eq!(level(&report, "no_shell"), Some(Level::Error));
        let spec = of(&image.0);
        let refused = world.provider.preflight(&spec).await.unwrap_err();
        assert_eq!(refused.code(), "image_unusable");
        assert!(refused.to_string().contains("no shell"), "{refused}");
        let silent = Progress::silent();
        let refused = world.provider.prepare(&spec, &silent).await.unwrap_err();
        assert_eq!(refused.code(), "image_unusable");
        assert!(!refused.is_retryable());
        assert_eq!(world.provider.list_workshops().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn an_image_comes_from_its_registry_and_the_bytes_are_told() {
    scene(|world| async move {
        let root = busybox();
        let mut filling = vec![0_u8; 8 << 20];
        getrandom::fill(&mut filling).unwrap();
        std::fs::write(root.path().join("filling"), filling).unwrap();
        let layer = std::fs::read(archive(root.path()).path()).unwrap();
        let size = u64::try_from(layer.len()).unwrap();
        let registry = Registry::serve(layer).await;
        let image = Made(format!("{}/small:1", registry.address));
        let spec = of(&image.0);
        world.provider.preflight(&spec).await.unwrap();

        let told = Arc::new(Mutex::new(Vec::<Pulled>::new()));
        let listener = Arc::clone(&told);
        let progress = Progress::new(move |said| {
            if let Told::Pulled(pulled) = said {
                listener.lock().unwrap().push(pulled);
            }
        });
        world.provider.prepare(&spec, &progress).await.unwrap();
        let told = told.lock().unwrap().clone();
        let half_way = told
            .iter()
            .any(|it| it.bytes > 0 && it.bytes < size && it.of == Some(size));
        assert!(half_way, "{size} bytes: {told:?}");
        assert_eq!(told.last().unwrap().permille, 1000, "{told:?}");
        is_a_seat(&world, &spec).await;
        world.provider.destroy_workshop(&spec.id).await.unwrap();
    })
    .await;
}
