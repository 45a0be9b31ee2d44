//! The gateway's modules that read what clients and seats write.

#[path = "../../src/proxy/headers.rs"]
pub(crate) mod headers;
#[path = "../../src/proxy/route.rs"]
pub mod route;
#[path = "../../src/proxy/trailers.rs"]
pub(crate) mod trailers;

pub(crate) mod origin;
