//! What the server's process holds of what it needed for a moment.

use super::served::Served;

/// Bytes that it has without the memory of a password's hash, which takes 19 MiB: 19 MB seen in a debug build, and some room.
const WITHOUT_A_HASH: u64 = 28 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_keeps_no_memory() {
    // Its first start takes the password from a file, and so made a hash already.
    let served = Served::simulated().await;
    let before = served.resident();
    for _ in 0..3 {
        served.instructor().await;
    }
    let after = served.resident();
    println!("{before} bytes after the start, {after} after three have signed in");
    assert!(
        before.max(after) < WITHOUT_A_HASH,
        "a hash's memory was kept"
    );
}
