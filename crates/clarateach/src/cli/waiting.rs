//! Waiting for seats: asks the server again and again, and shows on a terminal how far it is.

use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use clarateach_protocol::id::WorkshopId;
use serde_json::Value;

use super::client::Client;
use super::failure::{Exit, Failure};
use super::table::{Output, cut, plain, plain_text, terminal_width};

/// Between two looks; a seat takes longer to make.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// A server that restarts meanwhile is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// One line of standard error, drawn again and again; nothing where that is no terminal.
pub(super) struct Line {
    shown: bool,
    /// Whether something stands on it now.
    drawn: Cell<bool>,
    since: Instant,
}

impl Line {
    pub(super) fn new(output: &Output) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self {
            shown: !output.json && !dumb && std::io::stderr().is_terminal(),
            drawn: Cell::new(false),
            since: Instant::now(),
        }
    }

    /// How long it has taken so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    pub(super) fn draw(&self, text: &str) {
        if self.shown {
            self.drawn.set(true);
            let width = terminal_width(std::io::stderr()).unwrap_or(80);
            let line = format!("{}  {} s", plain(text), self.elapsed().as_secs());
            // Erase to the end of the line (ECMA-48, EL); one column stays free, so that nothing wraps.
            self.write(&format!(
                "\r{}\u{1b}[K",
                cut(&line, width.saturating_sub(1))
            ));
        }
    }

    pub(super) fn clear(&self) {
        if self.drawn.take() {
            self.write("\r\u{1b}[K");
        }
    }

    fn write(&self, text: &str) {
        // Who closed it doesn't want to see it.
        let _ = write!(std::io::stderr(), "{text}");
        let _ = std::io::stderr().flush();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Does a call that takes its time, and shows how long it has taken.
pub(super) async fn during<T>(line: &Line, text: &str, call: impl Future<Output = T>) -> T {
    let mut call = std::pin::pin!(call);
    loop {
        line.draw(text);
        if let Ok(done) = tokio::time::timeout(LOOK_AGAIN, &mut call).await {
            line.clear();
            return done;
        }
    }
}

/// Says, when it is dropped before its end, what goes on without this command.
pub(super) struct Unfinished<'a> {
    line: &'a Line,
    says: Option<String>,
}

impl<'a> Unfinished<'a> {
    pub(super) fn new(line: &'a Line, output: &Output, says: String) -> Self {
        Self {
            line,
            says: (!output.json).then_some(says),
        }
    }

    pub(super) fn finish(mut self) {
        self.says = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(text) = self.says.take() {
            self.line.clear();
            eprintln!("{text}");
        }
    }
}

/// Looks until `is_settled`, and answers with the workshop as it is then.
pub(super) async fn until_settled(
    client: &Client,
    output: &Output,
    line: &Line,
    mut workshop: Value,
    id: WorkshopId,
    is_settled: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    let goes_on = format!(
        "“{}” goes on being made on the server. `clarateach workshop show {id}` shows it, `clarateach workshop delete {id}` ends it",
        plain_text(&workshop["name"])
    );
    let unfinished = Unfinished::new(line, output, goes_on);
    let mut last_answer = Instant::now();
    while !is_settled(&workshop) {
        line.draw(&how_far(&workshop));
        tokio::time::sleep(LOOK_AGAIN).await;
        match client.get(&format!("/api/workshops/{id}")).await {
            Ok(shown) => {
                workshop = shown;
                last_answer = Instant::now();
            }
            Err(error) => {
                line.clear();
                let failure = error.downcast_ref::<Failure>();
                match failure.map(|failure| (failure.exit, failure.detail.code.as_str())) {
                    Some((Exit::Unreachable, _)) if last_answer.elapsed() < PATIENCE => {}
                    Some((_, "not_found")) => {
                        unfinished.finish();
                        let message = format!("{id} was deleted before it was made");
                        return Err(Failure::new(Exit::Failed, "ended", message).into());
                    }
                    _ => return Err(error),
                }
            }
        }
    }
    unfinished.finish();
    line.clear();
    Ok(workshop)
}

/// `Rust 101: 42 %, starting seats, 7 of 30 ready, about 12 s left`
fn how_far(workshop: &Value) -> String {
    let name = plain_text(&workshop["name"]);
    let progress = &workshop["progress"];
    let doing = match progress["phase"].as_str() {
        Some("image") => match progress["pulled"].as_object() {
            Some(pulled) => format!("pulling the image{}", fetched(pulled)),
            None => "getting the image".to_owned(),
        },
        Some("network") => "making network and firewall".to_owned(),
        Some("create") => seats("making seats", progress),
        Some("start") => seats("starting seats", progress),
        Some("probe") => seats("waiting for seats to answer", progress),
        Some("bind") => seats("trying seats", progress),
        Some("ending") => "ending".to_owned(),
        _ => "making it".to_owned(),
    };
    let percent = progress["percent"].as_u64();
    let percent = percent.map_or_else(String::new, |percent| format!("{percent} %, "));
    let left = progress["seconds_left"].as_u64();
    let left = left.map_or_else(String::new, |left| format!(", about {left} s left"));
    format!("{name}: {percent}{doing}{left}")
}

fn seats(doing: &str, progress: &Value) -> String {
    let (done, total) = (&progress["done"], &progress["total"]);
    format!("{doing}, {done} of {total} ready")
}

/// `, 12 of 340 MB`
fn fetched(pulled: &serde_json::Map<String, Value>) -> String {
    let megabytes = |field: &str| Some(pulled.get(field)?.as_u64()? / 1_000_000);
    match (megabytes("bytes"), megabytes("of")) {
        (Some(bytes), Some(of)) => format!(", {bytes} of {of} MB"),
        (Some(bytes), None) => format!(", {bytes} MB"),
        (None, _) => String::new(),
    }
}

/// Seats that failed, each with its reason and what to do; empty where none did.
pub(super) fn failed_seats(workshop: &Value) -> String {
    let id = plain_text(&workshop["id"]);
    let seats = workshop["seats"].as_array().map_or(&[][..], Vec::as_slice);
    let mut text = String::new();
    let failed: Vec<&Value> = seats
        .iter()
        .filter(|seat| seat["status"] == "failed")
        .collect();
    for seat in &failed {
        let reason = plain_text(&seat["reason"]["message"]);
        text += &format!("  seat {:<3}  {reason}\n", seat["number"].to_string());
        text += &format!(
            "            -> clarateach seat retry {id} {}\n",
            seat["number"]
        );
    }
    if failed.len() > 1 {
        text += &format!("  all of them -> clarateach seat retry {id}\n");
    }
    text
}

/// An exit code of its own for a workshop that stands with some seats missing.
pub(super) fn check_seats(workshop: &Value) -> anyhow::Result<()> {
    let seats = workshop["seats"].as_array().map_or(&[][..], Vec::as_slice);
    let failed = seats
        .iter()
        .filter(|seat| seat["status"] == "failed")
        .count();
    if failed == 0 {
        return Ok(());
    }
    let message = format!(
        "{failed} of {} seats failed; the others can be used",
        seats.len()
    );
    Err(Failure::new(Exit::SeatsFailed, "seats_failed", message).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn how_far_it_is_names_the_phase_and_the_seats() {
        let line = |progress: Value| how_far(&json!({"name": "Rust\u{7}", "progress": progress}));
        let start =
            json!({"phase": "start", "done": 7, "total": 30, "percent": 42, "seconds_left": 12});
        assert_eq!(
            line(start),
            "Rust\u{fffd}: 42 %, starting seats, 7 of 30 ready, about 12 s left"
        );
        let pull = json!({"phase": "image", "done": 0, "total": 30, "percent": 3,
            "pulled": {"bytes": 12_900_000, "of": 340_000_000}});
        assert_eq!(
            line(pull),
            "Rust\u{fffd}: 3 %, pulling the image, 12 of 340 MB"
        );
        let ending = json!({"phase": "ending", "done": 0, "total": 30});
        assert_eq!(line(ending), "Rust\u{fffd}: ending");
    }

    #[test]
    fn a_failed_seat_comes_with_its_remedy_and_an_exit_code() {
        let workshop = json!({"id": "ws-aaaaaaaa", "seats": [
            {"number": 1, "status": "ready"},
            {"number": 2, "status": "failed", "reason": {"code": "disk", "message": "no disk"}},
        ]});
        assert_eq!(
            failed_seats(&workshop),
            "  seat 2    no disk\n            -> clarateach seat retry ws-aaaaaaaa 2\n"
        );
        let error = check_seats(&workshop).unwrap_err();
        let failure = error.downcast_ref::<Failure>().unwrap();
        assert_eq!(failure.exit, Exit::SeatsFailed);
        assert!(check_seats(&json!({"seats": [{"status": "ready"}]})).is_ok());
    }
}
