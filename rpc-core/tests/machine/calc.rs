//! The service `demo.Calc` of the conversations, and values of its types in the vectors' notation.
//!
//! The least application that can stand on a machine: no task, no waker, answers at once or is asked later.

use crate::calc_streams::Streaming;
use crate::vectors::{hex, text};
use rpc_core::archive::{DecodeError, DecodeLimits, from_slice, to_vec};
use rpc_core::connection::Reply;
use rpc_core::frame::{Fault, FaultPlace};
use rpc_core::{Code, MethodId, Payload, Retry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize, Deserialize)]
enum MathError {
    DivideByZero,
}

#[derive(Deserialize)]
struct Chain(Option<Box<Self>>);

/// What a handler does first.
pub(crate) enum Started {
    Answered(Reply),
    Sleeps(u32),
    Holds,
    /// Items come or go before it answers.
    Streams(Streaming),
    /// It was not started.
    Refused(Reply),
}

/// What kind of call a method takes, seen from its caller.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Unary,
    OneWay,
    Stream { items_out: bool, items_in: bool },
}

const STREAM_OUT: Kind = Kind::Stream { items_out: true, items_in: false };
const STREAM_IN: Kind = Kind::Stream { items_out: false, items_in: true };
const STREAM_BOTH: Kind = Kind::Stream { items_out: true, items_in: true };

/// The methods of `demo.Calc`, which select what a call does.
const METHODS: [(&str, Kind); 20] = [
    ("add", Kind::Unary),
    ("divide", Kind::Unary),
    ("echo", Kind::Unary),
    ("blob", Kind::Unary),
    ("sleep", Kind::Unary),
    ("hold", Kind::Unary),
    ("fail", Kind::Unary),
    ("panic", Kind::Unary),
    ("deep", Kind::Unary),
    ("checked", Kind::Unary),
    ("sum", STREAM_OUT),
    ("join", STREAM_OUT),
    ("ticks", STREAM_OUT),
    ("count", STREAM_IN),
    ("days", STREAM_IN),
    ("feed", STREAM_IN),
    ("upper", STREAM_BOTH),
    ("pipe", STREAM_BOTH),
    ("log", Kind::OneWay),
    ("keep", Kind::OneWay),
];

/// The text of the only method with a signature, and the signature.
const CHECKED: (&str, u64) =
    ("hton-sig/1;demo.Calc/checked;args={a:u32,b:str};ok=u32", 0x4067_fb00_fbc0_4eb4);

pub(crate) fn kind(method: &str) -> Kind {
    METHODS.into_iter().find(|(name, _)| *name == method).unwrap().1
}

/// What a REQUEST for `method` carries.
pub(crate) fn signature(method: &str) -> u64 {
    if method == "checked" { CHECKED.1 } else { 0 }
}

pub(crate) fn method_id(name: &str) -> MethodId {
    MethodId::of(&format!("demo.Calc/{name}"))
}

/// The method that a request selects.
pub(crate) fn by_id(id: MethodId) -> Option<&'static str> {
    METHODS.into_iter().map(|(name, _)| name).find(|name| method_id(name) == id)
}

pub(crate) fn by_name(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("demo.Calc/")?;
    METHODS.into_iter().map(|(method, _)| method).find(|method| *method == name)
}

pub(crate) fn status(code: Code, retry: Retry, message: &str) -> Reply {
    Reply::fault(code, retry, &Fault::new(message), 4_096)
}

pub(crate) fn undecodable(error: &DecodeError, retry: Retry) -> Reply {
    let at = FaultPlace { offset: error.offset(), path: error.path().to_owned() };
    let fault = Fault { message: error.to_string(), at: Some(at) };
    Reply::fault(Code::INVALID_ARGUMENT, retry, &fault, 4_096)
}

/// Starts the handler of a call that wants an answer.
pub(crate) fn start(method: Option<&str>, is_stream: bool, signature: u64, args: &[u8]) -> Started {
    let refused = |what| Started::Refused(status(Code::UNIMPLEMENTED, Retry::Never, what));
    let Some(method) = method else {
        return refused("no such method");
    };
    match (kind(method), is_stream) {
        (Kind::Unary, false) | (Kind::Stream { .. }, true) => {}
        _ => return refused("a method of another kind"),
    }
    if method == "checked" && signature != 0 && signature != CHECKED.1 {
        return Started::Refused(status(Code::SCHEMA_MISMATCH, Retry::Safe, CHECKED.0));
    }
    let started = match is_stream {
        true => Streaming::start(method, args).map(Started::Streams),
        false => run(method, args),
    };
    started.unwrap_or_else(|error| Started::Refused(undecodable(&error, Retry::Safe)))
}

/// Starts the handler of a one-way call, and tells whether it stays; `None` when it is dropped.
pub(crate) fn oneway(method: &str, bytes: &[u8]) -> Option<bool> {
    match method {
        "log" => args::<String>(bytes).ok().map(|_| false),
        "keep" => args::<Vec<u8>>(bytes).ok().map(|_| true),
        _ => None,
    }
}

pub(crate) fn args<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    from_slice(bytes, DecodeLimits::default())
}

fn ok<T: Serialize>(value: &T) -> Started {
    Started::Answered(Reply::ok(Payload::from(to_vec(value).unwrap())))
}

fn run(method: &str, bytes: &[u8]) -> Result<Started, DecodeError> {
    Ok(match method {
        "add" => {
            let (a, b): (i64, i64) = args(bytes)?;
            ok(&a.wrapping_add(b))
        }
        "divide" => match args::<(i64, i64)>(bytes)? {
            (_, 0) => Started::Answered(Reply {
                code: Code::DECLARED,
                ..Reply::ok(Payload::from(to_vec(&MathError::DivideByZero).unwrap()))
            }),
            (a, b) => ok(&(a / b)),
        },
        "echo" => ok(&args::<String>(bytes)?),
        "blob" => ok(&args::<Vec<u8>>(bytes)?),
        "sleep" => Started::Sleeps(args(bytes)?),
        "hold" => {
            args::<u32>(bytes)?;
            Started::Holds
        }
        "fail" => {
            let (code, message): (u8, String) = args(bytes)?;
            Started::Answered(status(Code::from_number(code), Retry::Unknown, &message))
        }
        "checked" => ok(&args::<(u32, String)>(bytes)?.0),
        "panic" => Started::Answered(status(Code::INTERNAL, Retry::Unknown, "panicked")),
        _ => {
            let mut chain: Chain = args(bytes)?;
            while let Some(next) = chain.0 {
                chain = *next;
            }
            ok(&0_u32)
        }
    })
}

fn integer<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap().parse().unwrap()
}

fn bytes_of(value: &Value) -> Vec<u8> {
    hex(value.as_str().unwrap().strip_prefix("0x").unwrap())
}

/// The message of a call to `method` with these arguments.
pub(crate) fn encode_args(method: &str, args: &Value) -> Vec<u8> {
    match method {
        "add" | "divide" => to_vec(&(integer::<i64>(&args["a"]), integer::<i64>(&args["b"]))),
        "checked" => to_vec(&(integer::<u32>(&args["a"]), args["b"].as_str().unwrap())),
        "join" => to_vec(&bytes_of(&args["head"])),
        "count" => to_vec(&integer::<u32>(&args["to"])),
        "log" => to_vec(args["line"].as_str().unwrap()),
        "keep" => to_vec(&bytes_of(&args["data"])),
        "echo" => to_vec(args["text"].as_str().unwrap()),
        "blob" => to_vec(&bytes_of(&args["data"])),
        "sleep" => to_vec(&integer::<u32>(&args["ms"])),
        "hold" | "pipe" | "feed" => to_vec(&integer::<u32>(&args["token"])),
        "panic" | "sum" | "ticks" | "days" | "upper" => Ok(Vec::new()),
        "fail" => to_vec(&(integer::<u8>(&args["code"]), args["message"].as_str().unwrap())),
        other => panic!("nobody calls {other}"),
    }
    .unwrap()
}

/// The result of `method` that a `serve` step gives.
pub(crate) fn encode_result(method: &str, value: &Value) -> Reply {
    match method {
        "pipe" | "feed" => Reply::empty(Code::OK, Retry::Unknown),
        "sleep" | "hold" => Reply::ok(Payload::from(to_vec(&integer::<u32>(value)).unwrap())),
        other => panic!("{other} is never pending"),
    }
}

/// The declared error that a `serve` step gives.
pub(crate) fn declared(value: &Value) -> Reply {
    assert_eq!(*value, json!({ "DivideByZero": null }));
    let payload = Payload::from(to_vec(&MathError::DivideByZero).unwrap());
    Reply { code: Code::DECLARED, ..Reply::ok(payload) }
}

/// A value of a step, with its runs written out.
pub(crate) fn spelled(value: &Value) -> Value {
    match value.as_str() {
        Some(bytes) if bytes.starts_with("0x") => json!(text(&bytes_of(value))),
        _ => value.clone(),
    }
}

/// An item that `method` takes or sends.
pub(crate) fn encode_item(method: &str, value: &Value) -> Vec<u8> {
    match method {
        "sum" => to_vec(&integer::<i64>(value)),
        "ticks" => Ok(Vec::new()),
        "upper" => to_vec(value.as_str().unwrap()),
        _ => to_vec(&bytes_of(value)),
    }
    .unwrap()
}

/// An item that came for `method`, in the vectors' notation.
pub(crate) fn decode_item(method: &str, bytes: &[u8]) -> Option<Value> {
    match method {
        "count" => args::<u32>(bytes).map(|value| json!(value.to_string())).ok(),
        "days" | "upper" => args::<String>(bytes).map(|value| json!(value)).ok(),
        _ => args::<Vec<u8>>(bytes).map(|value| json!(text(&value))).ok(),
    }
}

/// A result in the vectors' notation; `None` when the message is no result of `method`.
pub(crate) fn decode_result(method: &str, message: Option<&[u8]>) -> Option<Value> {
    if matches!(kind(method), Kind::Stream { items_in: true, .. }) {
        return message.unwrap_or_default().is_empty().then(|| json!([]));
    }
    let bytes = message?;
    match method {
        "add" | "divide" | "sum" => args::<i64>(bytes).map(|value| json!(value.to_string())).ok(),
        "echo" => args::<String>(bytes).map(|value| json!(value)).ok(),
        "blob" | "join" => args::<Vec<u8>>(bytes).map(|value| json!(text(&value))).ok(),
        "fail" | "panic" => args::<()>(bytes).map(|()| json!([])).ok(),
        _ => args::<u32>(bytes).map(|value| json!(value.to_string())).ok(),
    }
}

/// A method's own error in the vectors' notation.
pub(crate) fn decode_declared(method: &str, bytes: &[u8]) -> Option<Value> {
    match (method, args::<MathError>(bytes)) {
        ("divide" | "pipe", Ok(MathError::DivideByZero)) => Some(json!({ "DivideByZero": null })),
        _ => None,
    }
}
