//! The server's integration tests: one binary, a module a subject.

#[cfg(test)]
mod proxy;
