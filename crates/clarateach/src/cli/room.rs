//! What `serve --room` prints: where the class goes, to be read from a step away.

use std::fmt::Write;

use crate::qr::{self, Paper};
use crate::room::Room;

/// The join page's address, its QR code, what else this machine could be called, and what to know.
pub(super) fn invitation(room: &Room, public_url: &str, port: u16, paper: Paper) -> String {
    let page = format!("{public_url}/join");
    let mut text = format!("\nLearners go to\n\n{}\n", framed(&page, paper));
    if let Ok(code) = qr::in_characters(&page, paper) {
        let _ = writeln!(text, "or scan this:\n\n{code}");
    }
    if !room.others.0.is_empty() {
        text.push_str("If their devices don't reach it, this machine has other addresses:\n\n");
        for other in &room.others.0 {
            let _ = writeln!(text, "    --room={:<24} {}", other.address, other.interface);
        }
        text.push('\n');
    }
    if public_url.starts_with("http://") {
        text.push_str(
            "This is plain http: whoever is on the same network can read along. Use it on networks \
             that you trust; docs/operations.md has https.\n",
        );
    }
    text.push_str(
        "Open it on your phone now: this says so when it gets through, page and live connection.\n",
    );
    let _ = write!(
        text,
        "A firewall on this machine may keep others out: it has to let TCP port {port} in, e.g. \
         `ufw allow {port}/tcp`."
    );
    text
}

fn framed(line: &str, paper: Paper) -> String {
    let bar = "━".repeat(line.chars().count() + 6);
    let bold = match paper {
        Paper::Terminal => format!("\x1b[1m{line}\x1b[0m"),
        Paper::Plain => line.to_owned(),
    };
    format!("  ┏{bar}┓\n  ┃   {bold}   ┃\n  ┗{bar}┛\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::{Candidate, Candidates};

    #[test]
    fn the_class_and_the_operator_read_what_they_need() {
        let room = Room {
            host: Some("192.168.1.5".to_owned()),
            others: Candidates(vec![Candidate {
                interface: "eth0".to_owned(),
                address: "10.0.0.7".parse().unwrap(),
            }]),
        };
        let text = invitation(&room, "http://192.168.1.5:8080", 8080, Paper::Plain);
        for part in [
            "┃   http://192.168.1.5:8080/join   ┃",
            "████",
            "--room=10.0.0.7",
            "plain http",
            "ufw allow 8080/tcp",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
        let alone = Room::at_public_url();
        let text = invitation(&alone, "https://class.example.org", 8080, Paper::Terminal);
        assert!(!text.contains("other addresses") && !text.contains("plain http"));
    }
}
