//! The steps of a server and its client, in their order, and the bytes of the values.

use crate::program::{Program, assert_helps, run, shown, without_numbers};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

const EXAMPLE: &str = "sequence";

/// 27 bytes: a `u32`, and a string of 15 behind its count.
const ASKED: &[u8] = b"\0\0\0\x1b\x12\x34\x56\x78\0\0\0\0\0\0\0\x0fhost to network";
const ANSWERED: &[u8] = b"\0\0\0\x1b\x78\x56\x34\x12\0\0\0\0\0\0\0\x0fHOST TO NETWORK";

/// The lines of one end. Those of the two mix as they happen to.
fn lines_of<'a>(end: &str, lines: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    lines.into_iter().filter(|line| line.starts_with(end)).map(without_numbers).collect()
}

fn steps(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.get(11..)?.split_whitespace().next()).collect()
}

#[test]
fn both_ends_go_through_their_numbered_steps() {
    assert_helps(EXAMPLE, &["serve", "connect"]);
    let shown = shown(EXAMPLE);
    let (args, lines) = &shown[0];
    assert!(args.is_empty());
    let text = run(EXAMPLE, &[]);
    for end in ["server", "client"] {
        let printed = lines_of(end, text.lines());
        assert_eq!(printed, lines_of(end, lines.iter().map(String::as_str)), "\n{text}");
        for (number, line) in (1..).zip(text.lines().filter(|line| line.starts_with(end))) {
            assert!(line.starts_with(&format!("{end} {number:2}  ")), "{line}");
        }
    }
    assert!(text.contains("load        0x12345678 and \"host to network\""), "{text}");
    assert!(text.contains("load        0x78563412 and \"HOST TO NETWORK\""), "{text}");
}

#[test]
fn the_two_ends_are_two_programs_too() {
    let mut server = Program::start(EXAMPLE, ["serve"]);
    let address = server.word_after("listening on ");
    let client = run(EXAMPLE, &["connect", &address]);
    let server = server.succeed();
    let create_to_listen = ["create", "bind", "listen"];
    let accepted = ["accept", "archives", "load", "load", "store", "half-close", "close"];
    let server: String =
        server.lines().filter(|l| l.starts_with("server")).collect::<Vec<_>>().join("\n");
    assert_eq!(steps(&server), [&create_to_listen[..], &accepted].concat());
    assert_eq!(
        steps(&client),
        ["create", "connect", "archives", "store", "half-close", "load", "load", "close"]
    );
}

#[test]
fn what_is_stored_is_in_network_order_and_the_half_close_is_seen() {
    let mut server = Program::start(EXAMPLE, ["serve"]);
    let mut client = TcpStream::connect(server.word_after("listening on ")).unwrap();
    client.write_all(ASKED).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, ANSWERED);
    server.succeed();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Program::start(EXAMPLE, ["connect", &listener.local_addr().unwrap().to_string()]);
    let (mut server, _) = listener.accept().unwrap();
    let mut asked = Vec::new();
    server.read_to_end(&mut asked).unwrap();
    assert_eq!(asked, ASKED);
    server.write_all(ANSWERED).unwrap();
    drop(server);
    client.succeed();
}

#[test]
fn a_client_without_a_server_and_a_server_of_half_a_message_say_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let client = Program::start(EXAMPLE, ["connect", &address]);
    let (mut server, _) = listener.accept().unwrap();
    server.write_all(&ANSWERED[..20]).unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    let (status, text) = client.end();
    assert!(
        !status.success() && text.contains("Error: the stream ends inside a message"),
        "{text}"
    );
    drop(listener);
    let (status, text) = Program::start(EXAMPLE, ["connect", &address]).end();
    assert!(
        !status.success() && text.contains(&format!("Error: cannot connect to {address}: ")),
        "{text}"
    );
}

/// Steps aside, either end says all that it does with its archives in ten lines at most.
#[test]
fn the_archives_take_ten_lines_for_each_end() {
    let source = include_str!("../../examples/sequence.rs");
    for end in ["server", "client"] {
        let (_, body) = source.split_once(&format!("async fn talk_as_{end}")).unwrap();
        let (body, _) = body.split_once("\n}").unwrap();
        let lines = body.lines().skip(1).filter(|line| !line.trim_start().starts_with("steps."));
        assert!((1..=10).contains(&lines.count()), "{body}");
    }
}
