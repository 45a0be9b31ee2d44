//! Connections that die without saying so, clients that stop, and how soon Ctrl-C is felt.

use std::sync::Arc;
use std::time::Duration;

use clarateach_protocol::terminal::{ClientFrame, Mode, ServerFrame, WINDOW_BYTES, close};
use clarateach_workspace::Limits;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::seat::{Seat, until};
use clarateach_client::{Acks, Attach, Event, Pace, TerminalClient};

fn runs_all() -> bool {
    std::env::var_os("CLARATEACH_TEST_ALL").is_some()
}

/// A way to a seat that can stop forwarding without closing, as a network does.
struct Relay {
    address: String,
    /// Connections of lower numbers are dead.
    dead_below: Arc<watch::Sender<usize>>,
    _accepting: JoinSet<()>,
}

impl Relay {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let dead_below = Arc::new(watch::channel(0).0);
        let dead = Arc::clone(&dead_below);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut forwarding = JoinSet::new();
            for number in 0.. {
                let (client, _) = listener.accept().await.unwrap();
                let seat = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                client.set_nodelay(true).unwrap();
                seat.set_nodelay(true).unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_seat, to_seat) = seat.into_split();
                forwarding.spawn(forward(from_client, to_seat, dead.subscribe(), number));
                forwarding.spawn(forward(from_seat, to_client, dead.subscribe(), number));
            }
        });
        Self {
            address,
            dead_below,
            _accepting: accepting,
        }
    }

    /// From here on nothing of the first `count` connections arrives, in either direction.
    fn cut_silently(&self, count: usize) {
        self.dead_below.send_replace(count);
    }

    async fn attach(&self, seat: &Seat, attach: Attach) -> TerminalClient {
        TerminalClient::attach(&seat.terminals().via(&self.address), attach).await
    }
}

/// Forwards until the end, or holds both sockets open for ever once the connection is dead.
async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    dead_below: watch::Receiver<usize>,
    number: usize,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await;
        if *dead_below.borrow() > number {
            return std::future::pending().await;
        }
        let Ok(count @ 1..) = read else { return };
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_half_open_connection_is_let_go_and_resumed_byte_for_byte() {
    let limits = Limits {
        ping_interval: Duration::from_millis(100),
        silence_limit: Duration::from_secs(1),
        // Silence alone decides.
        ack_deadline: Duration::from_secs(3600),
        ..Limits::default()
    };
    let seat = Seat::with_limits(limits).await;
    let relay = Relay::to(seat.terminal_port).await;
    let mut page = relay.attach(&seat, Attach::default()).await;
    // The same way, and not cut: what keeps it is that its answers arrive.
    let mut other = relay.attach(&seat, Attach::default().viewing()).await;
    page.run("true").await;
    let waiting = "while [ ! -e go ]; do sleep 0.02; done";
    page.type_text(&format!(
        "seq 1 5000; {waiting}; seq 5001 10000; echo FINI''SHED\r"
    ))
    .await;
    page.wait_for("\r\n5000\r\n").await;
    assert_eq!(seat.clients().await, 2);
    relay.cut_silently(1);
    let cut = Instant::now();
    seat.write("go", "");
    let listening = async { while !matches!(other.receive().await, Event::Closed(_)) {} };
    let noticed = until("one client is left", async || seat.clients().await == 1);
    tokio::select! {
        () = listening => panic!("the connection that answers was closed"),
        () = noticed => {}
    }
    let noticed = cut.elapsed();
    println!("let go {noticed:?} after the cut");
    assert!(noticed > Duration::from_millis(500), "not for its silence");
    let mut back = page.resume().await;
    assert!(back.attached.resumed);
    let missed = back.wait_for("FINISHED").await;
    let lines: String = (5001..=10_000).map(|n| format!("{n}\r\n")).collect();
    assert!(missed == lines + "FINISHED", "{} bytes", missed.len());
    assert_eq!(back.run("echo alive").await, "alive");
}

/// Ten minutes and the real limits with `./x test --all`; ten seconds of shorter ones otherwise.
#[tokio::test]
async fn silence_ends_no_connection_that_answers_pings() {
    let (limits, silence) = if runs_all() {
        (Limits::default(), Duration::from_secs(600))
    } else {
        let limits = Limits {
            ping_interval: Duration::from_secs(1),
            silence_limit: Duration::from_secs(4),
            ..Limits::default()
        };
        (limits, Duration::from_secs(10))
    };
    let seat = Seat::with_limits(limits).await;
    let mut page = seat.page().await;
    page.run("true").await;
    page.settle(Duration::from_millis(300)).await;
    // Its socket is open, and nobody is there.
    let asleep = seat.attach("", Mode::View).await;
    page.patience = silence * 2;
    assert!(
        timeout(silence, page.receive()).await.is_err(),
        "no silence"
    );
    assert_eq!(seat.clients().await, 1, "the sleeping one is gone");
    assert_eq!(page.run("echo alive").await, "alive");
    drop(asleep);
}

/// The real five seconds with `./x test --all`.
/// What a page can ask on a connection that is quiet: one that only looks, too.
#[tokio::test]
async fn a_client_that_asks_whether_anybody_is_there_is_answered() {
    let seat = Seat::start().await;
    let _shell = seat.page().await;
    let mut page = seat.attach("", Mode::View).await;
    page.send_frame(&ClientFrame::Ping {}).await;
    while !matches!(page.receive().await, Event::Frame(ServerFrame::Pong)) {}
}

#[tokio::test]
async fn a_client_that_stops_holds_its_terminal_until_the_deadline_and_is_redrawn() {
    let ack_deadline = match runs_all() {
        true => Limits::default().ack_deadline,
        false => Duration::from_millis(800),
    };
    let limits = Limits {
        ack_deadline,
        ..Limits::default()
    };
    let seat = Seat::with_limits(limits).await;
    let mut page = seat.page().await;
    page.run("true").await;
    page.acks = Acks::Never;
    let acked = page.position();
    page.type_text("seq 1 2000000; touch done\r").await;
    while page.position() < acked + WINDOW_BYTES {
        assert!(matches!(page.receive().await, Event::Output));
    }
    let full = Instant::now();
    let half = timeout(ack_deadline / 2, page.receive()).await;
    assert!(half.is_err(), "more than the window: {half:?}");
    assert!(!seat.root().join("done").exists(), "nothing was held back");
    assert_eq!(page.wait_for_close().await, Some(close::TOO_SLOW));
    println!("closed {:?} after the window was full", full.elapsed());
    until("the program's end", async || {
        seat.get("/terminals").await;
        seat.root().join("done").exists()
    })
    .await;
    let mut back = page.resume().await;
    assert!(!back.attached.resumed, "14 MB are more than the ring");
    assert!(back.wait_for_replay().await.contains("2000000"));
    assert_eq!(back.run("echo alive").await, "alive");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_let_go_too() {
    let limits = Limits {
        ack_deadline: Duration::from_millis(400),
        ..Limits::default()
    };
    let seat = Seat::with_limits(limits).await;
    let mut page = seat.page().await;
    page.run("true").await;
    page.type_text("yes\r").await;
    page.set_pace(Pace::Stopped);
    until("it is let go", async || seat.clients().await == 0).await;
    // With nobody to wait for, the program runs on.
    let screen = async || {
        let answer = seat.get("/terminals/main/screen").await;
        answer.etag()
    };
    let before = screen().await;
    until("more output", async || screen().await != before).await;
    let mut back = page.resume().await;
    back.type_text("\x03").await;
    back.wait_for("^C").await;
    assert_eq!(back.run("echo alive").await, "alive");
}

#[tokio::test]
async fn ctrl_c_is_felt_at_once_in_a_flood() {
    let seat = Seat::start().await;
    let mut page = seat.page().await;
    page.run("PS1='PRO''MPT> '; true").await;
    for flood in ["yes", "cat /dev/urandom", "seq 1 20000000"] {
        let mut pauses = Vec::new();
        for _ in 0..10 {
            page.forget();
            page.type_text(&format!("{flood}\r")).await;
            let begun = page.position();
            while page.position() < begun + 500_000 {
                page.receive().await;
                page.forget();
            }
            let pressed = Instant::now();
            page.type_text("\x03").await;
            // What was on its way before it is drawn, too.
            page.wait_for("PROMPT> ").await;
            pauses.push(pressed.elapsed());
        }
        pauses.sort_unstable();
        let (median, worst) = (pauses[5], pauses[9]);
        println!(
            "{flood}: its last byte and the prompt came {median:?} after Ctrl-C (median of 10), at worst {worst:?}"
        );
        // The aim is 100 ms; tests run beside each other.
        assert!(median <= Duration::from_millis(500), "{flood}: {pauses:?}");
    }
}

#[tokio::test]
async fn an_echo_waits_for_no_neighbours_flood() {
    let seat = Seat::start().await;
    seat.post_json("/terminals", &serde_json::json!({"name": "flood"}))
        .await;
    let mut quiet = seat.page().await;
    quiet
        .type_text("stty raw -echo; echo RE''ADY; exec cat\r")
        .await;
    quiet.wait_for("READY").await;
    quiet.settle(Duration::from_millis(100)).await;
    let mut flood = seat.page_of("flood").await;
    flood.type_text("yes\r").await;
    let begun = flood.position();
    while flood.position() < begun + 500_000 {
        flood.receive().await;
    }
    let begun = flood.position();
    let typing = async {
        let mut echoes = Vec::new();
        for _ in 0..500 {
            let pressed = Instant::now();
            let position = quiet.position();
            quiet.type_text("x").await;
            while quiet.position() == position {
                quiet.receive().await;
            }
            echoes.push(pressed.elapsed());
        }
        echoes.sort_unstable();
        echoes
    };
    let reading = async {
        loop {
            flood.receive().await;
            flood.forget();
        }
    };
    let echoes = tokio::select! {
        echoes = typing => echoes,
        () = reading => unreachable!("it never ends"),
    };
    println!(
        "{:?} beside a flood (median of 500), at worst {:?}",
        echoes[250], echoes[499]
    );
    assert!(flood.position() > begun + 100_000, "it was a flood");
    assert!(echoes[250] <= Duration::from_millis(100), "{echoes:?}");
}
