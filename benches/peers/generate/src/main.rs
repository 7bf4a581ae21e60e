//! Writes `../src/generated` from `../schema`, so that a build of the bench needs no schema compiler.
//!
//! ```text
//! cd benches/peers/generate && cargo run
//! ```
//!
//! The Cap'n Proto compiler must be on the PATH with the schemas that come with it (Debian:
//! `capnproto`, `libcapnp-dev`); the others are Rust crates.

use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no folder above")?;
    let schema = root.join("schema");
    let generated = root.join("src/generated");
    std::fs::create_dir_all(&generated)?;

    let files = protox::compile([schema.join("peers.proto")], [&schema])?;
    tonic_prost_build::configure().out_dir(&generated).bytes(".peers").compile_fds(files)?;
    std::fs::rename(generated.join("peers.rs"), generated.join("peers_tonic.rs"))?;

    capnpc::CompilerCommand::new()
        .src_prefix(&schema)
        .file(schema.join("peers.capnp"))
        .output_path(&generated)
        .default_parent_module(vec!["generated".into()])
        .run()?;

    // The builder of volo names its folder by this variable of build scripts.
    // SAFETY: no other thread runs.
    unsafe { std::env::set_var("OUT_DIR", &generated) };
    volo_build::Builder::thrift()
        .add_service(schema.join("peers.thrift"))
        .out_dir(&generated)
        .filename(PathBuf::from("peers_volo.rs"))
        .write()?;
    Ok(())
}
