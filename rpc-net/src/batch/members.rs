//! The calls of a batch, without their types.

use super::apart::Apart;
use super::crew::Crew;
use crate::call::{Ending, Inner};
use crate::link::Link;
use crate::peer::Handle;
use crate::scope::Scope;
use rpc_core::archive::DecodeLimits;
use rpc_core::{Code, Method};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// How one of them ended.
#[derive(Debug)]
pub(crate) struct Ended<'a> {
    /// Which one.
    pub(crate) number: usize,
    pub(crate) ending: &'a Ending,
    pub(crate) method: &'static Method,
    pub(crate) limits: DecodeLimits,
}

/// Learns how they end.
pub(super) type Tell<'a> = dyn FnMut(Ended<'_>) + 'a;

/// Calls that are awaited together.
pub(crate) struct Members {
    /// Stand first: open calls are cancelled before anybody is told that they are dropped.
    crews: Vec<Crew>,
    calls: Calls,
    apart: Option<Apart>,
    begun: bool,
}

/// The calls, by their numbers.
pub(super) struct Calls {
    calls: Vec<Inner>,
    /// How many have not ended.
    left: usize,
    /// It was said that all have ended.
    resolved: bool,
}

impl Calls {
    pub(super) fn get(&mut self, number: u32) -> Option<&mut Inner> {
        self.calls.get_mut(number as usize)
    }

    /// One has ended.
    #[inline]
    pub(super) fn end(&mut self, number: u32, ending: &Ending, tell: &mut Tell<'_>) {
        let Some(call) = self.calls.get_mut(number as usize) else { return };
        call.settle(ending.code());
        let (method, limits) = (call.method(), call.limits());
        tell(Ended { number: number as usize, ending, method, limits });
        // Last: if the value panics, the batch stays without an end.
        self.left = self.left.saturating_sub(1);
    }

    fn numbers(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.calls.len()).unwrap_or(u32::MAX)
    }
}

impl Members {
    pub(super) fn new(calls: Vec<Inner>) -> Self {
        let left = calls.len();
        let calls = Calls { calls, left, resolved: false };
        Self { crews: Vec::new(), calls, apart: None, begun: false }
    }

    /// How many have not ended.
    pub(super) const fn left(&self) -> usize {
        self.calls.left
    }

    /// Runs the calls to their ends. Ready once, when `tell` was told of each.
    pub(super) fn poll(&mut self, cx: &Context<'_>, tell: &mut Tell<'_>) -> Poll<()> {
        if self.calls.resolved {
            // A future that is polled after it resolved has nothing more to say.
            return Poll::Pending;
        }
        if !std::mem::replace(&mut self.begun, true) {
            self.begin();
        }
        let scope = Scope::current();
        for crew in &mut self.crews {
            crew.poll(&mut self.calls, scope, cx, tell);
        }
        if let Some(apart) = &mut self.apart {
            apart.poll(&mut self.calls, cx, tell);
        }
        if self.calls.left > 0 {
            return Poll::Pending;
        }
        self.calls.resolved = true;
        // They keep their connections.
        self.crews = Vec::new();
        Poll::Ready(())
    }

    /// Finds out which calls go together.
    fn begin(&mut self) {
        let expected = self.calls.left;
        for number in self.calls.numbers() {
            let Some(call) = self.calls.get(number) else { continue };
            let has_handle = call.has_handle();
            match call.raw().and_then(|call| call.as_fresh()) {
                Some(handle) => crew(&mut self.crews, handle, expected).add(number, has_handle),
                None => self.apart.get_or_insert_default().add(number),
            }
        }
        for crew in &mut self.crews {
            crew.begin(&mut self.calls);
        }
    }

    /// The longest time that one of them was given; `None` = one may take as long as it likes. What cannot
    /// be sent takes none.
    fn longest(&mut self) -> Option<Duration> {
        let calls = self.calls.calls.iter_mut().filter(|call| !call.is_spoiled());
        let timeouts = calls.map(|call| call.outgoing()?.timeout());
        timeouts.collect::<Option<Vec<_>>>()?.into_iter().max()
    }
}

/// For threads that block.
impl crate::blocking::Awaited for Members {
    fn is_sent(&mut self) -> bool {
        self.begun
    }

    fn timeout(&mut self) -> Option<Duration> {
        self.longest()
    }

    fn needs_runtime(&self) -> bool {
        self.calls.calls.iter().any(Inner::needs_runtime)
    }

    fn has_ended(&self) -> bool {
        self.calls.resolved
    }

    fn link(&self) -> Option<&Link> {
        let open = self.calls.calls.iter().filter(|call| !call.has_ended());
        let mut links = open.map(Inner::link);
        let link = links.next()??;
        links.all(|other| other.is_some_and(|other| std::ptr::eq(link, other))).then_some(link)
    }

    fn cancel(&mut self) {
        self.end(Code::CANCELLED, crate::call::CANCELLED);
    }

    fn end(&mut self, code: Code, text: &str) {
        let cut: Vec<_> = self.crews.drain(..).flat_map(|mut crew| crew.cancel()).collect();
        for (number, executed) in cut {
            if let Some(call) = self.calls.get(number) {
                call.end_for(Ending::here(code, executed, text));
            }
        }
        let resolved = std::mem::take(&mut self.calls.resolved);
        let mut apart = Apart::default();
        for number in self.calls.numbers() {
            let Some(call) = self.calls.get(number) else { continue };
            if resolved || !call.has_ended() {
                if !call.is_spoiled() {
                    call.end(code, text);
                }
                apart.add(number);
            }
        }
        self.begun = true;
        self.calls.left = apart.len();
        self.apart = Some(apart);
    }
}

/// The crew of this connection, of so many calls at most. Mostly there is one.
fn crew<'a>(crews: &'a mut Vec<Crew>, handle: &Arc<Handle>, expected: usize) -> &'a mut Crew {
    let known = crews.iter().rposition(|crew| crew.is_over(&handle.link));
    let at = known.unwrap_or_else(|| {
        crews.push(Crew::new(Arc::clone(handle), if crews.is_empty() { expected } else { 0 }));
        crews.len() - 1
    });
    &mut crews[at]
}
