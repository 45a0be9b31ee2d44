//! `passwd` and `group` of an image, with the user that seats run as.

use super::disk::SEAT_UID;

/// The home of an entry that we add.
const HOME: &str = "/workspace/.home";

/// A `passwd` with user 1000 added; `None` when it has one.
pub(super) fn with_user(passwd: &str, shell: &str) -> Option<String> {
    if has_id(passwd, SEAT_UID) {
        return None;
    }
    let base = if passwd.trim().is_empty() {
        "root:x:0:0:root:/root:/bin/sh\n".to_owned()
    } else {
        ended(passwd)
    };
    let name = free_name(passwd);
    Some(format!(
        "{base}{name}:x:{SEAT_UID}:{SEAT_UID}::{HOME}:{shell}\n"
    ))
}

/// A `group` with group 1000 added; `None` when it has one.
pub(super) fn with_group(group: &str) -> Option<String> {
    if has_id(group, SEAT_UID) {
        return None;
    }
    let base = if group.trim().is_empty() {
        "root:x:0:\n".to_owned()
    } else {
        ended(group)
    };
    Some(format!("{base}{}:x:{SEAT_UID}:\n", free_name(group)))
}

fn has_id(accounts: &str, id: u32) -> bool {
    accounts
        .lines()
        .filter_map(|line| line.split(':').nth(2))
        .any(|field| field.parse() == Ok(id))
}

fn free_name(accounts: &str) -> &'static str {
    let taken = |name: &str| {
        accounts
            .lines()
            .any(|line| line.split(':').next() == Some(name))
    };
    if taken("learner") {
        "seat1000"
    } else {
        "learner"
    }
}

fn ended(text: &str) -> String {
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{newline}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_added_only_where_they_are_missing() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nlearner:x:1001:1001::/home/l:/bin/sh";
        assert_eq!(
            with_user(passwd, "/bin/bash").unwrap(),
            format!("{passwd}\nseat1000:x:1000:1000::/workspace/.home:/bin/bash\n")
        );
        assert_eq!(
            with_user("node:x:1000:1000::/home/node:/bin/sh\n", "/bin/sh"),
            None
        );
        assert_eq!(with_group("").unwrap(), "root:x:0:\nlearner:x:1000:\n");
        assert_eq!(with_group("node:x:1000:\n"), None);
    }
}
