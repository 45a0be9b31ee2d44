//! The ClaraTeach server: API, store, orchestrator and proxy in one process.
//!
//! Two paths: control (http → service → store → orchestrator → provider) and data (proxy → seat).
//! `ARCHITECTURE.md` tells where things are; tests use this library as the binary does.

pub mod addresses;
pub mod directory;
pub mod model;
pub mod orchestrator;
pub mod provider;
pub mod proxy;
pub mod server;
pub mod store;
