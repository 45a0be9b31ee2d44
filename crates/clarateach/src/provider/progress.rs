//! How a provider tells what a long call is doing.

use std::fmt;
use std::sync::Arc;

/// What a long call is doing, for whoever waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Getting the image.
    Image,
    /// Making network and firewall.
    Network,
}

/// Where a provider tells what it is doing.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Phase) + Send + Sync>);

impl Progress {
    /// A progress that calls `listener` at each step.
    pub fn new(listener: impl Fn(Phase) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// A progress that nobody listens to.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(|_| ())
    }

    /// Says that `phase` begins.
    pub fn begin(&self, phase: Phase) {
        (self.0)(phase);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}
