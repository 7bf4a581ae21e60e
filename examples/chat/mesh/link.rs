//! One connection of a mesh: what goes to the neighbour, and when it ends.

use super::Mesh;
use super::memory::Marks;
use super::wire::{Card, NodeClient};
use hton::{CloseCode, Peer};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A neighbour that takes longer to hear is no neighbour.
const HEARING: Duration = Duration::from_secs(10);

/// A neighbour.
pub(super) struct Link {
    pub(super) card: Card,
    pub(super) peer: Peer,
}

/// Tells the neighbour all that it has not seen, in the order in which this node has seen it; returns how
/// it ended, when it has.
pub(super) async fn told(mesh: &Mesh, peer: &Peer, marks: &Mutex<Marks>) -> &'static str {
    let node = NodeClient::new(peer);
    let mut news = mesh.news.subscribe();
    let mut place = 0;
    loop {
        news.borrow_and_update();
        let is_leaving = mesh.links().is_leaving;
        let seen = marks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (words, next) = mesh.memory().since(place, &seen);
        place = next;
        if words.is_empty() {
            if is_leaving {
                return "is left";
            }
            tokio::select! {
                closed = peer.closed() => return match closed.code {
                    Some(CloseCode::GRACEFUL) => "has left",
                    _ => "is gone: the connection was lost",
                },
                _ = news.changed() => {}
            }
        } else if node.hear(words).timeout(HEARING).await.is_err() {
            return "is gone: the connection was lost";
        }
    }
}
