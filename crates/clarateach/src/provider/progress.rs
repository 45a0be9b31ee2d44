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
    /// Making a seat.
    Create,
    /// Starting a seat that is made.
    Start,
}

/// How much of an image is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulled {
    /// Bytes that were fetched.
    pub bytes: u64,
    /// Bytes to fetch in all; `None` until the registry told the size of every layer.
    pub of: Option<u64>,
    /// How much of the work is done, unpacking included, of a thousand.
    pub permille: u16,
}

/// What a listener is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// This begins; what came before is done.
    Begins(Phase),
    /// The image is on its way.
    Pulled(Pulled),
}

/// Where a provider tells what it is doing.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Told) + Send + Sync>);

impl Progress {
    /// A progress that calls `listener` at each step.
    pub fn new(listener: impl Fn(Told) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// A progress that nobody listens to.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(|_| ())
    }

    /// Says that `phase` begins.
    pub fn begin(&self, phase: Phase) {
        (self.0)(Told::Begins(phase));
    }

    /// Says how much of the image is there.
    pub fn pulled(&self, pulled: Pulled) {
        (self.0)(Told::Pulled(pulled));
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}
