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

/// What an image brings and lacks for seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReport {
    /// As it was asked for.
    pub image: String,
    /// The engine's id of it, where there is one.
    pub id: Option<String>,
    /// What it is made for, as the OCI image specification calls it.
    pub architecture: Option<String>,
    /// How much of the disk it takes, MiB.
    pub size_mib: Option<u64>,
    /// One line a thing looked at; an error says that no seat can be made of it.
    pub findings: Vec<Finding>,
}

impl ImageReport {
    /// Whether seats can be made of it.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.findings.iter().all(|it| it.level < Level::Error)
    }
}
