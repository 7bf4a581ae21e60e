//! Streams in a call: from the caller, from the handler, and in both directions at once; how each end
//! finishes its own, how a reader stops early, and how an error comes after the last item.
//!
//! ```text
//! cargo run --example streams
//! ```

use hton::{CallError, Rx, Server, Status, Stream, stream};
use std::error::Error;
use std::sync::Arc;
use tokio::sync::Notify;

#[hton::service]
trait Numbers {
    /// The sum of what the caller sends, once it has sent all.
    async fn sum(&self, numbers: Rx<u64>) -> Result<u64, Status>;
    /// The first number above the limit; what the caller would send after it is not wanted.
    async fn first_above(&self, limit: u64, numbers: Rx<u64>) -> Result<u64, Status>;
    /// Counts for as long as somebody reads.
    fn count(&self) -> impl Stream<Item = u64>;
    /// The total after each number, and how many there were after the last.
    fn totals(&self, numbers: Rx<u64>) -> impl Stream<Item = Result<String, Status>>;
    /// What each gets when `cake` is divided among three, two, one and none.
    fn shares(&self, cake: u64) -> impl Stream<Item = Result<u64, Status>>;
}

struct MyNumbers {
    uncounted: Arc<Notify>,
}

impl Numbers for MyNumbers {
    async fn sum(&self, mut numbers: Rx<u64>) -> Result<u64, Status> {
        let mut sum = 0;
        // A caller that goes away in between is an error, and no shorter sum.
        while let Some(number) = numbers.recv().await? {
            sum += number;
        }
        Ok(sum)
    }

    async fn first_above(&self, limit: u64, mut numbers: Rx<u64>) -> Result<u64, Status> {
        while let Some(number) = numbers.recv().await? {
            if number > limit {
                return Ok(number);
            }
        }
        Err(Status::not_found("no number is above the limit"))
    }

    fn count(&self) -> impl Stream<Item = u64> {
        let until_dropped = Ring(Arc::clone(&self.uncounted));
        stream::unfold((0, until_dropped), async |(n, guard)| Some((n, (n + 1, guard))))
    }

    fn totals(&self, numbers: Rx<u64>) -> impl Stream<Item = Result<String, Status>> {
        stream::unfold(Some((numbers, 0, 0)), async |state| {
            let (mut numbers, count, total) = state?;
            match numbers.recv().await {
                Ok(Some(n)) => {
                    Some((Ok((total + n).to_string()), Some((numbers, count + 1, total + n))))
                }
                Ok(None) => Some((Ok(format!("there were {count}")), None)),
                Err(failure) => Some((Err(failure.into()), None)),
            }
        })
    }

    fn shares(&self, cake: u64) -> impl Stream<Item = Result<u64, Status>> {
        let nobody = || Status::out_of_range("nobody is left to eat it");
        stream::iter([3, 2, 1, 0].map(|guests| cake.checked_div(guests).ok_or_else(nobody)))
    }
}

/// Rings when it is dropped, and with it the stream that holds it.
struct Ring(Arc<Notify>);

impl Drop for Ring {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let uncounted = Arc::new(Notify::new());
    let service = NumbersServer::new(MyNumbers { uncounted: Arc::clone(&uncounted) });
    let server = Server::bind("127.0.0.1:0").await?.serve(service)?;
    let numbers = NumbersClient::connect(server.local_addr()).await?;

    println!("there: the sum of 1 to 100 is {}", numbers.sum(stream::iter(1..=100)).await?);
    let first = numbers.first_above(1000, stream::iter((0..).map(|n| n * n))).await?;
    println!("there: the first square above 1000 is {first}, and no more squares are sent");

    let mut count = numbers.count();
    let three = [count.recv().await?, count.recv().await?, count.recv().await?];
    drop(count);
    uncounted.notified().await;
    println!("back: {three:?} was enough, and the handler has stopped counting");

    let (send, sent) = stream::channel(1);
    let mut totals = numbers.totals(sent);
    for n in [3, 4, 5] {
        send.send(n).await?;
        println!("both: sent {n}, the total is {:?}", totals.recv().await?);
    }
    drop(send); // Ends this direction; the other goes on.
    println!("both: sent all, {:?}, then {:?}", totals.recv().await?, totals.recv().await?);

    let mut shares = numbers.shares(12);
    while let Some(share) = stream::next(&mut shares).await {
        match share {
            Ok(share) => println!("a status at the end: {share} for each"),
            Err(CallError::Failed(how)) => println!("a status at the end: {}", Status::from(*how)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
