//! Who is frozen is found, who is slow is left alone. In virtual time.

use crate::service::CalcClient;
use hton::{CloseCode, Code, Limits, Side};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

fn hello() -> Vec<u8> {
    crate::raw::hello()
}

// Verifies: conn.keepalive.answer
#[tokio::test(start_paused = true)]
async fn a_frozen_peer_is_found_within_twenty_seconds() {
    let (near, mut frozen) = hton::memory();
    let peer = hton::attach(near, Side::Dialer).start();
    frozen.write_all(&hello()).await.unwrap(); // And never again, nor is anything read.
    let call = tokio::spawn(CalcClient::new(&peer).never().timeout(Duration::from_secs(3600)));
    let started = Instant::now();
    let closed = timeout(Duration::from_secs(60), peer.closed()).await.expect("it is found");
    assert!(started.elapsed() <= Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!((closed.code, closed.by_peer), (Some(CloseCode::TIMEOUT), false), "{closed}");
    assert_eq!(call.await.unwrap().unwrap_err().code(), Code::UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_froze_amid_a_large_message_is_found_within_twenty_seconds() {
    let (near, mut frozen) = hton::memory();
    let peer = hton::attach(near, Side::Dialer).start();
    frozen.write_all(&hello()).await.unwrap();
    let blob = hton::Bytes::from(vec![7; 1 << 20]); // More than the pipe holds.
    let call = tokio::spawn(CalcClient::new(&peer).blob(blob).timeout(Duration::from_secs(3600)));
    let started = Instant::now();
    let closed = timeout(Duration::from_secs(60), peer.closed()).await.expect("it is found");
    assert!(started.elapsed() <= Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(!closed.by_peer, "{closed}");
    assert_eq!(call.await.unwrap().unwrap_err().code(), Code::UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn who_answers_late_but_in_time_is_never_punished() {
    let (near, mut slow) = hton::memory();
    let peer = hton::attach(near, Side::Dialer).start();
    slow.write_all(&hello()).await.unwrap();
    let (mut read, mut write) = tokio::io::split(slow);
    let answers = tokio::spawn(async move {
        let mut head = [0; 16];
        loop {
            read.read_exact(&mut head).await.unwrap();
            let length = u32::from_be_bytes(head[..4].try_into().unwrap());
            read.read_exact(&mut vec![0; length as usize]).await.unwrap();
            if head[4] == crate::raw::PING {
                tokio::time::sleep(Duration::from_millis(9_900)).await;
                let token = u32::from_be_bytes(head[12..].try_into().unwrap());
                let pong = crate::raw::frame(crate::raw::PONG, 0, 0, 0, token, &[]);
                write.write_all(&pong).await.unwrap();
            }
        }
    });
    let lives = timeout(Duration::from_secs(3600), peer.closed()).await;
    assert!(lives.is_err(), "{lives:?}");
    assert!(!answers.is_finished());
}

#[tokio::test(start_paused = true)]
async fn who_sends_a_byte_now_and_then_is_alive() {
    let (near, mut slow) = hton::memory();
    let peer = hton::attach(near, Side::Dialer).start();
    slow.write_all(&hello()).await.unwrap();
    let request = crate::raw::add(2, 1, 2);
    let dribble = tokio::spawn(async move {
        for byte in request {
            tokio::time::sleep(Duration::from_millis(9_900)).await;
            slow.write_all(&[byte]).await.unwrap();
        }
        slow
    });
    let ended = peer.closed();
    let slow = dribble.await.unwrap();
    assert!(!peer.is_closed(), "40 bytes in 6 minutes");
    drop(slow);
    assert_eq!(ended.await.code, None);
}

#[tokio::test(start_paused = true)]
async fn two_idle_peers_keep_each_other() {
    let (near, far) = hton::memory();
    let near = hton::attach(near, Side::Dialer).start();
    let far = hton::attach(far, Side::Acceptor).limits(Limits::default()).start();
    let lives = timeout(Duration::from_secs(24 * 3600), near.closed()).await;
    assert!(lives.is_err() && !far.is_closed());
}
