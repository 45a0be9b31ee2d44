//! What a provider says of itself and its machine, for `doctor` and readiness.

/// What [`Provider::check`] found.
#[derive(Debug, Clone)]
pub struct ProviderReport {
    /// Which provider.
    pub provider: &'static str,
    /// One line a thing looked at.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// Stable, snake_case.
    pub code: &'static str,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Good,
    /// Works, but weaker or slower than it could.
    Warning,
    /// Workshops can't be made like this.
    Error,
}
