//! Integration tests of the server crate: real engines, real sockets, one binary.

mod docker;
