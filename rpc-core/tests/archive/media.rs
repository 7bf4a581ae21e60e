//! One archive over every medium: the same code, the same bytes.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use rpc_core::archive::{DecodeErrorKind, DecodeLimits, EncodeErrorKind, Load, Store, to_vec};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Document {
    title: String,
    pages: Vec<(u32, Option<String>)>,
    shape: Shape,
}

/// It has no `Default`, and needs none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Dot,
    Box { width: u64, height: u64 },
}

fn document() -> Document {
    let pages = vec![(1, Some("first".to_owned())), (2, None)];
    Document { title: "a story".into(), pages, shape: Shape::Box { width: 3, height: 4 } }
}

fn save<W: Write>(medium: W) -> W {
    let mut out = Store::new(medium);
    out.store(&document()).unwrap().store(&7_u8).unwrap().flush().unwrap();
    out.store(&Shape::Dot).unwrap().flush().unwrap();
    out.close().unwrap()
}

fn restore(medium: impl Read) {
    let mut from = Load::new(medium);
    assert_eq!(from.load::<Document>().unwrap(), document());
    assert_eq!(from.load::<u8>().unwrap(), 7);
    assert_eq!(from.load::<Shape>().unwrap(), Shape::Dot);
    assert!(from.next_message().unwrap().is_none());
}

// Verifies: message.body
#[test]
fn the_same_code_stores_in_memory_in_a_file_in_a_pipe_and_in_a_socket() {
    let memory = save(Vec::new());
    restore(&memory[..]);

    let path = std::env::temp_dir().join(format!("hton-media-{}", std::process::id()));
    save(File::create(&path).unwrap());
    let stored = std::fs::read(&path).unwrap();
    restore(File::open(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(stored, memory);

    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    drop(save(cat.stdin.take().unwrap()));
    restore(cat.stdout.take().unwrap());
    cat.wait().unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    drop(save(near));
    restore(far);

    // The first message is its length and the bytes of its values.
    let mut body = to_vec(&document()).unwrap();
    body.push(7);
    assert_eq!(memory[..4], u32::try_from(body.len()).unwrap().to_be_bytes());
    assert_eq!(memory[4..4 + body.len()], body);
}

#[test]
fn two_archives_of_one_socket_go_both_ways_and_closing_one_leaves_the_other() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    let (mut out, mut answers) = (Store::new(&near), Load::new(&near));
    let (mut questions, mut back) = (Load::new(&far), Store::new(&far));
    out.store("ping").unwrap().flush().unwrap();
    assert_eq!(questions.load::<String>().unwrap(), "ping");
    drop(out);
    drop(questions);
    back.store("pong").unwrap().flush().unwrap();
    assert_eq!(answers.load::<String>().unwrap(), "pong");
}

#[test]
fn a_fixed_packet_takes_the_sum_of_its_fields() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Message {
        magic: i32,
        command: u16,
        param1: i16,
        param2: i32,
    }
    let packet = Message { magic: 0x0102_0304, command: 0x0506, param1: -2, param2: 0x0708_090A };
    let bytes = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0xFF, 0xFE, 0x07, 0x08, 0x09, 0x0A];
    let mut out = Store::raw(Vec::new());
    out.store(&packet).unwrap();
    assert_eq!(out.close().unwrap(), bytes);
    assert_eq!(Load::raw(&bytes[..]).load::<Message>().unwrap(), packet);
    assert!(Load::raw(&bytes[..11]).load::<Message>().is_err());
}

#[test]
fn each_cap_names_itself() {
    let with = |budget, depth, message_bytes| {
        let mut limits = DecodeLimits::new(budget, depth);
        limits.message_bytes = message_bytes;
        let bytes = save(Vec::new());
        let error = Load::new(&bytes[..]).limits(limits).load::<Document>().err()?;
        let error = error.archive()?.clone();
        Some((error.kind(), error.to_string()))
    };
    assert_eq!(with(4096, 4, 4096), None);
    let (kind, text) = with(40, 4, 4096).unwrap();
    assert_eq!(kind, DecodeErrorKind::Budget);
    assert!(
        text.contains("the budget of 40") && text.contains("`DecodeLimits::budget_bytes`"),
        "{text}"
    );
    let (kind, text) = with(4096, 3, 4096).unwrap();
    assert_eq!(kind, DecodeErrorKind::Depth);
    assert!(text.contains("deeper than 3 levels"), "{text}");
    let (kind, text) = with(4096, 4, 40).unwrap();
    assert_eq!(kind, DecodeErrorKind::Message);
    assert!(
        text.contains("its limit is 40") && text.contains("`DecodeLimits::message_bytes`"),
        "{text}"
    );
}

// Verifies: message.error.number
#[test]
fn the_numbers_of_the_kinds_are_those_of_the_registry() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/B0-registries.md");
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let mut known = 0;
    for line in text.split("## Kinds of archive errors").nth(1).unwrap().lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, number, name, by, ..] = cells[..] else { continue };
        let Ok(number) = number.parse() else { continue };
        let name = name.trim_matches('`');
        match by {
            "reader" => {
                let kind = DecodeErrorKind::from_number(number).unwrap();
                assert_eq!((kind.name(), kind.number()), (name, number));
            }
            _ => {
                let kind = EncodeErrorKind::from_number(number).unwrap();
                assert_eq!((kind.name(), kind.number()), (name, number));
            }
        }
        known += 1;
    }
    let assigned = (0..=u8::MAX).filter(|&it| {
        DecodeErrorKind::from_number(it).is_some() || EncodeErrorKind::from_number(it).is_some()
    });
    assert_eq!(known, assigned.count());
}
