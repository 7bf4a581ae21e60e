//! Layers around the handlers of a service.

use super::{Layer, LayerCall, Layers, Next, around};
use crate::request::{Reply, Request};
use crate::service::{Service, Slot};
use rpc_core::Method;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// A service with a layer around each of its handlers.
///
/// ```
/// # fn example(calc: impl rpc_net::Service) {
/// use rpc_net::layer::{ConcurrencyLimit, Timeout, layered};
/// use std::time::Duration;
///
/// // The last one is the outermost: it bounds the time in line, too.
/// let calc = layered(calc, ConcurrencyLimit::new(64));
/// let calc = layered(calc, Timeout::new(Duration::from_secs(2)));
/// # let _ = calc; }
/// ```
pub fn layered<S: Service>(service: S, layer: impl Layer) -> Layered<S> {
    Layered { service: Arc::new(service), layers: around(layer, &[]) }
}

/// The service that [`layered`] makes.
pub struct Layered<S: ?Sized> {
    service: Arc<S>,
    layers: Layers,
}

impl<S: Service> Layered<S> {
    /// One more layer, around those that are there.
    #[must_use]
    pub fn layer(self, layer: impl Layer) -> Self {
        Self { layers: around(layer, &self.layers), ..self }
    }
}

impl Layered<dyn Service> {
    /// Layers around a service whose type is forgotten.
    pub(crate) fn all(service: Arc<dyn Service>, layers: &Layers) -> Self {
        Self { service, layers: Arc::clone(layers) }
    }
}

impl<S: Service + ?Sized> Service for Layered<S> {
    fn methods(&self) -> &'static [Method] {
        self.service.methods()
    }

    fn slot(&self) -> Box<dyn Slot> {
        let service = Arc::clone(&self.service);
        Box::new(LayeredSlot { service, layers: Arc::clone(&self.layers), idle: None, call: None })
    }
}

impl<S: ?Sized> fmt::Debug for Layered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layered").field("layers", &self.layers.len()).finish_non_exhaustive()
    }
}

/// A call among its layers; gives back the slot of the handler.
type Passing = Pin<Box<dyn Future<Output = (Reply, Option<Box<dyn Slot>>)> + Send>>;

struct LayeredSlot<S: ?Sized> {
    service: Arc<S>,
    layers: Layers,
    /// The handler's slot, between two calls.
    idle: Option<Box<dyn Slot>>,
    call: Option<Passing>,
}

impl<S: Service + ?Sized> Slot for LayeredSlot<S> {
    fn start(&mut self, method: &'static Method, request: Request) {
        let slot = self.idle.take().unwrap_or_else(|| self.service.slot());
        let layers = Arc::clone(&self.layers);
        let mut call = LayerCall::answering(method, request, slot);
        self.call = Some(Box::pin(async move {
            let reply = Next::first(&layers).run(&mut call).await.into_reply();
            (reply, call.into_slot())
        }));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Reply> {
        let Some(call) = &mut self.call else {
            debug_assert!(false, "a slot is polled only after it was started");
            return Poll::Pending;
        };
        let (reply, slot) = ready!(call.as_mut().poll(cx));
        (self.call, self.idle) = (None, slot);
        Poll::Ready(reply)
    }
}
