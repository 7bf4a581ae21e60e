//! The same client program for tasks that wait.

use super::{OfficeClient, code};
use hton::CallError;
use std::time::Duration;
use tokio::time::{interval, sleep};

pub(crate) async fn program(office: &OfficeClient) -> Result<Vec<String>, CallError> {
    let mut said = Vec::new();
    said.push(format!("one call: {}", office.sum(1, 2).await?));

    // Several at once need nothing.
    let (a, b, c) = tokio::try_join!(office.nap(30), office.nap(20), office.nap(10))?;
    said.push(format!("three at once: {:?}", [a, b, c]));

    // A stream is a loop, or this.
    let items = office.count(3).collect().await?;
    said.push(format!("a stream: {items:?}"));

    let late = office.nap(60_000).timeout(Duration::from_millis(20)).await;
    said.push(format!("a deadline: {}", code(late)));

    let call = office.nap(60_000);
    let handle = call.handle();
    let (cancelled, ()) = tokio::join!(call, async {
        sleep(Duration::from_millis(20)).await;
        handle.cancel();
    });
    said.push(format!("a cancel: {}", code(cancelled)));

    // What there is to do while a call lasts stands beside it.
    let (mut nap, mut tick, mut ticks) = (office.nap(200), interval(Duration::from_millis(5)), 0);
    let nap = loop {
        tokio::select! {
            nap = &mut nap => break nap?,
            _ = tick.tick() => ticks += 1,
        }
    };
    said.push(format!("meanwhile: {ticks} ticks in {nap} ms"));
    Ok(said)
}
