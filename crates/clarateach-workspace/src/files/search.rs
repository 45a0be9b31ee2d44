//! Finds files by name and lines by content, for so long as somebody waits for it.
//!
//! [`walk`] goes through the tree as the other operations do, by open folders and never through a
//! link; [`names`] and [`contents`] look at what it finds. Neither time nor memory depends on what a
//! learner put there: everything has a limit, and an answer that is not all says so.

mod contents;
mod names;
mod walk;

use std::time::{Duration, Instant};

use clarateach_protocol::files::{FoundLines, FoundNames, SearchEnd};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use tokio_util::sync::CancellationToken;

use super::FilesError;
use super::path::FilePath;
use super::root::Root;
use walk::{Extent, Walk};

/// How long one search may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// What a compiled pattern may take.
const PATTERN_BYTES: usize = 4 * 1024 * 1024;
const MAX_QUERY_BYTES: usize = 1000;

/// What is looked for.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub(crate) query: String,
    pub(crate) path: FilePath,
    pub(crate) case: Case,
    pub(crate) syntax: Syntax,
    pub(crate) words: Words,
    /// As in `.gitignore`; one that begins with `!` leaves out.
    pub(crate) globs: Vec<String>,
    pub(crate) extent: SearchExtent,
    pub(crate) limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// Sensitive when the query holds a capital letter.
    Smart,
    Sensitive,
    Insensitive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    Plain,
    Regex,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    Any,
    Whole,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SearchExtent {
    /// Without what `.gitignore` names and what nobody edits.
    Usual,
    All,
}

/// Why a search is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SearchError {
    #[error("{reason}")]
    Query { reason: String },
    #[error("{reason}")]
    Glob { reason: String },
    #[error(transparent)]
    Files(#[from] FilesError),
}

/// When to end.
pub(crate) struct Patience {
    until: Instant,
    /// The client is gone.
    pub(crate) gone: CancellationToken,
}

impl Patience {
    pub(crate) fn new(gone: CancellationToken) -> Self {
        Self {
            until: Instant::now() + TIME_LIMIT,
            gone,
        }
    }

    fn is_over(&self) -> bool {
        self.gone.is_cancelled() || Instant::now() >= self.until
    }
}

impl Search {
    /// Paths, the best first.
    pub(crate) fn names(
        &self,
        root: &Root,
        patience: &Patience,
    ) -> Result<FoundNames, SearchError> {
        let walk = self.walk(root)?;
        names::find(self, walk, patience)
    }

    /// Lines, in the order of their paths.
    pub(crate) fn contents(
        &self,
        root: &Root,
        patience: &Patience,
    ) -> Result<FoundLines, SearchError> {
        if self.query.is_empty() {
            return Err(SearchError::Query {
                reason: "say what to look for".to_owned(),
            });
        }
        let walk = self.walk(root)?;
        contents::find(self, walk, patience)
    }

    fn walk<'root>(&self, root: &'root Root) -> Result<Walk<'root>, SearchError> {
        if self.query.len() > MAX_QUERY_BYTES {
            return Err(SearchError::Query {
                reason: format!("it is longer than {MAX_QUERY_BYTES} bytes"),
            });
        }
        let extent = match self.extent {
            SearchExtent::Usual => Extent::Usual,
            SearchExtent::All => Extent::All,
        };
        Walk::new(root, &self.path, &self.globs, extent)
    }

    fn matcher(&self) -> Result<RegexMatcher, SearchError> {
        let mut builder = RegexMatcherBuilder::new();
        builder
            .case_smart(self.case == Case::Smart)
            .case_insensitive(self.case == Case::Insensitive)
            .word(self.words == Words::Whole)
            .fixed_strings(self.syntax == Syntax::Plain)
            .multi_line(true)
            .line_terminator(Some(b'\n'))
            .size_limit(PATTERN_BYTES)
            .dfa_size_limit(PATTERN_BYTES);
        builder
            .build(&self.query)
            .map_err(|error| SearchError::Query {
                reason: error.to_string(),
            })
    }
}

fn end_of(patience: &Patience, found: usize, limit: usize) -> Option<SearchEnd> {
    if found > limit {
        Some(SearchEnd::Limit)
    } else if patience.is_over() {
        Some(SearchEnd::Time)
    } else {
        None
    }
}
