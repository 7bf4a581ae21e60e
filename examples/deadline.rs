//! Deadlines: the one that every call has, those that a call or a client sets, and how handlers that call
//! on inherit what is left of them. Time is virtual, as in a test: the clock jumps from timer to timer, in
//! whole milliseconds, and the figures are the same each time.
//!
//! ```text
//! cargo run --example deadline
//! ```

use hton::{Code, Context, Peer, Side, Status};
use std::error::Error;
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[hton::service]
trait Relay {
    /// How long the caller waits still, here and at each station behind this one.
    async fn pass_on(&self, cx: &Context) -> Result<Vec<Duration>, Status>;
    /// Waits for longer than anybody would.
    async fn ponder(&self);
}

/// One of several in a row: each works for 100 ms and then asks the next.
struct Station {
    next: Option<RelayClient>,
}

impl Relay for Station {
    async fn pass_on(&self, cx: &Context) -> Result<Vec<Duration>, Status> {
        let mut left = vec![cx.remaining().unwrap_or(Duration::MAX)];
        sleep(Duration::from_millis(100)).await;
        if let Some(next) = &self.next {
            left.extend(next.pass_on().await?); // No deadline is passed here: it is inherited.
        }
        Ok(left)
    }

    async fn ponder(&self) {
        std::future::pending().await
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let (last, _last) = station(None)?;
    let (middle, _middle) = station(Some(RelayClient::new(last)))?;
    let (first, _first) = station(Some(RelayClient::new(middle)))?;
    let relay = RelayClient::new(&first);

    println!("the default, along three stations: {:?} left", relay.pass_on().await?);
    let limited = relay.pass_on().timeout(Duration::from_secs(1)).await?;
    println!("1 s for the call: {limited:?} left");

    let began = Instant::now();
    let late = relay.pass_on().timeout(Duration::from_millis(250)).await;
    println!("250 ms for it: {} after {:?}", code(&late), began.elapsed());

    let hasty = RelayClient::new(first.clone().with_timeout(Duration::from_millis(150)));
    let began = Instant::now();
    println!(
        "150 ms for all of a client: {} after {:?}",
        code(&hasty.ponder().await),
        began.elapsed()
    );
    let patient = hasty.ponder().timeout(Duration::from_secs(3600));
    let began = Instant::now();
    println!("but 1 h for one of them: {} after {:?}", code(&patient.await), began.elapsed());
    let began = Instant::now();
    println!("nothing said: {} after {:?}", code(&relay.ponder().await), began.elapsed());

    // A server that never says anything, not even hello.
    let (near, _silent) = hton::memory();
    let silent = RelayClient::new(hton::attach(near, Side::Dialer).start());
    let began = Instant::now();
    let never = silent.ponder().timeout(Duration::from_millis(1)).await;
    println!("1 ms for a silent server: {} after {:?}", code(&never), began.elapsed());
    Ok(())
}

/// A station, and the connection to it.
fn station(next: Option<RelayClient>) -> Result<(Peer, Peer), hton::Error> {
    let (near, far) = hton::memory();
    let station = hton::attach(far, Side::Acceptor).serve(RelayServer::new(Station { next }))?;
    Ok((hton::attach(near, Side::Dialer).start(), station.start()))
}

fn code<T>(result: &Result<T, hton::CallError>) -> Code {
    result.as_ref().err().map_or(Code::OK, hton::CallError::code)
}
