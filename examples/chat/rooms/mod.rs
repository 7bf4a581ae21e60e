//! The server of the chat, as `chat-server` runs it, as `chat` does when it is given no address, and as
//! tests do.

mod door;
mod hall;
mod room;
pub(crate) mod wire;

pub(crate) use room::Bounds;

use door::Door;
use hall::{Desk, Hall};
use hton::{Address, Report, Server};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use wire::{ChatServer, ChatStats};

/// A server with its rooms.
pub(crate) struct House {
    server: Server,
    hall: Arc<Hall>,
}

impl House {
    /// Opens the server. `tells` = print who comes and goes.
    pub(crate) async fn open(
        address: impl Into<Address>,
        bounds: Bounds,
        tells: bool,
    ) -> Result<Self, hton::Error> {
        let door = Arc::new(Door::new(tells));
        let hall = Hall::new(bounds, Arc::clone(&door));
        let desks = Arc::clone(&hall);
        let bound = Server::bind(address).await?.observe(door);
        let server = bound.serve_with(move |_| ChatServer::new(Desk::new(&desks)))?;
        Ok(Self { server, hall })
    }

    pub(crate) fn address(&self) -> Address {
        self.server.local_addr()
    }

    /// Tells everybody, lets what was said reach them, and closes.
    pub(crate) async fn close(self) -> (Report, ChatStats) {
        self.hall.close();
        let report = self.server.drain().await;
        (report, self.hall.stats())
    }
}

/// A number that nobody guesses.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
