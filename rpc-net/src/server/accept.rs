//! Accepting, and the task of each connection.

use super::house::{Guest, House, Place};
use crate::identity::PeerInfo;
use crate::link::{Counted, drive};
use crate::transport::Socket;
use crate::transport::listen::Listener;
use crate::transport::options::SocketOptions;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

/// Pauses after a failed accept: the listener must outlive a shortage of descriptors, without
/// spinning while it lasts.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long a crowd of connections that have not said HELLO is waited for, before one more takes the place
/// of the one that has been silent longest: it may be a crowd of honest clients that have all just come.
const PATIENCE: u32 = 20;
const CROWD_PAUSE: Duration = Duration::from_millis(5);
/// Connections that are told at once why they are refused. More are closed without a word.
const REFUSALS_MAX: usize = 64;

/// Accepts until the house is shut. No error ends it.
pub(super) async fn accept(house: Arc<House>, listener: Listener) {
    let mut pause = PAUSE_MIN;
    let mut patience = PATIENCE;
    let next = async || {
        while house.is_crowded() && patience > 0 {
            patience -= 1;
            sleep(CROWD_PAUSE).await;
        }
        if !house.is_crowded() {
            patience = PATIENCE;
        }
        listener.accept().await
    };
    let mut next = next;
    while let Some(accepted) = house.shut.run_until_cancelled(next()).await {
        match accepted {
            Ok(socket) => {
                pause = PAUSE_MIN;
                house.accepted(socket);
            }
            Err(_) => {
                let _ = house.shut.run_until_cancelled(sleep(pause)).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

impl House {
    fn accepted(self: &Arc<Self>, socket: Socket) {
        let info = socket.peer_info();
        // A peer that is gone already fails here; the driver would find the same.
        let Ok(options) = socket.set(&self.options) else { return };
        match socket {
            Socket::Tcp(stream) => self.receive(stream, info, Some(options)),
            #[cfg(unix)]
            Socket::Unix(stream) => self.receive(stream, info, Some(options)),
            Socket::Other(stream) => self.receive(stream, info, Some(options)),
        }
    }

    /// Serves a connection in a task of its own, or refuses it there.
    pub(super) fn receive<S>(
        self: &Arc<Self>,
        stream: S,
        info: PeerInfo,
        options: Option<SocketOptions>,
    ) where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        match self.admit() {
            Ok(place) => {
                let house = Arc::clone(self);
                self.tasks.spawn(serve(house, place, stream, info, options));
            }
            Err(why) => self.turn_away(stream, info, why),
        }
    }

    /// Refuses a connection, with a word if not too many are being told already.
    fn turn_away<S>(self: &Arc<Self>, stream: S, info: PeerInfo, why: String)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.rejected.fetch_add(1, Ordering::Relaxed);
        if let Some(watch) = &self.watch {
            watch.rejected(info.clone(), why.clone());
        }
        if self.refusals.load(Ordering::Relaxed) < REFUSALS_MAX {
            let counted = Counted::new(&self.refusals);
            self.tasks.spawn(refuse(Arc::clone(self), counted, stream, info, why));
        }
    }
}

async fn serve<S>(
    house: Arc<House>,
    place: Place,
    stream: S,
    info: PeerInfo,
    options: Option<SocketOptions>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let link = house.link(info, options, place.handshake);
    let guest = Guest::enter(house, &link, place.connection);
    // Pinned here: handed on it would stand in the task twice.
    let driving = pin!(drive(link, stream));
    guest.house.cut.run_until_cancelled(driving).await;
}

/// Tells the peer why, and goes no further. Not worth waiting for when the server stops.
async fn refuse<S>(house: Arc<House>, counted: Counted, stream: S, info: PeerInfo, why: String)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let link = house.refusal(info, &why);
    house.shut.run_until_cancelled(drive(link, stream)).await;
    drop(counted);
}
