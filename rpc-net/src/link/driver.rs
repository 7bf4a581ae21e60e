//! The task of one connection: it owns the socket, feeds the machine and writes what comes out.
//!
//! One turn writes what waits, then reads once and handles every frame that came; when much came, it writes
//! in between what is answered. When callers got their answers, the task goes behind them before the next turn:
//! their next calls then leave in one write.

use super::desk::{Desk, LastWords, Read, Woke};
use super::handlers::Handlers;
use super::io::{Input, Output};
use super::timer::Timer;
use super::woken::Place;
use super::{Link, State};
use crate::buffers;
use rpc_core::connection::{self, Expiry, Step};
use rpc_core::{CloseCode, Code, Executed, Time};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};

/// Turns that are taken in a row before other tasks of the thread get theirs.
const TURNS: usize = 16;
/// How long, and how much, is still read after the last write, so that closing does not turn our
/// last words into a reset for a peer that is still writing.
const LINGER_MS: u64 = 1_000;
const LINGER_BYTES: usize = 1024 * 1024;

/// Drives a connection over `socket` until it ends. Every call in flight then ends with it.
///
/// Dropping the future cuts the connection, also before its first poll: what waits is not written, calls fail.
pub(crate) fn drive<S>(link: Arc<Link>, socket: S) -> impl Future<Output = ()> + use<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut driver = Driver::new(link, socket);
    poll_fn(move |cx| driver.poll(cx))
}

pub(super) struct Driver<S> {
    /// Stands first: the connection ends before its socket is dropped.
    _cut: Cut,
    pub(super) link: Arc<Link>,
    pub(super) socket: S,
    pub(super) input: Input,
    output: Output,
    handlers: Handlers,
    desk: Desk,
    timer: Timer,
    pub(super) phase: Phase,
    /// Where it stands among those that it wakes.
    place: Place,
    /// Since when a write has made no progress.
    pub(super) stalled: Option<Time>,
    /// The stream is given back instead of closed, if both sides say that the connection is over.
    pub(super) returns: bool,
    /// It may be given back.
    pub(super) returned: bool,
    /// Why nothing can be written any more, and until when the peer's reason is still read for.
    pub(super) broken: Option<(String, Time)>,
}

pub(super) enum Phase {
    /// Calls go both ways.
    Serving,
    /// The end is decided; the last bytes are written.
    Flushing { until: Time },
    /// Nothing more is written; what the peer still sends is read and forgotten.
    Lingering { until: Time, bytes: usize },
    /// Handlers of one-way calls still run.
    Finishing { until: Time },
    /// The socket may be closed.
    Over,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn new(link: Arc<Link>, socket: S) -> Self {
        Self {
            _cut: Cut(Arc::clone(&link)),
            link,
            socket,
            input: Input::default(),
            output: Output::default(),
            handlers: Handlers::default(),
            desk: Desk::default(),
            timer: Timer::default(),
            phase: Phase::Serving,
            place: Place::default(),
            stalled: None,
            returns: false,
            returned: false,
            broken: None,
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.link.is_stealing() && self.place.gives_way() {
            return self.behind(cx);
        }
        for _ in 0..TURNS {
            let now = self.link.now();
            let goes_on = match &self.phase {
                Phase::Serving => self.serve(cx, now),
                Phase::Flushing { .. } => self.flush(cx, now),
                Phase::Lingering { .. } => self.linger(cx, now),
                Phase::Finishing { .. } => self.finish(cx, now),
                Phase::Over => return Poll::Ready(()),
            };
            match goes_on {
                Turn::Again => {}
                Turn::Behind => return self.behind(cx),
                Turn::Sleep => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Goes to the end of the queue of tasks.
    fn behind(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.place.stands_last();
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
        let (wants_read, next, freed) = {
            let mut state = link.lock();
            state.turns += 1;
            let freed = std::mem::take(&mut state.freed);
            (state.machine.wants_read(), self.next(&mut state, now), freed)
        };
        if !freed.is_empty() {
            return self.resume(cx, freed);
        }
        // A peer that never stops talking must not keep the clock from being looked at.
        if next.is_some_and(|at| at <= now) {
            return self.on_time();
        }
        if !wants_read {
            return self.rest(cx, now);
        }
        let Self { link, socket, input, output, handlers, desk, stalled, broken, .. } = self;
        let mut task = Context::from_waker(cx.waker());
        let mut writing = Context::from_waker(cx.waker());
        let read = input.poll(socket, cx, link.about.traffic(), |socket, bytes| {
            desk.handle(link, handlers, &mut task, now, bytes, || {
                if broken.is_none() && write_early(link, output, socket, &mut writing) {
                    *stalled = None;
                }
            })
        });
        match read {
            Poll::Pending => self.rest(cx, now),
            Poll::Ready(Ok(Some(Read::Frames { woke }))) => match self.desk.closed_by_peer.take() {
                Some(reason) => self.end(now, &reason, LastWords::Said),
                None => self.turn_after(woke),
            },
            Poll::Ready(Ok(Some(Read::Breach(breach)))) => {
                self.end(now, &breach.to_string(), LastWords::Said)
            }
            Poll::Ready(Ok(None)) => self.end_of_stream(now),
            Poll::Ready(Err(error)) => self.lost(&error, now),
        }
    }

    /// Behind those who were woken, whose next calls then leave in one write. A single one has nobody to be joined
    /// by; where workers steal, a task that stands in line would make one of them wake up for nothing.
    fn turn_after(&self, woke: Woke) -> Turn {
        match woke {
            Woke::Nobody => Turn::Again,
            Woke::TheOnlyOne if self.link.is_stealing() => Turn::Again,
            Woke::TheOnlyOne | Woke::Some => Turn::Behind,
        }
    }

    /// Writes until the socket takes no more or nothing waits.
    fn write(&mut self, cx: &mut Context<'_>, now: Time) -> io::Result<()> {
        loop {
            if self.output.transmit.is_empty() {
                // Outside of the lock: the last owner of a slice may be the user's.
                self.output.transmit.clear();
                let mut state = self.link.lock();
                state.all_written(&mut self.desk.after);
                state.stop_unwanted();
                let more = state.machine.transmit(&mut self.output.transmit);
                // What has left may have made room for a large call in line, or for an item.
                while let Ok(Step { event: Some(event), .. }) = state.machine.read(now, &[]) {
                    self.desk.sort_one(&self.link, &mut state, event);
                }
                let wakers = &mut self.desk.after.wakers;
                state.congested(self.link.limits().send_buffer_bytes, wakers);
                let is_silent = !more && state.shrink_if_silent(&mut self.output.transmit);
                drop(state);
                self.desk.after.run();
                if is_silent {
                    self.handlers.shrink();
                    self.desk.after.shrink();
                    buffers::tidy();
                }
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
                Poll::Ready(Ok(bytes)) => {
                    self.link.about.traffic().wrote(bytes);
                    self.stalled = None;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.stalled.get_or_insert(now);
                    return Ok(());
                }
            }
        }
    }

    /// Goes on with services whose calls run one after the other.
    fn resume(&mut self, cx: &mut Context<'_>, freed: Vec<usize>) -> Turn {
        let unfinished = self.handlers.resume(&self.link, cx, freed, &mut self.desk.done);
        self.desk.answer(&self.link);
        self.link.lock().freed.extend(unfinished);
        Turn::Again
    }

    /// Nothing can be read: sleeps until a byte, a handle, a handler or the clock has something.
    fn rest(&mut self, cx: &mut Context<'_>, now: Time) -> Turn {
        let link = Arc::clone(&self.link);
        let mut state = link.lock();
        let writes = self.stalled.is_none() && self.broken.is_none();
        let has_output = state.machine.has_output() || !state.unwanted.is_empty();
        if (writes && has_output) || !state.freed.is_empty() {
            return Turn::Again;
        }
        let next = self.next(&mut state, now);
        let phase = state.machine.state();
        // Nobody waits for the answers of one-way calls, and yet they were accepted. Every handler that runs
        // is looked at: not in each turn.
        let busy = phase == connection::State::Drained
            && (state.serves_oneways() || self.handlers.has_waiting());
        state.sleep(cx.waker());
        drop(state);
        match phase {
            connection::State::Drained if self.returns && !busy => {
                if let Some(turn) = self.part(now) {
                    return turn;
                }
            }
            connection::State::Drained if self.stalled.is_none() && !busy => {
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
    fn next(&self, state: &mut State, now: Time) -> Option<Time> {
        if state.drain_by.is_none() && state.machine.is_leaving() {
            state.drain_by = Some(now.plus_millis(self.link.limits().drain_ms));
        }
        let stall = self.stalled.map(|since| since.plus_millis(self.link.limits().write_stall_ms));
        let broken = self.broken.as_ref().map(|(_, until)| *until);
        let waiting = [state.lines.deadline(), state.leaving.deadline()];
        let own = [state.machine.timeout(), stall, state.drain_by, broken];
        own.into_iter().chain(waiting).flatten().min()
    }

    /// The clock has come to something.
    fn on_time(&mut self) -> Turn {
        let now = self.link.now();
        let stall_ms = self.link.limits().write_stall_ms;
        if self.stalled.is_some_and(|since| now.millis_since(since) >= stall_ms) {
            return self.end(now, "the peer takes no bytes any more", LastWords::None);
        }
        if self.link.lock().drain_by.is_some_and(|by| by <= now) {
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
                    let State { machine, crews, .. } = &mut *state;
                    if let Some(waiter) = machine.waiter(id) {
                        let text = "the deadline passed";
                        waiter.lose(Code::DEADLINE_EXCEEDED, Executed::Maybe, text);
                        self.desk.after.wakers.extend(crews.tell(&mut waiter.told));
                    }
                    self.desk.after.flows.extend(state.end_flow(id));
                }
                Expiry::Served { id } => self.desk.stops.push((id, Code::DEADLINE_EXCEEDED)),
                Expiry::Connection(error) => {
                    state.parts(error.code(), false);
                    breach = Some(error);
                    break;
                }
            }
        }
        let wakers = &mut self.desk.after.wakers;
        state.lines.late(now, wakers);
        state.leaving.late(now, wakers);
        drop(state);
        self.desk.stop(&self.link, &mut self.handlers);
        match breach {
            Some(breach) => self.end(now, &breach.to_string(), LastWords::Said),
            None => Turn::Again,
        }
    }

    fn end_of_stream(&mut self, now: Time) -> Turn {
        let reason = match self.broken.take() {
            Some((reason, _)) => reason,
            None if self.input.is_partial() => "the peer's bytes stop inside a frame".to_owned(),
            None => match self.desk.farewell.take() {
                Some(farewell) => farewell,
                None => "the peer closed the connection".to_owned(),
            },
        };
        self.end(now, &reason, LastWords::None)
    }

    fn lost(&mut self, error: &io::Error, now: Time) -> Turn {
        let reason = self.broken.take().map_or_else(|| lost(error), |(reason, _)| reason);
        self.end(now, &reason, LastWords::None)
    }

    /// Decides the end: every call ends now, every handler is dropped, the last bytes follow.
    pub(super) fn end(&mut self, now: Time, reason: &str, last_words: LastWords) -> Turn {
        let running = self.desk.end(&self.link, reason, last_words);
        for task in running {
            task.abort();
        }
        self.handlers.forget_calls();
        self.desk.after.run();
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
            _ => {
                let until = now.plus_millis(self.link.limits().drain_ms);
                self.phase = Phase::Finishing { until };
            }
        }
        Turn::Again
    }

    /// The socket is done with. One-way calls that were accepted still run, for as long as a graceful end
    /// would wait for them.
    fn finish(&mut self, cx: &mut Context<'_>, now: Time) -> Turn {
        let Phase::Finishing { until } = self.phase else { return Turn::Again };
        let link = Arc::clone(&self.link);
        let mut state = link.lock();
        let freed = std::mem::take(&mut state.freed);
        if freed.is_empty() {
            let busy = state.serves_oneways() || self.handlers.has_waiting();
            if now >= until || !busy {
                self.phase = Phase::Over;
                return Turn::Again;
            }
            state.sleep(cx.waker());
            drop(state);
            return self.sleep_until(until, cx);
        }
        drop(state);
        self.resume(cx, freed)
    }

    fn sleep_until(&mut self, at: Time, cx: &mut Context<'_>) -> Turn {
        if self.timer.poll(&self.link, Some(at), cx) { Turn::Again } else { Turn::Sleep }
    }
}

fn lost(error: &io::Error) -> String {
    format!("the connection is lost: {error}")
}

/// What the driver does next.
pub(super) enum Turn {
    /// Another turn at once.
    Again,
    /// Another turn after the tasks that were just woken.
    Behind,
    /// A turn when something happens.
    Sleep,
}

/// Writes once what is answered; whether bytes have left. All else that a write finds out waits for the next turn,
/// which begins with one.
fn write_early<S: AsyncWrite + Unpin>(
    link: &Link,
    output: &mut Output,
    socket: &mut S,
    cx: &mut Context<'_>,
) -> bool {
    if output.transmit.is_empty() {
        output.transmit.clear();
        link.lock().machine.transmit(&mut output.transmit);
    }
    if output.transmit.is_empty() {
        return false;
    }
    let written = output.poll(socket, cx);
    if let Poll::Ready(Ok(bytes)) = written {
        link.about.traffic().wrote(bytes);
    }
    matches!(written, Poll::Ready(Ok(_)))
}

/// Ends what has not ended when it is dropped.
struct Cut(Arc<Link>);

impl Drop for Cut {
    fn drop(&mut self) {
        let Self(link) = self;
        let mut desk = Desk::default();
        let mut running = desk.end(link, "the connection was cut on this side", LastWords::None);
        running.append(&mut link.lock().abandon_all());
        for task in running {
            task.abort();
        }
        desk.after.run();
    }
}
