//! Folders as archives, out and in; and archives that mean harm.

use std::io::{Cursor, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};

use bytes::Bytes;
use clarateach_workspace::Limits;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::Method;
use serde_json::json;

use crate::seat::{Answer, Seat};

fn outcome(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

/// Entries for an archive that is made by hand.
enum Made<'a> {
    File(&'a str, &'a [u8]),
    Link(&'a str, &'a str),
    HardLink(&'a str, &'a str),
    Device(&'a str),
}

fn tar_gz(entries: &[Made<'_>]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for entry in entries {
        let (name, kind, target, content) = match entry {
            Made::File(name, content) => (name, tar::EntryType::Regular, None, *content),
            Made::Link(name, target) => (name, tar::EntryType::Symlink, Some(target), &[][..]),
            Made::HardLink(name, target) => (name, tar::EntryType::Link, Some(target), &[][..]),
            Made::Device(name) => (name, tar::EntryType::Char, None, &[][..]),
        };
        let mut header = tar::Header::new_old();
        // Not by the crate's setters: they refuse what an attacker writes.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        if let Some(target) = target {
            header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        }
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append(&header, content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn zip_of(entries: &[Made<'_>]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated);
    for entry in entries {
        match entry {
            Made::File(name, content) => {
                zip.start_file(*name, options).unwrap();
                zip.write_all(content).unwrap();
            }
            Made::Link(name, target) => zip.add_symlink(*name, *target, options).unwrap(),
            // Zip knows none.
            Made::HardLink(..) | Made::Device(_) => {}
        }
    }
    zip.finish().unwrap().into_inner()
}

async fn unpack(seat: &Seat, query: &str, archive: Vec<u8>) -> Answer {
    let target = format!("/files-archive?{query}");
    seat.send(Method::POST, &target, &[], Bytes::from(archive))
        .await
}

fn plant(seat: &Seat) {
    std::fs::create_dir_all(seat.root().join("src/deep/er")).unwrap();
    std::fs::create_dir(seat.root().join("src/empty")).unwrap();
    seat.write("src/main.rs", "fn main() {}");
    let noise: Vec<u8> = (0..3_000_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    seat.write("src/deep/er/noise", &noise);
    seat.write("src/🐍 and\nnew line", "odd");
    seat.write(&format!("src/{}", "n".repeat(255)), "long");
    seat.write("src/run.sh", "#!/bin/sh");
    let path = seat.root().join("src/run.sh");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o750)).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_001);
    file.set_modified(time).unwrap();
    symlink("../main.rs", seat.root().join("src/deep/link")).unwrap();
}

/// What is below a folder: kind or content, by path.
fn tree(folder: &std::path::Path) -> std::collections::BTreeMap<String, String> {
    let mut found = std::collections::BTreeMap::new();
    let mut queue = vec![folder.to_owned()];
    while let Some(next) = queue.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let name = path
                .strip_prefix(folder)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            let mode = meta.permissions().mode();
            let what = if meta.is_dir() {
                queue.push(path);
                "folder".to_owned()
            } else if meta.is_symlink() {
                format!("-> {}", std::fs::read_link(&path).unwrap().display())
            } else {
                let time = meta
                    .modified()
                    .unwrap()
                    .duration_since(std::time::UNIX_EPOCH);
                let content = std::fs::read(&path).unwrap();
                let sum: u64 = content.iter().map(|byte| u64::from(*byte)).sum();
                format!(
                    "{mode:o} {} {} {sum}",
                    time.unwrap().as_secs(),
                    content.len()
                )
            };
            found.insert(name, what);
        }
    }
    found
}

#[tokio::test]
async fn a_folder_goes_out_and_comes_back_as_it_was() {
    for format in ["zip", "tar.gz"] {
        let seat = Seat::start().await;
        plant(&seat);
        let packed = seat
            .get(&format!("/files-archive?path=src&format={format}"))
            .await;
        assert_eq!(packed.status, 200, "{}", packed.text());
        assert_eq!(
            packed.header("content-disposition"),
            Some(format!("attachment; filename*=UTF-8''src.{format}").as_str())
        );
        std::fs::create_dir(seat.root().join("copy")).unwrap();
        let unpacked = unpack(&seat, "path=copy", packed.body.to_vec()).await;
        assert_eq!(unpacked.status, 200, "{}", unpacked.text());
        let told = unpacked.json();
        assert_eq!(
            (&told["files"], &told["links"], &told["skipped_total"]),
            (&json!(5), &json!(1), &json!(0)),
            "{format}"
        );
        let (before, after) = (
            tree(&seat.root().join("src")),
            tree(&seat.root().join("copy/src")),
        );
        assert_eq!(before, after, "{format}");
        // Once more: it is in the way, and may be replaced.
        let again = unpack(&seat, "path=copy", packed.body.to_vec()).await;
        assert_eq!(outcome(&again), (409, "exists".to_owned()));
        let paths = again.json()["error"]["paths"].clone();
        assert_eq!(paths.as_array().unwrap().len(), 6, "{paths}");
        let query = "path=copy&overwrite=true";
        let replaced = unpack(&seat, query, packed.body.to_vec()).await;
        assert_eq!(replaced.json()["files"], 5);
        assert_eq!(tree(&seat.root().join("copy/src")), before);
    }
}

#[tokio::test]
async fn other_programs_read_what_is_packed() {
    let seat = Seat::start().await;
    plant(&seat);
    let packed = seat.get("/files-archive?path=src&format=zip").await;
    let mut archive = zip::ZipArchive::new(Cursor::new(packed.body.to_vec())).unwrap();
    let mut names: Vec<_> = archive
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect();
    names.sort();
    assert!(
        names.contains(&"src/🐍 and\nnew line".to_owned()),
        "{names:?}"
    );
    let mut noise = Vec::new();
    let mut entry = archive.by_name("src/deep/er/noise").unwrap();
    entry.read_to_end(&mut noise).unwrap();
    drop(entry);
    assert_eq!(
        noise,
        std::fs::read(seat.root().join("src/deep/er/noise")).unwrap()
    );
    let link = archive.by_name("src/deep/link").unwrap();
    assert_eq!(link.unix_mode().unwrap() & 0o170_000, 0o120_000);
    let packed = seat.get("/files-archive?path=src&format=tar.gz").await;
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("a.tar.gz");
    std::fs::write(&file, &packed.body).unwrap();
    let status = std::process::Command::new("tar")
        .args(["--extract", "--file"])
        .arg(&file)
        .arg("--directory")
        .arg(out.path())
        .status();
    assert!(status.unwrap().success());
    assert_eq!(
        tree(&seat.root().join("src")),
        tree(&out.path().join("src"))
    );
}

#[tokio::test]
async fn what_cannot_be_packed_is_named_in_the_archive() {
    let seat = Seat::start().await;
    seat.write("a", "1");
    std::process::Command::new("mkfifo")
        .arg(seat.root().join("pipe"))
        .status()
        .unwrap();
    let packed = seat.get("/files-archive?path=&format=zip").await;
    let mut archive = zip::ZipArchive::new(Cursor::new(packed.body.to_vec())).unwrap();
    let mut told = String::new();
    let mut entry = archive.by_name("not-in-this-archive.txt").unwrap();
    entry.read_to_string(&mut told).unwrap();
    assert!(told.contains("pipe: a pipe"), "{told}");
    for (target, status) in [
        ("path=missing&format=zip", 404),
        ("path=pipe&format=zip", 409),
        ("path=a", 400),
        ("path=..&format=zip", 400),
        ("path=a&format=rar", 400),
    ] {
        let answer = seat.get(&format!("/files-archive?{target}")).await;
        assert_eq!(answer.status, status, "{target}");
    }
    let head = seat
        .call(Method::HEAD, "/files-archive?path=a&format=zip")
        .await;
    assert!(head.status == 200 && head.body.is_empty());
}

#[tokio::test]
async fn names_and_links_that_lead_out_are_left_out() {
    let seat = Seat::start().await;
    let outside = seat.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::create_dir(seat.root().join("in")).unwrap();
    symlink(&outside, seat.root().join("in/there")).unwrap();
    let absolute = outside.join("absolute");
    let absolute = absolute.to_str().unwrap();
    let entries = [
        Made::File("../../outside/dots", b"x"),
        Made::File(absolute, b"x"),
        Made::File("a/../../../outside/dots", b"x"),
        Made::File("C:\\x", b"x"),
        Made::File("a\\..\\x", b"x"),
        // Through a link that the archive brings, and through one that is there.
        Made::Link("out", "../../outside"),
        Made::File("out/through", b"x"),
        Made::Link("up", ".."),
        Made::Link("fine", "good"),
        Made::File("fine/through", b"x"),
        Made::File("there/through", b"x"),
        Made::HardLink("hard", "there/secret"),
        Made::HardLink("hard2", "../../outside/secret"),
        Made::Device("device"),
        Made::File("good", b"good"),
        Made::HardLink("same", "good"),
    ];
    std::fs::write(outside.join("secret"), "secret").unwrap();
    // The control: tar itself is led out by such an archive.
    let file = seat.folder.path().join("evil.tar.gz");
    std::fs::write(&file, tar_gz(&entries[..1])).unwrap();
    let status = std::process::Command::new("tar")
        .args(["--extract", "--absolute-names", "--file"])
        .arg(&file)
        .arg("--directory")
        .arg(seat.root().join("in"))
        .status();
    assert!(status.unwrap().success() && outside.join("dots").exists());
    std::fs::remove_file(outside.join("dots")).unwrap();
    for archive in [tar_gz(&entries), zip_of(&entries)] {
        let answer = unpack(&seat, "path=in&overwrite=true", archive).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let told = answer.json();
        println!("{told}");
        let reason = |name: &str| {
            let skipped = told["skipped"].as_array().unwrap();
            let found = skipped.iter().find(|each| each["path"] == name);
            found.map(|each| each["reason"].as_str().unwrap().to_owned())
        };
        assert_eq!(reason("../../outside/dots").as_deref(), Some("unsafe_name"));
        assert_eq!(reason("out").as_deref(), Some("unsafe_link"));
        assert_eq!(reason("up").as_deref(), Some("unsafe_link"));
        assert_eq!(reason("fine/through").as_deref(), Some("exists_as_file"));
        assert_eq!(reason("there/through").as_deref(), Some("exists_as_file"));
        assert_eq!(seat.read("in/good"), "good");
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
        // The entry `out` was left out: what was to go through it is an ordinary folder.
        assert!(seat.root().join("in/out").is_dir() && seat.root().join("in/fine").is_symlink());
    }
    assert_eq!(seat.read("in/same"), "good");
    assert!(!seat.root().join("in/hard").exists() && !seat.root().join("in/hard2").exists());
}

#[tokio::test]
async fn bombs_end_before_anything_is_written() {
    let seat = Seat::with_limits(Limits {
        unpack_entries: 100,
        unpack_bytes: 5_000_000,
        ..Limits::default()
    })
    .await;
    let zeros = vec![0; 6_000_000];
    let many: Vec<_> = (0..101).map(|n| format!("f{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| Made::File(name, b"")).collect();
    for (entries, code) in [
        (
            vec![Made::File("ok", b"1"), Made::File("big", &zeros)],
            "too_large",
        ),
        (many, "too_many_entries"),
    ] {
        for archive in [tar_gz(&entries), zip_of(&entries)] {
            assert!(archive.len() < 200_000);
            let answer = unpack(&seat, "path=", archive).await;
            assert_eq!(outcome(&answer), (413, code.to_owned()));
        }
    }
    // A zip that says less than it holds is stopped when it is seen.
    let mut lying = zip_of(&[Made::File("big", &zeros)]);
    let honest = 6_000_000u32.to_le_bytes();
    let places: Vec<_> = memchr::memmem::find_iter(&lying, &honest).collect();
    assert!(!places.is_empty());
    for at in places {
        lying[at..at + 4].copy_from_slice(&1000u32.to_le_bytes());
    }
    let answer = unpack(&seat, "path=", lying).await;
    assert_eq!(outcome(&answer), (400, "bad_archive".to_owned()));
    // A name of 20 MB that packs to nothing.
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(20_000_000);
    header.set_path("././@LongLink").unwrap();
    header.set_cksum();
    tar.append(&header, std::io::repeat(b'n').take(20_000_000))
        .unwrap();
    let archive = tar.into_inner().unwrap().finish().unwrap();
    let answer = unpack(&seat, "path=", archive).await;
    assert_eq!(outcome(&answer), (400, "bad_archive".to_owned()));
    assert_eq!(std::fs::read_dir(seat.root()).unwrap().count(), 0);
}

#[tokio::test]
async fn broken_archives_are_refused_and_leave_no_half_file() {
    let seat = Seat::start().await;
    let noise: Vec<u8> = (0..200_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let entries = [Made::File("noise", &noise)];
    for archive in [tar_gz(&entries), zip_of(&entries)] {
        let mut cut = archive.clone();
        cut.truncate(archive.len() / 2);
        assert_eq!(
            outcome(&unpack(&seat, "path=", cut).await),
            (400, "bad_archive".to_owned())
        );
        let mut flipped = archive.clone();
        flipped[archive.len() / 2] ^= 0x55;
        let answer = unpack(&seat, "path=", flipped).await;
        assert_eq!(outcome(&answer), (400, "bad_archive".to_owned()));
    }
    for nonsense in [&b""[..], b"PK", b"plain text", b"PK\x05\x06 but not really"] {
        let answer = unpack(&seat, "path=", nonsense.to_vec()).await;
        assert_eq!(outcome(&answer), (400, "bad_archive".to_owned()));
    }
    assert_eq!(std::fs::read_dir(seat.root()).unwrap().count(), 0);
    let answer = unpack(&seat, "path=missing", zip_of(&entries)).await;
    assert_eq!(outcome(&answer), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_full_disk_is_told_before_anything_is_written() {
    let seat = Seat::start().await;
    std::fs::create_dir(seat.root().join("small")).unwrap();
    let unmount = crate::writing::Unmount::tmpfs(&seat.root().join("small"), "1m");
    let zeros = vec![0; 2_000_000];
    for archive in [
        tar_gz(&[Made::File("f", &zeros)]),
        zip_of(&[Made::File("f", &zeros)]),
    ] {
        let answer = unpack(&seat, "path=small", archive).await;
        assert_eq!(outcome(&answer), (507, "disk_full".to_owned()));
    }
    assert_eq!(std::fs::read_dir(&unmount.0).unwrap().count(), 0);
}

#[tokio::test]
async fn a_view_token_packs_but_does_not_unpack() {
    let seat = Seat::start().await;
    seat.write("a", "1");
    let token = seat.token(clarateach_protocol::token::Mode::View);
    let call = async |method, target| {
        seat.send_as(Some(&token), method, target, &[], Bytes::new())
            .await
    };
    let packed = call(Method::GET, "/files-archive?path=&format=zip").await;
    assert_eq!(packed.status, 200);
    let refused = call(Method::POST, "/files-archive?path=").await;
    assert_eq!(outcome(&refused), (403, "view_only".to_owned()));
}
