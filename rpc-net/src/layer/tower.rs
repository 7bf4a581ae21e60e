//! Tower's middleware around hton's calls, and hton's calls as tower's services.
//!
//! [`layer`] makes a hton [`Layer`] of a tower layer, for either side. [`service`] makes a
//! tower service of a stub.
//!
//! A tower service is cloned for each call, as tower wants it; middleware that is not `Clone`, such as
//! `RateLimit`, belongs behind tower's `Buffer`.

use super::{Finish, Layer, LayerCall, LayerFuture, Layers, Next};
use crate::call::Call;
use rpc_core::{CallError, Executed, Status};
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tower_service::Service;

/// An error of tower's middleware.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The request of tower's services: a call, and what stands behind the layer.
#[derive(Debug)]
pub struct Passage {
    call: LayerCall,
    layers: Layers,
    passed: usize,
    reached: Arc<AtomicBool>,
}

impl Passage {
    /// The call.
    #[must_use]
    pub const fn call(&self) -> &LayerCall {
        &self.call
    }

    /// The call, to be changed.
    #[must_use]
    pub const fn call_mut(&mut self) -> &mut LayerCall {
        &mut self.call
    }
}

/// The innermost of tower's services: hands the call on. It is always ready.
#[derive(Clone, Debug)]
pub struct Rest {
    _private: (),
}

impl Service<Passage> for Rest {
    type Response = Finish;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Finish, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, passage: Passage) -> Self::Future {
        Box::pin(async move {
            let Passage { mut call, layers, passed, reached } = passage;
            reached.store(true, Ordering::Relaxed);
            let finish = Next { layers: &layers, passed }.run(&mut call).await;
            reached.store(finish.executed() == Executed::Maybe, Ordering::Relaxed);
            Ok(finish)
        })
    }
}

/// A hton layer that is this tower layer.
///
/// An error of the middleware finishes the call as [`Code::UNAVAILABLE`](rpc_core::Code::UNAVAILABLE) with
/// its text, not executed if the call had not been handed on, unless [`TowerLayer::errors`] says otherwise.
///
/// ```
/// # fn example(peer: rpc_net::Peer) {
/// use rpc_net::layer;
/// use tower::ServiceBuilder;
/// let polite = peer.layer(layer::tower::layer(ServiceBuilder::new().concurrency_limit(8)));
/// # let _ = polite; }
/// ```
pub fn layer<L>(layer: L) -> TowerLayer<L::Service>
where
    L: tower_layer::Layer<Rest>,
    L::Service: Service<Passage, Response = Finish> + Clone + Send + 'static,
    <L::Service as Service<Passage>>::Error: Into<BoxError>,
    <L::Service as Service<Passage>>::Future: Send + 'static,
{
    let unavailable = |error: BoxError| Status::unavailable(error.to_string());
    let service = Mutex::new(layer.layer(Rest { _private: () }));
    TowerLayer { service, status: Arc::new(unavailable) }
}

/// The layer that [`layer()`] makes.
pub struct TowerLayer<S> {
    service: Mutex<S>,
    status: Arc<dyn Fn(BoxError) -> Status + Send + Sync>,
}

impl<S> TowerLayer<S> {
    /// Sets what an error of the middleware means.
    #[must_use]
    pub fn errors(mut self, status: impl Fn(BoxError) -> Status + Send + Sync + 'static) -> Self {
        self.status = Arc::new(status);
        self
    }
}

impl<S> Layer for TowerLayer<S>
where
    S: Service<Passage, Response = Finish> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    fn call<'a>(&'a self, call: &'a mut LayerCall, next: Next<'a>) -> LayerFuture<'a> {
        Box::pin(async move {
            let mut service = self.service.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let reached = Arc::new(AtomicBool::new(false));
            let Next { layers, passed } = next;
            // An error of the middleware need not be `Send` before it is boxed.
            let ready = poll_fn(|cx| service.poll_ready(cx).map_err(Into::into)).await;
            if let Err(error) = ready {
                return call.reject((self.status)(error));
            }
            let (layers, shared) = (Arc::clone(layers), Arc::clone(&reached));
            let passage = Passage { call: call.part(), layers, passed, reached: shared };
            let mut passing = Box::pin(service.call(passage));
            let called = poll_fn(|cx| passing.as_mut().poll(cx).map_err(Into::into)).await;
            call.note_reached(reached.load(Ordering::Relaxed));
            called.unwrap_or_else(|error| call.reject((self.status)(error)))
        })
    }
}

impl<S> fmt::Debug for TowerLayer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TowerLayer")
    }
}

/// A tower service that is a stub, or anything that makes a call of a request. It is always ready.
///
/// ```
/// # fn example(add: impl Fn(i64, i64) -> rpc_net::Call<i64> + Clone) {
/// use rpc_net::layer;
/// use tower::ServiceBuilder;
/// // `add` stands for the stub of a method: `|a, b| calc.add(a, b)`.
/// let adding = layer::tower::service(move |(a, b)| add(a, b));
/// let adding = ServiceBuilder::new().concurrency_limit(8).service(adding);
/// # let _ = adding; }
/// ```
pub const fn service<F>(make: F) -> CallService<F> {
    CallService { make }
}

/// The service that [`service`] makes.
#[derive(Clone, Copy)]
pub struct CallService<F> {
    make: F,
}

impl<F, A, T, E> Service<A> for CallService<F>
where
    F: FnMut(A) -> Call<T, E>,
{
    type Response = T;
    type Error = CallError<E>;
    type Future = Call<T, E>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError<E>>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: A) -> Call<T, E> {
        (self.make)(request)
    }
}

impl<F> fmt::Debug for CallService<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallService")
    }
}
