//! What came back for a call, and how generated code reads it.

use crate::buffers;
use crate::link::Link;
use bytes::Bytes;
use rpc_core::archive::{DecodeError, DecodeLimits, Decoder};
use rpc_core::frame::Fault;
use rpc_core::{CallError, Code, Executed, Failure, Location, Method, Retry};

/// How a call ended, kept in its slot until its caller takes it.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The peer answered.
    Answered { code: Code, retry: Retry, message: Message },
    /// This side gave up or lost the peer.
    Lost { code: Code, executed: Executed, reason: String },
}

/// The message of an answer.
#[derive(Debug, Default)]
pub(crate) enum Message {
    /// There is none.
    #[default]
    Missing,
    /// Copied into a buffer that is used again.
    Copied(Vec<u8>),
    /// Gathered from fragments.
    Shared(Bytes),
}

impl Drop for Message {
    fn drop(&mut self) {
        if let Self::Copied(buffer) = self {
            buffers::give(std::mem::take(buffer));
        }
    }
}

/// What came back for one call, for the generated stub to decode.
#[derive(Debug)]
pub struct Outcome<'a> {
    ending: &'a Ending,
    method: &'static Method,
    link: &'a Link,
}

impl<'a> Outcome<'a> {
    pub(crate) fn new(ending: &'a Ending, method: &'static Method, link: &'a Link) -> Self {
        Self { ending, method, link }
    }

    /// The result of a method that has no error of its own.
    ///
    /// # Errors
    ///
    /// A failure that says what happened and whether the handler ran.
    pub fn result<T, E>(
        self,
        ok: impl FnOnce(&mut Decoder<'_>) -> Result<T, DecodeError>,
    ) -> Result<T, CallError<E>> {
        match self.ending {
            Ending::Answered { code: Code::OK, message, .. } => {
                self.decode(message, "result", ok).map_err(CallError::from)
            }
            Ending::Answered { code: Code::DECLARED, .. } => Err(self.undeclared().into()),
            Ending::Answered { code, retry, message } => {
                Err(self.fault(*code, *retry, message).into())
            }
            Ending::Lost { code, executed, reason } => {
                Err(self.failure(*code, *executed, reason.clone()).into())
            }
        }
    }

    /// The result of a method, or its own error, each read by the function given for it.
    ///
    /// # Errors
    ///
    /// The method's own error, or a failure that says what happened and whether the handler ran.
    pub fn declared<T, E>(
        self,
        ok: impl FnOnce(&mut Decoder<'_>) -> Result<T, DecodeError>,
        error: impl FnOnce(&mut Decoder<'_>) -> Result<E, DecodeError>,
    ) -> Result<T, CallError<E>> {
        match self.ending {
            Ending::Answered { code: Code::DECLARED, message, .. } => {
                Err(match self.decode(message, "error", error) {
                    Ok(error) => CallError::Declared(error),
                    Err(failure) => failure.into(),
                })
            }
            _ => self.result(ok),
        }
    }

    fn undeclared(&self) -> Failure {
        let text = "the peer answered with the method's own error, but here the method has none";
        self.failure(Code::SCHEMA_MISMATCH, Executed::Maybe, text)
    }

    fn decode<T>(
        &self,
        message: &Message,
        what: &str,
        read: impl FnOnce(&mut Decoder<'_>) -> Result<T, DecodeError>,
    ) -> Result<T, Failure> {
        let limits: DecodeLimits = self.link.decode_limits();
        let mut decoder = match message {
            Message::Copied(bytes) => Decoder::new(bytes, limits),
            Message::Shared(bytes) => Decoder::shared(bytes, limits),
            Message::Missing => {
                let text = format!("the peer's answer has no {what}; its schema may differ");
                return Err(self.failure(Code::INTERNAL, Executed::Maybe, text));
            }
        };
        read(&mut decoder).and_then(|value| decoder.finish().map(|()| value)).map_err(|error| {
            let text = format!("the {what} cannot be decoded: {error}");
            let at = Location { offset: error.offset(), path: error.path().to_owned() };
            self.failure(Code::INTERNAL, Executed::Maybe, text).with_location(Some(at))
        })
    }

    fn fault(&self, code: Code, retry: Retry, message: &Message) -> Failure {
        let bytes: &[u8] = match message {
            Message::Missing => &[],
            Message::Copied(bytes) => bytes,
            Message::Shared(bytes) => bytes,
        };
        let fault = Fault::decode(bytes);
        let (text, at) = match fault {
            Some(Fault { message, at }) => {
                (message, at.map(|at| Location { offset: at.offset, path: at.path }))
            }
            None => (format!("the peer answered {code} and gave no reason"), None),
        };
        // A method that is not there has no handler, whatever is said about trying again.
        let executed = match (code, retry) {
            (Code::UNIMPLEMENTED, _) | (_, Retry::Safe) => Executed::No,
            _ => Executed::Maybe,
        };
        self.failure(code, executed, text).with_retry(retry).with_location(at)
    }

    fn failure(&self, code: Code, executed: Executed, text: impl Into<String>) -> Failure {
        Failure::new(self.method.full_name(), code, executed, text).with_peer(self.link.peer_addr())
    }
}
