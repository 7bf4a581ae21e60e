//! What generated code promises about streams and one-way calls, over sockets.

use hton::{Bytes, Code, Executed, Rx, Server, Status, Stream, stream};
use std::sync::Arc;
use tokio::sync::watch;

/// Items that are bytes, one way and the other.
mod bytes {
    use super::{Bytes, Rx, Stream};

    #[hton::service(name = "Turns")]
    pub(crate) trait Shared {
        fn turn(&self, mark: u8, chunks: Rx<Bytes>) -> impl Stream<Item = Bytes>;
    }

    #[hton::service(name = "Turns")]
    pub(crate) trait Copied {
        fn turn(&self, mark: u8, chunks: Rx<Vec<u8>>) -> impl Stream<Item = Vec<u8>>;
    }

    /// The same bytes, through serde.
    #[hton::service(name = "Turns")]
    pub(crate) trait Values {
        fn turn(&self, mark: u8, chunks: Rx<Box<[u8]>>) -> impl Stream<Item = Box<[u8]>>;
    }

    /// Methods of the same names that are of another kind.
    #[hton::service(name = "Turns")]
    pub(crate) trait Unary {
        async fn turn(&self, mark: u8) -> u8;
        async fn count(&self) -> u8;
    }

    // It does not say what its types are, so the arguments are decoded.
    #[hton::service(name = "Turns", schema = off)]
    pub(crate) trait Words {
        fn turn(&self, mark: String, chunks: Rx<String>) -> impl Stream<Item = String>;
        fn count(&self) -> impl Stream<Item = u8>;
    }
}

struct Turner;

macro_rules! turner {
    ($service:ident, $item:ty) => {
        impl bytes::$service for Turner {
            fn turn(&self, mark: u8, chunks: Rx<$item>) -> impl Stream<Item = $item> {
                stream::unfold(chunks, move |mut chunks| async move {
                    let mut chunk = chunks.recv().await.ok().flatten()?.to_vec();
                    chunk.reverse();
                    chunk.push(mark);
                    Some((<$item>::from(chunk), chunks))
                })
            }
        }
    };
}

turner!(Shared, Bytes);
turner!(Copied, Vec<u8>);
turner!(Values, Box<[u8]>);

impl bytes::Unary for Turner {
    async fn turn(&self, mark: u8) -> u8 {
        mark
    }

    async fn count(&self) -> u8 {
        3
    }
}

async fn serve(service: impl hton::Service) -> Server {
    let bound = Server::bind("127.0.0.1:0").await.expect("a free port");
    bound.serve(service).expect("one service")
}

#[tokio::test]
async fn the_roads_of_bytes_lead_to_the_same_wire() {
    let shared = serve(bytes::SharedServer::new(Turner)).await;
    let copied = serve(bytes::CopiedServer::new(Turner)).await;
    let values = serve(bytes::ValuesServer::new(Turner)).await;
    for server in [&shared, &copied, &values] {
        let chunks = [b"ab".to_vec(), Vec::new(), vec![7; 100_000]];
        let expected: Vec<Vec<u8>> =
            vec![b"ba!".to_vec(), b"!".to_vec(), [vec![7; 100_000], b"!".to_vec()].concat()];
        let peer = hton::connect(server.local_addr()).await.expect("it listens");
        let call = bytes::SharedClient::new(&peer)
            .turn(b'!', stream::iter(chunks.clone().map(Bytes::from)));
        assert_eq!(collect(call).await, expected);
        let call = bytes::CopiedClient::new(&peer).turn(b'!', stream::iter(chunks.clone()));
        assert_eq!(collect(call).await, expected);
        let call = bytes::ValuesClient::new(&peer)
            .turn(b'!', stream::iter(chunks.map(Vec::into_boxed_slice)));
        assert_eq!(collect(call).await, expected);
    }
}

async fn collect<T: Into<Vec<u8>>>(items: hton::Streaming<T>) -> Vec<Vec<u8>> {
    let items = items.collect().await.expect("the stream ends well");
    items.into_iter().map(Into::into).collect()
}

#[tokio::test]
async fn a_method_of_another_kind_is_not_there() {
    let streams = serve(bytes::CopiedServer::new(Turner)).await;
    let unary = bytes::UnaryClient::connect(streams.local_addr()).await.expect("it listens");
    let error = unary.turn(1).await.expect_err("there it streams");
    assert_eq!((error.code(), error.executed()), (Code::UNIMPLEMENTED, Executed::No));

    let unary = serve(bytes::UnaryServer::new(Turner)).await;
    let words = bytes::WordsClient::connect(unary.local_addr()).await.expect("it listens");
    let error = words.count().collect().await.expect_err("there it answers one value");
    assert_eq!((error.code(), error.executed()), (Code::UNIMPLEMENTED, Executed::No));
}

#[tokio::test]
async fn arguments_that_cannot_be_decoded_are_answered_before_the_stream() {
    let copied = serve(bytes::CopiedServer::new(Turner)).await;
    let words = bytes::WordsClient::connect(copied.local_addr()).await.expect("it listens");
    let items = stream::iter(["never read".to_owned()]);
    let error = words.turn("a".to_owned(), items).recv().await.expect_err("a `u8` is wanted");
    assert_eq!((error.code(), error.executed()), (Code::INVALID_ARGUMENT, Executed::No));
}

/// What happened, in order.
#[hton::service(ordered)]
trait Diary {
    #[hton(oneway)]
    async fn write(&self, line: u32);
    async fn lines(&self) -> Vec<u32>;
    async fn add(&self, lines: Rx<Line>) -> Result<u32, Status>;
}

#[hton::service]
trait Follow {
    fn follow(&self) -> impl Stream<Item = u32>;
    async fn followers(&self) -> usize;
}

#[hton::service(name = "Diary")]
trait OtherDiary {
    async fn add(&self, lines: Rx<[u8; 5]>) -> Result<u32, Status>;
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Line {
    number: u32,
    urgent: bool,
}

struct MyDiary {
    lines: watch::Sender<Vec<u32>>,
    followers: watch::Sender<usize>,
}

impl MyDiary {
    fn new() -> Arc<Self> {
        Arc::new(Self { lines: watch::Sender::new(Vec::new()), followers: watch::Sender::new(0) })
    }
}

impl Diary for MyDiary {
    async fn write(&self, line: u32) {
        // A handler that waits lets others overtake it, unless the service is ordered.
        for _ in 0..(line % 3) {
            tokio::task::yield_now().await;
        }
        self.lines.send_modify(|lines| lines.push(line));
    }

    async fn lines(&self) -> Vec<u32> {
        self.lines.borrow().clone()
    }

    async fn add(&self, mut lines: Rx<Line>) -> Result<u32, Status> {
        let mut urgent = 0;
        while let Some(line) = lines.recv().await? {
            urgent += u32::from(line.urgent && line.number > 0);
        }
        Ok(urgent)
    }
}

impl Follow for MyDiary {
    fn follow(&self) -> impl Stream<Item = u32> {
        let following = Following::new(&self.followers);
        stream::unfold((0, following), |(line, following)| async move {
            Some((line, (line + 1, following)))
        })
    }

    async fn followers(&self) -> usize {
        *self.followers.borrow()
    }
}

/// Counts the streams that exist.
struct Following(watch::Sender<usize>);

impl Following {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count.clone())
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[tokio::test]
async fn one_way_calls_of_an_ordered_service_are_handled_as_they_arrive() {
    let mine = MyDiary::new();
    let server = serve(DiaryServer::from_arc(mine.clone())).await;
    let diary = DiaryClient::connect(server.local_addr()).await.expect("it listens");
    for line in 0..100 {
        diary.write(line).await.expect("it was written");
    }
    let mut lines = mine.lines.subscribe();
    lines.wait_for(|lines| lines.len() == 100).await.expect("the service is there");
    let expected: Vec<u32> = (0..100).collect();
    assert_eq!(diary.lines().await.expect("it answers"), expected);
}

#[tokio::test]
async fn an_item_that_cannot_be_decoded_says_which_field_of_which_argument() {
    let server = serve(DiaryServer::from_arc(MyDiary::new())).await;
    let diary = DiaryClient::connect(server.local_addr()).await.expect("it listens");
    let line = |number| Line { number, urgent: true };
    assert_eq!(diary.add(stream::iter([line(1), line(0), line(2)])).await, Ok(2));
    let other = OtherDiaryClient::new(diary.peer());
    // Four bytes are taken for the number, and 7 is no flag.
    let error = other.add(stream::iter([[0, 0, 0, 1, 7]])).await.expect_err("no line");
    let text = error.to_string();
    assert!(text.contains("lines.urgent"), "{text}");
}

#[tokio::test]
async fn a_stream_that_is_dropped_by_its_reader_is_dropped_by_its_producer() {
    let mine = MyDiary::new();
    let server = serve(FollowServer::from_arc(mine.clone())).await;
    let diary = FollowClient::connect(server.local_addr()).await.expect("it listens");
    let mut lines = diary.follow();
    assert_eq!(*mine.followers.borrow(), 0, "nothing is sent before the first poll");
    for line in 0..10 {
        assert_eq!(lines.recv().await, Ok(Some(line)));
    }
    assert_eq!(diary.followers().await, Ok(1));
    drop(lines);
    let mut followers = mine.followers.subscribe();
    followers.wait_for(|count| *count == 0).await.expect("the service is there");
}
