//! What metadata promise: any bytes, in order, beside the arguments and beside whatever ends the call.

use hton::{Code, Context, Executed, Metadata, Peer, Side, Status, Stream, stream};

#[hton::service]
trait Echo {
    /// Answers with the caller's entries, and the value of the first `want`.
    async fn echo(&self, cx: &Context) -> Vec<(String, Vec<u8>)>;
    async fn fail(&self, cx: &Context, kind: u8) -> Result<u32, String>;
    async fn refuse(&self, cx: &Context) -> Result<u32, Status>;
    fn items(&self, cx: &Context) -> impl Stream<Item = Result<u32, Status>>;
    async fn large(&self, cx: &Context, bytes: u32) -> u32;
    async fn print(&self, cx: &Context) -> String;
}

struct MyEcho;

/// Sends every entry of the caller back, with an `x-` before its key.
fn reflect(cx: &Context) {
    for (key, value) in cx.metadata().iter() {
        cx.reply_metadata(&format!("x-{key}"), value).expect("what came can go");
    }
}

impl Echo for MyEcho {
    async fn echo(&self, cx: &Context) -> Vec<(String, Vec<u8>)> {
        reflect(cx);
        assert!(cx.reply_metadata("Capital", "").is_err());
        assert!(cx.reply_metadata(":method", "").is_err());
        cx.metadata().iter().map(|(key, value)| (key.to_owned(), value.to_vec())).collect()
    }

    async fn fail(&self, cx: &Context, kind: u8) -> Result<u32, String> {
        reflect(cx);
        if kind == 0 { Ok(7) } else { Err("declared".to_owned()) }
    }

    async fn refuse(&self, cx: &Context) -> Result<u32, Status> {
        reflect(cx);
        Err(Status::permission_denied("not you").with_app(17))
    }

    fn items(&self, cx: &Context) -> impl Stream<Item = Result<u32, Status>> {
        reflect(cx);
        stream::iter([Ok(1), Err(Status::aborted("enough"))])
    }

    async fn large(&self, cx: &Context, bytes: u32) -> u32 {
        cx.reply_metadata("large", vec![7; bytes as usize]).expect("it is no longer than 64 KiB");
        bytes
    }

    async fn print(&self, cx: &Context) -> String {
        format!("{cx:?}")
    }
}

fn pair() -> (EchoClient, Peer) {
    let (near, far) = hton::memory();
    let near = hton::attach(near, Side::Dialer).start();
    let far = hton::attach(far, Side::Acceptor).serve(EchoServer::new(MyEcho)).unwrap().start();
    (EchoClient::new(near), far)
}

fn entries(metadata: &Metadata) -> Vec<(&str, &[u8])> {
    metadata.iter().collect()
}

// Verifies: frame.metadata.layout
#[tokio::test]
async fn metadata_keep_order_duplicates_and_any_bytes_both_ways() {
    let (echo, _far) = pair();
    let binary: Vec<u8> = (0..=255).collect();
    let call = echo.echo().metadata("b", "first").metadata("a", &binary).metadata("b", "");
    let (seen, metadata) = call.with_metadata().await.unwrap();
    let seen: Vec<_> = seen.iter().map(|(key, value)| (key.as_str(), value.as_slice())).collect();
    assert_eq!(seen, [("b", b"first".as_slice()), ("a", &binary), ("b", b"")]);
    let reflected = [("x-b", b"first".as_slice()), ("x-a", &binary), ("x-b", b"")];
    assert_eq!(entries(&metadata), reflected);

    let (seen, metadata) = echo.echo().with_metadata().await.unwrap();
    assert!(seen.is_empty() && metadata.is_empty(), "nothing of the call before");
}

#[tokio::test]
async fn metadata_come_with_every_kind_of_end() {
    let (echo, _far) = pair();
    let (seven, metadata) = echo.fail(0).metadata("k", "v").with_metadata().await.unwrap();
    assert_eq!((seven, entries(&metadata)), (7, vec![("x-k", b"v".as_slice())]));

    let error = echo.refuse().metadata("k", "v").await.unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!((failure.code(), failure.app()), (Code::PERMISSION_DENIED, 17));
    assert_eq!(entries(failure.metadata()), [("x-k", b"v".as_slice())]);

    let mut items = echo.items().metadata("k", "v");
    assert_eq!(items.recv().await.unwrap(), Some(1));
    let error = items.recv().await.unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!(failure.code(), Code::ABORTED);
    assert_eq!(failure.metadata().get_str("x-k"), Some("v"));
}

#[tokio::test]
async fn an_entry_that_cannot_travel_fails_its_call_unsent() {
    let (echo, _far) = pair();
    let too_long = vec![0; 65_536];
    let bad = [("Capital", &b""[..]), (":method", b"Echo/echo"), ("", b""), ("k", &too_long)];
    for (key, value) in bad {
        let error = echo.echo().metadata(key, value).metadata("good", "x").await.unwrap_err();
        assert_eq!((error.code(), error.executed()), (Code::INVALID_ARGUMENT, Executed::No));
        let error = echo.items().metadata(key, value).recv().await.unwrap_err();
        assert_eq!((error.code(), error.executed()), (Code::INVALID_ARGUMENT, Executed::No));
    }
    assert!(echo.echo().await.unwrap().is_empty());
}

// Verifies: frame.metadata.limit
#[tokio::test]
async fn metadata_beyond_the_limit_fail_their_call_and_no_other() {
    let (echo, _far) = pair();
    let error = echo.echo().metadata("k", vec![7; 8 * 1024]).await.unwrap_err();
    assert_eq!((error.code(), error.executed()), (Code::RESOURCE_EXHAUSTED, Executed::No));
    let fits = vec![7; 8 * 1024 - 6]; // Two bytes are added to the key that comes back.
    assert_eq!(echo.echo().metadata("k", &fits).await.unwrap(), [("k".to_owned(), fits)]);

    let error = echo.large(9_000).await.unwrap_err();
    assert_eq!(error.code(), Code::RESOURCE_EXHAUSTED);
    let (_, metadata) = echo.large(8_000).with_metadata().await.unwrap();
    assert_eq!(metadata.get("large").map(<[u8]>::len), Some(8_000));
}

#[tokio::test]
async fn a_secret_is_not_printed_on_either_side() {
    let (echo, _far) = pair();
    let printed = echo.print().metadata("authorization", "s3cret").metadata("trace", "seen");
    let printed = printed.await.unwrap();
    assert!(!printed.contains("s3cret") && printed.contains("seen"), "{printed}");

    let call = echo.print().metadata_sensitive("user", "s3cret");
    assert!(!format!("{call:?}").contains("s3cret"));
    call.await.unwrap();
}
