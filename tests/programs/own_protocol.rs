//! A protocol of two messages, spoken by the program and by hand.

use crate::program::{Program, assert_helps, assert_prints_as_shown};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

const EXAMPLE: &str = "own-protocol";

#[test]
fn both_ends_in_one_process_print_what_is_shown() {
    assert_helps(EXAMPLE, &["--listen"]);
    assert_prints_as_shown(EXAMPLE);
}

/// Its bytes need no hton: a length, the number of the message, its fields; and nothing else, from the first byte on.
#[test]
fn a_program_without_hton_speaks_it_and_an_unknown_message_spoils_only_itself() {
    let mut book = Program::start(EXAMPLE, ["--listen"]);
    let mut client = TcpStream::connect(book.word_after("listening on ")).unwrap();
    let tell = b"\0\0\0\x18\0\0\0\x01\0\0\0\0\0\0\0\x03Ada\x01\0\0\0\0\0\0\x07\x17";
    let unknown = b"\0\0\0\x05\0\0\0\x02\x09";
    let ask = b"\0\0\0\x0f\0\0\0\0\0\0\0\0\0\0\0\x03Ada";
    client.write_all(&[&tell[..], unknown, ask].concat()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, tell);
    let text = book.succeed();
    assert_eq!(
        text.lines().filter(|line| line.starts_with("not understood: ")).count(),
        1,
        "{text}"
    );
    assert!(text.ends_with("the book holds 1 numbers"), "{text}");
}
