//! A one-way call is one message.

#[hton::service]
trait Log {
    #[hton(oneway)]
    async fn lines(&self, lines: hton::Rx<String>);
    #[hton(oneway)]
    fn follow(&self) -> impl hton::Stream<Item = String>;
    #[hton(oneway)]
    async fn open(&self) -> Result<impl hton::Stream<Item = String>, String>;
}

fn main() {}
