//! By name: fuzzy, the best first.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use clarateach_protocol::files::{FoundName, FoundNames};
use grep_matcher::Matcher as _;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::walk::Walk;
use super::{Case, Patience, Search, SearchError, Syntax, end_of};

/// Found names, sorted and cut whenever there are that many more than asked for.
const SLACK: usize = 1000;

pub(super) fn find(
    search: &Search,
    walk: Walk<'_>,
    patience: &Patience,
) -> Result<FoundNames, SearchError> {
    let mut score = scorer(search)?;
    let mut best: Vec<(u32, FoundName)> = Vec::new();
    let mut found = 0;
    walk.each(&mut |entry| {
        if patience.is_over() {
            return ControlFlow::Break(());
        }
        let path = entry.path.to_string();
        if entry.path.utf8_ancestor().is_none()
            && let Some(score) = score(&path)
        {
            found += 1;
            let name = String::from_utf8_lossy(entry.name.to_bytes()).into_owned();
            let kind = entry.kind;
            best.push((score, FoundName { path, name, kind }));
            if best.len() >= search.limit + SLACK {
                cut(&mut best, search.limit);
            }
        }
        ControlFlow::Continue(())
    })?;
    cut(&mut best, search.limit);
    let reason = end_of(patience, found, search.limit);
    Ok(FoundNames {
        matches: best.into_iter().map(|(_, name)| name).collect(),
        truncated: reason.is_some(),
        reason,
    })
}

/// The best first; of equals the shorter, then by path.
fn cut(best: &mut Vec<(u32, FoundName)>, limit: usize) {
    best.sort_by(|(a_score, a), (b_score, b)| {
        let key = |score: &u32, name: &FoundName| (Reverse(*score), name.path.len());
        (key(a_score, a), &a.path).cmp(&(key(b_score, b), &b.path))
    });
    best.truncate(limit);
}

type Scorer = Box<dyn FnMut(&str) -> Option<u32>>;

fn scorer(search: &Search) -> Result<Scorer, SearchError> {
    if search.syntax == Syntax::Regex {
        let matcher = search.matcher()?;
        return Ok(Box::new(move |path| {
            matcher.is_match(path.as_bytes()).ok()?.then_some(0)
        }));
    }
    let case = match search.case {
        Case::Smart => CaseMatching::Smart,
        Case::Sensitive => CaseMatching::Respect,
        Case::Insensitive => CaseMatching::Ignore,
    };
    let pattern = Pattern::parse(&search.query, case, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT.match_paths());
    let mut buffer = Vec::new();
    Ok(Box::new(move |path| {
        pattern.score(Utf32Str::new(path, &mut buffer), &mut matcher)
    }))
}
