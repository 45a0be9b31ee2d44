//! The in-seat server.
fn main() {}
