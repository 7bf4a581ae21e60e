//! How a call finished, as layers see it.

use crate::call::{Ending, Said, is_unbegun};
use crate::request::{Answer, Reply};
use rpc_core::{Code, Executed, Metadata, Retry, Status};
use std::net::SocketAddr;

/// How a call finished. The result itself stays encoded and is not shown.
#[derive(Debug)]
pub struct Finish(Kind);

#[derive(Debug)]
enum Kind {
    Asked(Ending),
    Answered(Reply),
}

impl Finish {
    pub(super) const fn asked(ending: Ending) -> Self {
        Self(Kind::Asked(ending))
    }

    pub(super) const fn answered(reply: Reply) -> Self {
        Self(Kind::Answered(reply))
    }

    /// How it finished. [`Code::OK`] and [`Code::DECLARED`] come with a value.
    #[must_use]
    pub const fn code(&self) -> Code {
        match &self.0 {
            Kind::Asked(ending) => ending.code,
            Kind::Answered(reply) => reply.code,
        }
    }

    /// Whether the handler returned a value: its result, or the method's own error.
    #[must_use]
    pub const fn has_value(&self) -> bool {
        matches!(self.code(), Code::OK | Code::DECLARED)
    }

    /// What the callee says about trying again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match &self.0 {
            Kind::Asked(ending) => ending.retry,
            Kind::Answered(reply) => reply.retry,
        }
    }

    /// Whether the handler may have run.
    #[must_use]
    pub fn executed(&self) -> Executed {
        match &self.0 {
            Kind::Asked(ending) => ending.executed(),
            Kind::Answered(reply) if is_unbegun(reply.code, reply.retry) => Executed::No,
            Kind::Answered(_) => Executed::Maybe,
        }
    }

    /// Whether the same call may be sent again without the risk that its handler runs twice.
    #[must_use]
    pub fn is_retry_safe(&self) -> bool {
        !self.has_value() && self.retry() != Retry::Never && self.executed() == Executed::No
    }

    /// The code and the text of a call that finished without a value; `None` if it has one.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        if self.has_value() {
            return None;
        }
        let (text, app) = match &self.0 {
            Kind::Asked(ending) => (ending.text(), ending.app),
            Kind::Answered(Reply { answer: Answer::Fault { message, .. }, app, .. }) => {
                (message.clone(), *app)
            }
            Kind::Answered(reply) => (String::new(), reply.app),
        };
        Some(Status::new(self.code(), text).with_retry(self.retry()).with_app(app))
    }

    /// What travels beside the answer.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        match &self.0 {
            Kind::Asked(ending) => ending.metadata(),
            Kind::Answered(reply) => &reply.metadata,
        }
    }

    /// What travels beside the answer, to be added to. On the answering side it is sent to the caller.
    #[must_use]
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        match &mut self.0 {
            Kind::Asked(ending) => ending.metadata.get_or_insert_default(),
            Kind::Answered(reply) => &mut reply.metadata,
        }
    }

    /// The address of the peer that was called, on the asking side, when a connection carried the call and
    /// has addresses.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        match &self.0 {
            Kind::Asked(ending) => ending.peer_addr(),
            Kind::Answered(_) => None,
        }
    }

    pub(super) fn into_ending(self) -> Ending {
        match self.0 {
            Kind::Asked(ending) => ending,
            Kind::Answered(_) => Ending::here(Code::INTERNAL, Executed::Maybe, MIXED),
        }
    }

    pub(super) fn into_reply(self) -> Reply {
        match self.0 {
            Kind::Answered(reply) => reply,
            Kind::Asked(_) => Reply::fault(Code::INTERNAL, Retry::Unknown, MIXED),
        }
    }
}

/// A layer may keep a finish; it must not hand it to somebody else.
const MIXED: &str = "a layer finished a call with the end of a call of the other side";

/// How a call finishes that a layer on the asking side refuses.
pub(super) fn refused(status: Status, executed: Executed) -> Ending {
    let (code, retry, app) = (status.code(), status.retry(), status.app());
    let said = Said::Here { executed, reason: status.into_message() };
    Ending { code, retry, app, metadata: None, handle: None, said }
}
