//! Listing, reading, moving, copying, deleting.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use hyper::Method;

use crate::seat::{Answer, Seat};

fn outcome(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

#[tokio::test]
async fn a_listing_tells_kinds_and_sorts_folders_first() {
    let seat = Seat::start().await;
    seat.write("b.txt", "12345");
    std::fs::create_dir(seat.root().join("zoo")).unwrap();
    std::os::unix::fs::symlink("b.txt", seat.root().join("a-link")).unwrap();
    std::process::Command::new("mkfifo")
        .arg(seat.root().join("c-pipe"))
        .status()
        .unwrap();
    std::fs::set_permissions(seat.root().join("b.txt"), PermissionsExt::from_mode(0o640)).unwrap();
    let listed = seat.get("/files").await.json();
    let brief: Vec<_> = listed["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (
                entry["name"].as_str().unwrap(),
                entry["kind"].as_str().unwrap(),
                entry["size"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        brief,
        [
            ("zoo", "directory", 0),
            ("a-link", "symlink", 0),
            ("b.txt", "file", 5),
            ("c-pipe", "other", 0)
        ]
    );
    assert_eq!(listed["entries"][2]["mode"], "0640");
    assert!(
        listed["entries"][2]["modified_at"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    seat.write("zoo/in ner", "");
    let below = seat.get("/files?path=zoo").await.json();
    assert_eq!(below["entries"][0]["path"], "zoo/in ner");
    assert_eq!(
        outcome(&seat.get("/files?path=missing").await),
        (404, "not_found".to_owned())
    );
    assert_eq!(
        outcome(&seat.get("/files?path=b.txt").await),
        (409, "not_a_directory".to_owned())
    );
    assert_eq!(
        outcome(&seat.get("/files?path=zoo/..").await),
        (400, "bad_path".to_owned())
    );
    assert_eq!(
        outcome(&seat.get("/files?pfad=zoo").await),
        (400, "invalid_input".to_owned())
    );
}

#[tokio::test]
async fn files_are_read_whole_in_part_and_not_at_all() {
    let seat = Seat::start().await;
    let content: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
    seat.write("data.bin", &content);
    let whole = seat.get("/files/data.bin").await;
    assert!(whole.status == 200 && whole.body == content);
    assert_eq!(
        whole.header("content-type"),
        Some("application/octet-stream")
    );
    let with = async |headers: &[(&str, &str)]| {
        seat.send(Method::GET, "/files/data.bin", headers, Bytes::new())
            .await
    };
    let part = with(&[("range", "bytes=500000-500009")]).await;
    assert!(part.status == 206 && part.body[..] == content[500_000..500_010]);
    assert_eq!(
        part.header("content-range"),
        Some("bytes 500000-500009/1000000")
    );
    assert_eq!(
        with(&[("range", "bytes=-10")]).await.body[..],
        content[999_990..]
    );
    let beyond = with(&[("range", "bytes=1000000-")]).await;
    assert_eq!(
        (outcome(&beyond), beyond.header("content-range")),
        ((416, "bad_range".to_owned()), Some("bytes */1000000"))
    );
    let tag = whole.etag();
    assert_eq!(with(&[("if-none-match", &tag)]).await.status, 304);
    assert_eq!(
        with(&[("if-range", &tag), ("range", "bytes=0-0")])
            .await
            .status,
        206
    );
    assert_eq!(
        with(&[("if-range", "\"other\""), ("range", "bytes=0-0")])
            .await
            .status,
        200
    );
    let head = seat.call(Method::HEAD, "/files/data.bin").await;
    assert_eq!(
        (
            head.status.as_u16(),
            head.header("content-length"),
            head.body.len()
        ),
        (200, Some("1000000"), 0)
    );
    assert_eq!(head.etag(), tag);
    let part = [("range", "bytes=0-9")];
    let head = seat
        .send(Method::HEAD, "/files/data.bin", &part, Bytes::new())
        .await;
    assert_eq!(
        (head.status.as_u16(), head.header("content-length")),
        (200, Some("1000000")),
        "only a GET has ranges"
    );
    let several = with(&[("range", "bytes=0-1,5-6,999999-")]).await;
    assert!(several.status == 200 && several.body == content);
    assert_eq!(
        outcome(&seat.get("/files/missing").await),
        (404, "not_found".to_owned())
    );
    seat.write("empty", "");
    let empty = seat.get("/files/empty").await;
    assert!(empty.status == 200 && empty.body.is_empty());
}

#[tokio::test]
async fn folders_are_made_without_parents() {
    let seat = Seat::start().await;
    let make = async |path: &str| {
        seat.call(Method::POST, &format!("/files/{path}?op=mkdir"))
            .await
    };
    assert_eq!(make("new").await.status, 201);
    assert_eq!(outcome(&make("new").await), (409, "exists".to_owned()));
    assert_eq!(make("new/er").await.status, 201);
    assert_eq!(
        outcome(&make("no/parent").await),
        (404, "no_parent".to_owned())
    );
    assert_eq!(
        outcome(&seat.call(Method::POST, "/files/x").await),
        (400, "invalid_input".to_owned())
    );
    assert_eq!(
        outcome(&seat.call(Method::POST, "/files/x?op=format").await),
        (400, "invalid_input".to_owned())
    );
}

#[tokio::test]
async fn moving_replaces_only_when_told_to() {
    let seat = Seat::start().await;
    seat.write("a", "a");
    seat.write("b", "b");
    let relocate = async |from: &str, to: &str| {
        seat.call(Method::POST, &format!("/files/{from}?op=move&to={to}"))
            .await
    };
    assert_eq!(
        outcome(&relocate("a", "b").await),
        (409, "exists".to_owned())
    );
    assert_eq!(
        (seat.read("a"), seat.read("b")),
        ("a".to_owned(), "b".to_owned())
    );
    assert_eq!(relocate("a", "b&overwrite=true").await.status, 201);
    assert_eq!(seat.read("b"), "a");
    assert_eq!(
        outcome(&relocate("a", "c").await),
        (404, "not_found".to_owned())
    );
    assert_eq!(
        outcome(&relocate("b", "no/c").await),
        (404, "no_parent".to_owned())
    );
    std::fs::create_dir_all(seat.root().join("d/e")).unwrap();
    assert_eq!(
        outcome(&relocate("d", "d/e/f").await),
        (409, "into_itself".to_owned())
    );
    assert_eq!(relocate("b", "d/e/b%20%C3%A9").await.status, 201);
    assert_eq!(seat.read("d/e/b é"), "a");
    for bad in ["..", "../x", "d/../x", "/abs", "", "d//x"] {
        assert_eq!(
            outcome(&relocate("d", bad).await),
            (400, "bad_path".to_owned()),
            "{bad}"
        );
    }
    assert_eq!(
        outcome(&seat.call(Method::POST, "/files?op=move&to=x").await),
        (400, "bad_path".to_owned())
    );
}

#[tokio::test]
async fn trees_are_copied_whole_or_not_at_all() {
    let seat = Seat::start().await;
    std::fs::create_dir_all(seat.root().join("from/sub")).unwrap();
    seat.write("from/sub/run.sh", "#!/bin/sh\n");
    std::fs::set_permissions(
        seat.root().join("from/sub/run.sh"),
        PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    std::os::unix::fs::symlink("sub/run.sh", seat.root().join("from/link")).unwrap();
    let copy = async |from: &str, to: &str| {
        seat.call(Method::POST, &format!("/files/{from}?op=copy&to={to}"))
            .await
    };
    assert_eq!(copy("from", "to").await.status, 201);
    assert_eq!(seat.read("to/link"), "#!/bin/sh\n");
    let mode = std::fs::metadata(seat.root().join("to/sub/run.sh"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(
        outcome(&copy("from", "to").await),
        (409, "exists".to_owned())
    );
    assert_eq!(
        outcome(&copy("from", "from/sub/again").await),
        (409, "into_itself".to_owned())
    );
    assert_eq!(
        copy("from/sub/run.sh", "to/link&overwrite=true")
            .await
            .status,
        201
    );
    std::process::Command::new("mkfifo")
        .arg(seat.root().join("from/pipe"))
        .status()
        .unwrap();
    assert_eq!(
        outcome(&copy("from", "half").await),
        (409, "not_a_file".to_owned())
    );
    let left: Vec<_> = std::fs::read_dir(seat.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test]
async fn deleting_a_full_folder_must_be_meant() {
    let seat = Seat::start().await;
    std::fs::create_dir_all(seat.root().join("d/e/f")).unwrap();
    seat.write("d/e/file", "x");
    seat.write("kept", "x");
    std::os::unix::fs::symlink("../../kept", seat.root().join("d/e/link")).unwrap();
    let delete = async |target: &str| seat.call(Method::DELETE, target).await;
    assert_eq!(
        outcome(&delete("/files/d").await),
        (409, "not_empty".to_owned())
    );
    assert_eq!(delete("/files/d?recursive=true").await.status, 204);
    assert!(!seat.root().join("d").exists() && seat.root().join("kept").exists());
    assert_eq!(
        outcome(&delete("/files/d").await),
        (404, "not_found".to_owned())
    );
    assert_eq!(
        outcome(&delete("/files/no/such").await),
        (404, "not_found".to_owned())
    );
    assert_eq!(
        outcome(&delete("/files").await),
        (400, "bad_path".to_owned())
    );
    assert_eq!(
        outcome(&delete("/files?recursive=true").await),
        (400, "bad_path".to_owned())
    );
    let stale = seat
        .send(
            Method::DELETE,
            "/files/kept",
            &[("if-match", "\"old\"")],
            Bytes::new(),
        )
        .await;
    assert_eq!(outcome(&stale), (412, "changed".to_owned()));
    assert_eq!(delete("/files/kept").await.status, 204);
}

#[tokio::test]
async fn odd_names_work() {
    let seat = Seat::start().await;
    let long = "n".repeat(255);
    for (url, name) in [
        ("new%0Aline", "new\nline"),
        ("%F0%9F%90%8D", "🐍"),
        ("%20", " "),
        ("-rf", "-rf"),
        ("%25%32%65", "%2e"),
        ("a%3Fb%23c", "a?b#c"),
        ("back%5Cslash", "back\\slash"),
        (long.as_str(), long.as_str()),
    ] {
        assert_eq!(
            seat.put(&format!("/files/{url}"), name.to_owned())
                .await
                .status,
            201,
            "{name:?}"
        );
        assert_eq!(seat.read(name), name);
        assert_eq!(seat.get(&format!("/files/{url}")).await.text(), name);
    }
    let listed = seat.get("/files").await.json();
    assert_eq!(listed["entries"].as_array().unwrap().len(), 8);
    assert_eq!(
        outcome(&seat.put(&format!("/files/{long}x"), "").await),
        (400, "bad_path".to_owned())
    );
}

#[tokio::test]
async fn names_that_are_not_utf8_can_be_renamed_and_deleted() {
    let seat = Seat::start().await;
    std::fs::create_dir(seat.root().join("d")).unwrap();
    for name in [&b"bad\xff"[..], b"worse\xfe\xff"] {
        std::fs::write(
            seat.root()
                .join("d")
                .join(std::ffi::OsStr::from_bytes(name)),
            "x",
        )
        .unwrap();
    }
    let listed = seat.get("/files?path=d").await.json();
    let bytes = |index: usize| {
        listed["entries"][index]["name_bytes"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(listed["entries"][0]["name"], "bad\u{fffd}");
    let renamed = seat
        .call(
            Method::POST,
            &format!("/files/d?raw={}&op=move&to=d/good", bytes(0)),
        )
        .await;
    assert_eq!(renamed.status, 201);
    assert_eq!(
        seat.call(Method::DELETE, &format!("/files/d?raw={}", bytes(1)))
            .await
            .status,
        204
    );
    let left = seat.get("/files?path=d").await.json();
    assert_eq!(
        (
            left["entries"].as_array().unwrap().len(),
            &left["entries"][0]["name"]
        ),
        (1, &"good".into())
    );
    for wrong in ["Li4", "L2V0Yw", "*", ""] {
        let answer = seat
            .call(Method::DELETE, &format!("/files/d?raw={wrong}"))
            .await;
        assert_eq!(outcome(&answer), (400, "bad_path".to_owned()), "{wrong}");
    }
}
