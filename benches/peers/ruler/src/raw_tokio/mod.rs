//! The measure of all others: a program written by hand for tokio that frames the same bytes as hton.
//!
//! One task for each connection; no task, no allocation and no lock for a call; values only where
//! the workload is about values (W5: bincode 2 with hton's settings). It is no framework: what a call
//! API costs at the least is not in it.

mod client;
mod naps;
mod server;
mod streams;
pub(crate) mod wire;

use harness::{Ask, Measured, Result, Shape, Subject, Unsupported};
use tokio::net::TcpStream;

pub fn subject() -> Subject {
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
            let in_flight = in_flight * call.weight();
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
    use std::time::{Duration, Instant};

    #[global_allocator]
    static COUNTER: alloc_counter::Counter = alloc_counter::Counter;

    /// Counted from the end of the warm-up; both ends on one thread, as the counter counts.
    fn calls_and_allocations(call: Call, in_flight: usize) -> (u64, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let begin = Instant::now() + Duration::from_millis(300);
        let clock = Clock { begin, end: begin + Duration::from_millis(300) };
        let stream = runtime.block_on(async {
            let addr = crate::raw_tokio::server::serve().await.unwrap();
            tokio::net::TcpStream::connect(addr).await.unwrap()
        });
        let caller = crate::raw_tokio::client::caller(stream, call, in_flight, clock);
        let caller = runtime.spawn(caller);
        runtime.block_on(async { tokio::time::sleep_until(begin.into()).await });
        let (tally, cost) = alloc_counter::measure(|| runtime.block_on(caller).unwrap());
        assert!(tally.errors.is_empty(), "{:?}", tally.errors);
        (tally.calls, cost.allocations)
    }

    /// The list of sampled times may grow; it doubles when it does.
    const SAMPLES: usize = 16;

    #[test]
    fn a_small_call_allocates_nothing() {
        for in_flight in [1, 128] {
            let (calls, allocations) = calls_and_allocations(Call::Text, in_flight);
            assert!(calls > 500, "only {calls} calls");
            assert!(allocations <= SAMPLES, "{allocations} allocations for {calls} calls");
        }
    }

    #[test]
    fn a_large_call_uses_its_buffers_again() {
        let (calls, allocations) = calls_and_allocations(Call::Blob, 4);
        assert!(calls > 20, "only {calls} calls");
        assert!(allocations <= SAMPLES, "{allocations} allocations for {calls} calls");
    }
}
