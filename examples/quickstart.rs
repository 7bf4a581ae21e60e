//! The smallest whole program: a server and a client over TCP.
use hton::Server;

#[hton::service]
trait Greeter {
    async fn greet(&self, name: String) -> String;
}

struct Hello;

impl Greeter for Hello {
    async fn greet(&self, name: String) -> String {
        format!("Hello, {name}!")
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::bind("127.0.0.1:0").await?.serve(GreeterServer::new(Hello))?;
    let greeter = GreeterClient::connect(server.local_addr()).await?;
    println!("{}", greeter.greet("network".into()).await?);
    Ok(())
}
