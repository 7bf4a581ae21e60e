//! A stream that was something else before the connection, and is something else after it.

use crate::raw::{GOAWAY, HELLO, PING, Raw, add, frame, hello};
use crate::service::{CalcClient, CalcServer, MyCalc};
use hton::{Error, Peer, Returned, Side};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) =
        tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

fn serve<S>(stream: S) -> (Peer, Returned<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let attach = hton::attach(stream, Side::Acceptor).serve(CalcServer::new(MyCalc::new()));
    attach.unwrap().start_returning()
}

/// An empty GOAWAY with the code GRACEFUL.
fn goodbye() -> Vec<u8> {
    frame(GOAWAY, 0, 0, 0, 0, &[0; 4])
}

async fn returned<S: Send + 'static>(returned: Returned<S>) -> (S, hton::Bytes) {
    timeout(Duration::from_secs(5), returned).await.expect("it comes back").expect("it is whole")
}

#[tokio::test]
async fn both_ends_get_the_stream_back_and_may_speak_something_else() {
    let (mut near, mut far) = sockets().await;
    near.write_all(b"upgrade!").await.unwrap();
    far.read_exact(&mut [0; 8]).await.unwrap();
    for round in 0..3 {
        let (server, far_back) = serve(far);
        let (peer, near_back) = hton::attach(near, Side::Dialer).start_returning();
        let calc = CalcClient::new(&peer);
        assert_eq!(calc.add(round, 1).await.unwrap(), round + 1);
        let open = tokio::spawn(calc.sleep(20));
        assert_eq!(calc.add(round, 1).await.unwrap(), round + 1);
        peer.close();
        server.close();
        assert_eq!(open.await.unwrap().unwrap(), 20, "what was accepted is finished first");
        let ((back, unread), (back_far, unread_far)) =
            tokio::join!(returned(near_back), returned(far_back));
        assert!(unread.is_empty() && unread_far.is_empty());
        (near, far) = (back, back_far);
        near.write_all(b"between").await.unwrap();
        let mut text = [0; 7];
        far.read_exact(&mut text).await.unwrap();
        assert_eq!(&text, b"between");
    }
}

// Verifies: conn.return.last
#[tokio::test]
async fn bytes_behind_the_last_frame_are_not_lost_and_nothing_is_sent_behind_it() {
    let (near, far) = sockets().await;
    let (peer, back) = serve(far);
    let mut raw = Raw(near);
    raw.send(&[hello(), add(1, 2, 3)].concat()).await;
    assert_eq!(raw.frame().await.unwrap().kind, HELLO);
    raw.response(1).await;
    peer.close();
    assert_eq!(raw.frame().await.unwrap().kind, GOAWAY);
    // A second GOAWAY is said only when both have said a first.
    raw.send(&goodbye()).await;
    let last = raw.frame().await.unwrap();
    assert_eq!((last.kind, last.body), (GOAWAY, vec![0; 4]));
    let ping = frame(PING, 0, 0, 0, 7, &[]);
    raw.send(&[ping, goodbye(), b"GET / HTTP/1.1\r\n".to_vec()].concat()).await;
    let (mut stream, unread) = returned(back).await;
    let mut text = unread.to_vec();
    while text.len() < 16 {
        let mut more = [0; 16];
        let n = stream.read(&mut more).await.unwrap();
        text.extend(&more[..n]);
    }
    assert_eq!(text, b"GET / HTTP/1.1\r\n");
    stream.write_all(b"200").await.unwrap();
    let mut answer = [0; 3];
    raw.0.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"200", "no PONG stands before it");
}

#[tokio::test]
async fn a_peer_that_does_not_give_the_stream_back_leaves_nothing_to_return() {
    let (near, far) = sockets().await;
    let (server, back) = serve(far);
    let peer = hton::attach(near, Side::Dialer).start();
    assert_eq!(CalcClient::new(&peer).add(1, 2).await.unwrap(), 3);
    peer.close();
    server.close();
    let error = timeout(Duration::from_secs(5), back).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::NotReturned { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_says_goodbye_is_not_waited_for_for_ever() {
    let (near, far) = hton::memory();
    let (server, back) = serve(far);
    let peer = hton::attach(near, Side::Dialer).start();
    let calc = CalcClient::new(&peer);
    let never = tokio::spawn(calc.never().timeout(Duration::from_secs(600)));
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    server.close();
    let error = timeout(Duration::from_secs(15), back).await.expect("in time").unwrap_err();
    assert!(error.to_string().contains("TIMEOUT"), "{error}");
    never.abort();
}
