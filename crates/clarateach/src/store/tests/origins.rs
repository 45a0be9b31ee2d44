//! Open ports and numbers, on a real database file.

use clarateach_protocol::id::Generation;
use clarateach_protocol::origin::{SeatPort, Target};

use super::*;
use crate::origins::Audience;

fn key(new: &NewWorkshop, number: u16) -> SeatKey {
    SeatKey {
        workshop: new.workshop.spec.id,
        seat: SeatNumber::new(number).unwrap(),
    }
}

fn port(number: u16) -> SeatPort {
    SeatPort::new(number).unwrap()
}

async fn number(store: &Store, seat: SeatKey, target: u16, refused: &[u16]) -> Noted<u16> {
    let wish = NumberWish {
        seat,
        target: Target::Port(port(target)),
        range: 20000..=20003,
        refused: refused.to_vec(),
    };
    store.number(wish, 3).await.unwrap()
}

#[tokio::test]
async fn a_number_stays_and_is_used_again_last() {
    let dir = tempfile::tempdir().unwrap();
    let (new, next) = (a_workshop([1; 8], 2), a_workshop([2; 8], 1));
    let store = open_with(&dir, &new).await;
    assert!(store.insert_workshop(next.clone()).await.unwrap());
    let (one, two) = (key(&new, 1), key(&new, 2));
    assert_eq!(number(&store, one, 5173, &[]).await, Noted::As(20000));
    assert_eq!(number(&store, one, 8000, &[]).await, Noted::As(20001));
    assert_eq!(number(&store, one, 5173, &[]).await, Noted::As(20000));
    assert_eq!(number(&store, two, 5173, &[]).await, Noted::As(20002));
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(number(&store, one, 8000, &[]).await, Noted::As(20001));
    assert_eq!(store.numbers().await.unwrap().len(), 3);

    store.workshop_gone(new.workshop.spec.id).await.unwrap();
    assert!(store.numbers().await.unwrap().is_empty());
    let other = key(&next, 1);
    assert_eq!(number(&store, other, 5173, &[]).await, Noted::As(20003));
    let again = number(&store, other, 8000, &[]).await;
    assert!(matches!(again, Noted::As(20000..=20002)), "{again:?}");
}

#[tokio::test]
async fn a_seat_takes_only_so_many_numbers_and_steps_over_taken_ones() {
    let dir = tempfile::tempdir().unwrap();
    let new = a_workshop([1; 8], 2);
    let store = open_with(&dir, &new).await;
    let (one, two) = (key(&new, 1), key(&new, 2));
    assert_eq!(number(&store, one, 5001, &[20000]).await, Noted::As(20001));
    assert_eq!(number(&store, one, 5001, &[20001]).await, Noted::As(20000));
    assert_eq!(number(&store, one, 5002, &[]).await, Noted::As(20002));
    assert_eq!(number(&store, one, 5003, &[]).await, Noted::As(20003));
    assert_eq!(number(&store, one, 5004, &[]).await, Noted::TooMany);
    assert_eq!(number(&store, two, 5001, &[]).await, Noted::As(20001));
    assert_eq!(number(&store, two, 5002, &[]).await, Noted::Full);
    let absent = key(&new, 9);
    assert_eq!(number(&store, absent, 5001, &[]).await, Noted::Superseded);
}

#[tokio::test]
async fn an_open_port_belongs_to_its_generation() {
    let dir = tempfile::tempdir().unwrap();
    let new = a_workshop([1; 8], 1);
    let store = open_with(&dir, &new).await;
    let seat = key(&new, 1);
    let first = Generation::FIRST;
    let set = |generation, number, audience| {
        store.set_audience(seat, generation, (port(number), audience), 2)
    };
    let open = set(first, 5173, Audience::Class).await.unwrap();
    assert_eq!(open, Noted::As(vec![port(5173)]));
    set(first, 8000, Audience::Class).await.unwrap();
    assert_eq!(
        set(first, 9000, Audience::Class).await.unwrap(),
        Noted::TooMany
    );
    let closed = set(first, 5173, Audience::Seat).await.unwrap();
    assert_eq!(closed, Noted::As(vec![port(8000)]));
    assert_eq!(store.all_open_ports().await.unwrap(), [(seat, port(8000))]);
    let renewed = store
        .renew_seat(seat, Occupancy::Keep, OffsetDateTime::now_utc())
        .await
        .unwrap()
        .unwrap();
    assert!(store.all_open_ports().await.unwrap().is_empty());
    let late = set(first, 5173, Audience::Class).await.unwrap();
    assert_eq!(late, Noted::Superseded);
    let open = set(renewed.generation, 9000, Audience::Class)
        .await
        .unwrap();
    assert_eq!(open, Noted::As(vec![port(9000)]));
}
