//! When, and how, calls that are awaited together end that get no answer.

use crate::batch::{MyWork, WorkClient, WorkServer, ends};
use hton::{CallHandle, Code, Executed, Limits, Observer, Side};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Waker;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

/// Notes when calls end, in milliseconds, and cancels what it is given when the first does.
#[derive(Default)]
struct Notes {
    begun: OnceLock<Instant>,
    ended: Mutex<Vec<(Code, u128)>>,
    handles: Mutex<Vec<CallHandle>>,
}

impl Observer for Notes {
    fn call_ended(&self, _: &hton::CallInfo, code: Code, _: Duration) {
        let after = self.begun.get().map_or(0, |begun| begun.elapsed().as_millis());
        self.ended.lock().unwrap().push((code, after));
        let handles = std::mem::take(&mut *self.handles.lock().unwrap());
        handles.iter().for_each(CallHandle::cancel);
    }
}

/// A client whose peer takes so many calls at a time, and whoever keeps its other end.
async fn observed(calls: u32, notes: Arc<Notes>) -> (WorkClient, Arc<MyWork>, hton::Peer) {
    let (near, far) = hton::memory();
    let (work, mut limits) = (MyWork::new(), Limits::default());
    limits.calls = calls;
    let far = hton::attach(far, Side::Acceptor).limits(limits);
    let far = far.serve(WorkServer::from_arc(work.clone())).unwrap().start();
    let near = hton::attach(near, Side::Dialer).observe(notes).start();
    let client = WorkClient::new(&near);
    assert_eq!(client.double(0).await.unwrap(), 0);
    (client, work, far)
}

#[tokio::test(start_paused = true)]
async fn each_of_those_in_line_is_told_in_its_time_that_it_is_late() {
    let notes = Arc::new(Notes::default());
    let (client, work, _far) = observed(1, notes.clone()).await;
    let holder = tokio::spawn(client.never(0));
    work.has_alive(1).await;
    notes.ended.lock().unwrap().clear();
    notes.begun.set(Instant::now()).unwrap();
    let timed = |ms| client.never(1).timeout(Duration::from_millis(ms));
    let batch = tokio::spawn(hton::batch([timed(20), timed(60), timed(100), client.double(1)]));
    sleep(Duration::from_millis(1_000)).await;
    let ended = std::mem::take(&mut *notes.ended.lock().unwrap());
    let times: Vec<_> = ended.iter().map(|(_, after)| after / 10).collect();
    assert_eq!(times, [2, 6, 10], "{ended:?}");
    holder.abort();
    assert_eq!(*batch.await.unwrap()[3].as_ref().unwrap(), 2);
}

#[test]
fn a_call_that_is_cancelled_while_a_thread_gives_it_up_says_that_it_may_have_run() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        let notes = Arc::new(Notes::default());
        let (client, work, _far) = observed(2, notes.clone()).await;
        let calls = [1, 2, 3].map(|n| client.never(n));
        *notes.handles.lock().unwrap() = calls.iter().map(hton::Call::handle).collect();
        let mut batch = hton::batch(calls);
        let mut cx = std::task::Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut batch).poll(&mut cx).is_pending());
        work.has_alive(2).await;
        // Here it must not block.
        ends(batch.wait())
    });
    let executed: Vec<_> = ended.iter().map(|(_, executed)| *executed).collect();
    assert_eq!(executed, [Executed::Maybe, Executed::Maybe, Executed::No], "{ended:?}");
}

#[test]
fn a_call_that_cannot_be_sent_takes_the_others_no_time_limit() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (client, _work, _far) = runtime.block_on(observed(2, Arc::default()));
    // Nobody runs the connection now.
    let timed = |call: hton::Call<u32>| call.timeout(Duration::from_millis(20));
    let calls = [timed(client.never(1)), client.never(2).metadata("no such key!", "")];
    let codes: Vec<_> = ends(hton::batch(calls).wait()).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, [Code::DEADLINE_EXCEEDED, Code::INVALID_ARGUMENT]);
}

#[tokio::test]
async fn when_its_calls_have_ended_it_keeps_no_connection() {
    let (client, _work, far) = observed(2, Arc::default()).await;
    let mut batch = hton::batch([client.double(1), client.double(2)]);
    drop(client);
    assert_eq!((&mut batch).await.len(), 2);
    tokio::time::timeout(Duration::from_secs(2), far.closed()).await.expect("nobody needs it");
    drop(batch);
}
