//! The layer that bounds how long a call may take.

use super::{Finish, Kind, Layer, LayerCall, LayerFuture, Next};
use rpc_core::Status;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Bounds how long a call may take behind this layer. A deadline that is earlier stays.
///
/// On the asking side the bound travels with the call, so that the peer drops the handler; inside of a
/// [`Retry`](super::Retry) it bounds each try. On the answering side the handler is dropped. A call that
/// is late finishes with [`Code::DEADLINE_EXCEEDED`](rpc_core::Code::DEADLINE_EXCEEDED).
///
/// Streams are left alone unless [`streams`](Self::streams) says otherwise: some are meant to last.
///
/// ```
/// # fn example(peer: rpc_net::Peer) {
/// use rpc_net::layer::Timeout;
/// use std::time::Duration;
/// let hasty = peer.layer(Timeout::new(Duration::from_millis(200)));
/// # let _ = hasty; }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Timeout {
    within: Duration,
    streams: bool,
}

impl Timeout {
    /// Bounds each call to this time.
    pub const fn new(within: Duration) -> Self {
        Self { within, streams: false }
    }

    /// Bounds streaming calls, too, up to their last item.
    pub const fn streams(mut self) -> Self {
        self.streams = true;
        self
    }

    async fn pass(&self, call: &mut LayerCall, next: Next<'_>) -> Finish {
        let Some(at) = Instant::now().checked_add(self.within) else {
            return next.run(call).await;
        };
        // What travels is cut to whole milliseconds, and must not come before the time has passed.
        let before = call.limit_deadline(at + Duration::from_millis(1));
        let until = before.map_or(at, |deadline| deadline.min(at));
        let passed = timeout_at(until, next.run(call)).await;
        call.restore_deadline(before);
        match passed {
            Ok(finish) => finish,
            Err(_) => call.reject(Status::deadline_exceeded("the time for the call has passed")),
        }
    }
}

impl Layer for Timeout {
    fn call<'a>(&'a self, call: &'a mut LayerCall, next: Next<'a>) -> LayerFuture<'a> {
        if call.kind() == Kind::Streams && !self.streams {
            return next.run(call);
        }
        Box::pin(self.pass(call, next))
    }
}
