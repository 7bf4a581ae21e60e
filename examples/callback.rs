//! Both ends serve: a handler reports its progress to its caller and asks it for what it needs, and the
//! server calls of its own accord whoever has subscribed. All of it over one connection.
//!
//! ```text
//! cargo run --example callback
//! ```

use hton::{Context, Server, Status};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

/// What the server does.
#[hton::service]
trait Builder {
    /// Builds every part of the plan, and tells the caller about each.
    async fn build(&self, cx: &Context, plan: Vec<String>) -> Result<String, Status>;
    /// From now on the caller hears of news.
    async fn subscribe(&self, cx: &Context);
}

/// What the client does for the server.
#[hton::service]
trait Customer {
    /// How far it is. Returns whether to go on.
    async fn progress(&self, done: u32, of: u32) -> bool;
    /// The colour of a part.
    async fn colour(&self, part: String) -> String;
    /// Something new.
    async fn news(&self, text: String);
}

#[derive(Default)]
struct MyBuilder {
    subscribers: Mutex<Vec<CustomerClient>>,
}

impl Builder for MyBuilder {
    async fn build(&self, cx: &Context, plan: Vec<String>) -> Result<String, Status> {
        let customer = CustomerClient::new(cx.peer());
        let of = u32::try_from(plan.len()).unwrap_or(u32::MAX);
        let mut built = Vec::new();
        for (done, part) in (1..).zip(plan) {
            let colour = customer.colour(part.clone()).await?;
            built.push(format!("{colour} {part}"));
            if !customer.progress(done, of).await? {
                return Err(Status::aborted(format!("stopped after {}", built.join(", "))));
            }
        }
        Ok(built.join(", "))
    }

    async fn subscribe(&self, cx: &Context) {
        let subscriber = CustomerClient::new(cx.peer());
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).push(subscriber);
    }
}

impl MyBuilder {
    /// Calls everybody who has subscribed. Returns how many have heard it.
    async fn publish(&self, text: &str) -> usize {
        let everybody = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut heard = 0;
        for subscriber in everybody {
            heard += usize::from(subscriber.news(text.into()).await.is_ok());
        }
        heard
    }
}

struct MyCustomer {
    /// After how many parts there are enough.
    enough: u32,
}

impl Customer for MyCustomer {
    async fn progress(&self, done: u32, of: u32) -> bool {
        println!("    customer: {done} of {of}");
        done < self.enough
    }

    async fn colour(&self, part: String) -> String {
        let colour = if part == "door" { "red" } else { "white" };
        println!("    customer: a {colour} {part}, please");
        colour.into()
    }

    async fn news(&self, text: String) {
        println!("    customer: I hear that {text}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let builder = Arc::new(MyBuilder::default());
    let service = BuilderServer::from_arc(Arc::clone(&builder));
    let server = Server::bind("127.0.0.1:0").await?.serve(service)?;

    let customer = CustomerServer::new(MyCustomer { enough: 3 });
    let peer = hton::connect(server.local_addr()).serve(customer)?.await?;
    let client = BuilderClient::new(&peer);

    println!("two parts:");
    println!("    built: {}", client.build(vec!["wall".into(), "door".into()]).await?);
    println!("five parts, of which three are enough:");
    let plan = ["wall", "wall", "door", "roof", "roof"].map(String::from);
    match client.build(plan.into()).await {
        Err(error) => println!("    {}", error.message()),
        Ok(built) => println!("    built: {built}"),
    }

    println!("the server calls of its own accord:");
    client.subscribe().await?;
    println!("    {} heard it", builder.publish("bricks are cheap").await);
    peer.close();
    peer.closed().await;
    println!("    {} heard it when the customer had left", builder.publish("paint is cheap").await);
    Ok(())
}
