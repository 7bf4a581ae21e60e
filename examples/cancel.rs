//! Giving a call up: by dropping it, by its handle from another thread, in a `select!`. Each time the
//! handler at the other end is dropped where it stands, and what it held with it.
//!
//! ```text
//! cargo run --example cancel
//! ```

use hton::{Context, Server};
use std::error::Error;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

#[hton::service]
trait Kitchen {
    /// Cooks for as long as the guest waits.
    async fn cook(&self, dish: String);
    /// The same, in a task that the handler has started.
    async fn simmer(&self, cx: &Context, dish: String);
}

struct Cook {
    log: UnboundedSender<String>,
}

/// What a handler holds while it runs: its beginning and its end are written down.
struct Pan {
    dish: String,
    log: UnboundedSender<String>,
}

impl Cook {
    fn pan(&self, dish: String) -> Pan {
        self.log.send(format!("{dish} is on the stove")).ok();
        Pan { dish, log: self.log.clone() }
    }
}

impl Drop for Pan {
    fn drop(&mut self) {
        self.log.send(format!("{} is off the stove", self.dish)).ok();
    }
}

impl Kitchen for Cook {
    async fn cook(&self, dish: String) {
        let _pan = self.pan(dish);
        std::future::pending().await
    }

    async fn simmer(&self, cx: &Context, dish: String) {
        let (pan, over) = (self.pan(dish), cx.cancelled());
        // The task is not dropped with the handler: it must ask.
        tokio::spawn(async move {
            over.await;
            drop(pan);
        });
        std::future::pending().await
    }
}

/// What the kitchen writes down.
struct Log(UnboundedReceiver<String>);

impl Log {
    async fn show(&mut self) {
        println!("    {}", self.0.recv().await.unwrap_or_default());
    }

    /// Runs the call until its handler has begun.
    async fn show_begin(&mut self, call: &mut hton::Call<()>) {
        tokio::select! {
            _ = call => println!("    nobody expects this call to end"),
            () = self.show() => {}
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (log, lines) = unbounded_channel();
    let mut log = (Log(lines), log);
    let server =
        Server::bind("127.0.0.1:0").await?.serve(KitchenServer::new(Cook { log: log.1 }))?;
    let kitchen = KitchenClient::connect(server.local_addr()).await?;
    let log = &mut log.0;

    println!("never polled, never sent:");
    drop(kitchen.cook("Toast".into()));
    println!("dropped:");
    let mut call = kitchen.cook("Soup".into());
    log.show_begin(&mut call).await;
    drop(call);
    log.show().await;

    println!("cancelled by its handle, from another thread:");
    let mut call = kitchen.cook("Stew".into());
    let handle = call.handle();
    log.show_begin(&mut call).await;
    std::thread::spawn(move || handle.cancel()).join().map_err(|_| "the thread panicked")?;
    let code = call.await.err().map(|error| error.code());
    println!("    its caller gets {}", code.ok_or("no error")?);
    log.show().await;

    println!("given up by a select:");
    tokio::select! {
        _ = kitchen.cook("Roast".into()) => {}
        () = log.show() => {}
    }
    log.show().await;

    println!("dropped, with a task of its handler:");
    let mut call = kitchen.simmer("Broth".into());
    log.show_begin(&mut call).await;
    drop(call);
    log.show().await;
    Ok(())
}
