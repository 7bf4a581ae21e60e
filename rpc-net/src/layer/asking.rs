//! Layers around the calls of a peer.

use super::{Layer, LayerCall, Layers, Next, around};
use crate::call::{Carried, Outgoing, Via, Within};
use crate::identity::PeerInfo;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Layers, and what carries the calls behind them.
pub(crate) struct Around {
    layers: Layers,
    via: Arc<dyn Via>,
}

impl Around {
    /// Layers around what carries the calls of a peer now.
    pub(crate) fn new(layer: impl Layer, via: Arc<dyn Via>) -> Self {
        match via.layers() {
            // One walk through all layers, not one for each.
            Some((layers, via)) => Self { layers: around(layer, layers), via: Arc::clone(via) },
            None => Self { layers: around(layer, &[]), via },
        }
    }
}

impl Via for Around {
    fn send(&self, call: Outgoing) -> Carried {
        let layers = Arc::clone(&self.layers);
        let mut call = LayerCall::asking(call, Arc::clone(&self.via));
        let passing = async move { Next::first(&layers).run(&mut call).await.into_ending() };
        Box::pin(Within::new(self.via.runtime(), passing))
    }

    fn peer(&self) -> PeerInfo {
        self.via.peer()
    }

    fn runtime(&self) -> Option<Handle> {
        self.via.runtime()
    }

    fn layers(&self) -> Option<(&Layers, &Arc<dyn Via>)> {
        Some((&self.layers, &self.via))
    }
}
