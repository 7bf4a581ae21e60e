//! Driving a connection whose stream is given back at its end.

use super::Link;
use super::desk::LastWords;
use super::driver::{Driver, Phase, Turn};
use crate::error::Error;
use bytes::Bytes;
use rpc_core::Time;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// As [`drive`](super::drive), but gives the stream back when both sides have said that the connection is over, with
/// the bytes that were read behind the peer's last frame.
pub(crate) fn drive_and_return<S>(
    link: Arc<Link>,
    socket: S,
) -> impl Future<Output = Result<(S, Bytes), Error>> + use<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut driver = Driver::new(Arc::clone(&link), socket);
    driver.returns = true;
    async move {
        poll_fn(|cx| driver.poll(cx)).await;
        let Driver { socket, mut input, returned: true, .. } = driver else {
            return Err(Error::NotReturned { reason: link.closed().await.to_string() });
        };
        Ok((socket, input.take()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Says this side's last frame, and gives the stream back when the peer has said its own.
    pub(super) fn part(&mut self, now: Time) -> Option<Turn> {
        let (parted, output) = {
            let mut state = self.link.lock();
            state.machine.part();
            (state.machine.has_parted(), state.machine.has_output())
        };
        if output && self.stalled.is_none() && self.broken.is_none() {
            return Some(Turn::Again);
        }
        if !parted || output || self.stalled.is_some() {
            return None;
        }
        self.end(now, "both sides have finished", LastWords::Said);
        (self.phase, self.returned) = (Phase::Over, true);
        Some(Turn::Again)
    }
}
