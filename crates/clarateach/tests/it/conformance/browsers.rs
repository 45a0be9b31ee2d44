//! The suite's part on seats' browsers.

use std::net::SocketAddr;
use std::time::Duration;

use clarateach::provider::{BrowserState, BrowserStatus, Instance, ProviderError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::bench::{PATIENCE, Room};

/// Longer than any browser here takes to answer, by far.
const SILENCE: Duration = Duration::from_millis(700);

impl Room<'_> {
    async fn browser(&self, number: u16, want: BrowserState) -> Instance {
        let key = self.seat(number).key();
        let set = self.bench.provider.set_browser(&key, want).await;
        set.unwrap()
    }

    async fn only(&self) -> Instance {
        let mut there = self.list().await;
        assert_eq!(there.len(), 1, "{there:?}");
        there.remove(0)
    }
}

/// Whether something answers an HTTP request at the browser's port of a seat.
async fn answers(seat: &Instance) -> bool {
    let asked = async {
        let own = SocketAddr::new(seat.ip, 3003);
        let mut stream = TcpStream::connect(seat.endpoints.browser.unwrap_or(own)).await?;
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: seat\r\nConnection: close\r\n\r\n")
            .await?;
        // A page or a refusal: one that asks for a password is there, too.
        let mut first = [0; 7];
        stream.read_exact(&mut first).await?;
        Ok::<_, std::io::Error>(first == *b"HTTP/1.")
    };
    matches!(timeout(SILENCE, asked).await, Ok(Ok(true)))
}

async fn until_it_answers(seat: &Instance) {
    let begin = Instant::now();
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    while !answers(seat).await {
        assert!(begin.elapsed() < PATIENCE, "no browser answers: {seat:?}");
        pause.tick().await;
    }
}

/// Told as running where it runs, and nowhere else.
fn assert_is(seat: &Instance, status: &BrowserStatus) {
    assert_eq!(seat.browser, *status);
    let told = seat.endpoints.browser;
    assert_eq!(
        told.is_some(),
        *status == BrowserStatus::Running,
        "{seat:?}"
    );
    if seat.endpoints.files.ip() == seat.ip {
        let own = SocketAddr::new(seat.ip, 3003);
        assert!(told.is_none_or(|it| it == own), "{seat:?}");
    }
}

pub(super) async fn a_seat_has_no_browser_until_it_is_asked_for(room: &Room<'_>) {
    let made = room.create(1).await;
    assert_is(&made, &BrowserStatus::Absent);
    assert!(!answers(&made).await);
    let absent = room.browser(1, BrowserState::Absent).await;
    assert_eq!(absent, made);
    let nobody = room.seat(9).key();
    let set = room
        .bench
        .provider
        .set_browser(&nobody, BrowserState::Running);
    assert!(matches!(set.await, Err(ProviderError::NoSeat(key)) if key == nobody));
}

pub(super) async fn a_browser_is_brought_to_every_state_from_every_other(room: &Room<'_>) {
    use BrowserState::{Absent, Paused, Running};
    room.create(1).await;
    // Every step from one to another, and every repetition, once.
    for want in [
        Running, Running, Paused, Paused, Running, Absent, Absent, Paused, Absent, Running,
    ] {
        let set = room.browser(1, want).await;
        let status = match want {
            Absent => BrowserStatus::Absent,
            Paused => BrowserStatus::Paused,
            Running => BrowserStatus::Running,
        };
        assert_is(&set, &status);
        assert_eq!(room.only().await, set);
        // Asking for the seat again changes nothing about its browser.
        assert_eq!(room.create(1).await, set);
        match want {
            Running => until_it_answers(&set).await,
            Paused | Absent => assert!(!answers(&set).await, "{want:?} answers"),
        }
    }
}

pub(super) async fn setting_a_browser_again_keeps_it(room: &Room<'_>) {
    let neighbour = room.create(2).await;
    room.create(1).await;
    let first = room.browser(1, BrowserState::Running).await;
    until_it_answers(&first).await;
    // One connection through a pause: the same browser goes on, not another.
    let mut stream = TcpStream::connect((first.ip, 3003)).await.unwrap();
    room.browser(1, BrowserState::Paused).await;
    room.browser(1, BrowserState::Running).await;
    let provider = &room.bench.provider;
    let key = first.key();
    let (one, two) = tokio::join!(
        provider.set_browser(&key, BrowserState::Running),
        provider.set_browser(&key, BrowserState::Running)
    );
    assert_eq!((one.unwrap(), two.unwrap()), (first.clone(), first.clone()));
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.unwrap().unwrap();
    assert!(answer.starts_with(b"HTTP/1."), "{answer:?}");
    assert!(room.list().await.contains(&neighbour));
}

pub(super) async fn a_browser_belongs_to_one_start_of_its_seat(room: &Room<'_>) {
    let provider = &room.bench.provider;
    let key = room.create(1).await.key();
    for paused in [false, true] {
        room.browser(1, BrowserState::Running).await;
        if paused {
            room.browser(1, BrowserState::Paused).await;
        }
        provider.stop(&key).await.unwrap();
        let stopped = room.only().await;
        assert_is(&stopped, &BrowserStatus::Absent);
        let set = provider.set_browser(&key, BrowserState::Running);
        assert!(matches!(set.await, Err(ProviderError::NotRunning(_))));
        room.browser(1, BrowserState::Absent).await;
        let next = room.create(1).await;
        assert_is(&next, &BrowserStatus::Absent);
        assert!(!answers(&next).await, "the earlier start's browser answers");
        let set = room.browser(1, BrowserState::Running).await;
        assert_is(&set, &BrowserStatus::Running);
        until_it_answers(&set).await;
    }
}

pub(super) async fn a_browser_goes_with_its_seat(room: &Room<'_>) {
    let provider = &room.bench.provider;
    let silent = clarateach::provider::Progress::silent();
    for want in [BrowserState::Running, BrowserState::Paused] {
        let seat = room.create(1).await;
        room.browser(1, want).await;
        provider.destroy(&seat.key()).await.unwrap();
        assert_eq!(room.list().await, []);
        let again = room.create(1).await;
        assert_is(&again, &BrowserStatus::Absent);
        room.browser(1, want).await;
        room.create(2).await;
        room.browser(2, want).await;
        provider.destroy_workshop(&room.spec.id).await.unwrap();
        assert_eq!(room.list().await, []);
        let left = provider.list_workshops().await.unwrap();
        assert!(!left.contains(&room.spec.id));
        provider.prepare(&room.spec, &silent).await.unwrap();
    }
}

/// Every call on a browser, dropped at some await, and then made again, does what it does undisturbed.
pub(super) async fn browser_calls_that_were_cut_off_can_be_made_again(room: &Room<'_>) {
    use BrowserState::{Absent, Paused, Running};
    let provider = &room.bench.provider;
    let key = room.create(1).await.key();
    for millis in [0, 1, 3, 10, 30, 80, 150] {
        let cut = Duration::from_millis(millis);
        for want in [Running, Paused, Running, Absent] {
            let _ = timeout(cut, provider.set_browser(&key, want)).await;
            let set = room.browser(1, want).await;
            assert!(set.browser.is(want), "cut after {cut:?}: {set:?}");
            assert_eq!(room.only().await, set, "cut after {cut:?}");
        }
    }
    let _ = timeout(
        Duration::from_millis(20),
        provider.set_browser(&key, Running),
    )
    .await;
    provider.destroy(&key).await.unwrap();
    assert_eq!(room.list().await, []);
}
