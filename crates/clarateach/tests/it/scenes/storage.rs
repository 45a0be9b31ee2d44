//! The server's own disk is full, and its database damaged or held by somebody else.

use std::path::PathBuf;
use std::process::Command;

use http::StatusCode;
use serde_json::json;

use super::super::docker::host;
use super::learner::Learner;
use super::served::Served;
use super::wait::until;

/// A small disk in memory; unmounted when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf) -> Self {
        std::fs::create_dir_all(&at).unwrap();
        let path = at.display().to_string();
        host(
            "mount",
            &["-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs", &path],
        );
        Self(at)
    }

    fn fill(&self) {
        let path = self.0.join("filler");
        let mut file = std::fs::File::create(path).unwrap();
        let piece = vec![7; 4096];
        while std::io::Write::write_all(&mut file, &piece).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Its server may still be ending.
        drop(Command::new("umount").arg("--lazy").arg(&self.0).output());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_clearly_loses_nothing_and_heals() {
    let mut small = None;
    let mut served = Served::simulated_on(|data| small = Some(SmallDisk::mount(data))).await;
    let small = small.unwrap();
    let instructor = served.instructor().await;
    let workshop = instructor.workshop(40).await;
    let path = format!("/api/workshops/{}", workshop["id"].as_str().unwrap());
    let ada = Learner::join(served.listen, &workshop, "Ada").await;
    small.fill();
    // The log of writes may have some room left of before; then it is full.
    let mut seated = vec!["Ada".to_owned()];
    let mut number = 0;
    let refused = until("a refusal", async || {
        number += 1;
        let name = format!("Learner {number}");
        let joined = served.client().join(&workshop, &name).await;
        if joined.status == StatusCode::OK {
            seated.push(name);
            return None;
        }
        Some(joined)
    })
    .await;
    assert_eq!(
        refused.status,
        StatusCode::INSUFFICIENT_STORAGE,
        "{refused:?}"
    );
    assert_eq!(refused.code(), "disk_full");
    let another = instructor
        .post("/api/workshops", json!({"name": "Another", "seats": 1}))
        .await;
    assert_eq!(
        another.status,
        StatusCode::INSUFFICIENT_STORAGE,
        "{another:?}"
    );
    // Who has a seat works, and what was told is there.
    let mut terminal = ada.terminal().await;
    terminal.types("echo works").await;
    let learners = async |served: &Served| {
        let view = served.instructor().await.get(&path).await.json();
        let seats = view["seats"].as_array().unwrap().clone();
        let mut names: Vec<_> = seats
            .iter()
            .filter_map(|seat| seat["learner"]["name"].as_str().map(ToOwned::to_owned))
            .collect();
        names.sort();
        names
    };
    small.free();
    seated.sort();
    assert_eq!(
        learners(&served).await,
        seated,
        "told and not kept, or kept and not told"
    );
    let late = Learner::join(served.listen, &workshop, "Zoe").await;
    late.is_served().await;
    served.kill().await;
    served.start_again().await;
    seated.push("Zoe".to_owned());
    assert_eq!(learners(&served).await, seated, "after a restart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_database_is_refused_in_words_and_left_as_it_is() {
    let mut served = Served::simulated().await;
    let instructor = served.instructor().await;
    for _ in 0..8 {
        instructor.workshop(30).await;
    }
    served.stop().await;
    let path = served.data().join("clarateach.db");
    // Everything into the one file that is damaged then: the last to close it writes the log back.
    let database = rusqlite::Connection::open(&path).unwrap();
    database
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(database);
    let whole = std::fs::read(&path).unwrap();
    let ruin = |from: usize, to: usize| {
        let mut content = whole.clone();
        content[from..to].fill(0x5a);
        content
    };
    let cut = whole[..whole.len() / 2].to_vec();
    let damaged = [
        ("its head", ruin(0, 100)),
        ("pages in the middle", ruin(8192, whole.len() / 2)),
        ("its second half", cut),
    ];
    for (what, content) in damaged {
        std::fs::write(&path, &content).unwrap();
        let refused = served.second().await;
        assert!(!refused.status.success(), "it starts without {what}");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains("damaged"), "{what}: {said}");
        assert!(
            said.contains("clarateach restore") && said.contains("clarateach recover"),
            "{what}: {said}"
        );
        assert!(said.contains("clarateach.db"), "{what}: {said}");
        assert_eq!(std::fs::read(&path).unwrap(), content, "{what} was touched");
    }
    // The control: it was that alone.
    std::fs::write(&path, &whole).unwrap();
    served.start_again().await;
    let list = served.instructor().await.get("/api/workshops").await.json();
    assert_eq!(list["workshops"].as_array().unwrap().len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_somebody_holds_is_waited_for_and_then_refused_without_doing_half() {
    let served = Served::simulated().await;
    let workshop = served.instructor().await.workshop(3).await;
    let ada = Learner::join(served.listen, &workshop, "Ada").await;
    let database = rusqlite::Connection::open(served.data().join("clarateach.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = served.client().join(&workshop, "Bea").await;
    assert_eq!(
        refused.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{refused:?}"
    );
    assert_eq!(refused.code(), "database_busy");
    assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
    ada.is_served().await;
    let path = format!("/api/workshops/{}", workshop["id"].as_str().unwrap());
    database.execute_batch("ROLLBACK").unwrap();
    // What was refused was not done; asked again, it is.
    let view = served.instructor().await.get(&path).await.json();
    assert!(view["seats"][1]["learner"].is_null(), "{view}");
    let bea = Learner::join(served.listen, &workshop, "Bea").await;
    assert_eq!(bea.joined["seat"], 2);
}
