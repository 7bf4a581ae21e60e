//! vox, in a program of its own: in one crate graph with another peer's macros it does not compile.

mod echo;

use harness::{Contest, Subject};
use std::process::ExitCode;

fn main() -> ExitCode {
    harness::run(&Contest {
        subjects: vec![Subject::of::<echo::Vox>()],
        baseline: "",
        elsewhere: vec![],
        codecs: vec![],
        lock: include_str!("../../Cargo.lock"),
        packages: vec!["vox", "tokio"],
    })
}
