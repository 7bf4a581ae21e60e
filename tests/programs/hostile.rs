//! The hostile program: every promise is kept by a server of hton, and a server that keeps none is found out.

use crate::program::*;
use std::net::TcpListener;
use std::thread;

/// The line without what differs from run to run.
fn verdict(line: &str) -> String {
    without_numbers(line.split(": ").next().unwrap())
}

#[test]
fn every_attack_fails_as_the_page_shows() {
    for (_, lines) in shown("hostile") {
        let text = run("hostile", &[]);
        let printed: Vec<_> = text.lines().map(verdict).collect();
        let expected: Vec<_> = lines.iter().map(|line| verdict(line)).collect();
        assert_eq!(printed, expected, "\n{text}");
        assert!(text.contains("48 kept, 0 broken"), "{text}");
    }
}

#[test]
fn a_server_that_keeps_no_promise_is_found_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || listener.incoming().for_each(drop));
    let hostile = Program::start("hostile", ["--target", &address, "--patience", "2"]);
    let (status, text) = hostile.end();
    assert!(!status.success() && text.contains("0 kept, 48 broken"), "{text}");
}

#[test]
fn it_tells_its_options() {
    assert_helps("hostile", &["--target", "--patience"]);
}
