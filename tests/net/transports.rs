//! How connections come about: families, options, races, retries.

use crate::service::{CalcClient, CalcServer, MyCalc, client};
use crate::unix::fresh_path;
use hton::{Backoff, Error, Server, SocketOptions};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout};

async fn serve_at(bind: hton::Bind) -> Server {
    bind.await.expect("it is free").serve(CalcServer::new(MyCalc::new())).expect("no collision")
}

fn port(server: &Server) -> u16 {
    server.local_addr().port().expect("a TCP server")
}

#[tokio::test]
async fn a_server_for_both_families_knows_an_ipv4_client_as_one() {
    let server = serve_at(Server::bind("[::]:0")).await;
    assert_eq!(server.options_in_force().v6_only, Some(false));
    let calc = CalcClient::connect(("127.0.0.1", port(&server))).await.unwrap();
    assert_eq!(calc.caller(1).await.unwrap().1, "127.0.0.1");
    let calc = CalcClient::connect(("::1", port(&server))).await.unwrap();
    assert_eq!(calc.caller(1).await.unwrap().1, "::1");
}

#[tokio::test]
async fn a_server_for_ipv6_alone_refuses_ipv4() {
    let server = serve_at(Server::bind("[::]:0").v6_only(true)).await;
    assert_eq!(server.options_in_force().v6_only, Some(true));
    assert!(CalcClient::connect(("::1", port(&server))).await.is_ok());
    let error = CalcClient::connect(("127.0.0.1", port(&server))).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
}

#[tokio::test]
async fn options_are_what_the_kernel_says_and_not_what_was_asked_for() {
    let server = serve_at(Server::bind("127.0.0.1:0")).await;
    let peer = hton::connect(server.local_addr()).await.unwrap();
    let options = peer.options_in_force().unwrap();
    assert_eq!((options.nodelay, options.keepalive), (Some(true), None));
    assert_eq!((options.backlog, options.v6_only), (None, None), "a socket cannot tell");
    let default = options.send_buffer_bytes.unwrap();

    let mut asked = SocketOptions::default();
    asked.nodelay = Some(false);
    asked.keepalive = Some(Duration::from_secs(77));
    asked.send_buffer_bytes = Some(20_000);
    asked.recv_buffer_bytes = Some(30_000);
    asked.user_timeout = Some(Duration::from_millis(12_345));
    asked.notsent_lowat_bytes = Some(4_321);
    let peer = hton::connect(server.local_addr()).options(asked.clone()).await.unwrap();
    let options = peer.options_in_force().unwrap();
    assert_eq!((options.nodelay, options.keepalive), (asked.nodelay, asked.keepalive));
    assert!(options.send_buffer_bytes.is_some_and(|bytes| bytes >= 20_000 && bytes < default));
    assert!(options.recv_buffer_bytes >= Some(30_000));
    if cfg!(target_os = "linux") {
        assert_eq!(options.send_buffer_bytes, Some(40_000), "Linux doubles it");
        assert_eq!(options.user_timeout, asked.user_timeout);
        assert_eq!(options.notsent_lowat_bytes, asked.notsent_lowat_bytes);
    }
    assert_eq!(CalcClient::new(&peer).add(1, 2).await.unwrap(), 3);

    let server = serve_at(Server::bind("127.0.0.1:0").options(asked)).await;
    assert_eq!(server.options_in_force().nodelay, Some(false));
    assert_eq!(server.options_in_force().keepalive, Some(Duration::from_secs(77)));
    assert_eq!(client(&server).await.add(1, 2).await.unwrap(), 3);
}

#[tokio::test]
async fn a_port_is_shared_only_if_every_listener_says_so() {
    let mut shared = SocketOptions::default();
    shared.reuse_port = Some(true);
    let first = serve_at(Server::bind("127.0.0.1:0").options(shared.clone())).await;
    assert_eq!(first.options_in_force().reuse_port, Some(true));
    let second = serve_at(Server::bind(first.local_addr()).options(shared)).await;
    assert!(Server::bind(first.local_addr()).await.is_err());
    for _ in 0..20 {
        assert_eq!(client(&second).await.add(1, 2).await.unwrap(), 3);
    }
}

/// Listens at `address` and lets nobody in: dialers wait. Dropping it makes their dials fail.
pub(crate) fn clogged(address: SocketAddr) -> (Vec<Socket>, SocketAddr) {
    let listener = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    if address.is_ipv6() {
        listener.set_only_v6(true).unwrap();
    }
    listener.bind(&address.into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut sockets = vec![listener];
    // One fits the backlog; the system may let a few more in.
    for _ in 0..8 {
        let one = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        one.connect_timeout(&SockAddr::from(address), Duration::from_millis(50)).ok();
        sockets.push(one);
    }
    (sockets, address)
}

#[tokio::test]
async fn opening_takes_no_longer_than_it_may_and_names_who_did_not_answer() {
    let (clog, dead) = clogged(SocketAddr::from(([127, 0, 0, 1], 0)));
    let started = Instant::now();
    let within = Duration::from_millis(100);
    let Err(Error::Connect { attempts, .. }) = hton::connect(dead).connect_timeout(within).await
    else {
        panic!("nobody accepts");
    };
    assert!(started.elapsed() < Duration::from_secs(1));
    let [(address, error)] = &*attempts else { panic!("{attempts:?}") };
    assert_eq!((address, error.kind()), (&dead.into(), ErrorKind::TimedOut));
    drop(clog);
}

#[tokio::test]
async fn dialing_again_finds_a_server_that_comes_later() {
    let address = fresh_path("later");
    let quick = Backoff::default().first(Duration::from_millis(2)).seed(1);
    let dialing = tokio::spawn(hton::connect(&address).retry(quick).into_future());
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(!dialing.is_finished());
    let server = serve_at(Server::bind(&address)).await;
    let peer = timeout(Duration::from_secs(5), dialing).await.unwrap().unwrap().unwrap();
    assert_eq!(CalcClient::new(&peer).add(1, 2).await.unwrap(), 3);
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn dialing_again_ends_and_lists_every_attempt() {
    let address = fresh_path("never");
    let connect = hton::connect(&address).retry(Backoff::default().attempts(4).seed(9));
    let Err(Error::Connect { attempts, .. }) = connect.await else { panic!("nobody listens") };
    assert_eq!(attempts.len(), 4);
    assert!(
        attempts
            .iter()
            .all(|(tried, error)| *tried == address && error.kind() == ErrorKind::NotFound)
    );

    let started = Instant::now();
    let connect = hton::connect(&address).retry(Backoff::default().seed(9));
    let error = connect.await.unwrap_err();
    let took = started.elapsed();
    assert!(took > Duration::from_secs(45) && took <= Duration::from_secs(60), "{took:?}: {error}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_pass_is_not_tried_again() {
    let started = Instant::now();
    let forever = Backoff::default().forever();
    let error = hton::connect("no port in here").retry(forever.clone()).await.unwrap_err();
    assert!(matches!(error, Error::Resolve { .. }) && !error.is_temporary(), "{error}");
    let error = hton::connect("127.0.0.1:7").token(vec![7; 1025]).retry(forever).await.unwrap_err();
    assert!(matches!(error, Error::TokenTooLong { len: 1025, .. }), "{error}");
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_listener_that_exists_already_is_served_on() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bound = hton::Bound::from_listener(listener).unwrap();
    let server = bound.serve(CalcServer::new(MyCalc::new())).unwrap();
    assert_eq!(client(&server).await.add(1, 2).await.unwrap(), 3);
}

#[tokio::test]
async fn a_connect_that_may_take_forever_has_all_the_time_it_needs() {
    let server = serve_at(Server::bind("127.0.0.1:0")).await;
    let connect = hton::connect(("localhost", port(&server))).connect_timeout(Duration::MAX);
    let calc = CalcClient::new(connect.await.expect("the resolver and the server answer"));
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
}
