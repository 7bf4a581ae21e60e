//! The service `demo.Calc` of the conversations, and values of its types in the vectors' notation.
//!
//! The least application that can stand on a machine: no task, no waker, answers at once or is asked later.

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
    /// It was not started.
    Refused(Reply),
}

/// The method names of `demo.Calc`, which select what a call does.
const METHODS: [&str; 9] =
    ["add", "divide", "echo", "blob", "sleep", "hold", "fail", "panic", "deep"];

pub(crate) fn method_id(name: &str) -> MethodId {
    MethodId::of(&format!("demo.Calc/{name}"))
}

/// The method that a request selects.
pub(crate) fn by_id(id: MethodId) -> Option<&'static str> {
    METHODS.into_iter().find(|name| method_id(name) == id)
}

pub(crate) fn by_name(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("demo.Calc/")?;
    METHODS.into_iter().find(|method| *method == name)
}

pub(crate) fn status(code: Code, retry: Retry, message: &str) -> Reply {
    Reply::fault(code, retry, &Fault::new(message), 4_096)
}

/// Starts the handler of a call. The service knows no signatures of its own, so any is right.
pub(crate) fn start(method: Option<&str>, args: &[u8]) -> Started {
    let Some(method) = method else {
        return Started::Refused(status(Code::UNIMPLEMENTED, Retry::Never, "no such method"));
    };
    run(method, args).unwrap_or_else(|error| {
        let at = FaultPlace { offset: error.offset(), path: error.path().to_owned() };
        let fault = Fault { message: error.to_string(), at: Some(at) };
        Started::Refused(Reply::fault(Code::INVALID_ARGUMENT, Retry::Safe, &fault, 4_096))
    })
}

fn args<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
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
        "echo" => to_vec(args["text"].as_str().unwrap()),
        "blob" => to_vec(&bytes_of(&args["data"])),
        "sleep" => to_vec(&integer::<u32>(&args["ms"])),
        "hold" => to_vec(&integer::<u32>(&args["token"])),
        "panic" => Ok(Vec::new()),
        "fail" => to_vec(&(integer::<u8>(&args["code"]), args["message"].as_str().unwrap())),
        other => panic!("nobody calls {other}"),
    }
    .unwrap()
}

/// The result of `method` that a `serve` step gives.
pub(crate) fn encode_result(method: &str, value: &Value) -> Vec<u8> {
    match method {
        "sleep" | "hold" | "deep" => to_vec(&integer::<u32>(value)).unwrap(),
        other => panic!("{other} is never pending"),
    }
}

/// A result in the vectors' notation; `None` when the bytes are no result of `method`.
pub(crate) fn decode_result(method: &str, bytes: &[u8]) -> Option<Value> {
    match method {
        "add" | "divide" => args::<i64>(bytes).map(|value| json!(value.to_string())).ok(),
        "echo" => args::<String>(bytes).map(|value| json!(value)).ok(),
        "blob" => args::<Vec<u8>>(bytes).map(|value| json!(text(&value))).ok(),
        "fail" | "panic" => args::<()>(bytes).map(|()| json!([])).ok(),
        _ => args::<u32>(bytes).map(|value| json!(value.to_string())).ok(),
    }
}

/// A method's own error in the vectors' notation.
pub(crate) fn decode_declared(method: &str, bytes: &[u8]) -> Option<Value> {
    match (method, args::<MathError>(bytes)) {
        ("divide", Ok(MathError::DivideByZero)) => Some(json!({ "DivideByZero": null })),
        _ => None,
    }
}
