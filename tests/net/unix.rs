//! Unix sockets: who may connect, whose file it is, and who is at the other end.
#![cfg(unix)]

use crate::service::{CalcClient, CalcServer, MyCalc};
use hton::{Address, Error, Identity, Server};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// An address that no other test uses.
pub(crate) fn fresh_path(tag: &str) -> Address {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("hton-{tag}-{}-{n}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::remove_file(&path).ok();
    Address::unix(path)
}

fn path(address: &Address) -> PathBuf {
    address.path().expect("a Unix address").to_owned()
}

async fn serve(address: &Address) -> Server {
    let bound = Server::bind(address).await.expect("the path is free");
    bound.serve(CalcServer::new(MyCalc::new())).expect("no collision")
}

async fn bind_error(address: &Address) -> std::io::Error {
    match Server::bind(address).await {
        Err(Error::Bind { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

#[hton::service]
trait Who {
    async fn am_i(&self, cx: &hton::Context) -> (u32, u32, Option<u32>);
}

struct Kernel;

impl Who for Kernel {
    async fn am_i(&self, cx: &hton::Context) -> (u32, u32, Option<u32>) {
        match cx.identity() {
            Identity::Unix { uid, gid, pid, .. } => (*uid, *gid, *pid),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_kernel_says_who_is_at_the_other_end_on_both_sides() {
    let address = fresh_path("who");
    let server = Server::bind(&address).await.unwrap().serve(WhoServer::new(Kernel)).unwrap();
    let peer = hton::connect(&address).await.unwrap();
    let mine = std::fs::metadata(path(&address)).unwrap();
    let expected = (mine.uid(), mine.gid(), Some(std::process::id()));
    assert_eq!(WhoClient::new(&peer).am_i().await.unwrap(), expected);
    let Identity::Unix { uid, .. } = peer.identity() else { panic!("{:?}", peer.identity()) };
    assert_eq!((uid, peer.addr()), (mine.uid(), None));
    drop(server);
}

#[tokio::test]
async fn only_its_own_user_may_connect() {
    let address = fresh_path("mode");
    let bound = Server::bind(&address).await.unwrap();
    let file = std::fs::symlink_metadata(path(&address)).unwrap();
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    drop(bound);
}

#[tokio::test]
async fn the_address_in_words_is_the_address() {
    let address = fresh_path("words");
    let server = serve(&address).await;
    assert_eq!(server.local_addr(), address);
    let words = format!("unix:{}", path(&address).display());
    assert_eq!(server.local_addr().to_string(), words);
    assert_eq!(CalcClient::connect(words).await.unwrap().add(1, 2).await.unwrap(), 3);
}

#[tokio::test]
async fn the_file_goes_when_the_server_does_however_it_goes() {
    let address = fresh_path("gone");
    drop(Server::bind(&address).await.unwrap());
    assert!(!path(&address).exists(), "bound and never served");
    let server = serve(&address).await;
    drop(server);
    assert!(!path(&address).exists(), "dropped");
    let server = serve(&address).await;
    let client = CalcClient::connect(&address).await.unwrap();
    assert_eq!(client.add(1, 2).await.unwrap(), 3);
    server.drain().await;
    assert!(!path(&address).exists(), "drained");
}

#[tokio::test]
async fn a_file_that_is_no_longer_its_own_stays() {
    let address = fresh_path("other");
    let server = serve(&address).await;
    std::fs::remove_file(path(&address)).unwrap();
    let other = UnixListener::bind(path(&address)).unwrap();
    drop(server);
    assert!(path(&address).exists());
    drop(other);
    std::fs::remove_file(path(&address)).unwrap();
}

#[tokio::test]
async fn the_file_of_the_dead_is_taken_over() {
    let address = fresh_path("dead");
    drop(UnixListener::bind(path(&address)).unwrap()); // The file stays.
    assert!(path(&address).exists());
    let server = timeout(Duration::from_secs(5), serve(&address)).await.unwrap();
    assert_eq!(CalcClient::connect(&address).await.unwrap().add(1, 2).await.unwrap(), 3);
    drop(server);
}

#[tokio::test]
async fn the_file_of_the_living_is_not_even_when_their_backlog_is_full() {
    let address = fresh_path("living");
    let server = serve(&address).await;
    let error = bind_error(&address).await;
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert_eq!(CalcClient::connect(&address).await.unwrap().add(1, 2).await.unwrap(), 3);
    drop(server);

    let busy = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    busy.bind(&socket2::SockAddr::unix(path(&address)).unwrap()).unwrap();
    busy.listen(0).unwrap();
    let mut crowd = Vec::new();
    loop {
        let one = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        one.set_nonblocking(true).unwrap();
        let full = one.connect(&socket2::SockAddr::unix(path(&address)).unwrap()).is_err();
        crowd.push(one);
        if full {
            break;
        }
    }
    let error = timeout(Duration::from_secs(5), bind_error(&address)).await.expect("it waits not");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(path(&address).exists());
    drop(busy);
    std::fs::remove_file(path(&address)).unwrap();
}

#[tokio::test]
async fn a_server_that_is_just_starting_keeps_its_file() {
    let address = fresh_path("starting");
    let starting =
        socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    starting.bind(&socket2::SockAddr::unix(path(&address)).unwrap()).unwrap();
    let listens = async {
        tokio::task::yield_now().await;
        starting.listen(1).unwrap();
    };
    let (error, ()) = tokio::join!(bind_error(&address), listens);
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse, "{error}");
    std::fs::remove_file(path(&address)).unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_never_touched() {
    let address = fresh_path("file");
    std::fs::write(path(&address), "precious").unwrap();
    assert_eq!(bind_error(&address).await.kind(), std::io::ErrorKind::AddrInUse);
    assert_eq!(std::fs::read_to_string(path(&address)).unwrap(), "precious");
    std::fs::remove_file(path(&address)).unwrap();
}

#[tokio::test]
async fn dialing_where_nobody_listens_names_the_path() {
    let address = fresh_path("nobody");
    let error = hton::connect(&address).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    assert!(error.to_string().contains(&path(&address).display().to_string()), "{error}");
}
