//! A call on its way through the layers.

use super::Extensions;
use super::finish::{Finish, refused};
use crate::call::{Outgoing, Via};
use crate::events::Role;
use crate::identity::{Identity, PeerInfo};
use crate::request::{Reply, Request};
use crate::scope::Scope;
use crate::service::Slot;
use rpc_core::{Executed, Metadata, Method, Retry, Status};
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// What goes to and fro in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// One message each way.
    Unary,
    /// One message and no answer. On the asking side it has finished when it was written.
    OneWay,
    /// Items as well, in one direction or in both. It finishes after the last of them.
    Streams,
}

/// One call, as the layers see it on its way.
pub struct LayerCall {
    method: &'static Method,
    metadata: Metadata,
    deadline: Option<Instant>,
    peer: PeerInfo,
    extensions: Extensions,
    nested: bool,
    /// It has gone to where it was to go: its handler may have run.
    reached: bool,
    keeps: bool,
    role: Role,
    /// Never locked: the mutex lets futures hold `&LayerCall`, though what it carries is not `Sync`.
    cargo: Mutex<Cargo>,
}

/// What the layers do not see, and where it goes.
enum Cargo {
    /// To the peer.
    Asking { call: Option<Outgoing>, via: Arc<dyn Via> },
    /// To the handler. The slot comes back when the handler has ended.
    Answering { request: Option<Request>, slot: Option<Box<dyn Slot>> },
}

impl LayerCall {
    pub(super) fn asking(mut call: Outgoing, via: Arc<dyn Via>) -> Self {
        Self {
            method: call.method,
            metadata: std::mem::take(&mut call.metadata),
            deadline: call.deadline,
            peer: via.peer(),
            extensions: Extensions::default(),
            nested: Scope::current().is_some(),
            reached: false,
            keeps: false,
            role: Role::Asking,
            cargo: Mutex::new(Cargo::Asking { call: Some(call), via }),
        }
    }

    pub(super) fn answering(
        method: &'static Method,
        mut request: Request,
        slot: Box<dyn Slot>,
    ) -> Self {
        let context = request.context_mut();
        Self {
            method,
            metadata: std::mem::take(context.metadata_mut()),
            deadline: context.deadline,
            peer: PeerInfo { addr: context.peer_addr(), identity: context.identity().clone() },
            extensions: Extensions::default(),
            nested: false,
            reached: false,
            keeps: false,
            role: Role::Answering,
            cargo: Mutex::new(Cargo::Answering { request: Some(request), slot: Some(slot) }),
        }
    }

    /// On which side of the call the layer stands: around a call of a peer, or around a handler.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// `"Service/method"`.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        self.method.full_name()
    }

    /// What goes to and fro in it.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self.method {
            method if method.is_oneway() => Kind::OneWay,
            method if method.has_items_in() || method.has_items_out() => Kind::Streams,
            _ => Kind::Unary,
        }
    }

    /// Whether a handler makes this call, on the asking side. Such a call should not wait for other calls
    /// to end: they may wait for that handler.
    #[must_use]
    pub const fn is_nested(&self) -> bool {
        self.nested
    }

    /// When the call ends at the latest; `None` = no limit.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Sets when the call ends at the latest, for what stands behind this layer. An earlier deadline stays
    /// as it is. Returns what was set before, for [`restore_deadline`](Self::restore_deadline).
    pub fn limit_deadline(&mut self, at: Instant) -> Option<Instant> {
        let earliest = self.deadline.map_or(at, |deadline| deadline.min(at));
        self.deadline.replace(earliest)
    }

    /// Sets back what [`limit_deadline`](Self::limit_deadline) returned: layers outside of this one may try
    /// again, and their limit is their own.
    pub fn restore_deadline(&mut self, before: Option<Instant>) {
        self.deadline = before;
    }

    /// What travels beside the arguments.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What travels beside the arguments, to be changed: before it is sent on the asking side, before the
    /// handler sees it on the answering side.
    #[must_use]
    pub const fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// The address of the other end, when the transport has addresses and a connection is there.
    #[must_use]
    pub const fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer.addr
    }

    /// Who the other end is, as far as the transport or an accepted token vouches for it.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.peer.identity
    }

    /// Leaves a value for the layers behind this one and, on the answering side, for the handler
    /// ([`Context::get`](crate::Context::get)). There is one value of each type; the old one is returned.
    pub fn put<T: Send + Sync + 'static>(&mut self, value: T) -> Option<T> {
        self.extensions.put(value)
    }

    /// The value of this type that a layer has left. Once a handler has run it is gone.
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.extensions.get()
    }

    /// Keeps the arguments, so that the call can be handed on again after it has come back. Returns whether
    /// that is possible: only for unary and one-way calls on the asking side. It costs a copy of the arguments for
    /// each time that the call is handed on.
    pub fn keep(&mut self) -> bool {
        self.keeps = self.role() == Role::Asking && self.kind() != Kind::Streams;
        self.keeps
    }

    /// Finishes the call without handing it on, or in spite of what came back.
    ///
    /// If the call was not handed on it counts as not executed, unless the status says
    /// [`Retry::Never`]; otherwise its handler may have run, unless the status says [`Retry::Safe`].
    #[must_use = "return it from the layer"]
    pub fn reject(&self, status: Status) -> Finish {
        let executed = if self.reached { Executed::Maybe } else { Executed::No };
        match self.role() {
            Role::Asking => Finish::asked(refused(status, executed)),
            Role::Answering => {
                let retry = match (status.retry(), executed) {
                    (Retry::Unknown, Executed::No) => Retry::Safe,
                    (retry, _) => retry,
                };
                let (code, app) = (status.code(), status.app());
                let reply = Reply::fault(code, retry, status.into_message());
                Finish::answered(Reply { app, ..reply })
            }
        }
    }

    /// Behind the last layer: to the peer, or to the handler.
    pub(super) async fn arrive(&mut self) -> Finish {
        let reached = std::mem::replace(&mut self.reached, true);
        let finish = match self.role() {
            Role::Asking => self.send().await,
            Role::Answering => self.handle().await,
        };
        match finish {
            Some(finish) => {
                self.reached = reached || finish.executed() == Executed::Maybe;
                finish
            }
            None => {
                self.reached = reached;
                let text = "a layer handed the call on again without keeping it";
                self.reject(Status::failed_precondition(text))
            }
        }
    }

    async fn send(&mut self) -> Option<Finish> {
        let Cargo::Asking { call, via } = inside(&mut self.cargo) else { return None };
        let kept = if self.keeps { call.as_ref().and_then(Outgoing::again) } else { None };
        let mut call = kept.or_else(|| call.take())?;
        call.metadata = self.metadata.clone();
        call.deadline = self.deadline;
        Some(Finish::asked(via.send(call).await))
    }

    async fn handle(&mut self) -> Option<Finish> {
        let Cargo::Answering { request, slot: place } = inside(&mut self.cargo) else {
            return None;
        };
        let (mut request, mut slot) = (request.take()?, place.take()?);
        let context = request.context_mut();
        context.deadline = self.deadline;
        *context.metadata_mut() = self.metadata.clone();
        context.extensions = std::mem::take(&mut self.extensions);
        slot.start(self.method, request);
        let scope = Scope { deadline: self.deadline };
        let reply = poll_fn(|cx| scope.enter(|| slot.poll(cx))).await;
        *place = Some(slot);
        Some(Finish::answered(reply))
    }

    /// The call, to be carried on apart from this; what stays can be looked at, and handed on again only if
    /// it is kept.
    #[cfg(feature = "tower")]
    pub(super) fn part(&mut self) -> Self {
        let keeps = self.keeps;
        let cargo = match inside(&mut self.cargo) {
            Cargo::Asking { call, via } => {
                let kept = if keeps { call.as_ref().and_then(Outgoing::again) } else { None };
                Cargo::Asking { call: kept.or_else(|| call.take()), via: Arc::clone(via) }
            }
            Cargo::Answering { request, slot } => {
                Cargo::Answering { request: request.take(), slot: slot.take() }
            }
        };
        Self {
            method: self.method,
            metadata: self.metadata.clone(),
            deadline: self.deadline,
            peer: self.peer.clone(),
            extensions: std::mem::take(&mut self.extensions),
            nested: self.nested,
            reached: self.reached,
            keeps: false,
            role: self.role,
            cargo: Mutex::new(cargo),
        }
    }

    /// Whether what was parted from it has gone to where it was to go.
    #[cfg(feature = "tower")]
    pub(super) const fn note_reached(&mut self, reached: bool) {
        self.reached |= reached;
    }

    /// The slot that handlers run in, once none does.
    pub(super) fn into_slot(self) -> Option<Box<dyn Slot>> {
        match self.cargo.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Cargo::Answering { slot, .. } => slot,
            Cargo::Asking { .. } => None,
        }
    }
}

fn inside(cargo: &mut Mutex<Cargo>) -> &mut Cargo {
    cargo.get_mut().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for LayerCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayerCall")
            .field("role", &self.role())
            .field("method", &self.method())
            .field("kind", &self.kind())
            .field("nested", &self.nested)
            .field("peer", &self.peer)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}
