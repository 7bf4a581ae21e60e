//! Sending that is given up midway: each message that was begun is still one message, and in its place.

use hton::message::{AsyncLoad, AsyncStore};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(10);

/// Polls it once, and gives it up.
fn give_up<F: Future>(sending: F) {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(sending).poll(&mut cx).is_pending(), "the stream is full");
}

#[tokio::test]
async fn messages_whose_sending_was_dropped_stay_messages_of_their_own() {
    let (near, far) = tokio::io::duplex(16);
    let mut store = AsyncStore::new(near);
    give_up(store.send(&[7_u8; 32]));
    give_up(store.send(&1_u8));
    give_up(store.send(&2_u16));
    let receiving = tokio::spawn(async move {
        let mut load = AsyncLoad::new(far);
        assert_eq!(load.recv::<[u8; 32]>().await.unwrap(), Some([7; 32]));
        assert_eq!(load.recv::<u8>().await.unwrap(), Some(1));
        assert_eq!(load.recv::<u16>().await.unwrap(), Some(2));
        assert_eq!(load.recv::<u8>().await.unwrap(), Some(3));
        assert_eq!(load.recv::<u8>().await.unwrap(), None);
    });
    store.send(&3_u8).await.unwrap();
    store.finish().await.unwrap();
    timeout(LONG, receiving).await.unwrap().unwrap();
}

#[tokio::test]
async fn bytes_whose_sending_was_dropped_keep_their_place() {
    let (near, far) = tokio::io::duplex(16);
    let mut store = AsyncStore::new(near);
    give_up(store.send_bytes(&[1_u8; 40][..]));
    give_up(store.send(&2_u8));
    give_up(store.send_bytes(&[3_u8; 3][..]));
    give_up(store.send_bytes(&b""[..]));
    give_up(store.send(&4_u8));
    assert_eq!(store.buffered(), 4 + 40 - 16 + 5 + 7 + 4 + 5);
    let receiving = tokio::spawn(async move {
        let mut load = AsyncLoad::new(far);
        let mut got = Vec::new();
        while let Some(mut message) = load.next_message().await.unwrap() {
            let len = message.remaining();
            got.push(message.bytes(len).unwrap().to_vec());
        }
        got
    });
    store.send_bytes(&b"5"[..]).await.unwrap();
    store.finish().await.unwrap();
    let got = timeout(LONG, receiving).await.unwrap().unwrap();
    assert_eq!(got, [&[1_u8; 40][..], &[2], &[3; 3], &[], &[4], b"5"]);
}
