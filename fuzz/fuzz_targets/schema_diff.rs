//! Any two texts as signatures: comparing them ends, never panics, and finds no difference in what is equal.
//!
//! Input: two texts with a line feed between.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rpc_core::schema::{Signature, diff};

fuzz_target!(|data: &[u8]| {
    let Ok(texts) = std::str::from_utf8(data) else { return };
    let (ours, theirs) = texts.split_once('\n').unwrap_or((texts, texts));
    let _ = Signature::unchecked().explain(theirs);
    let Ok(lines) = diff(ours, theirs) else { return };
    assert!(lines.len() <= 9);
    assert!(ours != theirs || lines.is_empty(), "{lines:?}");
});
