//! Writing: atomic, conditional, limited.

use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use clarateach_protocol::token::Mode;
use clarateach_workspace::Limits;
use hyper::Method;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::seat::{Answer, Seat, until};

fn outcome(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

async fn put_if(seat: &Seat, condition: (&str, &str), content: &'static str) -> Answer {
    seat.send(
        Method::PUT,
        "/files/f",
        &[condition],
        Bytes::from_static(content.as_bytes()),
    )
    .await
}

#[tokio::test]
async fn a_write_is_created_or_replaced_and_tagged() {
    let seat = Seat::start().await;
    let created = seat.put("/files/f", "one").await;
    assert_eq!(
        (created.status.as_u16(), seat.read("f")),
        (201, "one".to_owned())
    );
    let replaced = seat.put("/files/f", "two").await;
    assert_eq!(
        (replaced.status.as_u16(), seat.read("f")),
        (204, "two".to_owned())
    );
    assert_ne!(created.etag(), replaced.etag());
    assert_eq!(seat.get("/files/f").await.etag(), replaced.etag());
    assert_eq!(
        outcome(&seat.put("/files/no/f", "x").await),
        (404, "no_parent".to_owned())
    );
    assert_eq!(
        outcome(&seat.put("/files/f/g", "x").await),
        (409, "not_a_directory".to_owned())
    );
    std::fs::create_dir(seat.root().join("d")).unwrap();
    assert_eq!(
        outcome(&seat.put("/files/d", "x").await),
        (409, "is_directory".to_owned())
    );
    assert_eq!(
        outcome(&seat.put("/files", "x").await),
        (400, "bad_path".to_owned())
    );
}

#[tokio::test]
async fn a_stale_writer_is_told_the_current_tag() {
    let seat = Seat::start().await;
    let first = seat.put("/files/f", "one").await.etag();
    let second = put_if(&seat, ("if-match", &first), "two").await;
    assert_eq!(second.status, 204);
    let stale = put_if(&seat, ("if-match", &first), "three").await;
    assert_eq!(
        (outcome(&stale), stale.etag()),
        ((412, "changed".to_owned()), second.etag())
    );
    assert_eq!(seat.read("f"), "two");
    assert_eq!(
        put_if(
            &seat,
            ("if-match", &format!("\"x\", {}", second.etag())),
            "four"
        )
        .await
        .status,
        204
    );
    assert_eq!(put_if(&seat, ("if-match", "*"), "five").await.status, 204);
    assert_eq!(
        put_if(&seat, ("if-none-match", "*"), "six").await.status,
        412
    );
    std::fs::remove_file(seat.root().join("f")).unwrap();
    assert_eq!(put_if(&seat, ("if-match", "*"), "seven").await.status, 412);
    assert_eq!(
        put_if(&seat, ("if-none-match", "*"), "eight").await.status,
        201
    );
    assert_eq!(seat.read("f"), "eight");
}

#[tokio::test]
async fn a_change_by_the_shell_changes_the_tag() {
    let seat = Seat::start().await;
    for round in 0..10u8 {
        let tag = seat.put("/files/f", "aaaa").await.etag();
        // In place, of the same size, right away.
        seat.write("f", [b'b' + round; 4]);
        let stale = put_if(&seat, ("if-match", &tag), "mine").await;
        assert_eq!(
            outcome(&stale),
            (412, "changed".to_owned()),
            "round {round}"
        );
    }
}

#[tokio::test]
async fn of_many_writers_with_one_tag_one_wins() {
    let seat = Seat::start().await;
    let tag = seat.put("/files/f", "start").await.etag();
    let writers = (0..8).map(|_| put_if(&seat, ("if-match", &tag), "won"));
    let answers = futures_util::future::join_all(writers).await;
    let winners = answers.iter().filter(|answer| answer.status == 204).count();
    let losers = answers.iter().filter(|answer| answer.status == 412).count();
    assert_eq!((winners, losers), (1, 7));
}

#[tokio::test]
async fn of_many_who_make_one_name_one_wins() {
    let seat = Seat::start().await;
    let made = (0..8).map(|_| put_if(&seat, ("if-none-match", "*"), "made"));
    let made = futures_util::future::join_all(made).await;
    let statuses = |answers: &[Answer]| {
        let mut all: Vec<_> = answers.iter().map(|one| one.status.as_u16()).collect();
        all.sort_unstable();
        all
    };
    let one_of = |first: u16, rest: u16| [vec![first], vec![rest; 7]].concat();
    assert_eq!(statuses(&made), one_of(201, 412));
    let moves = (0..8).map(|number| {
        seat.write(&format!("from-{number}"), number.to_string());
        let target = format!("/files/from-{number}?op=move&to=target");
        let seat = &seat;
        async move { seat.call(Method::POST, &target).await }
    });
    let moved = futures_util::future::join_all(moves).await;
    assert_eq!(statuses(&moved), one_of(201, 409));
    let left = (0..8).filter(|number| seat.root().join(format!("from-{number}")).exists());
    assert_eq!(left.count(), 7, "the others are where they were");
    let folders = (0..8).map(|_| seat.call(Method::POST, "/files/folder?op=mkdir"));
    let folders = futures_util::future::join_all(folders).await;
    assert_eq!(statuses(&folders), one_of(201, 409));
}

#[tokio::test]
async fn a_replaced_file_keeps_its_mode_and_a_link_stays_a_link() {
    let seat = Seat::start().await;
    seat.write("run.sh", "old");
    std::fs::set_permissions(seat.root().join("run.sh"), PermissionsExt::from_mode(0o750)).unwrap();
    std::fs::create_dir(seat.root().join("d")).unwrap();
    std::os::unix::fs::symlink("../run.sh", seat.root().join("d/link")).unwrap();
    assert_eq!(seat.put("/files/d/link", "new").await.status, 204);
    assert_eq!(seat.read("run.sh"), "new");
    let mode = std::fs::metadata(seat.root().join("run.sh"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o750);
    assert!(seat.root().join("d/link").is_symlink());
    std::os::unix::fs::symlink("dangling", seat.root().join("to-new")).unwrap();
    assert_eq!(seat.put("/files/to-new", "made").await.status, 201);
    assert_eq!(seat.read("dangling"), "made");
    let mode = std::fs::metadata(seat.root().join("dangling"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o644);
}

#[tokio::test]
async fn what_is_too_large_leaves_nothing() {
    let seat = Seat::with_limits(Limits {
        upload_bytes: 1_000_000,
        ..Limits::default()
    })
    .await;
    seat.write("f", "old");
    let announced = seat.put("/files/f", vec![0; 1_000_001]).await;
    assert_eq!(outcome(&announced), (413, "too_large".to_owned()));
    assert_eq!(seat.put("/files/g", vec![0; 1_000_000]).await.status, 201);
    let mut upload = Upload::begin(&seat, "f").await;
    upload.chunk(&[0; 600_000]).await;
    upload.chunk(&[0; 600_000]).await;
    let answer = upload.answer().await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(seat.read("f"), "old");
    assert_eq!(std::fs::read_dir(seat.root()).unwrap().count(), 2);
}

#[tokio::test]
async fn a_refusal_arrives_although_all_of_the_body_is_sent_first() {
    let seat = Seat::with_limits(Limits {
        upload_bytes: 1_000_000,
        ..Limits::default()
    })
    .await;
    let mut upload = Upload::begin(&seat, "f").await;
    // Far more than the kernel keeps for a peer that doesn't read.
    for _ in 0..20 {
        upload.chunk(&[0; 1_000_000]).await;
    }
    upload.chunk(&[]).await;
    assert!(upload.answer().await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn a_broken_upload_leaves_the_old_file() {
    let seat = Seat::start().await;
    seat.write("f", "old");
    let mut upload = Upload::begin(&seat, "f").await;
    upload.chunk(&[b'x'; 600_000]).await;
    // Its file is open, so the upload has begun.
    until("the open file", async || open_files(&seat).await == 1).await;
    assert_eq!(std::fs::read_dir(seat.root()).unwrap().count(), 1);
    drop(upload);
    until("its end", async || open_files(&seat).await == 0).await;
    assert_eq!(seat.read("f"), "old");
    assert_eq!(std::fs::read_dir(seat.root()).unwrap().count(), 1);
}

/// Files without a name that this process has open below the seat's root.
async fn open_files(seat: &Seat) -> usize {
    // A round trip, so that waiting for it never spins.
    seat.get("/health").await;
    let root = seat.root();
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let links = open.filter_map(|file| std::fs::read_link(file.path()).ok());
    links
        .filter(|link| link.starts_with(&root) && link.to_string_lossy().ends_with("(deleted)"))
        .count()
}

#[tokio::test]
async fn a_file_changed_in_place_while_it_is_read_breaks_the_answer_off() {
    let seat = Seat::start().await;
    seat.write("f", vec![b'a'; 20_000_000]);
    let read = async |change: &dyn Fn()| {
        let mut stream = TcpStream::connect(("127.0.0.1", seat.files_port))
            .await
            .unwrap();
        let token = seat.token(Mode::Control);
        let head = format!(
            "GET /files/f HTTP/1.1\r\nHost: seat\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut buffer = vec![0; 1000];
        let mut got = tokio::io::AsyncReadExt::read(&mut stream, &mut buffer)
            .await
            .unwrap();
        change();
        let mut rest = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
        got += rest.len();
        (got, rest)
    };
    let (whole, _) = read(&|| ()).await;
    assert!(whole > 20_000_000);
    // A log that grows is read up to where it was.
    let (grown, _) = read(&|| {
        use std::io::Write;
        let file = std::fs::File::options()
            .append(true)
            .open(seat.root().join("f"));
        file.unwrap().write_all(b"more").unwrap();
    })
    .await;
    assert_eq!(grown, whole);
    seat.write("f", vec![b'a'; 20_000_000]);
    let (cut, rest) = read(&|| seat.write("f", vec![b'b'; 20_000_000])).await;
    assert!(cut < whole && !rest.contains(&b'b'), "{cut} of {whole}");
}

/// A chunked upload, made by hand so that it can be broken.
struct Upload(TcpStream);

impl Upload {
    async fn begin(seat: &Seat, path: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", seat.files_port))
            .await
            .unwrap();
        let token = seat.token(Mode::Control);
        let head = format!(
            "PUT /files/{path} HTTP/1.1\r\nHost: seat\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        Self(stream)
    }

    async fn chunk(&mut self, bytes: &[u8]) {
        let size = format!("{:x}\r\n", bytes.len());
        for part in [size.as_bytes(), bytes, b"\r\n"] {
            // The seat may have refused already: the answer tells.
            let _ = self.0.write_all(part).await;
        }
    }

    async fn answer(mut self) -> String {
        use tokio::io::AsyncReadExt;
        let mut answer = vec![0; 4096];
        let count = self.0.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..count]).into_owned()
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_the_old_file() {
    let seat = Seat::start().await;
    let small = seat.root().join("small");
    std::fs::create_dir(&small).unwrap();
    let unmount = Unmount::tmpfs(&small, "1m");
    seat.write("small/f", "old");
    let refused = seat.put("/files/small/f", vec![1; 2_000_000]).await;
    assert_eq!(outcome(&refused), (507, "disk_full".to_owned()));
    assert_eq!(seat.read("small/f"), "old");
    assert_eq!(std::fs::read_dir(&unmount.0).unwrap().count(), 1);
    assert_eq!(
        seat.put("/files/small/f", vec![1; 500_000]).await.status,
        204
    );
}

/// A small file system, as long as it is needed.
pub(crate) struct Unmount(pub(crate) std::path::PathBuf);

impl Unmount {
    pub(crate) fn tmpfs(at: &std::path::Path, size: &str) -> Self {
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(at)
            .status()
            .unwrap();
        assert!(
            mounted.success(),
            "this test mounts a small file system: run it as root"
        );
        Self(at.to_owned())
    }
}

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}
