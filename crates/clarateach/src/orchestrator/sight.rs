//! Whose silence it is, a seat's or its provider's: without I/O.
//!
//! The way to a seat may go through its provider (published ports do), and whoever was away needs a moment. So a seat is
//! stopped for its silence on a [`Silence`] alone, and there is one way to that: it was asked in vain, which makes an
//! [`Unanswered`] question, and a look that began afterwards found its provider there without a gap since it was asked
//! ([`Sight::judge`]). Everything else is a doubt, and a seat in doubt is asked again.

use crate::model::Reason;

/// What a workshop's loop knows of its provider's presence.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// How often it was lost from sight.
    losses: u64,
}

/// A time since which its provider may have been lost from sight, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Since(u64);

/// A question to a start of a seat that was not answered as it should; the next look tells what that means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    incarnation: String,
    reason: Reason,
    since: Since,
    /// When it was given up, by the loop's clock.
    until: u64,
}

/// A seat's own silence, seen while its provider was there, or taken for one on somebody's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence(());

/// What a look makes of an unanswered question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// The provider was there all the while.
    Silent(Silence),
    /// It was away meanwhile.
    Doubtful,
    /// The look began too early to tell.
    NotYet,
}

impl Sight {
    /// The provider can't be asked, or could not for a moment.
    pub(super) fn lost(&mut self) {
        self.losses += 1;
    }

    /// From now on.
    pub(super) fn now(&self) -> Since {
        Since(self.losses)
    }

    /// What a look tells that began at `began` by the loop's clock and found the provider there.
    pub(super) fn judge(&self, question: &Unanswered, began: u64) -> Judgement {
        if question.until >= began {
            Judgement::NotYet
        } else if question.since == self.now() {
            Judgement::Silent(Silence(()))
        } else {
            Judgement::Doubtful
        }
    }
}

impl Unanswered {
    /// Of that start of a seat, asked since then, and given up at `until` by the loop's clock.
    pub(super) fn new(incarnation: String, reason: Reason, since: Since, until: u64) -> Self {
        Self {
            incarnation,
            reason,
            since,
            until,
        }
    }

    /// The start that was asked.
    pub(super) fn incarnation(&self) -> &str {
        &self.incarnation
    }

    /// What was wrong with the answer.
    pub(super) fn reason(&self) -> &Reason {
        &self.reason
    }
}

impl Silence {
    /// Somebody wants a fresh start of the seat.
    pub(super) fn on_order() -> Self {
        Self(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(since: Since, until: u64) -> Unanswered {
        Unanswered::new("one".to_owned(), Reason::new("x", "x"), since, until)
    }

    #[test]
    fn a_silence_counts_where_the_provider_was_there_from_the_question_to_the_look_after_it() {
        let mut sight = Sight::default();
        let question = asked(sight.now(), 5);
        assert_eq!(sight.judge(&question, 5), Judgement::NotYet);
        assert_eq!(
            sight.judge(&question, 6),
            Judgement::Silent(Silence::on_order())
        );
        sight.lost();
        assert_eq!(sight.judge(&question, 6), Judgement::Doubtful);
        let after = asked(sight.now(), 7);
        assert_eq!(
            sight.judge(&after, 8),
            Judgement::Silent(Silence::on_order())
        );
    }
}
