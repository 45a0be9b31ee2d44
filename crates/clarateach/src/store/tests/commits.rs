//! How writes reach the disk, and what becomes of them where they can't.

use std::sync::mpsc;

use super::*;

fn id(n: u8) -> [u8; 8] {
    [n % 30, n / 30, 1, 1, 1, 1, 1, 1]
}

#[tokio::test]
async fn queued_writes_are_one_commit_and_readers_wait_for_none_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let synchronous: i64 = store
        .write("ask", |db| {
            db.pragma_query_value(None, "synchronous", |row| row.get(0))
        })
        .await
        .unwrap();
    assert_eq!(synchronous, 2, "FULL");
    let before = store.commits();
    let (go, wait) = mpsc::channel::<()>();
    let mut writes = tokio::task::JoinSet::new();
    let holding = store.clone();
    writes.spawn(async move {
        let holds = move |_: &Connection| Ok(wait.recv().is_ok());
        holding.write("wait", holds).await
    });
    while store.queued() > 0 || !store.is_writing() {
        tokio::task::yield_now().await;
    }
    for n in 0..50_u8 {
        let store = store.clone();
        writes.spawn(async move { store.insert_workshop(a_workshop(id(n), 1)).await });
    }
    // Readers are answered while the writer is inside its transaction and fifty wait behind it.
    assert_eq!(store.workshops().await.unwrap().len(), 0);
    while store.queued() < 50 {
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    for written in writes.join_all().await {
        assert!(written.unwrap());
    }
    assert_eq!(store.workshops().await.unwrap().len(), 50);
    assert_eq!(store.commits() - before, 1);
}

#[tokio::test]
async fn a_full_disk_is_told_and_takes_nothing_along() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let set = |pages: u32| {
        store.write("limit", move |db| {
            db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
        })
    };
    set(1).await.unwrap();
    let mut full = None;
    for n in 0..200_u8 {
        if let Err(error) = store.insert_workshop(a_workshop(id(n), 100)).await {
            full = Some((n, error));
            break;
        }
    }
    let (stored, error) = full.expect("it is full some time");
    assert!(error.is_disk_full(), "{error:?}");
    assert_eq!(store.workshops().await.unwrap().len(), usize::from(stored));
    set(100_000).await.unwrap();
    let again = store.insert_workshop(a_workshop(id(stored), 100)).await;
    assert!(again.unwrap());
    assert_eq!(
        store.workshops().await.unwrap().len(),
        usize::from(stored) + 1
    );
}
