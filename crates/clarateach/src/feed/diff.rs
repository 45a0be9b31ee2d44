//! What changed between two looks at a workshop, as events that lead from one to the other.

use std::sync::Arc;

use super::Change;
use crate::model::Workshop;
use crate::service::WorkshopView;

/// The changes from `before` to `after`; none when they are the same. A seat that changed is one
/// event, however many there are; the whole is told only where the seats are others or the
/// workshop's own data changed.
pub(super) fn changes(before: Option<&WorkshopView>, after: &Arc<WorkshopView>) -> Vec<Change> {
    let mut changes = differences(before, after);
    let known = before.and_then(|before| before.warning);
    if let Some(warning) = after.warning.filter(|_| known != after.warning) {
        let workshop = after.workshop.spec.id;
        changes.push(Change::Warning { workshop, warning });
    }
    changes
}

fn differences(before: Option<&WorkshopView>, after: &Arc<WorkshopView>) -> Vec<Change> {
    let whole = || vec![Change::Workshop(Arc::clone(after))];
    let Some(before) = before else {
        return whole();
    };
    let numbers = |view: &WorkshopView| -> Vec<_> {
        view.seats.iter().map(|shown| shown.seat.key.seat).collect()
    };
    let unwarned = before.warning.is_some() && after.warning.is_none();
    let unwarned = unwarned || before.idle != after.idle;
    if unwarned || numbers(before) != numbers(after) || !is_same(&before.workshop, &after.workshop)
    {
        return whole();
    }
    let workshop = after.workshop.spec.id;
    let pairs = before.seats.iter().zip(&after.seats);
    let mut changes: Vec<_> = pairs
        .filter(|(before, after)| before != after)
        .map(|(_, after)| Change::Seat {
            workshop,
            seat: Box::new(after.clone()),
        })
        .collect();
    if before.workshop.status != after.workshop.status
        || before.workshop.reason != after.workshop.reason
        || before.progress != after.progress
    {
        changes.push(Change::Progress {
            workshop,
            status: after.workshop.status,
            reason: after.workshop.reason.clone(),
            progress: after.progress,
        });
    }
    changes
}

/// Whether two are the same but for what [`Change::Progress`] tells.
fn is_same(before: &Workshop, after: &Workshop) -> bool {
    let before = Workshop {
        status: after.status,
        reason: after.reason.clone(),
        ..before.clone()
    };
    before == *after
}
