//! What a peer stands on: one connection, or one that comes again.

use crate::call::{Carried, Outgoing, RawCall, Via};
use crate::events::Watched;
use crate::identity::{Identity, PeerInfo};
use crate::link::{Closed, Link};
use crate::peer::Handle;
use crate::redial::{Redial, Through};
use crate::stats::Stats;
use rpc_core::Limits;
use std::sync::Arc;
use tokio::runtime;

/// What a peer stands on.
#[derive(Clone)]
pub(crate) enum Base {
    Link(Arc<Handle>),
    Redial(Arc<Redial>),
}

/// What takes one call to the other end.
pub(crate) enum Carrier {
    /// One connection, without anything in between.
    Raw(Arc<Handle>),
    Via(Arc<dyn Via>),
}

impl Base {
    /// The connection that is there now.
    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        match self {
            Self::Link(handle) => Some(Arc::clone(&handle.link)),
            Self::Redial(redial) => redial.link(),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        match self {
            Self::Link(handle) => handle.link.limits(),
            Self::Redial(redial) => redial.limits(),
        }
    }

    pub(crate) fn info(&self) -> PeerInfo {
        self.link().map(|link| link.about.info()).unwrap_or_default()
    }

    pub(crate) fn identity(&self) -> Identity {
        self.info().identity
    }

    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Link(handle) => handle.link.lock().ended.is_some(),
            Self::Redial(redial) => redial.is_closed(),
        }
    }

    pub(crate) fn closed(&self) -> impl Future<Output = Closed> + Send + 'static + use<> {
        let (link, redial) = match self {
            Self::Link(handle) => (Some(Arc::clone(&handle.link)), None),
            Self::Redial(redial) => (None, Some(redial.closed())),
        };
        async move {
            match (link, redial) {
                (Some(link), _) => link.closed().await,
                (None, Some(redial)) => redial.await,
                (None, None) => std::future::pending().await,
            }
        }
    }

    pub(crate) fn close(&self, why: &str) {
        match self {
            Self::Link(handle) => handle.link.finish(why),
            Self::Redial(redial) => redial.close(why),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let Some(link) = self.link() else { return Stats::default() };
        let mut stats = Stats {
            connections: usize::from(link.lock().ended.is_none()),
            accepted: 1,
            answered: link.router.stats().collect(),
            asked: link.about.watched().map(Watched::asked).unwrap_or_default(),
            ..Stats::default()
        };
        link.add_to(&mut stats);
        stats
    }

    pub(crate) fn carrier(&self) -> Carrier {
        match self {
            Self::Link(handle) => Carrier::Raw(Arc::clone(handle)),
            Self::Redial(redial) => Carrier::Via(Arc::new(Through(Arc::clone(redial)))),
        }
    }
}

impl Carrier {
    /// As what stands behind layers.
    pub(crate) fn into_via(self) -> Arc<dyn Via> {
        match self {
            Self::Raw(handle) => Arc::new(Over(handle)),
            Self::Via(via) => via,
        }
    }
}

/// A connection as what stands behind layers.
struct Over(Arc<Handle>);

impl Via for Over {
    fn send(&self, call: Outgoing) -> Carried {
        Box::pin(RawCall::new(Arc::clone(&self.0), call))
    }

    fn peer(&self) -> PeerInfo {
        self.0.link.about.info()
    }

    fn runtime(&self) -> Option<runtime::Handle> {
        self.0.link.runtime().cloned()
    }
}
