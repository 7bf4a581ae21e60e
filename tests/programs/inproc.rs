//! `inproc`: one service and one client over every transport, in one process.

use crate::program::{assert_helps, assert_prints_as_shown, run};

#[test]
fn both_ends_live_in_one_process_over_every_transport() {
    assert_helps("inproc", &["--over", "--calls"]);
    if cfg!(target_os = "linux") {
        // Elsewhere the kernel says less of a Unix socket's other end.
        assert_prints_as_shown("inproc");
    }
}

#[test]
fn ipv6_alone_is_enough() {
    let text = run("inproc", &["--over", "tcp6", "--calls", "16"]);
    assert!(text.contains("Tcp6: a call from [::1]:"), "{text}");
    assert!(text.contains("16 calls, 16 at a time") && !text.contains("127.0.0.1"), "{text}");
}
