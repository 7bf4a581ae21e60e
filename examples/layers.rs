//! Layers: what stands around every call of a client, and around every handler of a server. One of them
//! is ten lines of this program and stands on both sides; the others are a time limit, a limit on
//! concurrent calls, and a refusal of whoever does not say who pays.
//!
//! ```text
//! cargo run --example layers
//! ```

use hton::layer::{self, ConcurrencyLimit, Layer, LayerCall, LayerFuture, Next, Timeout};
use hton::{Context, Server, Status};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

#[hton::service]
trait Press {
    /// Prints a page, on somebody's bill.
    async fn print(&self, cx: &Context, page: String) -> Result<String, Status>;
    /// Occupies the press for as long as somebody waits.
    async fn occupy(&self);
}

struct MyPress {
    occupied: Arc<Notify>,
}

/// What a layer leaves for the handler.
struct Account(String);

impl Press for MyPress {
    async fn print(&self, cx: &Context, page: String) -> Result<String, Status> {
        let Some(Account(name)) = cx.get() else {
            return Err(Status::internal("the layer is missing"));
        };
        Ok(format!("{page:?}, paid by {name}"))
    }

    async fn occupy(&self) {
        self.occupied.notify_one();
        std::future::pending().await
    }
}

/// Tells of each call when it is over.
struct Tell;

impl Layer for Tell {
    fn call<'a>(&'a self, call: &'a mut LayerCall, next: Next<'a>) -> LayerFuture<'a> {
        Box::pin(async move {
            let finish = next.run(call).await;
            println!("    {:?} {}: {}", call.role(), call.method(), finish.code());
            finish
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let occupied = Arc::new(Notify::new());
    let press = PressServer::new(MyPress { occupied: Arc::clone(&occupied) });
    let who_pays = layer::from_fn(|call, next| {
        Box::pin(async move {
            let Some(name) = call.metadata().get_str("account").map(str::to_owned) else {
                return call.reject(Status::unauthenticated("nobody pays"));
            };
            call.put(Account(name));
            next.run(call).await
        })
    });
    // The last one is the outermost. `hton::layer::layered` puts them around one service alone.
    let server = Server::bind("127.0.0.1:0").await?.layer(who_pays).layer(Tell).serve(press)?;

    let peer = hton::connect(server.local_addr()).await?;
    println!("through the layers of the server alone:");
    let client = PressClient::new(&peer);
    show(client.print("Page 1".into()).await);
    show(client.print("Page 1".into()).metadata("account", "Ada").await);

    println!("and of the client, one of which says who pays:");
    let pays = layer::from_fn(|call, next| {
        Box::pin(async move {
            call.metadata_mut().append("account", "Ada").ok();
            next.run(call).await
        })
    });
    let client = PressClient::new(peer.clone().layer(pays.clone()).layer(Tell));
    show(client.print("Page 2".into()).await);

    println!("one call at a time, and none that waits:");
    let one = ConcurrencyLimit::new(1).load_shed();
    let client = PressClient::new(peer.clone().layer(pays.clone()).layer(one));
    let both = async {
        occupied.notified().await;
        show(client.print("Page 3".into()).await);
    };
    tokio::select! { _ = client.occupy() => {}, () = both => {} }

    println!("within 50 ms:");
    let hasty = peer.layer(pays).layer(Timeout::new(Duration::from_millis(50)));
    let late = PressClient::new(hasty).occupy().await;
    println!("{}", late.err().ok_or("nobody may occupy it for ever")?.code());
    Ok(())
}

fn show(printed: Result<String, hton::CallError>) {
    match printed.map_err(Status::from) {
        Ok(page) => println!("{page}"),
        Err(status) => println!("{status}"),
    }
}
