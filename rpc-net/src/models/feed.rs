//! A stream that another thread feeds and that never ends by itself.

use super::watch;
use crate::stream::Stream;
use shuttle::sync::Mutex;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

#[derive(Default)]
struct Shared {
    items: VecDeque<u64>,
    reader: Option<Waker>,
    /// The stream was dropped.
    gone: bool,
    feeder: Option<Waker>,
}

/// The end that feeds.
pub(super) struct Feed(Arc<Mutex<Shared>>);

/// The end that is read.
pub(super) struct Fed(Arc<Mutex<Shared>>);

pub(super) fn feed() -> (Feed, Fed) {
    let shared = Arc::<Mutex<Shared>>::default();
    (Feed(Arc::clone(&shared)), Fed(shared))
}

impl Feed {
    pub(super) fn push(&self, item: u64) {
        let reader = {
            let mut shared = self.0.lock().unwrap();
            shared.items.push_back(item);
            shared.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Waits until the stream is dropped.
    pub(super) async fn gone(&self) {
        poll_fn(|cx| {
            let mut shared = self.0.lock().unwrap();
            if shared.gone {
                return Poll::Ready(());
            }
            shared.feeder = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Fed {
    fn drop(&mut self) {
        watch::unlocked("a stream was dropped");
        let feeder = {
            let mut shared = self.0.lock().unwrap();
            shared.gone = true;
            shared.feeder.take()
        };
        if let Some(feeder) = feeder {
            feeder.wake();
        }
    }
}

impl Stream for Fed {
    type Item = u64;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        watch::unlocked("a stream was polled");
        let mut shared = self.0.lock().unwrap();
        match shared.items.pop_front() {
            Some(item) => Poll::Ready(Some(item)),
            None => {
                shared.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
