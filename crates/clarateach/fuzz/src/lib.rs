//! The gateway's readers of strangers' text, compiled without the rest of the server, and what must hold of them.
//!
//! `addresses` and most of `proxy` are the server's own files. A check is written from the contract, not
//! from the code that it checks.
#![expect(
    dead_code,
    unused_imports,
    reason = "the server's modules have more than the checks need"
)]

#[path = "../../src/addresses.rs"]
pub mod addresses;

mod cookies;
mod headers;
mod installations;
pub mod proxy;
mod routes;

pub use cookies::check_cookies;
pub use headers::check_headers;
pub use routes::check_routes;
