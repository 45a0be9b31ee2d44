//! Attacks on the file API from inside the seat, each with a control that shows it could succeed.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyper::Method;

use crate::seat::{Answer, Seat};

fn outcome(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

/// A secret beside the root, and the ways to it.
fn plant_secret(seat: &Seat) -> std::path::PathBuf {
    let outside = seat.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "secret").unwrap();
    outside
}

#[tokio::test]
async fn links_out_of_the_root_lead_nowhere() {
    let seat = Seat::start().await;
    let outside = plant_secret(&seat);
    let root = seat.root();
    symlink(&outside, root.join("absolute")).unwrap();
    symlink("../outside", root.join("relative")).unwrap();
    symlink("/proc/self/root", root.join("magic")).unwrap();
    symlink("/proc/self/cwd", root.join("magic-cwd")).unwrap();
    symlink(outside.join("secret"), root.join("file")).unwrap();
    symlink("../outside/new", root.join("dangling")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    for link in ["absolute", "relative"] {
        // The control: without confinement the link works.
        assert_eq!(seat.read(&format!("{link}/secret")), "secret");
        assert_eq!(
            outcome(&seat.get(&format!("/files/{link}/secret")).await).0,
            403
        );
        assert_eq!(
            outcome(&seat.get(&format!("/files?path={link}")).await).0,
            403
        );
        assert_eq!(
            outcome(&seat.put(&format!("/files/{link}/new"), "x").await).0,
            403
        );
        assert_eq!(
            outcome(
                &seat
                    .call(Method::DELETE, &format!("/files/{link}/secret"))
                    .await
            )
            .0,
            403
        );
        assert_eq!(
            outcome(
                &seat
                    .call(Method::POST, &format!("/files/{link}/d?op=mkdir"))
                    .await
            )
            .0,
            403
        );
        assert_eq!(
            outcome(
                &seat
                    .call(
                        Method::POST,
                        &format!("/files/{link}/secret?op=copy&to=got")
                    )
                    .await
            )
            .0,
            403
        );
        assert_eq!(
            outcome(
                &seat
                    .call(
                        Method::POST,
                        &format!("/files/{link}/secret?op=move&to=got")
                    )
                    .await
            )
            .0,
            403
        );
        seat.write("mine", "x");
        assert_eq!(
            outcome(
                &seat
                    .call(Method::POST, &format!("/files/mine?op=move&to={link}/got"))
                    .await
            )
            .0,
            403
        );
    }
    for target in [
        "/files/magic/etc/passwd",
        "/files/magic-cwd/Cargo.toml",
        "/files/file",
        "/files/loop",
    ] {
        assert_eq!(outcome(&seat.get(target).await).0, 403, "{target}");
    }
    for target in ["/files/file", "/files/dangling", "/files/loop"] {
        assert_eq!(
            outcome(&seat.put(target, "overwritten").await).0,
            403,
            "{target}"
        );
    }
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(
        std::fs::read_to_string(outside.join("secret")).unwrap(),
        "secret"
    );
    // The control: links that stay inside work.
    symlink("mine", root.join("inside")).unwrap();
    assert_eq!(seat.get("/files/inside").await.text(), "x");
}

#[tokio::test]
async fn spelled_ways_out_are_refused() {
    let seat = Seat::start().await;
    plant_secret(&seat);
    assert_eq!(seat.read("../outside/secret"), "secret");
    for path in [
        "../outside/secret",
        "%2e%2e/outside/secret",
        "..%2foutside%2fsecret",
        "%2E%2E%2Foutside",
        "a/../../outside/secret",
        "/etc/passwd",
        "//etc/passwd",
        "./x",
        "a%00b",
        "%2fetc%2fpasswd",
        "a//b",
        "a/",
        "%c0%ae%c0%ae/outside/secret",
        "%",
    ] {
        for (method, target) in [
            (Method::GET, format!("/files/{path}")),
            (Method::PUT, format!("/files/{path}")),
            (Method::DELETE, format!("/files/{path}?recursive=true")),
            (Method::POST, format!("/files/{path}?op=mkdir")),
        ] {
            let answer = seat.call(method.clone(), &target).await;
            assert_eq!(
                outcome(&answer),
                (400, "bad_path".to_owned()),
                "{method} {target}"
            );
        }
    }
    // Encoded twice it is a name, and there is no such file.
    assert_eq!(seat.get("/files/%252e%252e").await.status, 404);
}

#[tokio::test]
async fn what_is_no_file_never_hangs() {
    let seat = Seat::start().await;
    let make = |program: &str, arguments: &[&str]| {
        let status = std::process::Command::new(program)
            .args(arguments)
            .current_dir(seat.root())
            .status();
        assert!(status.unwrap().success());
    };
    make("mkfifo", &["pipe"]);
    symlink("pipe", seat.root().join("to-pipe")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(seat.root().join("socket")).unwrap();
    for name in ["pipe", "to-pipe", "socket"] {
        assert_eq!(
            outcome(&seat.get(&format!("/files/{name}")).await),
            (409, "not_a_file".to_owned()),
            "{name}"
        );
        assert_eq!(
            outcome(&seat.put(&format!("/files/{name}"), "x").await),
            (409, "not_a_file".to_owned()),
            "{name}"
        );
        let copied = seat
            .call(
                Method::POST,
                &format!("/files/{name}?op=copy&to=copy-{name}"),
            )
            .await;
        assert_eq!(copied.status == 409, name != "to-pipe", "{name}");
    }
    assert_eq!(seat.call(Method::DELETE, "/files/pipe").await.status, 204);
}

#[tokio::test]
async fn huge_sparse_files_cost_nothing_to_look_at() {
    let seat = Seat::start().await;
    let file = std::fs::File::create(seat.root().join("sparse")).unwrap();
    file.set_len(1 << 40).unwrap();
    let head = seat.call(Method::HEAD, "/files/sparse").await;
    assert_eq!(head.header("content-length"), Some("1099511627776"));
    let part = seat
        .send(
            Method::GET,
            "/files/sparse",
            &[("range", "bytes=-4")],
            bytes::Bytes::new(),
        )
        .await;
    assert_eq!(part.body[..], [0; 4]);
}

#[tokio::test]
async fn deep_trees_end_in_an_error_not_in_a_crash() {
    let seat = Seat::start().await;
    std::fs::create_dir_all(seat.root().join(["d"; 400].join("/"))).unwrap();
    let removed = seat.call(Method::DELETE, "/files/d?recursive=true").await;
    assert_eq!(outcome(&removed), (413, "too_deep".to_owned()));
    let copied = seat.call(Method::POST, "/files/d?op=copy&to=e").await;
    assert_eq!(outcome(&copied), (413, "too_deep".to_owned()));
    assert!(!seat.root().join("e").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swapping_a_folder_for_a_link_during_calls_leads_nowhere() {
    let seat = Seat::start().await;
    let outside = plant_secret(&seat);
    std::fs::write(outside.join("outside-only"), "OUTSIDE").unwrap();
    let root = seat.root();
    std::fs::create_dir(root.join("real")).unwrap();
    std::fs::write(root.join("real/secret"), "inside").unwrap();
    symlink(&outside, root.join("evil")).unwrap();
    std::fs::rename(root.join("real"), root.join("target")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swapper = start_swapping(&root, &stop);
    // The control: a reader that resolves names as usual is led outside.
    let mut fooled = false;
    let begun = Instant::now();
    while !fooled && begun.elapsed() < Duration::from_secs(10) {
        fooled = std::fs::read(root.join("target/secret")).is_ok_and(|read| read == b"secret");
    }
    assert!(fooled, "the swapping doesn't work");
    let archive = one_file_archive("planted-by-archive");
    let begun = Instant::now();
    let (mut inside, mut unpacked) = (0, 0);
    // Ten seconds: the window of a race is a few microseconds.
    while begun.elapsed() < Duration::from_secs(10) {
        let read = seat.get("/files/target/secret").await;
        assert_ne!(read.text(), "secret");
        inside += usize::from(read.text() == "inside");
        let put = seat.put("/files/target/planted", "planted").await;
        assert!(
            matches!(put.status.as_u16(), 201 | 204 | 403 | 404 | 500),
            "{}",
            put.text()
        );
        seat.call(Method::DELETE, "/files/target/planted").await;
        let listed = seat.get("/files?path=target").await;
        assert!(!listed.text().contains("outside-only"));
        let packed = seat.get("/files-archive?path=target&format=tar.gz").await;
        let mut tar = Vec::new();
        let mut gzip = flate2::read::GzDecoder::new(&packed.body[..]);
        let _ = std::io::Read::read_to_end(&mut gzip, &mut tar);
        for words in [&b"OUTSIDE"[..], b"outside-only"] {
            assert!(memchr::memmem::find(&tar, words).is_none());
        }
        let target = "/files-archive?path=target&overwrite=true";
        let put = seat
            .send(Method::POST, target, &[], archive.clone().into())
            .await;
        unpacked += usize::from(put.status == 200);
        for query in ["q=outside", "q=OUTSIDE&in=contents&all=true&path=target"] {
            let found = seat.get(&format!("/search?{query}")).await;
            assert!(!found.text().contains("outside-only"), "{}", found.text());
        }
    }
    stop.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
    assert!(inside > 0, "no call ever found the folder in its place");
    assert!(unpacked > 0, "nothing was ever unpacked");
    let mut left: Vec<_> = std::fs::read_dir(&outside)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["outside-only", "secret"]);
    assert_eq!(
        std::fs::read_to_string(outside.join("secret")).unwrap(),
        "secret"
    );
}

fn one_file_archive(name: &str) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, &b"x"[..]).unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

/// Exchanges `target` (a folder) and `evil` (a link out of the root) as fast as it can.
fn start_swapping(root: &Path, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let (root, stop) = (root.to_owned(), Arc::clone(stop));
    std::thread::spawn(move || {
        let folder = std::fs::File::open(root).unwrap();
        while !stop.load(Ordering::Relaxed) {
            rustix::fs::renameat_with(
                &folder,
                "target",
                &folder,
                "evil",
                rustix::fs::RenameFlags::EXCHANGE,
            )
            .unwrap();
        }
    })
}
