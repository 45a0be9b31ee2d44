//! Odd names, odd places, and very many of them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::seat::{Answer, Seat, until};

fn outcome(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

fn url(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn every_name_that_is_utf8_is_written_listed_moved_and_removed() {
    let seat = Seat::start().await;
    let long = "ü".repeat(127) + "x";
    for name in [
        "new\nline",
        "-rf",
        "trailing.",
        " spaces ",
        "🐍👩🏽‍💻",
        "a\\b",
        "a:b*?\"<>|",
        "%2e%2e",
        "...",
        ".clarateach-notes",
        "\u{202e}desrever",
        "e\u{301}",
        "\x1b[31m",
        long.as_str(),
    ] {
        let target = format!("/files/{}", url(name));
        assert_eq!(seat.put(&target, "1").await.status, 201, "{name:?}");
        let listed = seat.get("/files").await.json();
        assert_eq!(listed["entries"][0]["name"], name);
        assert_eq!(listed["entries"][0]["name_bytes"], serde_json::Value::Null);
        assert_eq!(seat.get(&target).await.text(), "1");
        let to = url(&format!("moved/{name}"));
        seat.call(Method::POST, "/files/moved?op=mkdir").await;
        let moved = seat
            .call(Method::POST, &format!("{target}?op=move&to={to}"))
            .await;
        assert_eq!(moved.status, 201, "{name:?}: {}", moved.text());
        let removed = seat
            .call(Method::DELETE, "/files/moved?recursive=true")
            .await;
        assert_eq!(removed.status, 204, "{name:?}");
    }
    for (path, code) in [
        ("x".repeat(256), "bad_path"),
        ("d/".repeat(2047) + "xyz", "bad_path"),
    ] {
        let answer = seat.put(&format!("/files/{path}"), "").await;
        assert_eq!(outcome(&answer), (400, code.to_owned()));
    }
    let deep = "d/".repeat(2000) + "x";
    let answer = seat.get(&format!("/files/{deep}")).await;
    assert_eq!(outcome(&answer), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn what_is_not_utf8_is_listed_renamed_and_removed_by_its_bytes() {
    let seat = Seat::start().await;
    let below = |bytes: &[u8]| seat.root().join(OsStr::from_bytes(bytes));
    std::fs::create_dir_all(below(b"a/\xff\xfe/sub")).unwrap();
    std::fs::write(below(b"a/\xff\xfe/plain"), "1").unwrap();
    std::fs::write(below(b"a/\xff\xfe/sub/\x80"), "2").unwrap();
    let listed = seat.get("/files?path=a").await.json();
    let folder = &listed["entries"][0];
    assert_eq!(folder["name_bytes"], URL_SAFE_NO_PAD.encode(b"\xff\xfe"));
    let raw = folder["path_bytes"].as_str().unwrap();
    assert_eq!(raw, URL_SAFE_NO_PAD.encode(b"a/\xff\xfe"));
    let listed = seat.get(&format!("/files?raw={raw}")).await.json();
    // A name that is UTF-8 in a folder that isn't still needs its path's bytes.
    assert_eq!(listed["entries"][1]["name"], "plain");
    assert_eq!(listed["entries"][1]["name_bytes"], serde_json::Value::Null);
    let plain = listed["entries"][1]["path_bytes"].as_str().unwrap();
    let moved = seat
        .call(
            Method::POST,
            &format!("/files?raw={plain}&op=move&to=a/plain"),
        )
        .await;
    assert_eq!(moved.status, 201, "{}", moved.text());
    assert_eq!(seat.read("a/plain"), "1");
    let deep = URL_SAFE_NO_PAD.encode(b"\xff\xfe/sub/\x80");
    assert_eq!(seat.get(&format!("/files/a?raw={deep}")).await.text(), "2");
    let removed = seat
        .call(Method::DELETE, &format!("/files?raw={raw}&recursive=true"))
        .await;
    assert_eq!(removed.status, 204);
    for wrong in [&b"../x"[..], b"/etc/passwd", b"a//b", b"a\0", b"."] {
        let raw = URL_SAFE_NO_PAD.encode(wrong);
        let answer = seat
            .call(Method::DELETE, &format!("/files?raw={raw}"))
            .await;
        assert_eq!(outcome(&answer), (400, "bad_path".to_owned()), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_folder_of_very_many_is_listed_in_part() {
    let seat = Seat::start().await;
    let all = std::env::var_os("CLARATEACH_TEST_ALL").is_some();
    let count = if all { 200_000 } else { 25_000 };
    std::fs::create_dir(seat.root().join("many")).unwrap();
    let folder = std::fs::File::open(seat.root().join("many")).unwrap();
    for n in 0..count {
        let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::openat(&folder, format!("f{n:06}"), flags, mode).unwrap();
    }
    std::fs::create_dir(seat.root().join("many/z-folder")).unwrap();
    let begun = std::time::Instant::now();
    let listed = seat.get("/files?path=many").await.json();
    println!("{count} entries in {:?}", begun.elapsed());
    let entries = listed["entries"].as_array().unwrap();
    assert_eq!(
        (entries.len(), &listed["truncated"]),
        (20_000, &true.into())
    );
    assert_eq!(entries[0]["name"], "z-folder");
    assert_eq!(entries[19_999]["name"], "f019998");
}

#[tokio::test]
async fn what_a_killed_server_left_is_removed_by_the_next() {
    let seat = Seat::start().await;
    std::fs::create_dir_all(seat.root().join("a/.clarateach-0123456789abcdef.tmp/x")).unwrap();
    seat.write(".clarateach-0123456789abcdef.tmp", "half");
    seat.write(".clarateach-mine.tmp", "the learner's");
    seat.write("a/file", "1");
    let _next = seat.again().await;
    until("the sweep", async || {
        seat.get("/health").await;
        !seat
            .root()
            .join(".clarateach-0123456789abcdef.tmp")
            .exists()
            && !seat
                .root()
                .join("a/.clarateach-0123456789abcdef.tmp")
                .exists()
    })
    .await;
    assert_eq!(seat.read(".clarateach-mine.tmp"), "the learner's");
    assert_eq!(seat.read("a/file"), "1");
}
