//! The ClaraTeach server: API, store, orchestrator and proxy in one process.
//!
//! Two paths: control (http → service → store → orchestrator → provider) and data (proxy → seat).
//! `ARCHITECTURE.md` tells where things are; tests use this library as the binary does.

pub mod model;
pub mod provider;

pub mod directory;

pub mod addresses;

pub mod proxy;

pub mod server;
