//! The gateway's modules that read what clients and seats write.

#[path = "../../src/proxy/headers.rs"]
pub(crate) mod headers;
#[path = "../../src/proxy/route.rs"]
pub mod route;

pub(crate) mod origin;
