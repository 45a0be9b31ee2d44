//! Makes a few events of many: what is not told yet, and when it is due.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use clarateach_protocol::files::{FileEvent, FileEventKind};

use super::super::path::FilePath;

/// How long an event waits for others of its path.
const WINDOW: Duration = Duration::from_millis(50);
/// Between two `changed` of one path.
const CHANGED_GAP: Duration = Duration::from_millis(400);
/// Between two `rescan` of one path.
const RESCAN_GAP: Duration = Duration::from_secs(1);
/// More events than this a second are one `rescan` of everything.
const MAX_A_SECOND: usize = 1000;

/// Events that wait.
#[derive(Default)]
pub(super) struct Pending {
    waiting: HashMap<FilePath, Waiting>,
    /// When `changed` and `rescan` were told last, as long as it matters.
    told: HashMap<FilePath, Instant>,
    /// A second's beginning, and what was told since.
    second: Option<(Instant, usize)>,
}

#[derive(Clone, Copy)]
struct Waiting {
    kind: FileEventKind,
    due: Instant,
}

impl Pending {
    /// Notes a change. A path that no JSON can say becomes a `rescan` of the folder above.
    pub(super) fn note(&mut self, kind: FileEventKind, path: &FilePath, now: Instant) {
        let (kind, path) = match path.utf8_ancestor() {
            None => (kind, path.clone()),
            Some(ancestor) => (FileEventKind::Rescan, ancestor),
        };
        let told = self
            .second
            .filter(|(begun, _)| now - *begun < Duration::from_secs(1))
            .map_or(0, |(_, told)| told);
        if told + self.waiting.len() >= MAX_A_SECOND && !self.waiting.contains_key(&path) {
            self.waiting.clear();
            self.note_one(FileEventKind::Rescan, FilePath::root(), now);
            return;
        }
        let root = FilePath::root();
        if !self.is_rescan(&root) || path == root {
            self.note_one(kind, path, now);
        }
    }

    fn is_rescan(&self, path: &FilePath) -> bool {
        let waiting = self.waiting.get(path);
        waiting.is_some_and(|waiting| waiting.kind == FileEventKind::Rescan)
    }

    fn note_one(&mut self, kind: FileEventKind, path: FilePath, now: Instant) {
        if let Some(waiting) = self.waiting.get_mut(&path) {
            waiting.kind = merged(waiting.kind, kind);
            if waiting.kind != FileEventKind::Changed && waiting.kind != FileEventKind::Rescan {
                waiting.due = waiting.due.min(now + WINDOW);
            }
            return;
        }
        let gap = match kind {
            FileEventKind::Changed => CHANGED_GAP,
            FileEventKind::Rescan => RESCAN_GAP,
            FileEventKind::Created | FileEventKind::Removed => Duration::ZERO,
        };
        let soon = now + WINDOW;
        let due = self
            .told
            .get(&path)
            .map_or(soon, |told| soon.max(*told + gap));
        self.waiting.insert(path, Waiting { kind, due });
    }

    /// When to call [`Self::take_due`] next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.values().map(|waiting| waiting.due).min()
    }

    /// What is to be told now: rescans, then what is gone, then the rest; folders before what is in
    /// them. A rescan speaks for everything below it.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<FileEvent> {
        self.told.retain(|_, told| now - *told < RESCAN_GAP);
        let mut due: Vec<(FilePath, FileEventKind)> = Vec::new();
        self.waiting.retain(|path, waiting| {
            let stays = waiting.due > now;
            if !stays {
                due.push((path.clone(), waiting.kind));
            }
            stays
        });
        let rescans: Vec<FilePath> = due
            .iter()
            .filter(|(_, kind)| *kind == FileEventKind::Rescan)
            .map(|(path, _)| path.clone())
            .collect();
        due.retain(|(path, _)| !rescans.iter().any(|rescan| path.is_below(rescan)));
        due.sort_by(|(a, a_kind), (b, b_kind)| (rank(*a_kind), a).cmp(&(rank(*b_kind), b)));
        for (path, kind) in &due {
            if matches!(kind, FileEventKind::Changed | FileEventKind::Rescan) {
                self.told.insert(path.clone(), now);
            }
        }
        self.second = match self.second {
            Some((begun, told)) if now - begun < Duration::from_secs(1) => {
                Some((begun, told + due.len()))
            }
            _ => Some((now, due.len())),
        };
        let event = |(path, kind): (FilePath, FileEventKind)| FileEvent {
            kind,
            path: path.to_string(),
        };
        due.into_iter().map(event).collect()
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

fn rank(kind: FileEventKind) -> u8 {
    match kind {
        FileEventKind::Rescan => 0,
        FileEventKind::Removed => 1,
        FileEventKind::Created => 2,
        FileEventKind::Changed => 3,
    }
}

/// One event for two of the same path.
fn merged(first: FileEventKind, second: FileEventKind) -> FileEventKind {
    use FileEventKind::{Changed, Created, Removed, Rescan};
    match (first, second) {
        (Rescan, _) | (_, Rescan) => Rescan,
        (_, Removed) => Removed,
        (Created | Removed, _) | (Changed, Created) => Created,
        (Changed, Changed) => Changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FileEventKind::{Changed, Created, Removed, Rescan};

    fn path(text: &str) -> FilePath {
        FilePath::from_text(text).unwrap()
    }

    fn told(pending: &mut Pending, now: Instant) -> Vec<(FileEventKind, String)> {
        let events = pending.take_due(now);
        let pairs = events.into_iter().map(|event| (event.kind, event.path));
        pairs.collect()
    }

    #[test]
    fn a_thousand_writes_in_a_second_are_a_few_events() {
        let (mut pending, begun) = (Pending::default(), Instant::now());
        let (mut count, mut first) = (0, None);
        for millisecond in 0..1000 {
            let now = begun + Duration::from_millis(millisecond);
            pending.note(Changed, &path("f"), now);
            let events = pending.take_due(now);
            if !events.is_empty() {
                first.get_or_insert(millisecond);
                count += events.len();
            }
        }
        // The last write is told as well.
        let end = pending.due().unwrap();
        assert_eq!(
            told(&mut pending, end),
            [(Changed, "f".to_owned())],
            "the last write was not told"
        );
        assert!(count <= 4 && first.unwrap() <= 100, "{count}, {first:?}");
    }

    #[test]
    fn events_of_one_path_are_merged_truly() {
        for (first, second, expected) in [
            (Created, Changed, Created),
            (Created, Removed, Removed),
            (Removed, Created, Created),
            (Changed, Removed, Removed),
            (Rescan, Removed, Rescan),
        ] {
            let (mut pending, now) = (Pending::default(), Instant::now());
            pending.note(first, &path("f"), now);
            pending.note(second, &path("f"), now);
            assert_eq!(
                told(&mut pending, now + RESCAN_GAP),
                [(expected, "f".to_owned())]
            );
        }
    }

    #[test]
    fn a_rescan_speaks_for_what_is_below_and_folders_come_first() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        for (kind, text) in [
            (Changed, "a/b/c"),
            (Created, "d/e"),
            (Created, "d"),
            (Rescan, "a"),
            (Removed, "ab"),
        ] {
            pending.note(kind, &path(text), now);
        }
        let expected = [
            (Rescan, "a"),
            (Removed, "ab"),
            (Created, "d"),
            (Created, "d/e"),
        ];
        let expected = expected.map(|(kind, text)| (kind, text.to_owned()));
        assert_eq!(told(&mut pending, now + WINDOW), expected);
    }

    #[test]
    fn a_flood_of_paths_is_one_rescan_and_not_many_a_second() {
        let (mut pending, begun) = (Pending::default(), Instant::now());
        let mut events = Vec::new();
        for n in 0..20_000u64 {
            let now = begun + Duration::from_micros(n * 100);
            pending.note(Created, &path(&n.to_string()), now);
            events.extend(told(&mut pending, now));
        }
        assert!(events.len() < 3000, "{}", events.len());
        let rescans = events.iter().filter(|(kind, _)| *kind == Rescan).count();
        assert!((1..=3).contains(&rescans), "{rescans}");
    }

    #[test]
    fn a_name_that_is_not_utf8_is_a_rescan_of_its_folder() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        pending.note(Created, &path("a").join(b"\xff").join(b"x"), now);
        assert_eq!(told(&mut pending, now + WINDOW), [(Rescan, "a".to_owned())]);
    }
}
