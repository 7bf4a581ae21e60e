//! hton beside other RPC frameworks. `README.md` in this folder says how to run it.

mod codec;
mod generated;
mod peers;

use harness::{Contest, Subject};
use std::process::ExitCode;

fn main() -> ExitCode {
    harness::run(&Contest {
        subjects: vec![
            ruler::raw_tokio::subject(),
            ruler::raw_std::subject(),
            Subject::of::<peers::hton::Hton>(),
            Subject::of::<peers::tarpc::Tarpc>(),
            Subject::of::<peers::tonic::Tonic>(),
            Subject::of::<peers::capnp::Capnp>(),
            Subject::of::<peers::volo::Volo>(),
            Subject::of::<peers::jsonrpsee::Jsonrpsee>(),
            Subject::of::<peers::remoc::Remoc>(),
        ],
        baseline: "raw-std",
        elsewhere: vec![("vox", "peers-vox")],
        codecs: codec::all(),
        lock: include_str!("../Cargo.lock"),
        packages: vec![
            "hton",
            "tokio",
            "tarpc",
            "tonic",
            "capnp-rpc",
            "volo-thrift",
            "jsonrpsee",
            "remoc",
            "vox",
            "bincode",
            "postcard",
            "prost",
            "rkyv",
            "serde_json",
        ],
    })
}
