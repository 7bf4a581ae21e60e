//! How a call ended, before anybody has decoded anything.

use crate::buffers;
use crate::peer::Handle;
use bytes::Bytes;
use rpc_core::frame::Fault;
use rpc_core::{Code, Executed, Failure, Location, Metadata, Method, Retry};
use std::net::SocketAddr;
use std::sync::Arc;

/// How one call ended: by an answer of the peer, or by what happened on this side.
#[derive(Debug)]
pub struct Ending {
    pub(crate) code: Code,
    pub(crate) retry: Retry,
    pub(crate) app: u16,
    /// Boxed, and the address behind a handle, because an ending lies in the slot of every call.
    pub(crate) metadata: Option<Box<Metadata>>,
    /// The connection over which it went.
    pub(crate) handle: Option<Arc<Handle>>,
    pub(crate) said: Said,
}

/// Whether an answer says that no handler was started: that nothing was processed, or that the method is
/// not there and trying again will not help. A handler may end with `UNIMPLEMENTED`, too, and does not say that.
///
/// Spec: `errors.executed`.
pub(crate) const fn is_unbegun(code: Code, retry: Retry) -> bool {
    matches!((code, retry), (_, Retry::Safe) | (Code::UNIMPLEMENTED, Retry::Never))
}

/// Who said how the call ended.
#[derive(Debug)]
pub(crate) enum Said {
    /// The peer answered.
    There(Message),
    /// This side gave up or lost the peer.
    Here { executed: Executed, reason: String },
}

/// The message of an answer.
#[derive(Debug, Default)]
pub(crate) enum Message {
    /// There is none.
    #[default]
    Missing,
    /// Copied into a buffer that is used again.
    Copied(Vec<u8>),
    /// Gathered from fragments, or too large to be copied.
    Shared(Bytes),
}

impl Drop for Message {
    fn drop(&mut self) {
        if let Self::Copied(buffer) = self {
            buffers::give(std::mem::take(buffer));
        }
    }
}

impl Message {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Missing => &[],
            Self::Copied(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Ending {
    /// The call ended on this side, for this reason.
    pub fn here(code: Code, executed: Executed, reason: impl Into<String>) -> Self {
        Self {
            code,
            retry: Retry::Unknown,
            app: 0,
            metadata: None,
            handle: None,
            said: Said::Here { executed, reason: reason.into() },
        }
    }

    /// A one-way call was written.
    pub(crate) fn sent() -> Self {
        let said = Said::There(Message::Missing);
        Self { said, ..Self::here(Code::OK, Executed::Maybe, String::new()) }
    }

    /// Nobody knows how the call ended.
    pub(crate) fn lost() -> Self {
        Self::here(Code::INTERNAL, Executed::Maybe, "the call was lost")
    }

    /// The call cannot be sent, now or later.
    pub(crate) fn never(code: Code, reason: impl Into<String>) -> Self {
        Self { retry: Retry::Never, ..Self::here(code, Executed::No, reason) }
    }

    /// Whether the connection was lost, or went away, before anything of the call ran.
    pub(crate) fn is_lost_unsent(&self) -> bool {
        let lost = matches!(self.said, Said::Here { executed: Executed::No, .. });
        lost && self.code == Code::UNAVAILABLE
    }

    /// How it ended; [`Code::OK`] and [`Code::DECLARED`] come with a value.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What the callee said about trying again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        self.retry
    }

    /// What came beside the answer.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        static NONE: Metadata = Metadata::new();
        self.metadata.as_deref().unwrap_or(&NONE)
    }

    /// The address of the peer that was called, when a connection carried the call and has addresses.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.handle.as_ref().and_then(|handle| handle.link.peer_addr())
    }

    /// Whether the handler may have run.
    #[must_use]
    pub const fn executed(&self) -> Executed {
        match (&self.said, self.code, self.retry) {
            (Said::Here { executed, .. }, ..) => *executed,
            (_, code, retry) if is_unbegun(code, retry) => Executed::No,
            _ => Executed::Maybe,
        }
    }

    /// What was said about it, unless it has a value, and where decoding stopped, if it did.
    fn reason(&self) -> (String, Option<Location>) {
        match &self.said {
            Said::Here { reason, .. } => (reason.clone(), None),
            Said::There(message) => match Fault::decode(message.as_slice()) {
                Some(Fault { message, at }) => {
                    (message, at.map(|at| Location { offset: at.offset, path: at.path }))
                }
                None => (format!("the peer answered {} and gave no reason", self.code), None),
            },
        }
    }

    /// What was said about it, unless it has a value.
    pub(crate) fn text(&self) -> String {
        self.reason().0
    }

    /// The failure that it is, unless it has a value.
    pub(crate) fn failure(&self, method: &'static Method) -> Failure {
        let (mut text, at) = self.reason();
        // What a callee says that means other types is for this side to compare with its own.
        if self.code == Code::SCHEMA_MISMATCH && matches!(self.said, Said::There(_)) {
            text = method.signature().explain(&text);
        }
        Failure::new(method.full_name(), self.code, self.executed(), text)
            .with_retry(self.retry)
            .with_app(self.app)
            .with_metadata(self.metadata().clone())
            .with_peer(self.peer_addr())
            .with_location(at)
    }
}
