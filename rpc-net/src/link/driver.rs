//! The task of one connection: it owns the socket, feeds the machine and writes what comes out.
//!
//! One turn writes what waits, then reads once and handles every frame that came. When callers got
//! their answers, the task goes behind them before the next turn: their next calls then leave in
//! one write.

use super::desk::{Desk, LastWords, Read};
use super::handlers::Handlers;
use super::io::{Input, Output};
use super::timer::Timer;
use super::{Link, State};
use rpc_core::connection::{self, Expiry};
use rpc_core::{CloseCode, Code, Executed, Time};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite};

/// Turns that are taken in a row before other tasks of the thread get theirs.
const TURNS: usize = 16;
/// How long, and how much, is still read after the last write, so that closing does not turn our
/// last words into a reset for a peer that is still writing.
const LINGER_MS: u64 = 1_000;
const LINGER_BYTES: usize = 1024 * 1024;

/// Drives a connection over `socket` until it ends. Every call in flight then ends with it.
///
/// Dropping the future cuts the connection: what waits is not written, calls fail.
pub(crate) async fn drive<S>(link: Arc<Link>, socket: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut driver = Driver::new(link, socket);
    poll_fn(|cx| driver.poll(cx)).await;
}

struct Driver<S> {
    link: Arc<Link>,
    socket: S,
    input: Input,
    output: Output,
    handlers: Handlers,
    desk: Desk,
    timer: Timer,
    phase: Phase,
    /// Since when a write has made no progress.
    stalled: Option<Time>,
    /// When a graceful end is no longer waited for.
    drain_by: Option<Time>,
    /// Why nothing can be written any more, and until when the peer's reason is still read for.
    broken: Option<(String, Time)>,
}

enum Phase {
    /// Calls go both ways.
    Serving,
    /// The end is decided; the last bytes are written.
    Flushing { until: Time },
    /// Nothing more is written; what the peer still sends is read and forgotten.
    Lingering { until: Time, bytes: usize },
    /// The socket may be closed.
    Over,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    fn new(link: Arc<Link>, socket: S) -> Self {
        Self {
            link,
            socket,
            input: Input::default(),
            output: Output::default(),
            handlers: Handlers::default(),
            desk: Desk::default(),
            timer: Timer::default(),
            phase: Phase::Serving,
            stalled: None,
            drain_by: None,
            broken: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..TURNS {
            let now = self.link.now();
            let goes_on = match &self.phase {
                Phase::Serving => self.serve(cx, now),
                Phase::Flushing { .. } => self.flush(cx, now),
                Phase::Lingering { .. } => self.linger(cx, now),
                Phase::Over => return Poll::Ready(()),
            };
            match goes_on {
                Turn::Again => {}
                Turn::Behind => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Turn::Sleep => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn serve(&mut self, cx: &mut Context<'_>, now: Time) -> Turn {
        if self.broken.is_none() {
            // The peer may have said why before it stopped reading.
            let broken = |error| (lost(&error), now.plus_millis(LINGER_MS));
            self.broken = self.write(cx, now).err().map(broken);
        }
        let link = Arc::clone(&self.link);
        let (wants_read, next) = {
            let state = link.lock();
            (state.machine.wants_read(), self.next(&state, now))
        };
        // A peer that never stops talking must not keep the clock from being looked at.
        if next.is_some_and(|at| at <= now) {
            return self.on_time();
        }
        if !wants_read {
            return self.rest(cx, now);
        }
        let Self { link, socket, input, handlers, desk, .. } = self;
        let mut task = Context::from_waker(cx.waker());
        let read =
            input.poll(socket, cx, |bytes| desk.handle(link, handlers, &mut task, now, bytes));
        match read {
            Poll::Pending => self.rest(cx, now),
            Poll::Ready(Ok(Some(Read::Frames { woke }))) => match self.desk.closed_by_peer.take() {
                Some(reason) => self.end(now, &reason, LastWords::Said),
                None if woke => Turn::Behind,
                None => Turn::Again,
            },
            Poll::Ready(Ok(Some(Read::Breach(breach)))) => {
                self.end(now, &breach.to_string(), LastWords::Said)
            }
            Poll::Ready(Ok(None)) => self.end_of_stream(now),
            Poll::Ready(Err(error)) => self.lost(&error, now),
        }
    }

    /// Writes until the socket takes no more or nothing waits.
    fn write(&mut self, cx: &mut Context<'_>, now: Time) -> io::Result<()> {
        loop {
            if self.output.transmit.is_empty() {
                // Outside of the lock: the last owner of a slice may be the user's.
                self.output.transmit.clear();
                let mut state = self.link.lock();
                let more = state.machine.transmit(&mut self.output.transmit);
                // What has left may have made room for a large call in line.
                if let Ok(step) = state.machine.read(now, &[]) {
                    let first = step.event.and_then(|_| state.queue.first());
                    self.desk.wakers.extend(first);
                }
                state.congested(self.link.limits().send_buffer_bytes, &mut self.desk.wakers);
                drop(state);
                self.desk.wake();
                if !more {
                    match Pin::new(&mut self.socket).poll_flush(cx)? {
                        Poll::Ready(()) => self.stalled = None,
                        Poll::Pending => {
                            self.stalled.get_or_insert(now);
                        }
                    }
                    return Ok(());
                }
            }
            match self.output.poll(&mut self.socket, cx) {
                Poll::Ready(Ok(_)) => self.stalled = None,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.stalled.get_or_insert(now);
                    return Ok(());
                }
            }
        }
    }

    /// Nothing can be read: sleeps until a byte, a handle, a handler or the clock has something.
    fn rest(&mut self, cx: &mut Context<'_>, now: Time) -> Turn {
        let link = Arc::clone(&self.link);
        let mut state = link.lock();
        if self.stalled.is_none() && self.broken.is_none() && state.machine.has_output() {
            return Turn::Again;
        }
        let next = self.next(&state, now);
        let phase = state.machine.state();
        state.sleep(cx.waker());
        drop(state);
        match phase {
            connection::State::Drained if self.stalled.is_none() => {
                return self.end(now, "both sides have finished", LastWords::Said);
            }
            connection::State::Closed => {
                return self.end(now, "the connection was closed on this side", LastWords::Said);
            }
            _ => {}
        }
        if next.is_some_and(|at| at <= now) || self.timer.poll(&self.link, next, cx) {
            return self.on_time();
        }
        Turn::Sleep
    }

    /// The next moment at which the clock has something.
    fn next(&mut self, state: &State, now: Time) -> Option<Time> {
        if self.drain_by.is_none() && state.machine.is_leaving() {
            self.drain_by = Some(now.plus_millis(self.link.limits().drain_ms));
        }
        let stall = self.stalled.map(|since| since.plus_millis(self.link.limits().write_stall_ms));
        let broken = self.broken.as_ref().map(|(_, until)| *until);
        let (wakes_at, queued) = (state.machine.timeout(), state.queue.deadline());
        [wakes_at, queued, stall, self.drain_by, broken].into_iter().flatten().min()
    }

    /// The clock has come to something.
    fn on_time(&mut self) -> Turn {
        let now = self.link.now();
        let stall_ms = self.link.limits().write_stall_ms;
        if self.stalled.is_some_and(|since| now.millis_since(since) >= stall_ms) {
            return self.end(now, "the peer takes no bytes any more", LastWords::None);
        }
        if self.drain_by.is_some_and(|by| by <= now) {
            let reason = "the calls that were open did not end in time";
            return self.end(now, reason, LastWords::Say(CloseCode::TIMEOUT));
        }
        if let Some((reason, _)) = self.broken.take_if(|(_, until)| *until <= now) {
            return self.end(now, &reason, LastWords::None);
        }
        let mut breach = None;
        let mut state = self.link.lock();
        while let Some(expiry) = state.machine.expire(now) {
            match expiry {
                Expiry::Call { id } => {
                    if let Some(waiter) = state.machine.waiter(id) {
                        let text = "the deadline passed";
                        waiter.lose(Code::DEADLINE_EXCEEDED, Executed::Maybe, text);
                        let waker = std::mem::replace(&mut waiter.waker, Waker::noop().clone());
                        self.desk.wakers.push(waker);
                    }
                }
                Expiry::Served { id } => self.desk.stops.push((id, Code::DEADLINE_EXCEEDED)),
                Expiry::Connection(error) => {
                    breach = Some(error);
                    break;
                }
            }
        }
        self.desk.wakers.extend(state.queue.late(now));
        drop(state);
        self.desk.stop(&self.link);
        self.desk.wake();
        match breach {
            Some(breach) => self.end(now, &breach.to_string(), LastWords::Said),
            None => Turn::Again,
        }
    }

    fn end_of_stream(&mut self, now: Time) -> Turn {
        let reason = match self.broken.take() {
            Some((reason, _)) => reason,
            None if self.input.is_partial() => "the peer's bytes stop inside a frame".to_owned(),
            None => "the peer closed the connection".to_owned(),
        };
        self.end(now, &reason, LastWords::None)
    }

    fn lost(&mut self, error: &io::Error, now: Time) -> Turn {
        let reason = self.broken.take().map_or_else(|| lost(error), |(reason, _)| reason);
        self.end(now, &reason, LastWords::None)
    }

    /// Decides the end: every call ends now, every handler is dropped, the last bytes follow.
    fn end(&mut self, now: Time, reason: &str, last_words: LastWords) -> Turn {
        let running = self.desk.end(&self.link, reason, last_words);
        for task in running {
            task.abort();
        }
        self.desk.wake();
        self.phase = Phase::Flushing { until: now.plus_millis(LINGER_MS) };
        Turn::Again
    }

    fn flush(&mut self, cx: &mut Context<'_>, now: Time) -> Turn {
        let Phase::Flushing { until } = self.phase else { return Turn::Again };
        let flushed = match self.write(cx, now) {
            Ok(()) if self.stalled.is_some() => Poll::Pending,
            Ok(()) => Pin::new(&mut self.socket).poll_shutdown(cx).map(drop),
            Err(_) => Poll::Ready(()),
        };
        if flushed.is_pending() && now < until {
            return self.sleep_until(until, cx);
        }
        self.phase = Phase::Lingering { until: now.plus_millis(LINGER_MS), bytes: 0 };
        Turn::Again
    }

    fn linger(&mut self, cx: &mut Context<'_>, now: Time) -> Turn {
        let Phase::Lingering { until, bytes } = &mut self.phase else { return Turn::Again };
        let until = *until;
        match self.input.poll_discard(&mut self.socket, cx) {
            Poll::Ready(Ok(n)) if n > 0 && *bytes < LINGER_BYTES && now < until => *bytes += n,
            Poll::Pending if now < until => return self.sleep_until(until, cx),
            _ => self.phase = Phase::Over,
        }
        Turn::Again
    }

    fn sleep_until(&mut self, at: Time, cx: &mut Context<'_>) -> Turn {
        if self.timer.poll(&self.link, Some(at), cx) { Turn::Again } else { Turn::Sleep }
    }
}

fn lost(error: &io::Error) -> String {
    format!("the connection is lost: {error}")
}

/// What the driver does next.
enum Turn {
    /// Another turn at once.
    Again,
    /// Another turn after the tasks that were just woken.
    Behind,
    /// A turn when something happens.
    Sleep,
}

impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        let reason = "the connection was cut on this side";
        let running = self.desk.end(&self.link, reason, LastWords::None);
        for task in running {
            task.abort();
        }
        self.desk.wake();
    }
}
