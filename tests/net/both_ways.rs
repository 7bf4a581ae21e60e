//! Both ends of one connection call and serve.

use hton::{Context, Limits, Peer, Server, Side};
use std::sync::Mutex;

#[hton::service]
pub(crate) trait Room {
    async fn say(&self, cx: &Context, line: String) -> usize;
    async fn join(&self, cx: &Context, name: String);
}

#[hton::service]
pub(crate) trait Listener {
    async fn heard(&self, line: String) -> usize;
    /// Calls back into the caller, as deep as asked.
    async fn bounce(&self, cx: &Context, depth: u32) -> Result<u32, String>;
    /// How many milliseconds the callee of a call that this handler makes may still take.
    async fn left(&self, cx: &Context, depth: u32) -> u64;
}

#[derive(Default)]
struct MyRoom {
    members: Mutex<Vec<(String, Peer)>>,
}

impl Room for MyRoom {
    async fn say(&self, _cx: &Context, line: String) -> usize {
        let members = self.members.lock().unwrap().clone();
        let mut heard = 0;
        for (name, peer) in members {
            heard += ListenerClient::new(&peer).heard(format!("{name}: {line}")).await.unwrap();
        }
        heard
    }

    async fn join(&self, cx: &Context, name: String) {
        self.members.lock().unwrap().push((name, cx.peer()));
    }
}

#[derive(Default)]
struct MyListener {
    lines: Mutex<Vec<String>>,
}

impl Listener for MyListener {
    async fn heard(&self, line: String) -> usize {
        self.lines.lock().unwrap().push(line);
        1
    }

    async fn bounce(&self, cx: &Context, depth: u32) -> Result<u32, String> {
        match depth.checked_sub(1) {
            None => Ok(0),
            Some(less) => match ListenerClient::new(cx.peer()).bounce(less).await {
                Ok(depth) => Ok(depth + 1),
                Err(hton::CallError::Declared(text)) => Err(text),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    async fn left(&self, cx: &Context, depth: u32) -> u64 {
        match depth.checked_sub(1) {
            None => u64::try_from(cx.remaining().unwrap().as_millis()).unwrap(),
            Some(less) => ListenerClient::new(cx.peer()).left(less).await.unwrap(),
        }
    }
}

#[tokio::test]
async fn a_handler_calls_everybody_back() {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let server = server.serve(RoomServer::new(MyRoom::default())).unwrap();
    let mut members = Vec::new();
    for name in ["ann", "bob"] {
        let listener = std::sync::Arc::new(MyListener::default());
        let connect = hton::connect(server.local_addr());
        let connect = connect.serve(ListenerServer::from_arc(listener.clone())).unwrap();
        let peer = connect.await.unwrap();
        RoomClient::new(&peer).join(name.into()).await.unwrap();
        members.push((peer, listener));
    }
    let (ann, _) = &members[0];
    assert_eq!(RoomClient::new(ann).say("hello".into()).await.unwrap(), 2);
    let lines: Vec<_> = members.iter().map(|(_, l)| l.lines.lock().unwrap().clone()).collect();
    assert_eq!(lines, [vec!["ann: hello"], vec!["bob: hello"]]);
}

#[tokio::test]
async fn calls_may_nest_through_both_ends() {
    let (near, _far) = pair(Limits::default());
    assert_eq!(ListenerClient::new(&near).bounce(20).await.unwrap(), 20);
}

#[tokio::test]
async fn a_nested_call_beyond_the_limit_is_refused_at_once() {
    let mut limits = Limits::default();
    limits.calls = 2;
    let (near, _far) = pair(limits);
    let listener = ListenerClient::new(&near);
    assert_eq!(listener.bounce(1).await.unwrap(), 1); // Both know the limits now.
    assert_eq!(listener.bounce(3).await.unwrap(), 3);
    let error = listener.bounce(4).await.unwrap_err();
    let text = error.declared().unwrap();
    assert!(text.contains("RESOURCE_EXHAUSTED") && text.contains("did not run"), "{text}");
    assert_eq!(listener.bounce(3).await.unwrap(), 3);
}

#[tokio::test]
async fn a_nested_call_has_no_more_time_than_the_handler_that_makes_it() {
    let (near, _far) = pair(Limits::default());
    let listener = ListenerClient::new(&near);
    let left = listener.left(3).timeout(std::time::Duration::from_secs(5)).await.unwrap();
    assert!(left <= 5_000, "{left}");
    let left = listener.left(0).await.unwrap();
    assert!(left > 5_000, "the default is 30 s, not {left} ms");
}

/// Two peers in one process, each serving a listener.
fn pair(limits: Limits) -> (Peer, Peer) {
    let (near, far) = hton::memory();
    let serve = |stream, side| {
        let attach = hton::attach(stream, side).limits(limits.clone());
        attach.serve(ListenerServer::new(MyListener::default())).unwrap().start()
    };
    (serve(near, Side::Dialer), serve(far, Side::Acceptor))
}

#[tokio::test]
async fn several_services_share_a_connection_and_one_name_twice_is_refused() {
    let both = (RoomServer::new(MyRoom::default()), ListenerServer::new(MyListener::default()));
    let server = Server::bind("127.0.0.1:0").await.unwrap().serve(both).unwrap();
    let peer = hton::connect(server.local_addr()).await.unwrap();
    assert_eq!(RoomClient::new(&peer).say("nobody".into()).await.unwrap(), 0);
    assert_eq!(ListenerClient::new(&peer).heard("x".into()).await.unwrap(), 1);

    let twice =
        (ListenerServer::new(MyListener::default()), ListenerServer::new(MyListener::default()));
    let error = Server::bind("127.0.0.1:0").await.unwrap().serve(twice).unwrap_err();
    assert!(
        matches!(error, hton::Error::MethodCollision { first: "Listener/heard", .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_peer_that_serves_nothing_exposes_nothing() {
    let (near, far) = hton::memory();
    let near = hton::attach(near, Side::Dialer).start();
    let _far = hton::attach(far, Side::Acceptor).start();
    let error = ListenerClient::new(&near).heard("x".into()).await.unwrap_err();
    assert_eq!(error.code(), hton::Code::UNIMPLEMENTED);
}
