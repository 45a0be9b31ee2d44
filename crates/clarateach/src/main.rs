//! The `clarateach` binary.

fn main() {}
