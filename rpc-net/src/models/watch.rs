//! Watches the rule that nothing of the user runs under a lock: wakers, handlers, streams.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

std::thread_local! {
    /// How many locks each task holds. Shuttle runs all tasks of a schedule on one thread.
    static HELD: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    /// What happened under a lock and must not.
    static BROKEN: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Stands for one lock that its task holds.
#[derive(Debug)]
pub(super) struct Held {
    task: usize,
}

impl Held {
    pub(super) fn new() -> Self {
        let task = task();
        HELD.with_borrow_mut(|held| {
            if held.len() <= task {
                held.resize(task + 1, 0);
            }
            held[task] += 1;
        });
        Self { task }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.with_borrow_mut(|held| held[self.task] -= 1);
    }
}

fn task() -> usize {
    shuttle::current::try_get_current_task().map_or(0, usize::from)
}

/// `what` just happened: the task must hold no lock.
pub(super) fn unlocked(what: &str) {
    let task = task();
    // The last wakers go when the thread ends.
    let held = HELD.try_with(|held| held.borrow().get(task).is_some_and(|locks| *locks > 0));
    if held.unwrap_or(false) {
        broken(&format!("{what} under a lock"));
    }
}

/// A rule is broken. The schedule fails at its end: this may be a destructor, in which a panic aborts.
fn broken(what: &str) {
    let first = BROKEN.with_borrow_mut(|broken| broken.replace(what.to_owned()).is_none());
    if first {
        eprintln!("{what}:\n{}", std::backtrace::Backtrace::capture());
    }
}

/// A schedule begins.
pub(super) fn reset() {
    HELD.with_borrow_mut(Vec::clear);
    BROKEN.take();
}

/// A schedule has ended.
pub(super) fn check() {
    assert_eq!(BROKEN.take(), None);
}

/// A future that is polled with a new waker each time, as it may be. So whoever keeps a waker keeps the last
/// one of its kind, whose drop may run whatever a runtime pleases.
pub(super) struct Watched<F> {
    future: Pin<Box<F>>,
}

impl<F: Future> Watched<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future: Box::pin(future) }
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let waker = Waker::from(Arc::new(Watcher(cx.waker().clone())));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

struct Watcher(Waker);

impl Wake for Watcher {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        unlocked("a waker was woken");
        self.0.wake_by_ref();
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        unlocked("a waker was dropped");
    }
}

/// The same future, but with one waker for all polls, as tokio has for its tasks.
pub(super) async fn steadily<F: Future>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    let mut steady: Option<Waker> = None;
    std::future::poll_fn(|cx| {
        let waker =
            steady.get_or_insert_with(|| Waker::from(Arc::new(Watcher(cx.waker().clone()))));
        future.as_mut().poll(&mut Context::from_waker(waker))
    })
    .await
}
