//! Every form of a method that streams, of values and of bytes, with and without errors.

use hton::{Bytes, CallError, Code, Context, Rx, Side, Status, Stream};
use std::pin::Pin;

#[hton::service]
trait Numbers {
    async fn sum(&self, numbers: Rx<i64>) -> i64;
    async fn join(&self, cx: &Context, mark: &str, chunks: Rx<Vec<u8>>, end: u8) -> Vec<u8>;
    async fn checked(&self, numbers: hton::Rx<u8>) -> Result<u8, Status>;
    async fn declared(&self, numbers: Rx<u8>) -> Result<u8, String>;
    fn count(&self, to: u32) -> impl Stream<Item = u32>;
    fn words(&self, cx: &Context, text: &str) -> impl Stream<Item = Bytes>;
    fn halves(&self, from: u32) -> impl Stream<Item = Result<u32, String>>;
    fn coded(&self, from: u32) -> impl hton::Stream<Item = Result<u32, hton::Status>> + Send;
    async fn open(&self, name: &str) -> Result<impl Stream<Item = Vec<u8>>, Status>;
    async fn typed(&self, to: u8) -> Result<impl Stream<Item = Result<u8, u64>>, u64>;
    async fn mixed(&self, to: u8) -> Result<impl Stream<Item = Result<u8, u64>>, Status>;
    fn echo(&self, lines: Rx<String>) -> impl Stream<Item = String>;
    async fn both(&self, to: u8, bytes: Rx<Bytes>) -> Result<impl Stream<Item = Bytes>, u8>;
    fn owned(&self) -> impl Stream<Item = Option<Result<u8, String>>> + Unpin + 'static;
}

struct MyNumbers(Vec<u8>);

impl Numbers for MyNumbers {
    async fn sum(&self, mut numbers: Rx<i64>) -> i64 {
        let mut sum = 0;
        while let Ok(Some(number)) = numbers.recv().await {
            sum += number;
        }
        sum
    }
    async fn join(&self, _: &Context, mark: &str, mut chunks: Rx<Vec<u8>>, end: u8) -> Vec<u8> {
        let mut all = mark.as_bytes().to_vec();
        while let Ok(Some(chunk)) = chunks.recv().await {
            all.extend(chunk);
        }
        all.push(end);
        all
    }
    async fn checked(&self, mut numbers: Rx<u8>) -> Result<u8, Status> {
        let first = numbers.recv().await?;
        first.ok_or_else(|| Status::not_found("no number"))
    }
    async fn declared(&self, mut numbers: Rx<u8>) -> Result<u8, String> {
        match numbers.recv().await {
            Ok(Some(number)) => Ok(number),
            other => Err(format!("{other:?}")),
        }
    }
    fn count(&self, to: u32) -> impl Stream<Item = u32> {
        hton::stream::iter(0..to)
    }
    // What the stream borrows from: the service and the request.
    fn words(&self, _: &Context, text: &str) -> impl Stream<Item = Bytes> {
        hton::stream::iter(self.0.iter().zip(text.split(' ')).map(|(mark, word)| {
            [&[*mark], word.as_bytes()].concat().into()
        }))
    }
    fn halves(&self, from: u32) -> impl Stream<Item = Result<u32, String>> {
        hton::stream::iter(std::iter::successors(Some(Ok(from)), |last| match last {
            Ok(even) if even % 2 == 0 => Some(Ok(even / 2)),
            Ok(odd) => Some(Err(odd.to_string())),
            Err(_) => None,
        }))
    }
    fn coded(&self, from: u32) -> impl Stream<Item = Result<u32, Status>> {
        hton::stream::iter([Ok(from), Err(Status::new(Code::DATA_LOSS, "lost"))])
    }
    async fn open(&self, name: &str) -> Result<impl Stream<Item = Vec<u8>>, Status> {
        tokio::task::yield_now().await;
        match name {
            "self" => Ok(hton::stream::iter(self.0.iter().map(|byte| vec![*byte]))),
            _ => Err(Status::not_found(name)),
        }
    }
    async fn typed(&self, to: u8) -> Result<impl Stream<Item = Result<u8, u64>>, u64> {
        let all = (0..to).map(|number| if number < 2 { Ok(number) } else { Err(200) });
        if to == 0 { Err(100) } else { Ok(hton::stream::iter(all)) }
    }
    async fn mixed(&self, to: u8) -> Result<impl Stream<Item = Result<u8, u64>>, Status> {
        if to == 0 { Err(Status::not_found("0")) } else { Ok(hton::stream::iter([Err(u64::from(to))])) }
    }
    fn echo(&self, lines: Rx<String>) -> impl Stream<Item = String> {
        Echo(lines)
    }
    async fn both(&self, to: u8, mut bytes: Rx<Bytes>) -> Result<impl Stream<Item = Bytes>, u8> {
        let mut all = Vec::new();
        for _ in 0..to {
            match bytes.recv().await {
                Ok(Some(bytes)) => all.push(bytes),
                _ => return Err(to),
            }
        }
        Ok(hton::stream::iter(all))
    }
    fn owned(&self) -> impl Stream<Item = Option<Result<u8, String>>> + Unpin + 'static {
        hton::stream::iter([None, Some(Ok(1)), Some(Err("two".to_owned()))])
    }
}

/// Each line as it comes; the first failure is the end.
struct Echo(Rx<String>);

impl Stream for Echo {
    type Item = String;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<String>> {
        Pin::new(&mut self.0).poll_next(cx).map(|line| line.and_then(Result::ok))
    }
}

/// The items before the end, and the end.
async fn all<T, E>(mut stream: hton::Streaming<T, E>) -> (Vec<T>, Option<CallError<E>>) {
    let mut items = Vec::new();
    loop {
        match stream.recv().await {
            Ok(Some(item)) => items.push(item),
            Ok(None) => return (items, None),
            Err(error) => return (items, Some(error)),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (near, far) = hton::memory();
    let service = NumbersServer::new(MyNumbers(b"ab".to_vec()));
    let far = hton::attach(far, Side::Acceptor).serve(service).unwrap().start();
    let numbers = NumbersClient::new(hton::attach(near, Side::Dialer).start());
    uploads(&numbers).await;
    downloads(&numbers).await;
    refusals(&numbers).await;
    let lines = ["one".to_owned(), "two".to_owned()];
    let (echoed, end) = all(numbers.echo(hton::stream::iter(lines.clone()))).await;
    assert!(echoed == lines && end.is_none());
    let bytes = || hton::stream::iter([Bytes::from_static(b"a"), Bytes::new()]);
    assert_eq!(all(numbers.both(2, bytes())).await.0, ["a", ""]);
    assert_eq!(all(numbers.both(3, bytes())).await.1.unwrap().declared(), Some(&3));
    drop(far);
}

async fn uploads(numbers: &NumbersClient) {
    assert_eq!(numbers.sum(hton::stream::iter([1, 2, 3])).await.unwrap(), 6);
    assert_eq!(numbers.sum(hton::stream::empty()).await.unwrap(), 0);
    let chunks = hton::stream::iter([b"b".to_vec(), vec![], b"cc".to_vec()]);
    assert_eq!(numbers.join("a", chunks, b'd').await.unwrap(), b"abccd");
    assert_eq!(numbers.checked(hton::stream::iter([7])).await.unwrap(), 7);
    let error = numbers.checked(hton::stream::empty()).await.unwrap_err();
    assert_eq!(error.code(), Code::NOT_FOUND);
    assert_eq!(numbers.declared(hton::stream::iter([7, 8])).await.unwrap(), 7);
    let error = numbers.declared(hton::stream::empty()).await.unwrap_err();
    assert_eq!(error.declared().unwrap(), "Ok(None)");
}

async fn downloads(numbers: &NumbersClient) {
    let (items, end) = all(numbers.count(3)).await;
    assert!(items == [0, 1, 2] && end.is_none());
    assert_eq!(all(numbers.words("one two three")).await.0, ["aone", "btwo"]);
    let (items, end) = all(numbers.halves(12)).await;
    assert_eq!((items, end.unwrap().declared().unwrap().as_str()), (vec![12, 6, 3], "3"));
    let (items, end) = all(numbers.coded(9)).await;
    assert_eq!((items, end.unwrap().code()), (vec![9], Code::DATA_LOSS));
    let owned = [None, Some(Ok(1)), Some(Err("two".to_owned()))];
    assert_eq!(all(numbers.owned()).await.0, owned);
}

async fn refusals(numbers: &NumbersClient) {
    assert_eq!(all(numbers.open("self")).await.0, [b"a", b"b"]);
    let (items, end) = all(numbers.open("other")).await;
    assert_eq!((items.len(), end.unwrap().code()), (0, Code::NOT_FOUND));
    let (items, end) = all(numbers.typed(3)).await;
    assert_eq!((items, end.unwrap().declared()), (vec![0, 1], Some(&200)));
    assert_eq!(all(numbers.typed(0)).await.1.unwrap().declared(), Some(&100));
    assert_eq!(all(numbers.mixed(7)).await.1.unwrap().declared(), Some(&7));
    assert_eq!(all(numbers.mixed(0)).await.1.unwrap().code(), Code::NOT_FOUND);
}
