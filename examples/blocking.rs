//! A whole program without async and without a runtime: a server, several clients on threads, a stream read
//! as an iterator, and a long call that is given up.
//!
//! ```text
//! cargo run --example blocking
//! ```

use hton::{Rx, Status, Stream, blocking, stream};
use std::error::Error;
use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

#[hton::service]
trait Primes {
    /// Whether the number is prime.
    async fn is_prime(&self, n: u64) -> bool;
    /// All primes below the bound.
    fn below(&self, bound: u64) -> impl Stream<Item = u64>;
    /// The largest of the numbers.
    async fn largest(&self, numbers: Rx<u64>) -> Result<u64, Status>;
    /// Never comes back.
    async fn last(&self) -> u64;
}

struct Sieve;

impl Primes for Sieve {
    async fn is_prime(&self, n: u64) -> bool {
        is_prime(n)
    }

    fn below(&self, bound: u64) -> impl Stream<Item = u64> {
        stream::iter((2..bound).filter(|n| is_prime(*n)))
    }

    async fn largest(&self, mut numbers: Rx<u64>) -> Result<u64, Status> {
        let mut largest = None;
        while let Some(number) = numbers.recv().await? {
            largest = largest.max(Some(number));
        }
        largest.ok_or_else(|| Status::invalid_argument("no numbers came"))
    }

    async fn last(&self) -> u64 {
        std::future::pending().await
    }
}

fn is_prime(n: u64) -> bool {
    n >= 2 && (2..).take_while(|d| d * d <= n).all(|d| n % d != 0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let server = blocking::bind("127.0.0.1:0")?.serve(PrimesServer::new(Sieve))?;
    let primes = PrimesClient::new(blocking::connect(server.local_addr())?);

    println!("97 is prime: {}", primes.is_prime(97).wait()?);

    // One client serves any number of threads.
    let counted: u64 = thread::scope(|scope| {
        let count = |from: u64| {
            let primes = &primes;
            scope.spawn(move || {
                (from..from + 250).filter(|n| primes.is_prime(*n).wait().unwrap_or(false)).count()
            })
        };
        let threads: Vec<_> = (0..4).map(|n| count(n * 250)).collect();
        threads.into_iter().map(|thread| thread.join().map_or(0, |count| count as u64)).sum()
    });
    println!("below 1000 there are {counted} primes");

    // A stream is an iterator of results.
    let below: Result<Vec<u64>, _> = primes.below(20).wait().collect();
    println!("below 20: {:?}", below?);
    println!("the largest of them: {}", primes.largest(stream::iter([2, 19, 3])).wait()?);
    println!("the largest of none: {}", primes.largest(stream::empty()).wait().unwrap_err());

    // A program that has something else to do while it waits does it in a hook, which may cancel the call.
    let mut patience = 3;
    let last = primes.last().wait_with(Duration::from_millis(10), || {
        patience -= 1;
        if patience == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    println!("the last prime: {}", last.unwrap_err());
    let last = primes.last().timeout(Duration::from_millis(20)).wait();
    println!("asked again: {}", last.unwrap_err());

    drop(primes);
    let report = blocking::wait(server.drain())?;
    println!("{} connections cut", report.connections_cut);
    Ok(())
}
