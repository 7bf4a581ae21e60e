//! The seam between generated code and the network: what a service is, and where its calls run.

use crate::request::{Reply, Request};
use rpc_core::Method;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A set of methods that a peer may call. The service macro implements it for its `…Server` type.
pub trait Service: Send + Sync + 'static {
    /// Every method, in the order of the trait.
    fn methods(&self) -> &'static [Method];

    /// A new place in which calls of this service run, one at a time.
    fn slot(&self) -> Box<dyn Slot>;
}

/// A place in which one call runs at a time. It is used again, call after call, so that a handler
/// that is ready at its first poll costs no allocation.
pub trait Slot: Send {
    /// Puts a call in. A call that is still there is dropped.
    fn start(&mut self, method: &'static Method, request: Request);

    /// Runs the call. Ready once; the slot is empty after that and may be started again.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Reply>;
}

impl fmt::Debug for dyn Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}

/// A slot whose calls are the futures that `run` makes.
pub fn slot<F, Fut>(run: F) -> Box<dyn Slot>
where
    F: Fn(&'static Method, Request) -> Fut + Send + 'static,
    Fut: Future<Output = Reply> + Send + 'static,
{
    Box::new(FutureSlot { run, future: Box::pin(None) })
}

struct FutureSlot<F, Fut> {
    run: F,
    future: Pin<Box<Option<Fut>>>,
}

impl<F, Fut> Slot for FutureSlot<F, Fut>
where
    F: Fn(&'static Method, Request) -> Fut + Send,
    Fut: Future<Output = Reply> + Send,
{
    fn start(&mut self, method: &'static Method, request: Request) {
        self.future.set(Some((self.run)(method, request)));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Reply> {
        let Some(future) = self.future.as_mut().as_pin_mut() else {
            debug_assert!(false, "a slot is polled only after it was started");
            return Poll::Pending;
        };
        let reply = ready!(future.poll(cx));
        self.future.set(None);
        Poll::Ready(reply)
    }
}

/// One service, a tuple of up to eight, or a list of boxed ones, to be served on one connection or port.
pub trait Services {
    #[doc(hidden)]
    fn into_services(self) -> Vec<Box<dyn Service>>;
}

impl<S: Service> Services for S {
    fn into_services(self) -> Vec<Box<dyn Service>> {
        vec![Box::new(self)]
    }
}

impl Services for Vec<Box<dyn Service>> {
    fn into_services(self) -> Self {
        self
    }
}

macro_rules! tuples {
    ($($($name:ident)+;)*) => {$(
        impl<$($name: Service),+> Services for ($($name,)+) {
            fn into_services(self) -> Vec<Box<dyn Service>> {
                #[allow(non_snake_case, reason = "the type parameters name the fields")]
                let ($($name,)+) = self;
                vec![$(Box::new($name)),+]
            }
        }
    )*};
}

tuples! {
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}
