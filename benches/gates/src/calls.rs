//! Whole calls: a client and a server in one process and one thread, with memory or a socket between them.

use crate::TEXT;
use crate::service::{EchoClient, EchoServer, Same, serve};
use hton::{Bytes, Side};
use std::fmt;
use std::future::Future;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// A connection, with both of its ends and their runtime.
pub struct Calls {
    runtime: Runtime,
    echo: EchoClient,
    _server: Box<dyn Send>,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

impl Calls {
    /// Both ends are in memory. They have served so many callers at the same time, so that buffers and tables
    /// have grown to what is needed.
    ///
    /// # Panics
    ///
    /// Where the system gives no runtime.
    #[must_use]
    pub fn in_memory(callers: usize) -> Self {
        Self::new(callers, async {
            let (near, far) = hton::memory();
            let server = hton::attach(far, Side::Acceptor).serve(EchoServer::new(Same));
            let server = server.expect("one service").start();
            (hton::attach(near, Side::Dialer).start(), Box::new(server) as Box<dyn Send>)
        })
    }

    /// As [`in_memory`](Self::in_memory), over a socket of the loopback device.
    ///
    /// # Panics
    ///
    /// Where the system gives no runtime or no port.
    #[must_use]
    pub fn over_loopback(callers: usize) -> Self {
        Self::new(callers, async {
            let (server, addr) = serve().await.expect("a port");
            let client = hton::connect(addr).await.expect("the server listens");
            (client, Box::new(server) as Box<dyn Send>)
        })
    }

    fn new(callers: usize, ends: impl Future<Output = (hton::Peer, Box<dyn Send>)>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (client, server) = runtime.block_on(ends);
        let calls = Self { runtime, echo: EchoClient::new(&client), _server: server };
        calls.run(callers, 64);
        calls
    }

    /// `each` calls one after the other, by each of `callers` tasks. Every reply is checked.
    ///
    /// # Panics
    ///
    /// If a call fails or a reply is another.
    pub fn run(&self, callers: usize, each: usize) {
        self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for _ in 0..callers {
                tasks.spawn(ask(self.echo.clone(), each));
            }
            while let Some(done) = tasks.join_next().await {
                done.expect("no caller panics");
            }
        });
    }

    /// So many batches, one after the other, of so many calls. Every reply is checked.
    ///
    /// # Panics
    ///
    /// If a call fails or a reply is another.
    pub fn batches(&self, batches: usize, calls: usize) {
        self.runtime.block_on(async {
            let mut texts = vec![TEXT.to_owned(); calls];
            for _ in 0..batches {
                let replies = hton::batch(texts.drain(..).map(|text| self.echo.text(text))).await;
                let replies =
                    replies.into_iter().map(|reply| reply.expect("the other end is here"));
                texts.extend(replies);
                assert!(texts.len() == calls && texts.iter().all(|text| text == TEXT));
            }
        });
    }

    /// `n` calls of 1 MiB, one after the other. Every reply is checked at a few places.
    ///
    /// # Panics
    ///
    /// If a call fails or a reply is another.
    pub fn blobs(&self, n: usize) {
        const LEN: usize = 1 << 20;
        self.runtime.block_on(async {
            let mut blob = Bytes::from(vec![7; LEN]);
            for _ in 0..n {
                blob = self.echo.blob(blob).await.expect("the other end is in this process");
                assert!(blob.len() == LEN && blob.iter().step_by(16 << 10).all(|b| *b == 7));
            }
        });
    }

    /// One stream of so many items to the server, each checked there.
    ///
    /// # Panics
    ///
    /// If the call fails or an item is another.
    pub fn items_up(&self, n: u64) {
        self.runtime.block_on(async {
            let count = self.echo.counted(hton::stream::iter(0..n)).await;
            assert_eq!(count.expect("the other end is in this process"), n);
        });
    }

    /// One stream of so many items, each checked.
    ///
    /// # Panics
    ///
    /// If the call fails or an item is another.
    pub fn items(&self, n: u64) {
        self.runtime.block_on(async {
            let mut items = self.echo.count(n);
            let mut expected = 0;
            while let Some(item) = items.recv().await.expect("the other end is in this process") {
                assert_eq!(item, expected);
                expected += 1;
            }
            assert_eq!(expected, n);
        });
    }
}

async fn ask(echo: EchoClient, each: usize) {
    let mut text = TEXT.to_owned();
    for _ in 0..each {
        text = echo.text(text).await.expect("the other end is in this process");
        assert_eq!(text, TEXT);
    }
}
