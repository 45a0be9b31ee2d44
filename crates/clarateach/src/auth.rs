//! Who may do what, and the secrets behind it.
//!
//! [`keys`]: the installation's own keys on disk. [`password`]: argon2. [`secret`]: random tokens and
//! their hashes. [`setup_link`]: the first way in. Nothing here has a default secret: what is missing is made.

pub mod keys;
pub mod password;
pub mod secret;
pub mod setup_link;
