//! Events: what happens to connections and calls, told to one observer, in order and one at a time.

use crate::Address;
use crate::error::Error;
use crate::identity::{Identity, PeerInfo};
use crate::link::Closed;
use crate::stats::{Counters, MethodStats};
use rpc_core::{Code, Method};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Whoever wants to know what happens. Each method does nothing unless it is written.
///
/// Events come in the order in which they happened, one at a time and none twice, over all connections
/// of the server or client; none is lost. They are told outside of every lock by whichever task is at
/// hand: an observer must be quick, because calls wait for it, and may do whatever it likes otherwise.
/// What it causes itself is told after it has returned. A panic in it is caught and costs that event.
///
/// `()` observes nothing, and has calls that are asked counted.
///
/// ```
/// use rpc_net::{ConnectionInfo, Observer};
///
/// struct Door;
///
/// impl Observer for Door {
///     fn accepted(&self, who: &ConnectionInfo) { println!("{:?} is here", who.addr) }
/// }
/// # async fn example(bound: rpc_net::Bound) -> rpc_net::Bound {
/// bound.observe(Door)
/// # }
/// ```
pub trait Observer: Send + Sync + 'static {
    /// An attempt to open a connection has failed, as `error` tells: once for each, also where
    /// [`retry`](crate::Connect::retry) or [`reconnecting`](crate::Connect::reconnecting) goes on trying.
    fn dial_failed(&self, address: &Address, error: &Error) {
        let _ = (address, error);
    }

    /// This side has opened a connection.
    fn connected(&self, connection: &ConnectionInfo) {
        let _ = connection;
    }

    /// The server has accepted a connection.
    fn accepted(&self, connection: &ConnectionInfo) {
        let _ = connection;
    }

    /// The server has no place for a connection.
    fn rejected(&self, peer: &PeerInfo, reason: &str) {
        let _ = (peer, reason);
    }

    /// A connection has ended and its stream is let go. Comes once for each that was connected or
    /// accepted. Calls that it cut may be told of after it.
    fn closed(&self, connection: &ConnectionInfo, how: &Closed) {
        let _ = (connection, how);
    }

    /// A call has begun: it was polled first, or its handler is about to be.
    fn call_started(&self, call: &CallInfo) {
        let _ = call;
    }

    /// A call has ended: its caller has got what came of it or dropped it, or its handler has answered
    /// or was dropped. `CANCELLED` stands for what was dropped.
    fn call_ended(&self, call: &CallInfo, code: Code, took: Duration) {
        let _ = (call, code, took);
    }
}

impl Observer for () {}

/// One observer of several servers or clients: each tells it in its own order, so that two may tell it
/// something at once.
impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn dial_failed(&self, address: &Address, error: &Error) {
        (**self).dial_failed(address, error);
    }

    fn connected(&self, connection: &ConnectionInfo) {
        (**self).connected(connection);
    }

    fn accepted(&self, connection: &ConnectionInfo) {
        (**self).accepted(connection);
    }

    fn rejected(&self, peer: &PeerInfo, reason: &str) {
        (**self).rejected(peer, reason);
    }

    fn closed(&self, connection: &ConnectionInfo, how: &Closed) {
        (**self).closed(connection, how);
    }

    fn call_started(&self, call: &CallInfo) {
        (**self).call_started(call);
    }

    fn call_ended(&self, call: &CallInfo, code: Code, took: Duration) {
        (**self).call_ended(call, code, took);
    }
}

impl fmt::Debug for dyn Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// A connection, as observers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// A number that no other connection of this process has.
    pub number: u64,
    /// The address of the other end, when the transport has addresses.
    pub addr: Option<SocketAddr>,
    /// Who the other end is, as the transport says. A token is judged later.
    pub identity: Identity,
}

impl ConnectionInfo {
    pub(crate) fn new(info: &PeerInfo) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { number, addr: info.addr, identity: info.identity.clone() }
    }
}

/// Which end of a call this side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It asked.
    Asking,
    /// It answered.
    Answering,
}

/// A call, as observers see it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallInfo {
    /// Its connection.
    pub connection: Arc<ConnectionInfo>,
    /// Which end of it this side is.
    pub role: Role,
    /// `"Service/method"`.
    pub method: &'static str,
    /// A number that tells apart the calls of one end of one connection.
    pub number: u64,
}

/// What is to be told.
#[derive(Debug)]
enum Event {
    DialFailed(Address, Error),
    Connected(Arc<ConnectionInfo>),
    Accepted(Arc<ConnectionInfo>),
    Rejected(PeerInfo, String),
    Closed(Arc<ConnectionInfo>, Closed),
    Started(CallInfo),
    Ended(CallInfo, Code, Duration),
}

/// An observer, and the events that wait for it.
#[derive(Debug)]
pub(crate) struct Watch {
    observer: Arc<dyn Observer>,
    line: Mutex<Line>,
    asked: Mutex<HashMap<&'static str, Counters>>,
}

#[derive(Debug, Default)]
struct Line {
    events: VecDeque<Event>,
    /// Somebody is telling them.
    is_told: bool,
}

impl Watch {
    pub(crate) fn new(observer: impl Observer) -> Arc<Self> {
        Arc::new(Self {
            observer: Arc::new(observer),
            line: Mutex::default(),
            asked: Mutex::default(),
        })
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the event in line, and tells what is there unless somebody does. Outside of every lock.
    fn tell(&self, event: Event) {
        let mut line = self.line();
        line.events.push_back(event);
        if line.is_told {
            return;
        }
        line.is_told = true;
        loop {
            let next = line.events.pop_front();
            line.is_told = next.is_some();
            drop(line);
            let Some(event) = next else { return };
            // One event of a broken observer is lost, not those behind it.
            catch_unwind(AssertUnwindSafe(|| self.tell_one(&event))).ok();
            drop(event);
            line = self.line();
        }
    }

    fn tell_one(&self, event: &Event) {
        match event {
            Event::DialFailed(address, error) => self.observer.dial_failed(address, error),
            Event::Connected(connection) => self.observer.connected(connection),
            Event::Accepted(connection) => self.observer.accepted(connection),
            Event::Rejected(peer, reason) => self.observer.rejected(peer, reason),
            Event::Closed(connection, how) => self.observer.closed(connection, how),
            Event::Started(call) => self.observer.call_started(call),
            Event::Ended(call, code, took) => self.observer.call_ended(call, *code, *took),
        }
    }

    pub(crate) fn dial_failed(&self, address: &Address, error: &Error) {
        let error = Error::of_dialing(address, error);
        self.tell(Event::DialFailed(address.clone(), error));
    }

    pub(crate) fn rejected(&self, peer: PeerInfo, reason: String) {
        self.tell(Event::Rejected(peer, reason));
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<MethodStats> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter_map(|(method, counters)| counters.snapshot(method)).collect()
    }
}

/// One connection under an observer.
#[derive(Debug)]
pub(crate) struct Watched {
    watch: Arc<Watch>,
    connection: Arc<ConnectionInfo>,
    next_call: AtomicU64,
}

impl Watched {
    pub(crate) fn new(watch: Arc<Watch>, info: &PeerInfo) -> Self {
        let connection = Arc::new(ConnectionInfo::new(info));
        Self { watch, connection, next_call: AtomicU64::new(1) }
    }

    pub(crate) fn connected(&self) {
        self.watch.tell(Event::Connected(Arc::clone(&self.connection)));
    }

    pub(crate) fn accepted(&self) {
        self.watch.tell(Event::Accepted(Arc::clone(&self.connection)));
    }

    pub(crate) fn rejected(&self, peer: PeerInfo, reason: String) {
        self.watch.rejected(peer, reason);
    }

    pub(crate) fn closed(&self, how: Closed) {
        self.watch.tell(Event::Closed(Arc::clone(&self.connection), how));
    }

    /// A call begins. It ends when what is returned is told so or dropped.
    pub(crate) fn begin(&self, role: Role, method: &'static Method) -> Ongoing {
        let method = method.full_name();
        let number = self.next_call.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::clone(&self.connection);
        let call = CallInfo { connection, role, method, number };
        self.watch.tell(Event::Started(call.clone()));
        Ongoing {
            watch: Arc::clone(&self.watch),
            call,
            started: Instant::now(),
            code: Code::CANCELLED,
        }
    }

    pub(crate) fn asked(&self) -> Vec<MethodStats> {
        self.watch.asked()
    }
}

/// A call that is observed. Its end is told when it is dropped, outside of every lock.
#[derive(Debug)]
pub(crate) struct Ongoing {
    watch: Arc<Watch>,
    call: CallInfo,
    started: Instant,
    code: Code,
}

impl Ongoing {
    /// The call has ended with this code.
    pub(crate) fn end(mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        if self.call.role == Role::Asking {
            let mut asked = self.watch.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.entry(self.call.method).or_default().count(1, self.code, took);
        }
        self.watch.tell(Event::Ended(self.call.clone(), self.code, took));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes down what it is told; asks for more while it is told of the first.
    struct Nosy {
        told: Mutex<Vec<String>>,
        watch: Mutex<Option<Arc<Watch>>>,
    }

    impl Observer for Nosy {
        fn rejected(&self, _: &PeerInfo, reason: &str) {
            let again = self.watch.lock().unwrap().take();
            if let Some(watch) = &again {
                watch.rejected(PeerInfo::default(), "nested".into());
            }
            self.told.lock().unwrap().push(reason.to_owned());
            assert_ne!(reason, "broken");
        }
    }

    #[test]
    fn events_are_never_nested_and_none_is_lost_by_a_panic() {
        let nosy = Arc::new(Nosy { told: Mutex::default(), watch: Mutex::default() });
        let watch = Watch::new(Arc::clone(&nosy));
        *nosy.watch.lock().unwrap() = Some(Arc::clone(&watch));
        for reason in ["first", "broken", "last"] {
            watch.rejected(PeerInfo::default(), reason.into());
        }
        assert_eq!(*nosy.told.lock().unwrap(), ["first", "nested", "broken", "last"]);
    }

    #[test]
    fn many_threads_lose_nothing() {
        struct Count(AtomicU64, AtomicU64);
        impl Observer for Count {
            fn rejected(&self, _: &PeerInfo, _: &str) {
                assert_eq!(self.1.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
                self.0.fetch_add(1, Ordering::SeqCst);
                self.1.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let count = Arc::new(Count(AtomicU64::new(0), AtomicU64::new(0)));
        let watch = Watch::new(Arc::clone(&count));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        watch.rejected(PeerInfo::default(), String::new());
                    }
                });
            }
        });
        // Whoever told the last may still be about to.
        while count.0.load(Ordering::SeqCst) < 4_000 {
            std::thread::yield_now();
        }
    }
}
