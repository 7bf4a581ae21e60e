//! Layers: what stands around every call of a peer, or around every handler of a service.
//!
//! A [`Layer`] is one function. It gets the call, does what it likes, hands the call on with
//! [`Next::run`], and gets back how it finished. The same trait, and often the same layer, serves both
//! sides: around the calls of a peer ([`Peer::layer`](crate::Peer::layer)) and around the handlers of a
//! service ([`layered`]). Calls that stream and calls without an answer pass through it as all others do,
//! once each: a layer surrounds them from the request to the end, and the items pass beside it.
//!
//! ```
//! use rpc_net::layer::{Layer, LayerCall, LayerFuture, Next};
//!
//! struct Log;
//!
//! impl Layer for Log {
//!     fn call<'a>(&'a self, call: &'a mut LayerCall, next: Next<'a>) -> LayerFuture<'a> {
//!         Box::pin(async move {
//!             let started = std::time::Instant::now();
//!             let finish = next.run(call).await;
//!             println!("{} {} {:?}", call.method(), finish.code(), started.elapsed());
//!             finish
//!         })
//!     }
//! }
//! ```
//!
//! Refusing a call, changing its metadata, telling a handler what was found out about the caller:
//!
//! ```
//! use rpc_core::Status;
//! use rpc_net::layer;
//!
//! struct Tenant(String); // A handler finds it by `cx.get::<Tenant>()`.
//!
//! let only_tenants = layer::from_fn(|call, next| Box::pin(async move {
//!     let Some(tenant) = call.metadata().get_str("tenant").map(str::to_owned) else {
//!         return call.reject(Status::permission_denied("no tenant"));
//!     };
//!     call.put(Tenant(tenant));
//!     next.run(call).await
//! }));
//! ```

mod answering;
mod asking;
mod call;
mod concurrency;
mod extensions;
mod finish;
mod retry;
mod timeout;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(feature = "tracing")]
mod trace;
#[cfg(feature = "tracing")]
mod traceparent;

pub use answering::{Layered, layered};
pub(crate) use asking::Around;
pub use call::{Kind, LayerCall};
pub use concurrency::ConcurrencyLimit;
pub(crate) use extensions::Extensions;
pub use finish::Finish;
pub use retry::Retry;
pub use timeout::Timeout;
#[cfg(feature = "tracing")]
pub use trace::Trace;
#[cfg(feature = "tracing")]
pub use traceparent::TraceParent;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// The future of a call that passes a layer.
pub type LayerFuture<'a> = Pin<Box<dyn Future<Output = Finish> + Send + 'a>>;

/// Something that stands around calls, on either side.
///
/// It sees every call once: before it goes on, and how it finished. It may change what travels beside the
/// arguments, refuse the call, wait, give up, or change what came back; it does not see the values. It may
/// be shared: `Arc<L>` and `Box<dyn Layer>` are layers, too.
///
/// On the asking side it is polled by whoever awaits the call, within the runtime of the connection; on
/// the answering side in the place of the handler. A panic in it is, there, a panic of the handler.
///
/// # Cancel safety
///
/// The future is dropped when the call is cancelled: by its caller, by its deadline on the answering side,
/// by a layer around it, or with its connection. What must happen then belongs into a `Drop`.
///
/// A call whose arguments cannot be encoded, and one whose method nobody serves, reach no layer.
pub trait Layer: Send + Sync + 'static {
    /// Takes one call to its end; usually by [`Next::run`].
    fn call<'a>(&'a self, call: &'a mut LayerCall, next: Next<'a>) -> LayerFuture<'a>;
}

impl fmt::Debug for dyn Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Layer")
    }
}

impl<L: Layer + ?Sized> Layer for Arc<L> {
    fn call<'a>(&'a self, call: &'a mut LayerCall, next: Next<'a>) -> LayerFuture<'a> {
        (**self).call(call, next)
    }
}

impl<L: Layer + ?Sized> Layer for Box<L> {
    fn call<'a>(&'a self, call: &'a mut LayerCall, next: Next<'a>) -> LayerFuture<'a> {
        (**self).call(call, next)
    }
}

/// The layers around something, the outermost first.
pub(crate) type Layers = Arc<[Arc<dyn Layer>]>;

/// These layers, and one more around them.
pub(crate) fn around(outermost: impl Layer, layers: &[Arc<dyn Layer>]) -> Layers {
    let outermost: Arc<dyn Layer> = Arc::new(outermost);
    std::iter::once(outermost).chain(layers.iter().map(Arc::clone)).collect()
}

/// What stands behind a layer: further layers, and then the peer or the handler.
#[derive(Clone, Copy, Debug)]
pub struct Next<'a> {
    layers: &'a Layers,
    /// How many of them the call has passed.
    passed: usize,
}

impl<'a> Next<'a> {
    pub(crate) const fn first(layers: &'a Layers) -> Self {
        Self { layers, passed: 0 }
    }

    /// Hands the call on, and waits for its end.
    ///
    /// A layer may do so more than once for a call that [`LayerCall::keep`] has kept; any other call has
    /// gone with the first time, and further times finish it with
    /// [`Code::FAILED_PRECONDITION`](rpc_core::Code::FAILED_PRECONDITION).
    pub fn run<'b>(self, call: &'b mut LayerCall) -> LayerFuture<'b>
    where
        'a: 'b,
    {
        match self.layers.get(self.passed) {
            Some(layer) => layer.call(call, Next { passed: self.passed + 1, ..self }),
            None => Box::pin(call.arrive()),
        }
    }
}

/// A layer that is the function `run`.
///
/// ```
/// use rpc_net::layer;
/// let tagged = layer::from_fn(|call, next| Box::pin(async move {
///     call.metadata_mut().append("tag", "blue").ok();
///     next.run(call).await
/// }));
/// ```
pub fn from_fn<F>(run: F) -> FromFn<F>
where
    F: for<'a> Fn(&'a mut LayerCall, Next<'a>) -> LayerFuture<'a> + Send + Sync + 'static,
{
    FromFn { run }
}

/// The layer that [`from_fn`] makes.
#[derive(Clone)]
pub struct FromFn<F> {
    run: F,
}

impl<F> Layer for FromFn<F>
where
    F: for<'a> Fn(&'a mut LayerCall, Next<'a>) -> LayerFuture<'a> + Send + Sync + 'static,
{
    fn call<'a>(&'a self, call: &'a mut LayerCall, next: Next<'a>) -> LayerFuture<'a> {
        (self.run)(call, next)
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFn")
    }
}
