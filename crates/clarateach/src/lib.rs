//! The ClaraTeach server: API, store, orchestrator and proxy in one process.
//!
//! Two paths: control (http → service → store → orchestrator → provider) and data (proxy → seat).
//! `ARCHITECTURE.md` tells where things are; tests use this library as the binary does. The modules
//! below are in a good order of reading.

pub mod model;

pub mod browser;
pub mod browsers;

pub mod provider;

pub mod store;

pub mod orchestrator;

pub mod attendance;

pub mod origins;

pub mod directory;

pub mod service;

pub mod reach;

pub mod feed;

mod awake;

pub mod auth;

pub mod error_codes;

pub mod http;

pub mod addresses;

pub mod room;

pub mod qr;

pub mod limits;

pub(crate) mod arriving;

pub mod proxy;

pub mod server;

pub mod internal;

pub mod backup;

pub mod recovery;

pub mod seat_runtime;

pub mod config;

pub mod app;

pub mod cli;
