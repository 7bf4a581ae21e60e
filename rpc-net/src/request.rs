//! A call as its dispatcher sees it: arguments in, a reply out.

use crate::buffers;
use crate::context::Context;
use crate::stream::{Encode, Inflow, Items, Pump, Pumped, Rx, Source, TryItems, poll_left};
use bytes::Bytes;
use futures_core::Stream;
use rpc_core::archive::{DecodeError, Decoder, EncodeError, EncodeErrorKind, Encoder};
use rpc_core::{Code, Metadata, Method, Payload, Retry, Status};
use serde::Serialize;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

/// The encoded arguments of a call, owned while its handler runs.
#[derive(Debug)]
pub(crate) enum Body {
    /// Copied from the socket's buffer into one that is used again.
    Copied(Vec<u8>),
    /// Shared, because a copy would cost more than the count.
    Shared(Bytes),
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Self::Copied(buffer) = self {
            buffers::give(std::mem::take(buffer));
        }
    }
}

/// One call of the peer, owned by the dispatcher that answers it.
#[derive(Debug)]
pub struct Request {
    context: Context,
    body: Body,
    /// Where the caller's items wait, until the handler gets them.
    inflow: Mutex<Option<Arc<Inflow>>>,
}

/// The decoder of the arguments of one call, in the order of the method.
pub type Arguments<'a> = Decoder<'a>;

impl Request {
    pub(crate) fn new(context: Context, body: Body, inflow: Option<Arc<Inflow>>) -> Self {
        Self { context, body, inflow: Mutex::new(inflow) }
    }

    /// A decoder at the first argument.
    pub fn args(&self) -> Arguments<'_> {
        let limits = self.context.link.decode_limits();
        match &self.body {
            Body::Copied(bytes) => Decoder::new(bytes, limits),
            Body::Shared(bytes) => Decoder::shared(bytes, limits),
        }
    }

    /// The encoded arguments.
    pub(crate) fn body(&self) -> &[u8] {
        match &self.body {
            Body::Copied(bytes) => bytes,
            Body::Shared(bytes) => bytes,
        }
    }

    pub(crate) const fn context_mut(&mut self) -> &mut Context {
        &mut self.context
    }

    /// The circumstances of the call.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The items that the caller sends, to be taken once; a method without any has an empty stream.
    pub fn rx<T>(&self, decode: fn(&mut Decoder<'_>) -> Result<T, DecodeError>) -> Rx<T> {
        let inflow = self.inflow.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Context { link, method, .. } = &self.context;
        Rx::new(Arc::clone(link), method, inflow.unwrap_or_else(Inflow::finished), decode)
    }

    /// Sends every item of a stream, and is then the reply that ends it well.
    pub async fn items<S: Stream + Send>(&self, stream: S, encode: Encode<S::Item>) -> Reply {
        let stream = pin!(stream);
        let mut pump = Pump::new(Items { stream, encode });
        let pumped = self.pump(&mut pump).await;
        self.pumped(pumped)
    }

    /// Sends every item of a stream until its first error.
    ///
    /// # Errors
    ///
    /// The stream's own, when everything before it was handed over.
    pub async fn try_items<S, T, E>(&self, stream: S, encode: Encode<T>) -> Result<Reply, E>
    where
        S: Stream<Item = Result<T, E>> + Send,
        E: Send,
    {
        let stream = pin!(stream);
        let mut pump = Pump::new(TryItems { stream, encode, error: None });
        let pumped = self.pump(&mut pump).await;
        match pump.source.error.take() {
            None => Ok(self.pumped(pumped)),
            Some(error) => {
                // An error overtakes an item that is still on its way.
                let Context { link, id, .. } = &self.context;
                poll_fn(|cx| poll_left(link, *id, cx)).await;
                Err(error)
            }
        }
    }

    async fn pump<S: Source>(&self, pump: &mut Pump<S>) -> Pumped {
        let Context { link, id, .. } = &self.context;
        poll_fn(|cx| pump.poll(link, *id, cx)).await
    }

    /// The reply that follows the items.
    fn pumped(&self, pumped: Pumped) -> Reply {
        match pumped {
            Pumped::Finished => self.nothing(),
            Pumped::Stopped => Reply::fault(Code::CANCELLED, Retry::Unknown, "the call is over"),
            Pumped::Unsendable { too_large, text } => {
                let code = if too_large { Code::RESOURCE_EXHAUSTED } else { Code::INTERNAL };
                Reply::fault(code, Retry::Never, text)
            }
        }
    }

    /// What ends a one-way call.
    #[must_use]
    pub fn done(&self) -> Reply {
        self.nothing()
    }

    /// The call ended well, and there is nothing to say.
    fn nothing(&self) -> Reply {
        let metadata = self.context.take_reply_metadata();
        Reply { code: Code::OK, retry: Retry::Unknown, app: 0, metadata, answer: Answer::Nothing }
    }

    /// The reply that carries a result.
    pub async fn ok<T: Serialize + Sync + ?Sized>(&self, value: &T) -> Reply {
        self.message(Code::OK, |out| out.value(value)).await
    }

    /// The reply whose result is a run of bytes.
    pub async fn ok_bytes(&self, bytes: &[u8]) -> Reply {
        self.message(Code::OK, |out| out.bytes(bytes)).await
    }

    /// The reply whose result is a run of bytes that need not be copied.
    pub async fn ok_shared(&self, bytes: Bytes) -> Reply {
        self.message(Code::OK, |out| out.shared(bytes)).await
    }

    /// The reply that carries the method's own error.
    pub async fn declared<E: Serialize + Sync + ?Sized>(&self, error: &E) -> Reply {
        self.message(Code::DECLARED, |out| out.value(error)).await
    }

    /// The reply of a handler that ends with a status instead of a result.
    #[must_use]
    pub fn status(&self, status: Status) -> Reply {
        let (code, app) = (status.code(), status.app());
        let retry = match (code, status.retry()) {
            // It would say that there is no such method, and so no handler that has run.
            (Code::UNIMPLEMENTED, Retry::Never) => Retry::Unknown,
            (_, retry) => retry,
        };
        let reply = Reply::fault(code, retry, status.into_message());
        Reply { app, metadata: self.context.take_reply_metadata(), ..reply }
    }

    /// The reply to arguments that cannot be decoded.
    #[must_use]
    pub fn undecodable(&self, error: &DecodeError) -> Reply {
        Reply::fault(Code::INVALID_ARGUMENT, Retry::Safe, error.to_string())
            .at(error.offset(), error.path())
    }

    /// The reply to a method that the dispatcher does not have.
    #[must_use]
    pub fn unknown(&self, method: &'static Method) -> Reply {
        Reply::unimplemented(method.full_name())
    }

    /// Waits until the connection takes results, then encodes one outside of every lock.
    async fn message(
        &self,
        code: Code,
        write: impl FnOnce(&mut Encoder) -> Result<(), EncodeError> + Send,
    ) -> Reply {
        self.context.link.room().await;
        let mut out = Encoder::new(buffers::take(), self.context.link.message_bytes_out());
        match write(&mut out).and_then(|()| out.finish()) {
            Ok(payload) => Reply {
                code,
                retry: Retry::Unknown,
                app: 0,
                metadata: self.context.take_reply_metadata(),
                answer: Answer::Message(payload),
            },
            Err(error) => unencodable(&error),
        }
    }
}

fn unencodable(error: &EncodeError) -> Reply {
    let code = match error.kind() {
        EncodeErrorKind::TooLarge => Code::RESOURCE_EXHAUSTED,
        _ => Code::INTERNAL,
    };
    Reply::fault(code, Retry::Never, format!("the result cannot be encoded: {error}"))
}

/// The answer to one call.
#[derive(Debug)]
pub struct Reply {
    pub(crate) code: Code,
    pub(crate) retry: Retry,
    pub(crate) app: u16,
    pub(crate) metadata: Metadata,
    pub(crate) answer: Answer,
}

#[derive(Debug)]
pub(crate) enum Answer {
    /// An encoded result, or the method's own error.
    Message(Payload),
    /// No message: a stream ended well, or the call was one-way.
    Nothing,
    /// Why there is neither.
    Fault { message: String, at: Option<(u64, String)> },
}

impl Reply {
    pub(crate) fn fault(code: Code, retry: Retry, message: impl Into<String>) -> Self {
        let answer = Answer::Fault { message: message.into(), at: None };
        Self { code, retry, app: 0, metadata: Metadata::new(), answer }
    }

    /// Bytes of its message.
    pub(crate) fn len(&self) -> usize {
        match &self.answer {
            Answer::Message(payload) => payload.len(),
            Answer::Nothing => 0,
            Answer::Fault { message, .. } => message.len(),
        }
    }

    pub(crate) fn unimplemented(method: impl fmt::Display) -> Self {
        Self::fault(
            Code::UNIMPLEMENTED,
            Retry::Never,
            format!("no service here has the method {method}"),
        )
    }

    fn at(mut self, offset: u64, path: &str) -> Self {
        if let Answer::Fault { at, .. } = &mut self.answer {
            *at = Some((offset, path.to_owned()));
        }
        self
    }
}
