//! The client program for threads that block.

use super::{OfficeClient, code};
use hton::CallError;
use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

pub(crate) fn program(office: &OfficeClient) -> Result<Vec<String>, CallError> {
    let mut said = Vec::new();
    said.push(format!("one call: {}", office.sum(1, 2).wait()?));

    // Several at once need a thread each.
    let naps: Result<Vec<_>, _> = thread::scope(|scope| {
        let nap = |ms| scope.spawn(move || office.nap(ms).wait());
        let threads = [30, 20, 10].map(nap);
        threads.map(|thread| thread.join().expect("it does not panic")).into_iter().collect()
    });
    said.push(format!("three at once: {:?}", naps?));

    // A stream is an iterator.
    let items: Result<Vec<_>, _> = office.count(3).wait().collect();
    said.push(format!("a stream: {:?}", items?));

    let late = office.nap(60_000).timeout(Duration::from_millis(20)).wait();
    said.push(format!("a deadline: {}", code(late)));

    let call = office.nap(60_000);
    let handle = call.handle();
    let cancelled = thread::scope(|scope| {
        scope.spawn(move || {
            thread::sleep(Duration::from_millis(20));
            handle.cancel();
        });
        call.wait()
    });
    said.push(format!("a cancel: {}", code(cancelled)));

    // What there is to do while a call lasts, a hook does.
    let mut ticks = 0;
    let nap = office.nap(200).wait_with(Duration::from_millis(5), || {
        ticks += 1;
        ControlFlow::Continue(())
    });
    said.push(format!("meanwhile: {ticks} ticks in {} ms", nap?));
    Ok(said)
}
