//! The handle of one connection: what calls go through, in both directions.

use crate::base::{Base, Carrier};
use crate::buffers;
use crate::call::{self, Call, Kind, Outgoing, Via, timeout_ms};
use crate::identity::Identity;
use crate::layer::{Around, Layer};
use crate::link::{Closed, Link};
use crate::outcome::Outcome;
use crate::redial::Redial;
use crate::stats::Stats;
use crate::stream::{Inflow, Items, Pump, Source, Streaming};
use crate::transport::options::SocketOptions;
use futures_core::Stream;
use rpc_core::archive::{DecodeError, DecodeLimits, Decoder, EncodeError, Encoder};
use rpc_core::{CallError, CloseCode, Method};
use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The other end of a connection. Cheap to clone; all clones are the same connection, or the same chain of
/// them if it is [dialed again](crate::Connect::reconnecting) when it is lost.
///
/// Typed clients are made from it: `CalcClient::new(&peer)`. When the last clone of the handle that
/// opened a connection is dropped, and the last client made from it, the connection ends gracefully.
#[derive(Clone)]
pub struct Peer {
    base: Base,
    /// What carries the calls instead of what the peer stands on.
    via: Option<Arc<dyn Via>>,
    /// How long a unary call may take that says nothing itself; 0 = as long as it likes.
    timeout_ms: u32,
}

/// One connection, as those hold it who use it.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) link: Arc<Link>,
    /// Whether the connection ends with this handle.
    owner: bool,
}

impl Handle {
    /// The handle with which the connection ends.
    pub(crate) const fn owning(link: Arc<Link>) -> Self {
        Self { link, owner: true }
    }
}

impl Peer {
    /// The handle with which the connection ends.
    pub(crate) fn owning(link: Arc<Link>) -> Self {
        Self::over(Base::Link(Arc::new(Handle::owning(link))))
    }

    /// A handle that leaves the connection to its owner.
    pub(crate) fn visiting(link: Arc<Link>) -> Self {
        Self::over(Base::Link(Arc::new(Handle { link, owner: false })))
    }

    /// A handle of a connection that comes again.
    pub(crate) fn redialing(redial: Arc<Redial>) -> Self {
        Self::over(Base::Redial(redial))
    }

    fn over(base: Base) -> Self {
        let timeout_ms = base.limits().default_deadline_ms;
        Self { base, via: None, timeout_ms }
    }

    /// The address of the other end, when the transport has addresses.
    #[must_use]
    pub fn addr(&self) -> Option<SocketAddr> {
        self.base.info().addr
    }

    /// Whether the connection has ended: every further call fails at once.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.base.is_closed()
    }

    /// Waits until the connection has ended, and tells how. The future keeps nothing open: it may outlive
    /// every handle.
    ///
    /// # Cancel safety
    ///
    /// Dropping it changes nothing.
    pub fn closed(&self) -> impl Future<Output = Closed> + Send + 'static + use<> {
        self.base.closed()
    }

    /// Who the other end is, as far as this side knows. It may change once: when its token has been judged.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.base.identity()
    }

    /// How many calls of this side are open on the connection of now: sent, and not answered yet. One that was
    /// given up is among them until its answer has come.
    #[must_use]
    pub fn open_calls(&self) -> usize {
        self.base.link().map_or(0, |link| link.lock().machine.open_calls())
    }

    /// What was counted on this connection, on the one of now if there were others before, and how the calls of its services ended. Where several
    /// connections share services or an observer, those of all of them.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.base.stats()
    }

    /// What the kernel said of the socket when the connection was opened; `None` for other streams.
    #[must_use]
    pub fn options_in_force(&self) -> Option<SocketOptions> {
        self.base.link()?.about.options().cloned()
    }

    /// Ends the connection gracefully: calls that are open go on, new ones of this side are refused
    /// (those that handlers make, too), and the connection closes when both sides have finished, at the latest after [`Limits::drain_ms`].
    ///
    /// [`Limits::drain_ms`]: rpc_core::Limits::drain_ms
    pub fn close(&self) {
        self.base.close("closed by its user");
    }

    /// The same peer, whose unary calls may take this long unless they say otherwise themselves.
    ///
    /// It is rounded up to a millisecond and clamped to 24 hours; it replaces
    /// [`Limits::default_deadline_ms`](rpc_core::Limits::default_deadline_ms). Streams and one-way calls
    /// have no deadline but their own.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        // 0 would mean that there is none.
        self.timeout_ms = timeout_ms(timeout).max(1);
        self
    }

    /// A call of `method`. The arguments are encoded now; nothing is sent before it is polled.
    ///
    /// For generated code; [`Outcome`] tells how `decode` reads the answer.
    pub fn call<T, E>(
        &self,
        method: &'static Method,
        args: impl FnOnce(&mut Encoder) -> Result<(), EncodeError>,
        decode: fn(Outcome<'_>) -> Result<T, CallError<E>>,
    ) -> Call<T, E> {
        let timeout_ms = (self.timeout_ms != 0).then_some(self.timeout_ms);
        Call::new(self.outgoing(method, timeout_ms, Kind::Unary, args), decode)
    }

    /// A call of a one-way `method`, which nothing answers. It resolves when it has been written to the
    /// connection, whether or not anybody takes it up.
    ///
    /// It waits while so much is on its way that the peer has not dealt with, or, when a handler makes it,
    /// fails. Dropping it once it has been polled calls nothing back. For generated code.
    pub fn oneway(
        &self,
        method: &'static Method,
        args: impl FnOnce(&mut Encoder) -> Result<(), EncodeError>,
    ) -> Call<(), Infallible> {
        let call = self.outgoing(method, None, Kind::OneWay, args);
        Call::new(call, |outcome| outcome.ended())
    }

    /// A call of a `method` that takes a stream of items and answers once. For generated code.
    pub fn upload<T, E, S>(
        &self,
        method: &'static Method,
        args: impl FnOnce(&mut Encoder) -> Result<(), EncodeError>,
        items: S,
        encode: fn(&mut Encoder, &S::Item) -> Result<(), EncodeError>,
        decode: fn(Outcome<'_>) -> Result<T, CallError<E>>,
    ) -> Call<T, E>
    where
        S: Stream + Send + 'static,
    {
        let kind = Kind::Streams { pump: Some(pump(items, encode)), inflow: None };
        Call::new(self.outgoing(method, None, kind, args), decode)
    }

    /// A call of a `method` that answers with a stream of items. For generated code: `decode` reads one
    /// item, `end` how the call ended after the last.
    pub fn stream<T, E>(
        &self,
        method: &'static Method,
        args: impl FnOnce(&mut Encoder) -> Result<(), EncodeError>,
        decode: fn(&mut Decoder<'_>) -> Result<T, DecodeError>,
        end: fn(Outcome<'_>) -> Result<(), CallError<E>>,
    ) -> Streaming<T, E> {
        let inflow = Arc::<Inflow>::default();
        let kind = Kind::Streams { pump: None, inflow: Some(Arc::clone(&inflow)) };
        Streaming::new(self.outgoing(method, None, kind, args), inflow, decode, end)
    }

    /// A call of a `method` with a stream of items in each direction. For generated code.
    pub fn duplex<T, E, S>(
        &self,
        method: &'static Method,
        args: impl FnOnce(&mut Encoder) -> Result<(), EncodeError>,
        items: S,
        encode: fn(&mut Encoder, &S::Item) -> Result<(), EncodeError>,
        decode: fn(&mut Decoder<'_>) -> Result<T, DecodeError>,
        end: fn(Outcome<'_>) -> Result<(), CallError<E>>,
    ) -> Streaming<T, E>
    where
        S: Stream + Send + 'static,
    {
        let inflow = Arc::<Inflow>::default();
        let pump = Some(pump(items, encode));
        let kind = Kind::Streams { pump, inflow: Some(Arc::clone(&inflow)) };
        Streaming::new(self.outgoing(method, None, kind, args), inflow, decode, end)
    }

    /// How many one-way calls of the other end came to nothing here: an unknown method, arguments that
    /// cannot be decoded, a handler that panicked, a deadline that passed.
    #[must_use]
    pub fn oneway_faults(&self) -> u64 {
        self.base.link().map_or(0, |link| link.lock().oneway_faults())
    }

    fn outgoing(
        &self,
        method: &'static Method,
        timeout_ms: Option<u32>,
        kind: Kind,
        args: impl FnOnce(&mut Encoder) -> Result<(), EncodeError>,
    ) -> call::Inner {
        let mut out = Encoder::new(buffers::take(), self.base.limits().message_bytes as usize);
        let outgoing = match args(&mut out).and_then(|()| out.finish()) {
            Ok(payload) => Ok(Outgoing::new(method, payload, timeout_ms, kind)),
            Err(error) => Err(call::unencodable(&error)),
        };
        call::Inner::new(self, method, outgoing)
    }

    /// The same peer with a layer around its calls, and around the layers that it has already. Clients that
    /// are made from it call through them; the peer that this was made from stays as it is.
    ///
    /// ```
    /// # fn example(peer: rpc_net::Peer) {
    /// use rpc_net::layer::{ConcurrencyLimit, Timeout};
    /// use std::time::Duration;
    ///
    /// // The last one is the outermost: it bounds the time in line, too.
    /// let peer = peer.layer(ConcurrencyLimit::new(64)).layer(Timeout::new(Duration::from_secs(2)));
    /// # let _ = peer; }
    /// ```
    #[must_use]
    pub fn layer(mut self, layer: impl Layer) -> Self {
        let via = self.carrier().into_via();
        self.via = Some(Arc::new(Around::new(layer, via)));
        self
    }

    /// What takes a call to the other end.
    pub(crate) fn carrier(&self) -> Carrier {
        match &self.via {
            Some(via) => Carrier::Via(Arc::clone(via)),
            None => self.base.carrier(),
        }
    }

    pub(crate) fn decode_limits(&self) -> DecodeLimits {
        DecodeLimits::from(self.base.limits())
    }
}

/// What sends the items of a call's own stream.
fn pump<S>(
    items: S,
    encode: fn(&mut Encoder, &S::Item) -> Result<(), EncodeError>,
) -> Box<Pump<Box<dyn Source>>>
where
    S: Stream + Send + 'static,
{
    Box::new(Pump::new(Box::new(Items { stream: Box::pin(items), encode })))
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.owner {
            self.link.close(CloseCode::GRACEFUL, "nobody uses the connection any more");
        }
    }
}

impl From<&Self> for Peer {
    fn from(peer: &Self) -> Self {
        peer.clone()
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("addr", &self.addr()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Carried, Ending};
    use crate::identity::PeerInfo;
    use crate::service::{Service, Slot, slot};
    use crate::stream;
    use rpc_core::{Code, Executed, MethodId, Side};
    use std::sync::atomic::{AtomicU32, Ordering};

    static TWICE: Method = Method::new("Twice/twice", MethodId::new(0x1111_1111));
    static COUNT: Method = Method::new("Twice/count", MethodId::new(0x2222_2222)).items_out();
    static METHODS: &[Method] = &[TWICE, COUNT];

    struct Twice;

    impl Service for Twice {
        fn methods(&self) -> &'static [Method] {
            METHODS
        }

        fn slot(&self) -> Box<dyn Slot> {
            slot(async |method: &'static Method, request: crate::Request| {
                let n = request.args().value::<u32>("n").unwrap_or_default();
                if *method == COUNT {
                    return request.items(stream::iter(0..n), |out, item| out.value(item)).await;
                }
                request.ok(&(2 * n)).await
            })
        }
    }

    /// Sends each call that can be sent again a second time, and gives up those without a deadline.
    struct Again {
        peer: Peer,
        sent: AtomicU32,
    }

    impl Via for Again {
        fn send(&self, call: Outgoing) -> Carried {
            if !call.has_streams() && call.deadline().is_none() {
                let text = "layers want a deadline";
                let refused = Ending::here(Code::FAILED_PRECONDITION, Executed::No, text);
                return Box::pin(async { refused });
            }
            let (again, via) = (call.again(), self.peer.carrier().into_via());
            self.sent.fetch_add(1 + u32::from(again.is_some()), Ordering::Relaxed);
            Box::pin(async move {
                let first = via.send(call).await;
                match again {
                    Some(again) => via.send(again).await,
                    None => first,
                }
            })
        }

        fn peer(&self) -> PeerInfo {
            self.peer.base.info()
        }

        fn runtime(&self) -> Option<tokio::runtime::Handle> {
            None
        }
    }

    fn twice(peer: &Peer, n: u32) -> Call<u32> {
        peer.call(&TWICE, |out| out.value(&n), |o| o.result(|message| message.value("result")))
    }

    fn layered() -> (Peer, Peer, Arc<Again>) {
        let (near, far) = crate::memory();
        let peer = crate::attach(near, Side::Dialer).start();
        let far = crate::attach(far, Side::Acceptor).serve(Twice).expect("one service").start();
        let again = Arc::new(Again { peer: peer.clone(), sent: AtomicU32::new(0) });
        (Peer { via: Some(again.clone()), ..peer }, far, again)
    }

    #[tokio::test]
    async fn what_stands_before_the_connection_carries_every_call() {
        let (peer, _far, again) = layered();
        let call = twice(&peer, 4).metadata("k", "v");
        assert_eq!(again.sent.load(Ordering::Relaxed), 0, "nothing is sent before the first poll");
        assert_eq!(call.await.map_err(|error| error.to_string()), Ok(8));
        assert_eq!(again.sent.load(Ordering::Relaxed), 2);

        let mut items = peer.stream(
            &COUNT,
            |out| out.value(&3_u32),
            |message| message.value::<u32>("item"),
            |outcome| outcome.ended::<Infallible>(),
        );
        for n in 0..3 {
            assert_eq!(items.recv().await.ok(), Some(Some(n)));
        }
        assert_eq!(items.recv().await.ok(), Some(None));
        assert_eq!(again.sent.load(Ordering::Relaxed), 3, "items pass once");
    }

    #[tokio::test]
    async fn what_stands_before_the_connection_may_refuse() {
        let (peer, _far, again) = layered();
        let endless = Peer { timeout_ms: 0, ..peer };
        let error = twice(&endless, 4).await.expect_err("it has no deadline");
        assert_eq!((error.code(), error.executed()), (Code::FAILED_PRECONDITION, Executed::No));
        assert_eq!(again.sent.load(Ordering::Relaxed), 0);
        assert!(twice(&endless, 4).timeout(Duration::from_secs(9)).await.is_ok());
        let call = twice(&endless, 4).timeout(Duration::from_secs(9));
        call.handle().cancel();
        assert_eq!(call.await.expect_err("cancelled").code(), Code::CANCELLED);
    }
}
