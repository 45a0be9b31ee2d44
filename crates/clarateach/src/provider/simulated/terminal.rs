//! A simulated seat's terminals: what is typed is echoed, and lines get scripted answers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clarateach_protocol::id::{SeatNumber, TerminalName};
use clarateach_protocol::terminal::{CreateTerminal, RING_BYTES, TerminalInfo, TerminalList};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

use super::http::{Answer, Refusal, empty, json, not_allowed, not_found, read_json, refuse};

/// Terminals of a seat at the most.
const MAX_TERMINALS: usize = 16;
/// Bytes of a line that are kept at the most.
const MAX_LINE_BYTES: usize = 4096;
/// Lines that one scripted command prints at the most.
const MAX_LINES: u32 = 200_000;

/// The terminals of one start of a seat.
pub(super) struct Terminals {
    seat: SeatNumber,
    by_age: Mutex<Vec<Arc<Terminal>>>,
}

pub(super) struct Terminal {
    pub(super) name: TerminalName,
    pub(super) epoch: String,
    created_at: String,
    seat: SeatNumber,
    screen: Mutex<Screen>,
    /// Moves on whenever the screen changed.
    changes: watch::Sender<u64>,
    clients: AtomicUsize,
}

/// What a terminal shows, and what was typed since the last line ended.
pub(super) struct Screen {
    ring: VecDeque<u8>,
    /// Output bytes so far; the ring holds the last of them.
    pub(super) head: u64,
    line: Vec<u8>,
    pub(super) cols: u16,
    pub(super) rows: u16,
    pub(super) exited: Option<i32>,
}

impl Screen {
    /// The oldest byte that is still there.
    pub(super) fn tail(&self) -> u64 {
        self.head - self.ring.len() as u64
    }

    /// Output from `offset` on, `at_most` bytes of it.
    pub(super) fn output(&self, offset: u64, at_most: u64) -> Vec<u8> {
        let skip = usize::try_from(offset.saturating_sub(self.tail())).unwrap_or(usize::MAX);
        let take = usize::try_from(at_most).unwrap_or(usize::MAX);
        self.ring.iter().skip(skip).take(take).copied().collect()
    }

    fn print(&mut self, bytes: &[u8]) {
        self.ring.extend(bytes);
        self.head += bytes.len() as u64;
        let surplus = self.ring.len().saturating_sub(RING_BYTES);
        self.ring.drain(..surplus);
    }
}

impl Terminals {
    pub(super) fn new(seat: SeatNumber) -> Self {
        Self {
            seat,
            by_age: Mutex::new(Vec::new()),
        }
    }

    /// A terminal of that name; `main` is made where it is missing.
    pub(super) fn attach(&self, name: &TerminalName, size: (u16, u16)) -> Option<Arc<Terminal>> {
        let mut all = self.lock();
        let known = all.iter().find(|terminal| terminal.name == *name).cloned();
        if known.is_some() || *name != TerminalName::main() {
            return known;
        }
        let made = Terminal::new(name.clone(), self.seat, size);
        all.push(Arc::clone(&made));
        Some(made)
    }

    /// Bytes that all of them showed: nothing comes that wasn't typed.
    pub(super) fn said(&self) -> u64 {
        self.lock()
            .iter()
            .map(|terminal| terminal.screen().head)
            .sum()
    }

    fn list(&self) -> TerminalList {
        let all = self.lock();
        TerminalList {
            terminals: all.iter().map(|terminal| terminal.info()).collect(),
        }
    }

    fn create(&self, wanted: CreateTerminal) -> Result<TerminalInfo, Refusal> {
        let mut all = self.lock();
        let taken = |name: &TerminalName| all.iter().any(|terminal| terminal.name == *name);
        let mut free = (1..).filter_map(|n| format!("term-{n}").parse().ok());
        let name = match wanted.name {
            Some(name) if taken(&name) => {
                let message = "there is a terminal of that name";
                return Err(refuse(StatusCode::CONFLICT, "exists", message));
            }
            Some(name) => name,
            None => free.find(|name| !taken(name)).ok_or_else(not_found)?,
        };
        if all.len() >= MAX_TERMINALS {
            let message = "the seat has as many terminals as it may";
            return Err(refuse(StatusCode::CONFLICT, "too_many", message));
        }
        let size = (wanted.cols.unwrap_or(80), wanted.rows.unwrap_or(24));
        let made = Terminal::new(name, self.seat, size);
        all.push(Arc::clone(&made));
        Ok(made.info())
    }

    fn remove(&self, name: &TerminalName) -> Result<(), Refusal> {
        let mut all = self.lock();
        let place = all.iter().position(|terminal| terminal.name == *name);
        let removed = all.remove(place.ok_or_else(not_found)?);
        removed.exit(129);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Terminal>>> {
        self.by_age.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) async fn answer(
    terminals: &Terminals,
    below: &str,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    match (request.method().clone(), below) {
        (Method::GET, "") => Ok(json(StatusCode::OK, &terminals.list())),
        (Method::POST, "") => {
            let made = terminals.create(read_json(request).await?)?;
            Ok(json(StatusCode::CREATED, &made))
        }
        (Method::DELETE, name) => {
            terminals.remove(&name.parse().map_err(|_| not_found())?)?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => Err(not_allowed()),
    }
}

impl Terminal {
    fn new(name: TerminalName, seat: SeatNumber, (cols, rows): (u16, u16)) -> Arc<Self> {
        let terminal = Self {
            name,
            epoch: format!("{:016x}", getrandom::u64().unwrap_or_default()),
            created_at: OffsetDateTime::now_utc()
                .format(&Rfc3339)
                .unwrap_or_default(),
            seat,
            screen: Mutex::new(Screen {
                ring: VecDeque::new(),
                head: 0,
                line: Vec::new(),
                cols,
                rows,
                exited: None,
            }),
            changes: watch::Sender::new(0),
            clients: AtomicUsize::new(0),
        };
        terminal.screen().print(terminal.prompt().as_bytes());
        Arc::new(terminal)
    }

    fn info(&self) -> TerminalInfo {
        let screen = self.screen();
        TerminalInfo {
            name: self.name.clone(),
            epoch: self.epoch.clone(),
            cols: screen.cols,
            rows: screen.rows,
            title: String::new(),
            clients: self.clients.load(Ordering::Relaxed),
            created_at: self.created_at.clone(),
            last_output_at: None,
            last_input_at: None,
            command: None,
            cwd: None,
        }
    }

    pub(super) fn screen(&self) -> MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Counts a client until the guard goes.
    pub(super) fn join(self: &Arc<Self>) -> Client {
        self.clients.fetch_add(1, Ordering::Relaxed);
        Client(Arc::clone(self))
    }

    pub(super) fn resize(&self, cols: u16, rows: u16) {
        {
            let mut screen = self.screen();
            (screen.cols, screen.rows) = (cols, rows);
        }
        self.changed();
    }

    /// Takes typed bytes: echoes them, and answers each line.
    pub(super) fn type_in(&self, bytes: &[u8]) {
        {
            let mut screen = self.screen();
            for byte in bytes {
                match byte {
                    b'\r' | b'\n' => self.end_line(&mut screen),
                    0x7f => {
                        if screen.line.pop().is_some() {
                            screen.print(b"\x08 \x08");
                        }
                    }
                    0x03 => {
                        screen.line.clear();
                        screen.print(b"^C\r\n");
                        screen.print(self.prompt().as_bytes());
                    }
                    byte => {
                        if screen.line.len() < MAX_LINE_BYTES {
                            screen.line.push(*byte);
                        }
                        screen.print(&[*byte]);
                    }
                }
            }
        }
        self.changed();
    }

    fn end_line(&self, screen: &mut Screen) {
        screen.print(b"\r\n");
        let line = String::from_utf8_lossy(&std::mem::take(&mut screen.line)).into_owned();
        let mut words = line.split_whitespace();
        match words.next() {
            None => {}
            Some("echo") => {
                let said: Vec<_> = words.collect();
                screen.print(said.join(" ").as_bytes());
                screen.print(b"\r\n");
            }
            Some("seq") => {
                let last: u32 = words.next().and_then(|it| it.parse().ok()).unwrap_or(0);
                for n in 1..=last.min(MAX_LINES) {
                    screen.print(format!("{n}\r\n").as_bytes());
                }
            }
            Some("exit") => screen.exited = Some(0),
            Some(word) => {
                screen.print(format!("{word}: this seat is simulated\r\n").as_bytes());
            }
        }
        screen.print(self.prompt().as_bytes());
    }

    fn exit(&self, code: i32) {
        self.screen().exited = Some(code);
        self.changed();
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn prompt(&self) -> String {
        format!("learner@seat-{:02}:/workspace$ ", self.seat.get())
    }
}

/// A client of a terminal, as long as it is attached.
pub(super) struct Client(Arc<Terminal>);

impl Drop for Client {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Query of `GET /terminal`, by name.
pub(super) fn query(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
