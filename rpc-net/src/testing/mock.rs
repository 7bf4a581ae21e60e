//! A service made of closures, which notes who called what.

use crate::request::{Reply, Request};
use crate::service::{Service, Slot, slot};
use rpc_core::archive::{DecodeError, DecodeLimits, Decoder};
use rpc_core::{Metadata, Method, MethodId, Status};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

type Answering = Pin<Box<dyn Future<Output = Reply> + Send>>;
type Answer = Arc<dyn Fn(Request) -> Answering + Send + Sync>;

/// A service that answers each method with a closure, under the method's full name. A method that it was
/// not given is answered with [`Code::UNIMPLEMENTED`](rpc_core::Code::UNIMPLEMENTED).
///
/// A closure takes the tuple of the arguments: `()` for none, `(a,)` for one. Clones are the same mock: serve
/// one and ask the other what was called.
///
/// ```
/// use rpc_net::testing::{self, Mock};
///
/// let mock = Mock::new()
///     .on("Calc/add", |(a, b): (i64, i64)| a + b)
///     .on_err("Calc/divide", |(_, _): (i64, i64)| Err::<i64, _>("it never divides"))
///     .expect("Calc/add", 0);
/// let peer = testing::client(mock.clone());
/// // … code that is to call `peer` …
/// assert_eq!(mock.calls("Calc/add"), 0);
/// mock.verify();
/// # let _ = peer;
/// ```
///
/// It keeps the names of its methods until the process ends: it is for tests.
#[derive(Clone, Default)]
pub struct Mock {
    answers: Vec<(Method, Answer)>,
    expected: Vec<(String, usize)>,
    /// What the router reads; made when the mock is served.
    methods: Arc<OnceLock<&'static [Method]>>,
    log: Arc<Mutex<Vec<Called>>>,
}

/// A call that came.
struct Called {
    method: &'static str,
    arguments: Vec<u8>,
    metadata: Metadata,
}

impl Mock {
    /// A service without methods.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers `method` with what the closure returns.
    #[must_use]
    pub fn on<A, R>(self, method: &str, answer: impl Fn(A) -> R + Send + Sync + 'static) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        R: Serialize + Send + Sync + 'static,
    {
        let answer = Arc::new(answer);
        self.add(method, Method::new, move |request| {
            let answer = Arc::clone(&answer);
            Box::pin(async move {
                match arguments(&request) {
                    Ok(arguments) => request.ok(&answer(arguments)).await,
                    Err(error) => request.undecodable(&error),
                }
            })
        })
    }

    /// Answers `method` with a result, or with its own error.
    #[must_use]
    pub fn on_err<A, R, E>(
        self,
        method: &str,
        answer: impl Fn(A) -> Result<R, E> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        R: Serialize + Send + Sync + 'static,
        E: Serialize + Send + Sync + 'static,
    {
        let answer = Arc::new(answer);
        self.add(method, Method::new, move |request| {
            let answer = Arc::clone(&answer);
            Box::pin(async move {
                match arguments(&request).map(|arguments| answer(arguments)) {
                    Ok(Ok(result)) => request.ok(&result).await,
                    Ok(Err(error)) => request.declared(&error).await,
                    Err(error) => request.undecodable(&error),
                }
            })
        })
    }

    /// Answers `method` with a result, or with a status.
    #[must_use]
    pub fn on_status<A, R>(
        self,
        method: &str,
        answer: impl Fn(A) -> Result<R, Status> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        R: Serialize + Send + Sync + 'static,
    {
        let answer = Arc::new(answer);
        self.add(method, Method::new, move |request| {
            let answer = Arc::clone(&answer);
            Box::pin(async move {
                match arguments(&request).map(|arguments| answer(arguments)) {
                    Ok(Ok(result)) => request.ok(&result).await,
                    Ok(Err(status)) => request.status(status),
                    Err(error) => request.undecodable(&error),
                }
            })
        })
    }

    /// Takes one-way calls of `method`.
    #[must_use]
    pub fn on_oneway<A>(self, method: &str, take: impl Fn(A) + Send + Sync + 'static) -> Self
    where
        A: DeserializeOwned + Send + 'static,
    {
        let oneway = |name, id| Method::new(name, id).oneway();
        self.add(method, oneway, move |request| {
            let reply = match arguments(&request).map(&take) {
                Ok(()) => request.done(),
                Err(error) => request.undecodable(&error),
            };
            Box::pin(std::future::ready(reply))
        })
    }

    /// Answers `method` with a stream of the items that the closure returns.
    #[must_use]
    pub fn on_items<A, T>(
        self,
        method: &str,
        answer: impl Fn(A) -> Vec<T> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + Send + 'static,
        T: Serialize + Send + Sync + 'static,
    {
        let streaming = |name, id| Method::new(name, id).items_out();
        let answer = Arc::new(answer);
        self.add(method, streaming, move |request| {
            let answer = Arc::clone(&answer);
            Box::pin(async move {
                match arguments(&request) {
                    Ok(arguments) => {
                        let items = crate::stream::iter(answer(arguments));
                        request.items(items, |out, item: &T| out.value(item)).await
                    }
                    Err(error) => request.undecodable(&error),
                }
            })
        })
    }

    /// Expects so many calls of `method` until [`verify`](Self::verify).
    #[must_use]
    pub fn expect(mut self, method: &str, calls: usize) -> Self {
        self.expected.push((method.to_owned(), calls));
        self
    }

    /// Holds what was expected against what came.
    ///
    /// # Panics
    ///
    /// If they differ, with every difference.
    #[track_caller]
    pub fn verify(&self) {
        let differs = |(method, calls): &(String, usize)| {
            let came = self.calls(method);
            (came != *calls).then(|| format!("{method}: {came} calls instead of {calls}"))
        };
        let differences: Vec<_> = self.expected.iter().filter_map(differs).collect();
        assert!(differences.is_empty(), "{}", differences.join("; "));
    }

    /// How many calls of `method` came.
    #[must_use]
    pub fn calls(&self, method: &str) -> usize {
        self.log().iter().filter(|called| called.method == method).count()
    }

    /// The arguments of every call of `method` that came, in order.
    ///
    /// # Panics
    ///
    /// If they are no such tuple.
    #[must_use]
    #[track_caller]
    pub fn arguments<A: DeserializeOwned>(&self, method: &str) -> Vec<A> {
        let decode = |called: &Called| {
            let mut decoder = Decoder::new(&called.arguments, DecodeLimits::default());
            let arguments = decoder.value("arguments");
            arguments.and_then(|arguments| decoder.finish().map(|()| arguments))
        };
        let decoded: Result<_, DecodeError> =
            self.log().iter().filter(|called| called.method == method).map(decode).collect();
        match decoded {
            Ok(arguments) => arguments,
            Err(error) => panic!("the arguments of {method} are of another type: {error}"),
        }
    }

    /// The metadata of every call of `method` that came, in order.
    #[must_use]
    pub fn metadata(&self, method: &str) -> Vec<Metadata> {
        let log = self.log();
        let called = log.iter().filter(|called| called.method == method);
        called.map(|called| called.metadata.clone()).collect()
    }

    fn add(
        mut self,
        name: &str,
        method: impl Fn(&'static str, MethodId) -> Method,
        answer: impl Fn(Request) -> Answering + Send + Sync + 'static,
    ) -> Self {
        let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
        self.answers.retain(|(method, _)| method.full_name() != name);
        self.answers.push((method(name, MethodId::of(name)), Arc::new(answer)));
        self.methods = Arc::default();
        self
    }

    fn log(&self) -> MutexGuard<'_, Vec<Called>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All arguments of a call: a tuple lies in a message as its parts do, one after the other.
fn arguments<A: DeserializeOwned>(request: &Request) -> Result<A, DecodeError> {
    let mut decoder = request.args();
    let arguments = decoder.value("arguments")?;
    decoder.finish().map(|()| arguments)
}

impl Service for Mock {
    fn methods(&self) -> &'static [Method] {
        self.methods.get_or_init(|| {
            let methods: Vec<_> = self.answers.iter().map(|(method, _)| *method).collect();
            Box::leak(methods.into_boxed_slice())
        })
    }

    fn slot(&self) -> Box<dyn Slot> {
        let mock = self.clone();
        slot(move |method, request| {
            let called = Called {
                method: method.full_name(),
                arguments: request.body().to_vec(),
                metadata: request.context().metadata().clone(),
            };
            mock.log().push(called);
            let answer = mock.answers.iter().find(|(known, _)| known == method);
            let answer = answer.map(|(_, answer)| Arc::clone(answer));
            async move {
                match answer {
                    Some(answer) => answer(request).await,
                    None => request.unknown(method),
                }
            }
        })
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods = self.answers.iter().map(|(method, _)| method.full_name());
        f.debug_list().entries(methods).finish()
    }
}
