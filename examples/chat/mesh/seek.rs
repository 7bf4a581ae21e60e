//! How a node finds the others, and finds them again.

use super::wire::{Card, NodeClient, NodeServer, Welcome};
use super::{Desk, Mesh, NODES};
use hton::{Backoff, CloseCode, Connect, Error, Peer};
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long a node is looked for that did not say goodbye.
const PATIENCE: Duration = Duration::from_secs(60);
/// After how long one is told that a node is looked for.
const LONG: Duration = Duration::from_secs(3);

impl Mesh {
    /// Looks for the node at this address, unless it is met or looked for. A `known` one is looked for as
    /// long as this node lives.
    pub(super) fn seek(self: &Arc<Self>, address: String, known: bool) {
        let mut links = self.links();
        let is_new = address != self.me.address && links.sought.len() < NODES;
        if is_new && links.sought.insert(address.clone()) {
            let mesh = Arc::clone(self);
            tokio::spawn(async move {
                mesh.meet_again_and_again(&address, known).await;
                mesh.links().sought.remove(&address);
            });
        }
    }

    async fn meet_again_and_again(self: &Arc<Self>, address: &str, known: bool) {
        let backoff = Backoff::default().longest(Duration::from_secs(2));
        let backoff = if known { backoff.forever() } else { backoff.give_up_after(PATIENCE) };
        let mut waits = backoff.waits();
        loop {
            let left_well = match self.of(address) {
                // It was here first.
                Some(peer) => peer.closed().await.code == Some(CloseCode::GRACEFUL),
                None => match self.meet(address, backoff.clone()).await {
                    Ok(left_well) => left_well,
                    Err(_) if known => false,
                    Err(_) => return,
                },
            };
            if self.links().is_leaving || (left_well && !known) {
                return;
            }
            sleep(waits.next().unwrap_or_default()).await;
        }
    }

    /// Waits for a connection, and says so if it takes long.
    async fn patiently(&self, address: &str, connect: Connect) -> Result<Peer, Error> {
        let mut peer = pin!(connect.into_future());
        match timeout(LONG, &mut peer).await {
            Ok(peer) => peer,
            Err(_) => {
                self.screen.note(&format!("looking for {address} …"));
                peer.await
            }
        }
    }

    /// The connection to the node at this address.
    fn of(&self, address: &str) -> Option<Peer> {
        let links = self.links();
        links.open.values().find(|link| link.card.address == address).map(|link| link.peer.clone())
    }

    /// Meets the node at this address and keeps the connection. `true` = it ended gracefully.
    async fn meet(self: &Arc<Self>, address: &str, backoff: Backoff) -> Result<bool, Error> {
        let desk = Desk::new(self);
        let marks = Arc::clone(&desk.marks);
        let connect = hton::connect(address).retry(backoff).serve(NodeServer::new(desk))?;
        let peer = self.patiently(address, connect).await?;
        if self.of(address).is_some() {
            return Ok(false); // It has come to us meanwhile; this connection ends here.
        }
        let met = NodeClient::new(&peer).meet(self.me.clone(), self.seen()).await;
        // Nobody that one could talk to; or it was reset at once. It is looked for again if it is known.
        let Ok(Welcome { card, seen, others }) = met else { return Ok(true) };
        if self.links().is_leaving {
            return Ok(true);
        }
        *marks.lock().unwrap_or_else(PoisonError::into_inner) = seen.into_iter().collect();
        let number = self.enter(card, peer.clone());
        for Card { address, id, .. } in others {
            if id != self.me.id {
                self.seek(address, false);
            }
        }
        self.keep(number, &peer, &marks).await;
        Ok(peer.closed().await.code == Some(CloseCode::GRACEFUL))
    }
}
