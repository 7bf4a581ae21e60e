//! The ruler alone: quickly built, to see whether it is straight. The options are those of the bench.

use harness::Contest;
use std::process::ExitCode;

fn main() -> ExitCode {
    harness::run(&Contest {
        subjects: vec![ruler::raw_tokio::subject(), ruler::raw_std::subject()],
        baseline: "raw-std",
        elsewhere: vec![],
        codecs: vec![],
        lock: include_str!("../../Cargo.lock"),
        packages: vec!["tokio", "bincode"],
    })
}
