//! Workshops' names as the other program writes them.
//!
//! The seeds' plan writes `ws-123`; engines' interfaces and tables need an id of one form. An id of our
//! form is itself, any other name stands for an id that is derived from it: always the same, so that
//! nothing has to be remembered.

use clarateach_protocol::id::WorkshopId;
use sha2::{Digest, Sha256};

/// The longest name.
const LONGEST: usize = 64;

/// The workshop that a name stands for; `None` for what is no name: 1 to 64 of `A-Z a-z 0-9 . _ -`,
/// beginning with a letter or digit.
pub(super) fn parse(name: &str) -> Option<WorkshopId> {
    let is_name = (1..=LONGEST).contains(&name.len())
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    is_name.then(|| name.parse().unwrap_or_else(|_| derived(name)))
}

fn derived(name: &str) -> WorkshopId {
    let digest = Sha256::new()
        .chain_update("clarateach orchestrator workshop\n")
        .chain_update(name)
        .finalize();
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    WorkshopId::from_random(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_our_form_is_itself_and_others_are_always_the_same() {
        assert_eq!(parse("ws-abcd1234").unwrap().to_string(), "ws-abcd1234");
        let other = parse("ws-123").unwrap();
        assert_eq!(parse("ws-123"), Some(other));
        assert_ne!(parse("ws-124"), Some(other));
        assert_ne!(parse("WS-123"), Some(other));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a".repeat(65);
        for wrong in ["", "-a", ".", "..", "a b", "a/b", "ä", "a\0", long.as_str()] {
            assert_eq!(parse(wrong), None, "{wrong:?} was taken");
        }
    }
}
