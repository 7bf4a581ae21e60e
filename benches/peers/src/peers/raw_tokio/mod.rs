//! The measure of all others: a program written by hand for tokio that frames the same bytes as hton.
//!
//! One task for each connection; no task, no allocation and no lock for a call; values only where
//! the workload is about values (W5: bincode 2 with hton's settings). It is no framework: what a call
//! API costs at the least is not in it.

mod client;
mod naps;
mod server;
mod streams;
pub(super) mod wire;

use harness::{Ask, Measured, Result, Shape, Subject, Unsupported};
use tokio::net::TcpStream;

pub(crate) fn subject() -> Subject {
    Subject { name: "raw-tokio", serve: || Box::pin(server::serve()), ask: |it| Box::pin(ask(it)) }
}

async fn ask(mut ask: Ask) -> Result<Measured> {
    match ask.shape {
        Shape::Closed { call, connections, in_flight } => {
            let mut streams = Vec::with_capacity(connections);
            for _ in 0..connections {
                let mut stream = TcpStream::connect(ask.addr).await?;
                if streams.is_empty() {
                    stream = client::one_call(stream, harness::Call::Text).await?;
                    ask.first_is_open()?;
                }
                streams.push(stream);
            }
            let clock = ask.clock();
            let callers = streams
                .into_iter()
                .map(|stream| tokio::spawn(client::caller(stream, call, in_flight, clock)))
                .collect();
            ask.gather(clock, callers).await
        }
        Shape::Idle { call, connections } => {
            let mut streams = Vec::with_capacity(connections);
            for _ in 0..connections {
                let stream = TcpStream::connect(ask.addr).await?;
                streams.push(client::one_call(stream, call).await?);
                if streams.len() == 1 {
                    ask.first_is_open()?;
                }
            }
            let measured = ask.rest(connections).await?;
            drop(streams);
            Ok(measured)
        }
        Shape::Download | Shape::Upload => {
            let stream = TcpStream::connect(ask.addr).await?;
            let (shape, clock) = (ask.shape, ask.clock());
            ask.gather(clock, vec![tokio::spawn(streams::caller(stream, shape, clock))]).await
        }
        // What to do with too many calls is a framework's decision.
        Shape::Overload | Shape::Codec(_) => Err(Unsupported.into()),
    }
}

#[cfg(test)]
mod tests {
    use harness::{Call, Clock};
    use std::time::Duration;

    #[global_allocator]
    static COUNTER: alloc_counter::Counter = alloc_counter::Counter;

    /// Both ends on one thread, as the counter counts.
    fn calls_and_allocations(call: Call, in_flight: usize) -> (u64, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let addr = runtime.block_on(super::server::serve()).unwrap();
        let run = || {
            runtime.block_on(async {
                let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
                let clock = Clock::start_cold(Duration::from_millis(200));
                let tally = super::client::caller(stream, call, in_flight, clock).await;
                assert!(tally.errors.is_empty(), "{:?}", tally.errors);
                tally.calls
            })
        };
        let (calls, cost) = alloc_counter::measure(run);
        (calls, cost.allocations)
    }

    #[test]
    fn a_small_call_allocates_nothing() {
        for in_flight in [1, 128] {
            let (calls, allocations) = calls_and_allocations(Call::Text, in_flight);
            // The run itself allocates: buffers that grow, samples, one frame for each first call.
            assert!(allocations < 1000, "{allocations} allocations for {calls} calls");
            assert!(calls > 2000, "only {calls} calls");
        }
    }

    #[test]
    fn a_large_call_uses_its_buffers_again() {
        let (calls, allocations) = calls_and_allocations(Call::Blob, 4);
        assert!(allocations < 200, "{allocations} allocations for {calls} calls");
    }
}
