//! Integration tests of the server's library.

mod conformance;
mod orchestrator;
