//! A class that goes on for long, among clients that behave badly: what the server holds afterwards is what it held
//! before. For a minute, or half an hour with `CLARATEACH_TEST_ALL=1`.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::app::Client;
use super::learner::Learner;
use super::served::Served;
use super::wait::{runs_all, until, within};

const SHORT: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(30 * 60);
/// The part of it after which caches, pools and allocators have what they keep.
const WARM_UP: u32 = 3;
const SEATS: u16 = 10;
const LEARNERS: usize = 6;
/// Of each kind, in a round.
const STRANGERS: usize = 30;
/// What resident memory may be above its plateau: a leak of 1 KB a client would be far more.
const ALLOWED_GROWTH: u64 = 6 * 1024 * 1024;

/// Requests that are none, or nobody's. Each gets an answer or an end, and nothing more.
const NONSENSE: [&str; 6] = [
    "GARBAGE\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: elsewhere.test\r\n\r\n",
    "GET /api/workshops HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer ct_nobody\r\n\r\n",
    "GET {seat}files/x HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer a.b.c\r\n\r\n",
    "POST {seat}files/x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET {seat}terminal HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
];

/// What a process holds.
#[derive(Debug, Clone)]
struct Held {
    sockets: usize,
    /// By their names, without the database's: its readers are made as they are needed, and kept.
    files: Vec<String>,
    threads: usize,
    /// Bytes that no file backs.
    resident: u64,
    /// Of its runtime, as it told last.
    tasks: u64,
}

impl Held {
    fn by(served: &Served) -> Self {
        let process = format!("/proc/{}", served.pid().as_raw_nonzero());
        let entries = std::fs::read_dir(format!("{process}/fd"))
            .unwrap()
            .flatten();
        let links = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        let links = links.map(|link| link.display().to_string());
        let (sockets, mut files): (Vec<_>, Vec<_>) =
            links.partition(|link| link.starts_with("socket:"));
        files.retain(|file| !file.contains("clarateach.db"));
        files.sort();
        Self {
            sockets: sockets.len(),
            files,
            threads: usize::try_from(served.status("Threads:")).unwrap(),
            resident: served.resident(),
            tasks: served.tasks().unwrap_or(u64::MAX),
        }
    }
}

struct Class {
    served: Served,
    instructor: Client,
    workshop: Value,
    learners: Vec<Learner>,
    /// Whose workshop is gone; their tabs are still open.
    left_behind: Vec<Learner>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_class_among_bad_clients_leaves_nothing_behind() {
    let class = Class::open().await;
    let before = class.quiet((usize::MAX, u64::MAX - 1)).await;
    let length = if runs_all() { LONG } else { SHORT };
    let begun = Instant::now();
    let mut rounds = 0;
    let mut plateau = 0;
    while begun.elapsed() < length {
        class.round(rounds).await;
        rounds += 1;
        if begun.elapsed() < length / WARM_UP {
            plateau = plateau.max(Held::by(&class.served).resident);
        }
    }
    let busy = Held::by(&class.served);
    let after = class.quiet((before.sockets, before.tasks)).await;
    eprintln!(
        "{rounds} rounds; before {before:?}, at the end {busy:?}, afterwards {after:?}, plateau {plateau}"
    );
    assert!(rounds > 3, "{rounds} rounds are no soak");
    // The runtime keeps threads for blocking work, as many as were ever needed at once.
    assert!(
        after.threads <= before.threads + 64,
        "threads: {before:?}, then {after:?}"
    );
    assert_eq!(after.files, before.files);
    assert!(
        after.resident <= plateau + ALLOWED_GROWTH,
        "memory grew from a plateau of {plateau} to {after:?}"
    );
    // Whoever was there all the time noticed nothing.
    for learner in &class.learners {
        learner.has("kept.txt", "kept").await;
    }
}

impl Class {
    async fn open() -> Self {
        let served = Served::simulated_and_counted().await;
        let instructor = served.instructor().await;
        let gone = instructor.workshop(2).await;
        let left_behind =
            join_all(["Eve", "Eli"].map(|name| Learner::join(served.listen, &gone, name)));
        let left_behind = left_behind.await;
        let path = format!("/api/workshops/{}", gone["id"].as_str().unwrap());
        assert_eq!(
            instructor.delete(&path).await.status,
            StatusCode::NO_CONTENT
        );
        let workshop = instructor.workshop(SEATS).await;
        let mut learners = Vec::new();
        for number in 0..LEARNERS {
            let learner = Learner::join(served.listen, &workshop, &format!("Ada {number}")).await;
            learner.save("kept.txt", "kept").await;
            learners.push(learner);
        }
        Self {
            served,
            instructor,
            workshop,
            learners,
            left_behind,
        }
    }

    /// Waits until so many sockets and tasks are there at the most, and as many as a while before: the gateway keeps
    /// idle connections to seats for some seconds.
    async fn quiet(&self, (sockets, tasks): (usize, u64)) -> Held {
        let mut same_since = ((usize::MAX, u64::MAX), Instant::now());
        until("as few sockets and tasks as before", async || {
            let held = Held::by(&self.served);
            if (held.sockets, held.tasks) != same_since.0 {
                same_since = ((held.sockets, held.tasks), Instant::now());
            }
            let is_settled = same_since.1.elapsed() > Duration::from_secs(3);
            let is_as_before = held.sockets <= sockets && held.tasks <= tasks;
            (is_settled && is_as_before).then_some(held)
        })
        .await
    }

    async fn round(&self, round: usize) {
        tokio::join!(
            self.newcomers(round),
            self.reconnects(),
            self.idle_tabs(),
            self.nonsense(),
            self.half_open(),
            self.aborted_uploads(),
            self.forgotten_terminals(),
        );
    }

    /// More than there are seats for; who got one gives it back.
    async fn newcomers(&self, round: usize) {
        let free = usize::from(SEATS) - LEARNERS;
        let names = (0..free + 2).map(|number| format!("Bea {round} {number}"));
        let client = self.served.client();
        let joins = names.map(async |name| client.join(&self.workshop, &name).await);
        let mut seated = Vec::new();
        for answer in join_all(joins).await {
            match answer.status {
                StatusCode::OK => seated.push(answer.json()["seat"].clone()),
                // A seat that was given back is made anew first.
                status => assert!([409, 425, 503].contains(&status.as_u16()), "{answer:?}"),
            }
        }
        let workshop = self.workshop["id"].as_str().unwrap();
        for seat in seated {
            let path = format!("/api/workshops/{workshop}/seats/{seat}/release");
            let released = self.instructor.post(&path, Value::Null).await;
            assert_eq!(released.status, StatusCode::OK, "{released:?}");
        }
    }

    /// Pages that lose their connection and come back.
    async fn reconnects(&self) {
        let pages = self.learners.iter().map(async |learner| {
            for _ in 0..3 {
                let mut terminal = learner.terminal().await;
                terminal.types("is anybody there?").await;
                terminal.shows("is anybody there?").await;
            }
            learner.has("kept.txt", "kept").await;
        });
        join_all(pages).await;
    }

    /// Tabs of a workshop that is over ask again and again.
    async fn idle_tabs(&self) {
        for learner in &self.left_behind {
            for _ in 0..STRANGERS / 2 {
                let answer = learner.session().await;
                assert_eq!(answer.status, StatusCode::GONE, "{answer:?}");
                assert!(learner.try_terminal().await.is_err(), "a seat that is gone");
            }
        }
    }

    async fn nonsense(&self) {
        let (host, seat) = (self.served.listen.to_string(), self.learners[0].path("/"));
        let clients = (0..STRANGERS * 2).map(async |number| {
            let request = NONSENSE[number % NONSENSE.len()];
            let request = request.replace("{host}", &host).replace("{seat}", &seat);
            let mut stream = self.connect().await;
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = [0; 12];
            // An answer, or none: what was wrong may have closed the connection.
            if within("an end", stream.read_exact(&mut answer))
                .await
                .is_ok()
            {
                let text = String::from_utf8_lossy(&answer);
                assert!(
                    text.starts_with("HTTP/1.1 4"),
                    "{request:?} was answered {text}"
                );
            }
        });
        join_all(clients).await;
    }

    /// Some never say anything, some stop within a head, some leave with a reset.
    async fn half_open(&self) {
        let clients = (0..STRANGERS).map(async |number| {
            let mut stream = self.connect().await;
            if number % 3 > 0 {
                stream
                    .write_all(b"GET / HTTP/1.1\r\nHost: local")
                    .await
                    .unwrap();
            }
            if number % 3 == 2 {
                stream.set_zero_linger().unwrap();
            }
            stream
        });
        // All are there at the same time.
        drop(join_all(clients).await);
    }

    /// The body stops in its midst.
    async fn aborted_uploads(&self) {
        let uploads = self.learners.iter().map(async |learner| {
            let head = format!(
                "PUT {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: 10000000\r\n\r\n",
                learner.path("/files/upload.bin"),
                self.served.listen,
                learner.token()
            );
            for aborts in [true, false] {
                let mut stream = self.connect().await;
                stream.write_all(head.as_bytes()).await.unwrap();
                // Enough that the seat has begun with it.
                let _ = stream.write_all(&[b'x'; 100_000]).await;
                if aborts {
                    stream.set_zero_linger().unwrap();
                }
            }
        });
        join_all(uploads).await;
    }

    /// A terminal whose page vanishes without a word, with output on its way.
    async fn forgotten_terminals(&self) {
        let pages = self.learners.iter().map(async |learner| {
            let mut terminal = learner.terminal().await;
            terminal.types("echo and nobody looks").await;
        });
        join_all(pages).await;
    }

    async fn connect(&self) -> TcpStream {
        within("a connection", TcpStream::connect(self.served.listen))
            .await
            .unwrap()
    }
}
