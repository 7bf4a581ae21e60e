//! Accepting with a thread: it blocks in `accept` and hands what comes to the runtime, where each
//! connection is attached. For programs that have a listener of their own.

use crate::service::{Echo, StressServer};
use hton::{Limits, Side};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Connections that are accepted and not attached yet. More wait in the system's backlog.
const ACCEPTED: usize = 64;
/// A pause after a failed accept, such as for want of descriptors.
const PAUSE: Duration = Duration::from_millis(10);

/// A listener whose thread accepts.
pub(crate) struct Door {
    listener: TcpListener,
    address: SocketAddr,
    connections_max: usize,
}

impl Door {
    /// Listens.
    pub(crate) fn open(address: &str, connections_max: usize) -> io::Result<Self> {
        let listener = TcpListener::bind(address).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
        })?;
        Ok(Self { address: listener.local_addr()?, listener, connections_max })
    }

    pub(crate) const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, then lets the open calls finish; says how it went.
    pub(crate) async fn serve(
        self,
        echo: Arc<Echo>,
        limits: Limits,
        stop: impl Future<Output = ()>,
    ) -> io::Result<String> {
        let Self { listener, address, connections_max } = self;
        let (hand_over, mut accepted) = mpsc::channel(ACCEPTED);
        let accepting = thread::spawn(move || accept(&listener, &hand_over));
        let open = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&open);
        echo.count_with(move || counted.load(Ordering::Relaxed));

        let (leave, leaving) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_) = connections.join_next() => {}
                // One that is too many is closed here. The thread ends after this task alone.
                Some(stream) = accepted.recv() => if connections.len() < connections_max {
                    let service = StressServer::from_arc(Arc::clone(&echo));
                    let serve = attach(stream, service, limits.clone(), leaving.clone());
                    let counted = Counted::new(&open);
                    connections.spawn(async move {
                        // What cannot be attached is gone; the others go on.
                        let _ = serve.await;
                        drop(counted);
                    });
                }
            }
        }
        drop(accepted);
        let started = Instant::now();
        let count = connections.len();
        // It waits in `accept`, and learns that nobody takes connections any more from the next one.
        drop(TcpStream::connect(address));
        if accepting.join().is_err() {
            return Err(io::Error::other("the thread that accepts has panicked"));
        }
        leave.send_replace(true);
        while connections.join_next().await.is_some() {}
        Ok(format!("stopped in {:.1?}: {count} connections closed", started.elapsed()))
    }
}

/// Accepts until nobody takes what comes.
fn accept(listener: &TcpListener, hand_over: &mpsc::Sender<TcpStream>) {
    for stream in listener.incoming() {
        match stream {
            Ok(stream) => {
                if hand_over.blocking_send(stream).is_err() {
                    return;
                }
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// Serves one connection until it ends, or until everybody is to leave.
async fn attach(
    stream: TcpStream,
    service: StressServer<Echo>,
    limits: Limits,
    mut leaving: watch::Receiver<bool>,
) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let stream = tokio::net::TcpStream::from_std(stream)?;
    let attached = hton::attach(stream, Side::Acceptor).limits(limits).serve(service);
    let peer = attached.map_err(io::Error::other)?.start();
    tokio::select! {
        _ = peer.closed() => {}
        _ = leaving.changed() => {
            peer.close();
            peer.closed().await;
        }
    }
    Ok(())
}

/// One connection among those that are open.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
