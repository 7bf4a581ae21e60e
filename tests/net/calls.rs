//! Calls end, each with its own answer.

use crate::raw::{Raw, hello};
use crate::service::{CalcClient, Item, MathError, Order, client, serve};
use hton::{Bytes, CallError, Code, Executed, Retry, Side, Status};
use std::time::{Duration, Instant};

#[tokio::test]
async fn an_echo_is_as_long_as_what_was_sent_and_no_longer_than_the_one_before() {
    let server = serve().await;
    let calc = client(&server).await;
    // The long ones first: what they leave in buffers that are used again must not come back.
    for len in [8192, 129, 128, 127, 1, 0, 128] {
        let text: String = ('a'..='z').cycle().take(len).collect();
        assert_eq!(calc.echo(text.clone()).await.unwrap(), text);
        let bytes = Bytes::from(text.into_bytes());
        assert_eq!(calc.blob(bytes.clone()).await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn every_shape_of_value_comes_back() {
    let server = serve().await;
    let calc = client(&server).await;
    assert_eq!(calc.add(i64::MAX, 1).await.unwrap(), i64::MIN);
    assert_eq!(calc.echo("héllo\0😀".into()).await.unwrap(), "héllo\0😀");
    assert_eq!(calc.shout("borrowed").await.unwrap(), "BORROWED");
    let order = Order { id: 9, items: vec![Item { name: "n".into(), gift: true }; 3] };
    assert_eq!(calc.order(order).await.unwrap(), 9);
    assert_eq!(calc.divide(7, 2).await.unwrap(), 3);
    let error = calc.divide(1, 0).await.unwrap_err();
    assert_eq!(error.declared(), Some(&MathError::DivisionByZero));
    let error = calc.divide(i64::MIN, -1).await.unwrap_err();
    assert_eq!(error, CallError::Declared(MathError::Overflow { a: i64::MIN, b: -1 }));
}

#[tokio::test]
async fn a_large_message_crosses_in_fragments() {
    let server = serve().await;
    let calc = client(&server).await;
    for len in [0, 1, 16_383, 16_384, 65_500, 65_536, 65_537, 1_000_000, 4_194_296] {
        let blob: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
        let blob = Bytes::from(blob);
        assert!(calc.blob(blob.clone()).await.unwrap() == blob, "{len} bytes came back changed");
    }
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_before_it_is_sent() {
    let server = serve().await;
    let calc = client(&server).await;
    let error = calc.blob(Bytes::from(vec![0; 4_194_297])).await.unwrap_err();
    assert_eq!(
        (error.code(), error.executed()),
        (Code::RESOURCE_EXHAUSTED, Executed::No),
        "{error}"
    );
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
}

#[tokio::test]
async fn a_handler_may_ask_who_calls() {
    let server = serve().await;
    let caller = client(&server).await.caller(7).await.unwrap();
    assert_eq!(caller, ("Calc/caller".to_owned(), "127.0.0.1".to_owned(), 7));
}

#[test]
fn a_client_may_go_to_other_threads() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    fn check_call<T: Future + Send + Unpin + 'static>(_: impl FnOnce(&CalcClient) -> T) {}
    check::<CalcClient>();
    check::<hton::Peer>();
    check_call(|calc| calc.shout("text that does not live as long as the call"));
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_that_share_a_client_get_their_own_answers() {
    const THREADS: i64 = 64;
    const CALLS: i64 = 100_000;
    let server = serve().await;
    let calc = client(&server).await;
    let handle = tokio::runtime::Handle::current();
    let ask = move |thread: i64| {
        let (calc, handle) = (calc.clone(), handle.clone());
        std::thread::spawn(move || {
            handle.block_on(async {
                for n in 0..CALLS / THREADS {
                    let sum = calc.add(thread << 32, n).await.unwrap();
                    assert_eq!(sum, (thread << 32) + n);
                }
                CALLS / THREADS
            })
        })
    };
    let answered = tokio::task::spawn_blocking(move || {
        let threads: Vec<_> = (0..THREADS).map(ask).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<i64>()
    });
    assert_eq!(answered.await.unwrap(), CALLS / THREADS * THREADS);
}

#[tokio::test]
async fn answers_in_reverse_order_find_their_calls() {
    let server = serve().await;
    let calc = client(&server).await;
    let held: Vec<_> = (1..=100).rev().map(|n| tokio::spawn(calc.hold(n))).collect();
    for n in 1..=100 {
        assert_eq!(calc.release().await.unwrap(), n);
    }
    for (n, held) in (1..=100).rev().zip(held) {
        assert!(held.await.unwrap().unwrap() >= n);
    }
}

#[tokio::test]
async fn a_thousand_slow_calls_take_no_longer_than_a_few() {
    let server = serve().await;
    let calc = client(&server).await;
    let started = Instant::now();
    // 256 may be open at once; the others wait in line.
    let calls: Vec<_> = (0..1000).map(|_| tokio::spawn(calc.sleep(50))).collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), 50);
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn a_peer_that_is_killed_fails_every_open_call() {
    let server = serve().await;
    let calc = client(&server).await;
    let open: Vec<_> = (0..200).map(|_| tokio::spawn(calc.never())).collect();
    while calc.nevers().await.unwrap() < 200 {}
    drop(server);
    for call in open {
        let ended =
            tokio::time::timeout(Duration::from_secs(5), call).await.expect("no call hangs");
        let error = ended.unwrap().unwrap_err();
        assert_eq!(
            (error.code(), error.executed()),
            (Code::UNAVAILABLE, Executed::Maybe),
            "{error}"
        );
    }
    let after = calc.add(1, 2).await.unwrap_err();
    assert_eq!((after.code(), after.executed()), (Code::UNAVAILABLE, Executed::No), "{after}");
    assert!(after.is_retry_safe());
}

#[tokio::test]
async fn a_reset_fails_every_open_call() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let calc = CalcClient::connect(listener.local_addr().unwrap()).await.unwrap();
    let call = tokio::spawn(calc.add(1, 2));
    let (stream, _) = listener.accept().await.unwrap();
    let mut raw = Raw(stream);
    raw.send(&hello()).await;
    while raw.frame().await.expect("a REQUEST").kind != crate::raw::REQUEST {}
    socket2::SockRef::from(&raw.0).set_linger(Some(Duration::ZERO)).unwrap();
    drop(raw);
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::UNAVAILABLE, Executed::Maybe), "{error}");
}

#[tokio::test]
async fn a_deadline_ends_the_call_and_drops_its_handler() {
    let server = serve().await;
    let calc = client(&server).await;
    let started = Instant::now();
    let error = calc.never().timeout(Duration::from_millis(50)).await.unwrap_err();
    let took = started.elapsed();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED, "{error}");
    assert!(took >= Duration::from_millis(50) && took < Duration::from_millis(150), "{took:?}");
    while calc.nevers().await.unwrap() > 0 {}
}

#[tokio::test]
async fn a_dropped_call_drops_its_handler() {
    let server = serve().await;
    let calc = client(&server).await;
    let call = tokio::spawn(calc.never());
    while calc.nevers().await.unwrap() == 0 {}
    call.abort();
    while calc.nevers().await.unwrap() > 0 {}
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
}

#[tokio::test]
async fn nothing_is_sent_before_the_first_poll() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let calc = CalcClient::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let mut raw = Raw(stream);
    drop(calc.add(1, 2));
    let call = tokio::spawn(calc.add(3, 4));
    assert_eq!(raw.frame().await.unwrap().kind, crate::raw::HELLO);
    let request = raw.frame().await.unwrap();
    assert_eq!((request.kind, request.id), (crate::raw::REQUEST, 1));
    assert!(request.body.ends_with(&[3_i64.to_be_bytes(), 4_i64.to_be_bytes()].concat()));
    call.abort();
}

#[hton::service]
trait Choosy {
    async fn no(&self) -> Result<u32, Status>;
    async fn never(&self) -> Result<u32, Status>;
}

struct MyChoosy;

impl Choosy for MyChoosy {
    async fn no(&self) -> Result<u32, Status> {
        Err(Status::unimplemented("not for you"))
    }

    async fn never(&self) -> Result<u32, Status> {
        Err(Status::unimplemented("not for you").with_retry(Retry::Never))
    }
}

// Verifies: errors.executed, errors.retry
#[tokio::test]
async fn a_handler_that_ran_cannot_say_that_there_is_none() {
    let (near, far) = hton::memory();
    let _far =
        hton::attach(far, Side::Acceptor).serve(ChoosyServer::new(MyChoosy)).unwrap().start();
    let near = hton::attach(near, Side::Dialer).start();
    let choosy = ChoosyClient::new(&near);
    for error in [choosy.no().await.unwrap_err(), choosy.never().await.unwrap_err()] {
        assert_eq!((error.code(), error.executed()), (Code::UNIMPLEMENTED, Executed::Maybe));
    }
    let error = CalcClient::new(&near).add(1, 2).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::UNIMPLEMENTED, Executed::No));
}
