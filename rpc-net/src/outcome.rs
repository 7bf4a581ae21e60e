//! What came back for a call, and how generated code reads it.

use crate::call::{Ending, Message, Said};
use rpc_core::archive::{DecodeError, DecodeLimits, Decoder};
use rpc_core::{CallError, Code, Executed, Failure, Location, Method};

/// What came back for one call, for the generated stub to decode.
#[derive(Debug)]
pub struct Outcome<'a> {
    ending: &'a Ending,
    method: &'static Method,
    limits: DecodeLimits,
}

impl<'a> Outcome<'a> {
    pub(crate) fn new(ending: &'a Ending, method: &'static Method, limits: DecodeLimits) -> Self {
        Self { ending, method, limits }
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
        match (&self.ending.said, self.ending.code) {
            (Said::There(message), Code::OK) => {
                self.decode(message, "result", ok).map_err(CallError::Failed)
            }
            (Said::There(_), Code::DECLARED) => Err(self.undeclared().into()),
            _ => Err(self.ending.failure(self.method).into()),
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
        match (&self.ending.said, self.ending.code) {
            (Said::There(message), Code::DECLARED) => {
                Err(match self.decode(message, "error", error) {
                    Ok(error) => CallError::Declared(error),
                    Err(failure) => CallError::Failed(failure),
                })
            }
            _ => self.result(ok),
        }
    }

    /// The end of a call whose answer is a stream of items, or of one that has no answer.
    ///
    /// # Errors
    ///
    /// A failure that says what happened and whether the handler ran.
    pub fn ended<E>(self) -> Result<(), CallError<E>> {
        match (&self.ending.said, self.ending.code) {
            (Said::There(message), Code::OK) if message.as_slice().is_empty() => Ok(()),
            (Said::There(_), Code::OK) => {
                let text = "the peer answered with one message instead of a stream";
                Err(self.failure(Code::SCHEMA_MISMATCH, text).into())
            }
            (Said::There(_), Code::DECLARED) => Err(self.undeclared().into()),
            _ => Err(self.ending.failure(self.method).into()),
        }
    }

    /// The same for a method with an error of its own, which the function reads.
    ///
    /// # Errors
    ///
    /// The method's own error, or a failure that says what happened and whether the handler ran.
    pub fn ended_or<E>(
        self,
        error: impl FnOnce(&mut Decoder<'_>) -> Result<E, DecodeError>,
    ) -> Result<(), CallError<E>> {
        match (&self.ending.said, self.ending.code) {
            (Said::There(message), Code::DECLARED) => {
                Err(match self.decode(message, "error", error) {
                    Ok(error) => CallError::Declared(error),
                    Err(failure) => CallError::Failed(failure),
                })
            }
            _ => self.ended(),
        }
    }

    fn undeclared(&self) -> Failure {
        let text = "the peer answered with the method's own error, but here the method has none";
        self.failure(Code::SCHEMA_MISMATCH, text)
    }

    fn decode<T>(
        &self,
        message: &Message,
        what: &str,
        read: impl FnOnce(&mut Decoder<'_>) -> Result<T, DecodeError>,
    ) -> Result<T, Box<Failure>> {
        let mut decoder = match message {
            Message::Copied(bytes) => Decoder::new(bytes, self.limits),
            Message::Shared(bytes) => Decoder::shared(bytes, self.limits),
            Message::Missing => {
                let text = format!("the peer's answer has no {what}; its schema may differ");
                return Err(self.failure(Code::INTERNAL, text).into());
            }
        };
        read(&mut decoder).and_then(|value| decoder.finish().map(|()| value)).map_err(|error| {
            let text = format!("the {what} cannot be decoded: {error}");
            let at = Location { offset: error.offset(), path: error.path().to_owned() };
            self.failure(Code::INTERNAL, text).with_location(Some(at)).into()
        })
    }

    /// The call was answered, and the answer is of no use.
    fn failure(&self, code: Code, text: impl Into<String>) -> Failure {
        Failure::new(self.method.full_name(), code, Executed::Maybe, text)
            .with_metadata(self.ending.metadata().clone())
            .with_peer(self.ending.peer_addr())
    }
}
