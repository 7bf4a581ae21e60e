//! Several services on one connection, and a client that goes to other tasks.

use hton::Side;

#[hton::service]
trait Calc {
    async fn add(&self, a: u8, b: u8) -> u8;
}

#[hton::service]
trait Chat {
    async fn add(&self, line: String) -> String;
}

struct Both;

impl Calc for Both {
    async fn add(&self, a: u8, b: u8) -> u8 {
        a + b
    }
}

impl Chat for Both {
    async fn add(&self, line: String) -> String {
        line + "!"
    }
}

#[tokio::main]
async fn main() {
    let (near, far) = hton::memory();
    let both = std::sync::Arc::new(Both);
    let services = (CalcServer::from_arc(both.clone()), ChatServer::from_arc(both));
    let far = hton::attach(far, Side::Acceptor).serve(services).unwrap().start();
    let calc = CalcClient::new(hton::attach(near, Side::Dialer).start());
    let chat = ChatClient::new(calc.peer());
    assert_eq!(calc.add(1, 2).await.unwrap(), 3);
    assert_eq!(tokio::spawn(chat.clone().add("hi".into())).await.unwrap().unwrap(), "hi!");
    assert_eq!(tokio::spawn(async move { calc.add(2, 2).await }).await.unwrap().unwrap(), 4);
    drop(far);
}
