//! What the streaming methods of `demo.Calc` do with their items.

use crate::calc::args;
use rpc_core::archive::{DecodeError, to_vec};
use rpc_core::connection::Reply;
use rpc_core::{Code, Payload, Retry};
use serde::Serialize;

/// A handler whose caller or callee sends items.
pub(crate) enum Streaming {
    Sum(i64),
    Join(Vec<u8>),
    Ticks(u32),
    Count(u32),
    Days,
    Upper,
    /// `pipe`: nothing happens but by steps.
    Pipe,
    /// `feed`: items are sent by steps, and none are taken.
    Feed,
}

fn encoded<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    to_vec(value).unwrap()
}

fn ok<T: Serialize + ?Sized>(value: &T) -> Reply {
    Reply::ok(Payload::from(encoded(value)))
}

impl Streaming {
    pub(crate) fn start(method: &str, bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(match method {
            "join" => Self::Join(args(bytes)?),
            "count" => Self::Count(args(bytes)?),
            "pipe" => args::<u32>(bytes).map(|_| Self::Pipe)?,
            "feed" => args::<u32>(bytes).map(|_| Self::Feed)?,
            other => {
                args::<()>(bytes)?;
                match other {
                    "sum" => Self::Sum(0),
                    "ticks" => Self::Ticks(0),
                    "days" => Self::Days,
                    _ => Self::Upper,
                }
            }
        })
    }

    /// Whether items wait until a step takes them.
    pub(crate) const fn is_by_hand(&self) -> bool {
        matches!(self, Self::Pipe)
    }

    /// What is sent without being asked.
    pub(crate) fn at_start(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Count(to) => (1..=*to).map(|n| encoded(&n)).collect(),
            Self::Days => vec![encoded("mon"), encoded("tue")],
            _ => Vec::new(),
        }
    }

    /// What is answered behind the items of the start, whatever the caller sends.
    pub(crate) fn at_once(&self) -> Option<Reply> {
        matches!(self, Self::Count(_) | Self::Days).then(|| Reply::empty(Code::OK, Retry::Unknown))
    }

    /// Takes an item, and says which one goes back.
    pub(crate) fn on_item(&mut self, item: &[u8]) -> Result<Option<Vec<u8>>, DecodeError> {
        match self {
            Self::Sum(sum) => *sum = sum.wrapping_add(args(item)?),
            Self::Join(joined) => joined.extend(args::<Vec<u8>>(item)?),
            Self::Ticks(ticks) => {
                args::<()>(item)?;
                *ticks += 1;
            }
            Self::Upper => return Ok(Some(encoded(&args::<String>(item)?.to_ascii_uppercase()))),
            Self::Count(_) | Self::Days | Self::Pipe | Self::Feed => {}
        }
        Ok(None)
    }

    /// What is answered when the caller's items have ended.
    pub(crate) fn at_end(&self) -> Option<Reply> {
        match self {
            Self::Sum(sum) => Some(ok(sum)),
            Self::Join(joined) => Some(ok(joined)),
            Self::Ticks(ticks) => Some(ok(ticks)),
            Self::Upper => Some(Reply::empty(Code::OK, Retry::Unknown)),
            Self::Count(_) | Self::Days | Self::Pipe | Self::Feed => None,
        }
    }
}
