//! A call as its dispatcher sees it: arguments in, a reply out.

use crate::buffers;
use crate::context::Context;
use bytes::Bytes;
use rpc_core::archive::{DecodeError, Decoder, EncodeError, EncodeErrorKind, Encoder};
use rpc_core::{Code, Method, Payload, Retry};
use serde::Serialize;
use std::fmt;

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
    pub(crate) context: Context,
    pub(crate) body: Body,
}

/// The decoder of the arguments of one call, in the order of the method.
pub type Arguments<'a> = Decoder<'a>;

impl Request {
    /// A decoder at the first argument.
    pub fn args(&self) -> Arguments<'_> {
        let limits = self.context.link.decode_limits();
        match &self.body {
            Body::Copied(bytes) => Decoder::new(bytes, limits),
            Body::Shared(bytes) => Decoder::shared(bytes, limits),
        }
    }

    /// The circumstances of the call.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
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
            Ok(payload) => Reply { code, retry: Retry::Unknown, answer: Answer::Message(payload) },
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
    pub(crate) answer: Answer,
}

#[derive(Debug)]
pub(crate) enum Answer {
    /// An encoded result, or the method's own error.
    Message(Payload),
    /// Why there is neither.
    Fault { message: String, at: Option<(u64, String)> },
}

impl Reply {
    pub(crate) fn fault(code: Code, retry: Retry, message: impl Into<String>) -> Self {
        Self { code, retry, answer: Answer::Fault { message: message.into(), at: None } }
    }

    /// Bytes of its message.
    pub(crate) fn len(&self) -> usize {
        match &self.answer {
            Answer::Message(payload) => payload.len(),
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
