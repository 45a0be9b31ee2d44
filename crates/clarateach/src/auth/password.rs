//! Instructor passwords: argon2id with the library's parameters (RFC 9106's second choice: 19 MiB).

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, PasswordHash};
use tokio::sync::Semaphore;

#[expect(
    unsafe_code,
    reason = "the allocator's own function, which takes nothing"
)]
mod give_back;

/// Characters of a password at least.
pub const MIN_CHARACTERS: usize = 10;
/// Bytes of a password at most: longer ones only cost time.
pub const MAX_BYTES: usize = 1024;

/// One hash at a time: sign-in floods cost one core and 19 MiB, not the class.
static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);

/// The PHC string of a password.
pub async fn hash(password: String) -> String {
    alone(move || {
        Argon2::default()
            .hash_password(password.as_bytes())
            .expect("argon2's own parameters are valid")
            .to_string()
    })
    .await
}

/// Whether `password` is the one of `phc`; a string that is none fits nothing.
pub async fn verify(password: String, phc: String) -> bool {
    alone(move || {
        PasswordHash::new(&phc).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok()
        })
    })
    .await
}

async fn alone<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let _turn = ONE_AT_A_TIME
        .acquire()
        .await
        .expect("the semaphore is never closed");
    let hashing = tokio::task::spawn_blocking(|| {
        let result = work();
        give_back::freed_memory();
        result
    });
    hashing
        .await
        .expect("hashing does not panic, and the runtime outlives its callers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_fits() {
        let phc = hash("correct horse battery".to_owned()).await;
        assert!(phc.starts_with("$argon2id$"));
        assert!(verify("correct horse battery".to_owned(), phc.clone()).await);
        assert!(!verify("correct horse batterz".to_owned(), phc).await);
        assert!(!verify("anything".to_owned(), "no hash".to_owned()).await);
    }
}
