//! Random secrets, and what is stored of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// `N` bytes from the operating system.
///
/// # Panics
/// When the operating system has no randomness: nothing could be safe then.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A token of 192 random bits, base64url.
#[must_use]
pub fn random_token() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<24>())
}

/// What every API token begins with, so that people and scanners know one when they see it.
pub const API_TOKEN_PREFIX: &str = "ct_";

/// An API token: the prefix, and 192 random bits.
#[must_use]
pub fn api_token() -> String {
    format!("{API_TOKEN_PREFIX}{}", random_token())
}

/// A random id with a prefix that says of what: `in-…`, `as-…`.
#[must_use]
pub fn random_id(prefix: &str) -> String {
    let mut id = format!("{prefix}-");
    for byte in random_bytes::<8>() {
        id.push_str(&format!("{byte:02x}"));
    }
    id
}

/// SHA-256: enough for secrets that are random themselves.
#[must_use]
pub fn hash(secret: impl AsRef<[u8]>) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Compares without telling by its time where two secrets differ.
#[must_use]
pub fn equal(left: &str, right: &str) -> bool {
    // Hashes of secrets that nobody can choose towards each other: their comparison leaks nothing.
    hash(left) == hash(right)
}
