//! A graceful end: the server serves until a signal, finishes the calls that it has accepted, refuses new
//! ones in a way that lets their callers go elsewhere, and reports how it went.
//!
//! ```text
//! cargo run --example shutdown
//! ```

use hton::Server;
use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{Notify, oneshot};

#[hton::service]
trait Bakery {
    /// Bakes for as long as bread needs.
    async fn bake(&self, bread: String) -> String;
}

#[derive(Default)]
struct Oven {
    /// Bread is in.
    begun: Notify,
    /// It is done.
    done: Notify,
}

impl Bakery for Oven {
    async fn bake(&self, bread: String) -> String {
        self.begun.notify_one();
        self.done.notified().await;
        format!("{bread}, still warm")
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let oven = Arc::new(Oven::default());
    let service = BakeryServer::from_arc(Arc::clone(&oven));
    let server = Server::bind("127.0.0.1:0").await?.serve(service)?;
    let address = server.local_addr();
    let bakery = BakeryClient::connect(&address).await?;

    // `tokio::signal::ctrl_c()` in a real program. Any future is a signal.
    let (stop, signal) = oneshot::channel::<()>();
    let mut serving = pin!(server.serve_until(signal));

    let mut rye = pin!(bakery.bake("rye".into()));
    tokio::select! {
        report = &mut serving => return Err(format!("nobody has asked for this: {report}").into()),
        bread = &mut rye => return Err(format!("nobody has taken it out: {bread:?}").into()),
        () = oven.begun.notified() => println!("rye is in the oven"),
    }

    stop.send(()).map_err(|()| "the server is gone")?;
    println!("the signal is given");
    tokio::select! {
        biased; // The server sees the signal before it sees the call.
        report = &mut serving => return Err(format!("the rye was forgotten: {report}").into()),
        late = bakery.bake("wheat".into()) => {
            let error = late.err().ok_or("the bakery has closed")?;
            println!("wheat is refused: {}, retry safe: {}", error.code(), error.is_retry_safe());
        }
    }

    oven.done.notify_one();
    let (report, bread) = tokio::join!(serving, rye);
    println!("the call that was accepted: {}", bread?);
    let hton::Report { connections, finished, cut, .. } = report;
    println!("connections closed: {connections}, calls finished: {finished}, cut: {cut}");
    let how = bakery.peer().closed().await;
    println!("why the connection ended: {}", how.reason);
    match BakeryClient::connect(&address).await {
        Err(error) if error.is_temporary() => {
            println!("and nobody listens until the next one does")
        }
        Err(error) => return Err(error.into()),
        Ok(_) => println!("somebody still listens"),
    }
    Ok(())
}
