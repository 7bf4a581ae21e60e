//! Which service answers a method.

use crate::error::Error;
use crate::layer::{Layered, Layers};
use crate::service::{Service, Services, Slot};
use crate::stats::{Counters, MethodStats};
use rpc_core::schema::Signature;
use rpc_core::{Code, Method, MethodId};
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// Long polls in a row after which a method counts as slow. One may be long because the system ran
/// another program in its middle.
const SLOW_POLLS: u8 = 3;

/// The services of one port or peer, found by method id or by name. Fixed once it serves.
#[derive(Default)]
pub(crate) struct Router {
    services: Vec<Box<dyn Service>>,
    /// In the order of their ids: found by bisection, which for a few methods costs less than a hash.
    methods: Vec<Route>,
    /// By [`Route::index`]: how often in a row the method computed for long without awaiting.
    slow: Vec<AtomicU8>,
    /// By [`Route::index`]: how its calls ended.
    counters: Vec<(&'static Method, Counters)>,
}

/// A method that is served here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static Method,
    /// Its types, found out when it was registered.
    pub(crate) signature: &'static Signature,
    /// Index of the service, in the order of registration.
    pub(crate) service: usize,
    /// Index of the method among all.
    index: usize,
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl Router {
    /// The router of these services, unless two methods share an id or one cannot be called at all.
    pub(crate) fn new(services: impl Services) -> Result<Self, Error> {
        Self::within(&Layers::default(), services)
    }

    /// The router of these services, with layers around each.
    pub(crate) fn within(layers: &Layers, services: impl Services) -> Result<Self, Error> {
        let mut router = Self::default();
        for service in services.into_services() {
            let service: Box<dyn Service> = match layers.is_empty() {
                true => service,
                false => Box::new(Layered::all(service.into(), layers)),
            };
            for method in service.methods() {
                let index = router.slow.len();
                router.slow.push(AtomicU8::new(0));
                router.counters.push((method, Counters::default()));
                let signature = method.signature();
                if let Some(problem) = signature.problem() {
                    return Err(Error::schema(method, problem));
                }
                let route = Route { method, signature, service: router.services.len(), index };
                match router.place(method.id()) {
                    Ok(at) => {
                        let first = router.methods.get(at).map_or(method, |first| first.method);
                        return Err(Error::collision(first, method));
                    }
                    Err(place) => router.methods.insert(place, route),
                }
            }
            router.services.push(service);
        }
        Ok(router)
    }

    /// Whether the method's handler is to run in a task from the start.
    pub(crate) fn is_slow(&self, route: Route) -> bool {
        self.slow.get(route.index).is_some_and(|polls| polls.load(Ordering::Relaxed) >= SLOW_POLLS)
    }

    /// Remembers, for all connections, whether the method's handler computed for long.
    pub(crate) fn judge(&self, route: Route, long: bool) {
        let Some(polls) = self.slow.get(route.index) else { return };
        let before = polls.load(Ordering::Relaxed);
        if before < SLOW_POLLS {
            polls.store(if long { before + 1 } else { 0 }, Ordering::Relaxed);
        }
    }

    /// Counts calls of the method that ended with the same code after the same time.
    pub(crate) fn count(&self, route: Route, calls: u64, code: Code, took: Duration) {
        if let Some((_, counters)) = self.counters.get(route.index) {
            counters.count(calls, code, took);
        }
    }

    /// What was counted so far.
    pub(crate) fn stats(&self) -> impl Iterator<Item = MethodStats> {
        self.counters.iter().filter_map(|(method, counters)| counters.snapshot(method.full_name()))
    }

    pub(crate) fn by_id(&self, id: MethodId) -> Option<Route> {
        self.place(id).ok().and_then(|place| self.methods.get(place)).copied()
    }

    /// Where the method with this id is, or would be.
    fn place(&self, id: MethodId) -> Result<usize, usize> {
        self.methods.binary_search_by_key(&id.get(), |route| route.method.id().get())
    }

    pub(crate) fn by_name(&self, full_name: &str) -> Option<Route> {
        self.by_id(MethodId::of(full_name)).filter(|route| route.method.full_name() == full_name)
    }

    /// A new slot of the service with this index.
    pub(crate) fn slot(&self, service: usize) -> Option<Box<dyn Slot>> {
        self.services.get(service).map(|service| service.slot())
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.methods.iter().map(|route| route.method.full_name())).finish()
    }
}
