//! What few cells have, kept beside them: underline colours, links, and characters of several code points.

use std::collections::HashMap;
use std::sync::Arc;

use super::cell::{Cell, Colour};

/// Grows to at least so many entries before unused ones are looked for.
const COLLECT_FROM: usize = 512;
/// Entries that are in use at once; beyond it cells do without.
const MAX_ENTRIES: usize = 32 * 1024;
/// A character with its marks; more marks are left out.
const MAX_CLUSTER_BYTES: usize = 32;

/// OSC 8.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Link {
    /// Given by the program; empty when it gave none.
    pub(super) id: String,
    pub(super) uri: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub(super) struct Extra {
    pub(super) underline: Colour,
    pub(super) link: Option<Arc<Link>>,
}

#[derive(Debug)]
pub(super) struct Tables {
    extras: Interned<Extra>,
    clusters: Interned<Box<str>>,
}

#[derive(Debug)]
struct Interned<T> {
    values: Vec<T>,
    index: HashMap<T, u32>,
    collect_at: usize,
}

impl<T: Clone + Eq + std::hash::Hash> Interned<T> {
    fn new(first: T) -> Self {
        let mut this = Self {
            values: Vec::new(),
            index: HashMap::new(),
            collect_at: COLLECT_FROM,
        };
        this.add(first);
        this
    }

    fn add(&mut self, value: T) -> Option<u32> {
        if let Some(known) = self.index.get(&value) {
            return Some(*known);
        }
        if self.values.len() >= MAX_ENTRIES {
            return None;
        }
        let at = u32::try_from(self.values.len()).ok()?;
        self.values.push(value.clone());
        self.index.insert(value, at);
        Some(at)
    }

    fn is_full(&self) -> bool {
        self.values.len() >= self.collect_at
    }

    /// Keeps what is used; where each went.
    fn keep(&mut self, used: &[bool]) -> Vec<u32> {
        let mut moved = vec![0; self.values.len()];
        let mut kept = Vec::new();
        for (at, value) in self.values.drain(..).enumerate() {
            if at == 0 || used[at] {
                moved[at] = u32::try_from(kept.len()).unwrap_or(0);
                kept.push(value);
            }
        }
        self.index = (0..)
            .zip(&kept)
            .map(|(at, value)| (value.clone(), at))
            .collect();
        self.collect_at = (2 * kept.len()).clamp(COLLECT_FROM, MAX_ENTRIES);
        self.values = kept;
        moved
    }
}

impl Tables {
    pub(super) fn new() -> Self {
        Self {
            extras: Interned::new(Extra::default()),
            clusters: Interned::new(Box::from("")),
        }
    }

    pub(super) fn extra(&self, index: u16) -> &Extra {
        &self.extras.values[usize::from(index)]
    }

    pub(super) fn cluster(&self, index: u32) -> &str {
        &self.clusters.values[index as usize]
    }

    /// 0, plain, when there are too many.
    pub(super) fn add_extra(&mut self, extra: Extra) -> u16 {
        let index = self.extras.add(extra).unwrap_or(0);
        u16::try_from(index).unwrap_or(0)
    }

    /// `None` when it is too long, or there are too many.
    pub(super) fn add_cluster(&mut self, text: &str) -> Option<u32> {
        if text.len() > MAX_CLUSTER_BYTES {
            return None;
        }
        self.clusters.add(Box::from(text))
    }

    pub(super) fn are_full(&self) -> bool {
        self.extras.is_full() || self.clusters.is_full()
    }

    /// Forgets what no cell refers to; where the rest went.
    pub(super) fn collect(&mut self, used: &Used) -> (Vec<u32>, Vec<u32>) {
        (
            self.extras.keep(&used.extras),
            self.clusters.keep(&used.clusters),
        )
    }

    pub(super) fn nothing_used(&self) -> Used {
        Used {
            extras: vec![false; self.extras.values.len()],
            clusters: vec![false; self.clusters.values.len()],
        }
    }
}

/// Which entries cells refer to.
pub(super) struct Used {
    pub(super) extras: Vec<bool>,
    pub(super) clusters: Vec<bool>,
}

impl Used {
    pub(super) fn add(&mut self, cells: &[Cell]) {
        for cell in cells {
            self.extras[usize::from(cell.style.extra)] = true;
            if let Some(index) = cell.cluster() {
                self.clusters[index as usize] = true;
            }
        }
    }
}
