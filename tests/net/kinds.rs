//! What went wrong before there was a call, told apart: each failure of the system is a kind of its own.

use crate::service::{CalcClient, CalcServer, MyCalc, client, serve};
use hton::{Address, Backoff, Closed, ConnectionInfo, Error, Observer, Server};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// An address on which nobody listens.
pub(crate) fn free() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// What comes of opening a byte stream in this way.
async fn tunnel<F>(dial: impl Fn() -> F + Send + Sync + 'static) -> Error
where
    F: Future<Output = io::Result<TcpStream>> + Send + 'static,
{
    hton::connect("a tunnel").dial_with(dial).await.expect_err("it does not open")
}

/// Two ends of a connection.
async fn ends() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialed = TcpStream::connect(listener.local_addr().unwrap());
    let (near, far) = tokio::join!(dialed, listener.accept());
    (near.unwrap(), far.unwrap().0)
}

/// A tunnel whose other end resets the connection while it opens.
async fn reset() -> io::Result<TcpStream> {
    let (mut near, far) = ends().await;
    socket2::SockRef::from(&far).set_linger(Some(Duration::ZERO))?;
    drop(far);
    near.read_u8().await?;
    Ok(near)
}

/// A tunnel that is written to after its end.
async fn shut_down() -> io::Result<TcpStream> {
    let (mut near, _far) = ends().await;
    near.shutdown().await?;
    near.write_u8(7).await?;
    Ok(near)
}

/// A tunnel over a socket that was never connected.
async fn not_connected() -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket2::SockRef::from(&socket).shutdown(std::net::Shutdown::Write)?;
    socket.connect(free()).await
}

/// The other end gives up a connection that waits to be accepted: Linux keeps it from its programs, so the
/// system's own number is taken.
#[cfg(target_os = "linux")]
async fn aborted() -> io::Result<TcpStream> {
    const ECONNABORTED: i32 = 103;
    Err(io::Error::from_raw_os_error(ECONNABORTED))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn each_failure_of_the_system_is_a_kind_of_its_own() {
    let server = serve().await;
    let (clog, silent) = crate::transports::clogged(SocketAddr::from(([127, 0, 0, 1], 0)));
    let late = hton::connect(silent).connect_timeout(Duration::from_millis(50));
    // Addresses of 192.0.2.0/24 are of documents, and no machine's own.
    let table = [
        (ErrorKind::ConnectionRefused, hton::connect(free()).await.unwrap_err()),
        (ErrorKind::TimedOut, late.await.unwrap_err()),
        (ErrorKind::ConnectionReset, tunnel(reset).await),
        (ErrorKind::ConnectionAborted, tunnel(aborted).await),
        (ErrorKind::AddrInUse, Server::bind(server.local_addr()).await.unwrap_err()),
        (ErrorKind::AddrNotAvailable, Server::bind("192.0.2.1:0").await.unwrap_err()),
        (ErrorKind::NetworkUnreachable, hton::connect("127.255.255.255:7").await.unwrap_err()),
        (ErrorKind::NotConnected, tunnel(not_connected).await),
        (ErrorKind::BrokenPipe, tunnel(shut_down).await),
        (ErrorKind::WouldBlock, hton::blocking::connect(server.local_addr()).unwrap_err()),
        (ErrorKind::InvalidInput, hton::connect("no port in here").await.unwrap_err()),
    ];
    for (kind, error) in &table {
        assert_eq!(error.kind(), *kind, "{error}");
        assert!(!error.to_string().is_empty());
    }
    let mut kinds: Vec<_> = table.iter().map(|(kind, _)| format!("{kind:?}")).collect();
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds.len(), 11, "no two are alike");
    drop(clog);
}

#[tokio::test]
async fn what_the_program_did_wrong_is_invalid_input() {
    let long = hton::connect("127.0.0.1:7").token(vec![7; 1025]).await.unwrap_err();
    let twice = (CalcServer::new(MyCalc::new()), CalcServer::new(MyCalc::new()));
    let twice = Server::bind("127.0.0.1:0").await.unwrap().serve(twice).unwrap_err();
    for error in [long, twice] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(!error.is_temporary());
    }
}

/// Broadcasts belong to datagrams: the system lets no stream lead there.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_broadcast_address_cannot_be_connected_to() {
    let error = hton::connect("127.255.255.255:7").await.unwrap_err();
    let Error::Connect { attempts, .. } = &error else { panic!("{error}") };
    assert_eq!((attempts.len(), error.kind()), (1, ErrorKind::NetworkUnreachable), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_dials_from_an_address_is_seen_to_come_from_there() {
    let server = serve().await;
    let peer = hton::connect(server.local_addr()).local_addr(([127, 0, 0, 9], 0)).await.unwrap();
    assert_eq!(CalcClient::new(&peer).caller(1).await.unwrap().1, "127.0.0.9");
    assert_eq!(client(&server).await.caller(1).await.unwrap().1, "127.0.0.1");
    let foreign = hton::connect(server.local_addr()).local_addr(([192, 0, 2, 1], 0));
    assert_eq!(foreign.await.unwrap_err().kind(), ErrorKind::AddrNotAvailable);
    // Who listens on one address is not found on another of the same machine.
    let port = server.local_addr().port().unwrap();
    let other = hton::connect(("127.0.0.9", port)).await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::ConnectionRefused, "{other}");
}

/// Writes down what came of dialing.
#[derive(Clone, Default)]
struct Dials(Arc<Mutex<Vec<String>>>);

impl Dials {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    async fn until(&self, count: usize) {
        let enough = async {
            while self.lines().len() < count {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(5), enough)
            .await
            .unwrap_or_else(|_| panic!("{:?}", self.lines()));
    }
}

impl Observer for Dials {
    fn dial_failed(&self, address: &Address, error: &Error) {
        let Error::Connect { attempts, .. } = error else { panic!("{error}") };
        self.note(format!("{address}: {:?}, {} tried", error.kind(), attempts.len()));
    }

    fn connected(&self, _: &ConnectionInfo) {
        self.note("connected".to_owned());
    }

    fn closed(&self, _: &ConnectionInfo, how: &Closed) {
        self.note(format!("closed: {:?}", how.code));
    }
}

#[tokio::test]
async fn observers_are_told_of_every_attempt_well_or_not() {
    let dials = Dials::default();
    let nobody = free();
    hton::connect(nobody).observe(dials.clone()).await.unwrap_err();
    let quick = Backoff::default().first(Duration::from_millis(1)).attempts(2);
    hton::connect(nobody).observe(dials.clone()).retry(quick).await.unwrap_err();
    let refused = format!("{nobody}: ConnectionRefused, 1 tried");
    assert_eq!(dials.lines(), vec![refused; 3]);

    let dials = Dials::default();
    let server = serve().await;
    drop(hton::connect(server.local_addr()).observe(dials.clone()).await.unwrap());
    dials.until(2).await;
    assert_eq!(dials.lines(), ["connected", "closed: Some(GRACEFUL)"]);
}

#[tokio::test]
async fn a_connection_that_comes_again_tells_of_each_attempt_to_come() {
    let (dials, nobody) = (Dials::default(), free());
    let quick = Backoff::default().first(Duration::from_millis(1)).attempts(3);
    let connect = hton::connect(nobody).observe(dials.clone()).retry(quick);
    let calc = CalcClient::new(connect.reconnecting().lazy().unwrap());
    let error = calc.add(1, 2).await.unwrap_err();
    assert_eq!(error.executed(), hton::Executed::No, "{error}");
    assert_eq!(dials.lines(), vec![format!("{nobody}: ConnectionRefused, 1 tried"); 3]);
    let server = Server::bind(nobody).await.unwrap().serve(CalcServer::new(MyCalc::new())).unwrap();
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    assert_eq!(dials.lines().last().map(String::as_str), Some("connected"));
    drop(server);
}
