//! How connections of messages come about: addresses, options, names, who is let in.

use crate::unix::fresh_path;
use hton::message::{Connection, Kind, Listener};
use hton::{Address, Error, Identity, Refused, SocketOptions, blocking};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Both ends of a connection over TCP, the one that dialed first.
pub(crate) async fn pair() -> (Connection, Connection) {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    connect(&listener, listener.local_addr()).await
}

async fn connect(listener: &Listener, to: impl Into<Address>) -> (Connection, Connection) {
    let connecting = Connection::connect(to);
    let (near, far) = tokio::join!(connecting.into_future(), listener.accept());
    (near.unwrap(), far.unwrap())
}

async fn talk(near: &mut Connection, far: &mut Connection) {
    near.send("ping").await.unwrap();
    assert_eq!(far.recv::<&str>().await.unwrap(), Some("ping"));
    far.send(&1_u64).await.unwrap();
    assert_eq!(near.recv::<u64>().await.unwrap(), Some(1));
}

fn port(listener: &Listener) -> u16 {
    listener.local_addr().port().unwrap()
}

#[tokio::test]
async fn each_end_has_a_kind_two_names_and_a_label() {
    for at in ["127.0.0.1:0", "[::1]:0"] {
        let listener = Listener::bind(at).await.unwrap();
        let (mut near, far) = connect(&listener, listener.local_addr()).await;
        assert_eq!((near.kind(), far.kind()), (Kind::Tcp, Kind::Tcp));
        assert_eq!(near.peer_addr(), Some(listener.local_addr()));
        assert!(near.local_addr().is_some());
        assert_eq!((near.local_addr(), near.peer_addr()), (far.peer_addr(), far.local_addr()));
        let is_v6 = near.local_addr().unwrap().socket_addr().unwrap().is_ipv6();
        assert_eq!(is_v6, at.starts_with('['));
        near.set_label("the first");
        assert_eq!((near.label(), far.label()), (Some("the first"), None));
    }
    let (near, _far) = hton::memory();
    let near = Connection::from_stream(near);
    assert_eq!((near.kind(), near.local_addr(), near.peer_addr()), (Kind::Other, None, None));
    assert!(near.options_in_force().is_none() && near.tcp().is_none());
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_named_by_its_path_and_knows_its_user() {
    let address = fresh_path("message");
    let listener = Listener::bind(&address).await.unwrap();
    let (mut near, mut far) = connect(&listener, &address).await;
    assert_eq!((near.kind(), near.peer_addr()), (Kind::Unix, Some(address.clone())));
    assert_eq!((far.local_addr(), far.peer_addr()), (Some(address.clone()), None));
    assert!(matches!(far.identity(), Identity::Unix { .. }), "{:?}", far.identity());
    talk(&mut near, &mut far).await;
    drop(listener);
    assert!(!address.path().unwrap().exists());
    talk(&mut near, &mut far).await;
}

#[tokio::test]
async fn one_listener_for_every_address_serves_both_families() {
    let listener = Listener::bind_any(0).await.unwrap();
    assert_eq!(listener.options_in_force().v6_only, Some(false));
    for ip in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
        let to = SocketAddr::new(ip, port(&listener));
        let (mut near, mut far) = connect(&listener, to).await;
        assert_eq!(far.peer_addr().unwrap().socket_addr().unwrap().ip(), ip);
        talk(&mut near, &mut far).await;
    }
    let v6 = Listener::bind_any(0).v6_only(true).await.unwrap();
    assert!(Connection::connect(("::1", port(&v6))).await.is_ok());
    assert!(Connection::connect(("127.0.0.1", port(&v6))).await.is_err());
}

#[tokio::test]
async fn a_name_and_either_number_connect_and_each_failure_has_its_kind() {
    let listener = Listener::bind_any(0).await.unwrap();
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let to = format!("{host}:{}", port(&listener));
        let (mut near, mut far) = connect(&listener, to).await;
        talk(&mut near, &mut far).await;
    }
    let error = Connection::connect("there is no such name:1").await.unwrap_err();
    assert!(matches!(error, Error::Resolve { .. }), "{error}");
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Connection::connect(dead).await.unwrap_err();
    let Error::Connect { attempts, .. } = error else { panic!("{error}") };
    assert_eq!(attempts[0].1.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn the_system_chooses_the_ports_that_nobody_names() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    assert!(port(&listener) > 1023);
    let (first, _far) = connect(&listener, listener.local_addr()).await;
    let (second, _other) = connect(&listener, listener.local_addr()).await;
    let ports = [first, second].map(|near| near.local_addr().unwrap().port().unwrap());
    assert!(ports[0] != 0 && ports[1] != 0 && ports[0] != ports[1], "{ports:?}");
}

#[cfg(target_os = "linux")] // All of 127.0.0.0/8 is there, without being asked for.
#[tokio::test]
async fn an_address_is_chosen_to_listen_on_and_to_dial_from() {
    let listener = Listener::bind("127.0.0.2:0").await.unwrap();
    let from = SocketAddr::from(([127, 0, 0, 3], 0));
    let connecting = Connection::connect(listener.local_addr()).local_addr(from);
    let (near, far) = tokio::join!(connecting.into_future(), listener.accept());
    let seen = far.unwrap().peer_addr().unwrap().socket_addr().unwrap();
    assert_eq!((seen.ip(), near.unwrap().local_addr()), (from.ip(), Some(seen.into())));
    let elsewhere = Connection::connect(("127.0.0.1", port(&listener))).await.unwrap_err();
    assert!(matches!(elsewhere, Error::Connect { .. }), "{elsewhere}");
    let of_another_family = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let connecting = Connection::connect(listener.local_addr()).local_addr(of_another_family);
    assert!(connecting.await.is_err());
}

#[tokio::test]
async fn an_address_in_use_is_refused_and_a_server_may_start_again_at_once() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr();
    let Err(Error::Bind { source, .. }) = Listener::bind(&address).await else { panic!("taken") };
    assert_eq!(source.kind(), ErrorKind::AddrInUse);
    let (near, far) = connect(&listener, &address).await;
    // The side that ends first is left in TIME_WAIT, with the port of the listener.
    let (ended, also) = tokio::join!(far.close(Duration::from_secs(5)), async {
        let mut near = near;
        assert_eq!(near.recv::<u8>().await.unwrap(), None);
        near.close(Duration::from_secs(5)).await
    });
    assert!(ended.unwrap().peer_finished && also.unwrap().peer_finished);
    drop(listener);
    let listener = Listener::bind(&address).await.unwrap();
    let (mut near, mut far) = connect(&listener, &address).await;
    talk(&mut near, &mut far).await;
}

#[tokio::test]
async fn five_hundred_who_come_at_once_are_all_served() {
    const CLIENTS: usize = 500;
    let listener = Listener::bind("127.0.0.1:0").backlog(1000).await.unwrap();
    let mut dialing = tokio::task::JoinSet::new();
    for n in 0..CLIENTS {
        let connecting = Connection::connect(listener.local_addr());
        dialing.spawn(async move {
            let mut near = connecting.await.unwrap();
            near.send(&n).await.unwrap();
            assert_eq!(near.recv::<usize>().await.unwrap(), Some(n));
        });
    }
    for _ in 0..CLIENTS {
        let mut far = listener.accept().await.unwrap();
        dialing.spawn(async move {
            let n = far.recv::<usize>().await.unwrap().unwrap();
            far.send(&n).await.unwrap();
        });
    }
    while let Some(done) = dialing.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn thirty_two_threads_connect_at_once() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr();
    let threads: Vec<_> = (0..32_u32)
        .map(|n| {
            let address = address.clone();
            std::thread::spawn(move || {
                let mut near = blocking::Connection::connect(address).unwrap();
                near.send(&n).unwrap();
                assert_eq!(near.recv::<u32>().unwrap(), Some(n));
            })
        })
        .collect();
    for _ in 0..32 {
        let mut far = listener.accept().await.unwrap();
        let n = far.recv::<u32>().await.unwrap().unwrap();
        far.send(&n).await.unwrap();
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

#[tokio::test]
async fn options_are_set_on_both_ends_and_others_can_be_reached() {
    let mut options = SocketOptions::default();
    options.send_buffer_bytes = Some(20_000);
    options.recv_buffer_bytes = Some(30_000);
    options.nodelay = Some(false);
    let listener = Listener::bind("127.0.0.1:0").options(options.clone()).await.unwrap();
    let connecting = Connection::connect(listener.local_addr()).options(options);
    let (near, far) = tokio::join!(connecting.into_future(), listener.accept());
    for end in [near.unwrap(), far.unwrap()] {
        let in_force = end.options_in_force().unwrap();
        assert_eq!(in_force.nodelay, Some(false));
        assert!(in_force.send_buffer_bytes >= Some(20_000), "{in_force:?}");
        assert!(in_force.recv_buffer_bytes >= Some(30_000), "{in_force:?}");
        // What hton has no name for: time to live, the error, the type.
        let socket = socket2::SockRef::from(end.tcp().unwrap());
        socket.set_ttl_v4(7).unwrap();
        assert_eq!(socket.ttl_v4().unwrap(), 7);
        assert_eq!(socket.r#type().unwrap(), socket2::Type::STREAM);
        assert!(socket.take_error().unwrap().is_none());
    }
}

#[tokio::test]
async fn whom_the_policy_refuses_is_reset_and_the_next_is_served() {
    let diary = crate::message_ends::Diary::default();
    let listener = Listener::bind("127.0.0.1:0").observe(diary.clone()).await.unwrap();
    let mut refused = Connection::connect(listener.local_addr()).await.unwrap();
    let stranger = refused.local_addr().unwrap().socket_addr();
    let mut welcome = Connection::connect(listener.local_addr()).await.unwrap();
    let policy = |peer: &hton::PeerInfo| match peer.addr == stranger {
        true => Err(Refused::new("not from there")),
        false => Ok(()),
    };
    let mut far = listener.accept_if(policy).await.unwrap();
    assert_eq!(far.peer_addr(), welcome.local_addr());
    talk(&mut welcome, &mut far).await;
    let error = refused.recv::<u8>().await.unwrap_err();
    crate::message_ends::assert_reset(&error);
    assert_eq!(diary.lines(), ["rejected: not from there", "accepted"]);
}

#[test]
fn connections_and_their_halves_go_to_other_threads() {
    fn goes<T: Send>() {}
    goes::<Connection>();
    goes::<Listener>();
    goes::<hton::archive::AsyncLoad<hton::message::ReadHalf>>();
    goes::<hton::archive::AsyncStore<hton::message::WriteHalf>>();
    goes::<blocking::Connection>();
}

/// Every file below a folder of sources, with its text.
fn sources(folder: &std::path::Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            let name = path.to_string_lossy().replace('\\', "/");
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

#[test]
fn sockets_are_opened_in_one_place_and_nothing_is_unsafe() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let opens = ["TcpSocket::new", "TcpStream::connect(", "UnixStream::connect(", "Socket::new("];
    let files = sources(&root.join("rpc-net/src"));
    assert!(files.len() > 50);
    let mut openers = 0;
    for (name, text) in files {
        // What stands in examples and unit tests is not the library's.
        let library = text.split("#[cfg(test)]").next().unwrap();
        let mut code = library.lines().filter(|line| !line.trim_start().starts_with("//"));
        if code.any(|line| opens.iter().any(|open| line.contains(open))) {
            assert!(name.contains("/src/transport/"), "{name} opens a socket");
            openers += 1;
        }
    }
    assert_eq!(openers, 2, "tcp.rs and unix.rs");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    for member in ["", "rpc-core", "rpc-macros", "rpc-net"] {
        let manifest = std::fs::read_to_string(root.join(member).join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{member}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_listener_whose_backlog_is_full_is_waited_for_as_one_of_tcp_is() {
    let listener = Listener::bind(fresh_path("full")).backlog(1).await.unwrap();
    let connect = || Connection::connect(listener.local_addr());
    let mut waiting = Vec::new();
    let late = loop {
        match connect().connect_timeout(Duration::from_millis(50)).await {
            Ok(near) => waiting.push(near),
            Err(late) => break late,
        }
    };
    assert_eq!(late.kind(), ErrorKind::TimedOut);
    let last = tokio::spawn(connect().into_future());
    for _ in &waiting {
        let _far = listener.accept().await.unwrap();
    }
    assert_eq!(last.await.unwrap().unwrap().kind(), Kind::Unix);
}
