//! Workshops as an instructor reads them: one in full, several in a table.

use serde_json::Value;

use super::super::seat::{seats_of, seats_table};
use super::super::table::{Kind, Paper, plain_text, table, text};

/// Every workshop with how many of its seats can be used, and how many are taken.
pub(in crate::cli) fn workshops_table(paper: Paper, workshops: &Value) -> String {
    let workshops = workshops.as_array().map_or(&[][..], Vec::as_slice);
    if workshops.is_empty() {
        return "no workshops".to_owned();
    }
    let rows: Vec<_> = workshops
        .iter()
        .map(|workshop| {
            let seats = seats_of(workshop);
            let usable = seats
                .iter()
                .filter(|seat| seat["status"] == "ready" || seat["status"] == "occupied");
            let taken = seats.iter().filter(|seat| !seat["learner"].is_null());
            [
                text(&workshop["id"]),
                text(&workshop["status"]),
                text(&workshop["code"]),
                format!("{}/{}", usable.count(), seats.len()),
                taken.count().to_string(),
                text(&workshop["name"]),
            ]
        })
        .collect();
    let heads = [
        ("ID", Kind::Fixed),
        ("STATUS", Kind::Status),
        ("CODE", Kind::Fixed),
        ("READY", Kind::Number),
        ("TAKEN", Kind::Number),
        ("NAME", Kind::Text),
    ];
    table(paper, heads, &rows)
}

pub(super) fn description(workshop: &Value) -> String {
    let mut lines = String::new();
    for (label, field) in [
        ("id", "id"),
        ("name", "name"),
        ("status", "status"),
        ("code", "code"),
        ("join", "join_url"),
        ("image", "image"),
        ("created", "created_at"),
        ("starts", "starts_at"),
        ("ends", "ends_at"),
    ] {
        if !workshop[field].is_null() {
            lines.push_str(&format!("{label:<8} {}\n", plain_text(&workshop[field])));
        }
    }
    let idle = &workshop["idle"];
    if !idle.is_null() {
        let rule = format!(
            "ends when nobody used it for {} minutes",
            idle["after_minutes"]
        );
        let state = [("kept_until", "; not before"), ("ends_at", ": at")];
        let state = state.iter().find(|(field, _)| !idle[field].is_null());
        let state = state.map(|(field, word)| format!("{word} {}", plain_text(&idle[field])));
        lines.push_str(&format!(
            "{:<8} {rule}{}\n",
            "idle",
            state.unwrap_or_default()
        ));
    }
    if !workshop["reason"].is_null() {
        let reason = plain_text(&workshop["reason"]["message"]);
        lines.push_str(&format!("{:<8} {reason}\n", "reason"));
    }
    format!(
        "{lines}\n{}",
        seats_table(Paper::of_stdout(), &workshop["seats"])
    )
}

/// When it ends now; where nobody uses it, until when it is kept all the same.
pub(super) fn extended(id: impl std::fmt::Display, shown: &Value) -> String {
    match (&shown["ends_at"], &shown["idle"]["kept_until"]) {
        (Value::Null, kept) => format!("{id} is kept until {}", plain_text(kept)),
        (ends, Value::Null) => format!("{id} ends at {}", plain_text(ends)),
        (ends, kept) if kept == ends => format!("{id} ends at {}", plain_text(ends)),
        (ends, kept) => format!(
            "{id} is kept until {}, and ends at {}",
            plain_text(kept),
            plain_text(ends)
        ),
    }
}
