//! Waiting on conditions.

use std::future::Future;
use std::time::Duration;

use tokio::sync::RwLock;

/// The longest that anything of a scene takes to come true; machines that run tests are busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What comes of it, in time.
pub(super) async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let in_time = tokio::time::timeout(PATIENCE, wait).await;
    in_time.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Asks until there is an answer.
pub(super) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    within(what, async {
        loop {
            pause.tick().await;
            if let Some(seen) = look().await {
                return seen;
            }
        }
    })
    .await
}

/// Seats share one user, and so the machine's allowance of inotify instances: who exhausts it writes, who needs some of
/// it reads.
pub(super) static INOTIFY: RwLock<()> = RwLock::const_new(());

/// Whether the long scenes run too (`./x test --all`).
pub(crate) fn runs_all() -> bool {
    std::env::var_os("CLARATEACH_TEST_ALL").is_some()
}
