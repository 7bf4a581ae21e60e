//! Who comes and goes: counted, and told as it happens.

use hton::{Closed, ConnectionInfo, Observer, PeerInfo};
use std::sync::atomic::{AtomicU64, Ordering};

/// Sees every connection of a server.
pub(crate) struct Door {
    open: AtomicU64,
    accepted: AtomicU64,
    /// Whether to print what happens.
    tells: bool,
}

impl Door {
    pub(crate) const fn new(tells: bool) -> Self {
        Self { open: AtomicU64::new(0), accepted: AtomicU64::new(0), tells }
    }

    /// How many connections are open, and how many there were.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.open.load(Ordering::Relaxed), self.accepted.load(Ordering::Relaxed))
    }

    fn tell(&self, what: &str, connection: &ConnectionInfo, more: &str) {
        if self.tells {
            let from =
                connection.addr.map_or_else(String::new, |address| format!(" from {address}"));
            println!("{what} connection {}{from}{more}", connection.number);
        }
    }
}

impl Observer for Door {
    fn accepted(&self, connection: &ConnectionInfo) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        self.tell("accepted", connection, "");
    }

    fn rejected(&self, peer: &PeerInfo, reason: &str) {
        if self.tells {
            println!(
                "rejected {}: {reason}",
                peer.addr.map_or_else(String::new, |a| a.to_string())
            );
        }
    }

    fn closed(&self, connection: &ConnectionInfo, how: &Closed) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.tell("closed", connection, &format!(": {how}"));
    }
}
