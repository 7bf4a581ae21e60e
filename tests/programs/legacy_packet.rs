//! A foreign server of fixed packets, and a program that meets its bytes.

use crate::program::{Program, assert_helps, assert_prints_as_shown, run};
use std::io::{Read, Write};
use std::net::TcpListener;

const EXAMPLE: &str = "legacy-packet";

#[test]
fn the_packet_is_twelve_bytes_in_network_order_and_nothing_else() {
    assert_prints_as_shown(EXAMPLE);
    assert_helps(EXAMPLE, &["--connect", "--numbers"]);
    let text = run(EXAMPLE, &["--numbers", "-2"]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "the foreign server reads   01 02 03 04 05 06 FF FE 07 08 09 0A",
            "the foreign server answers 01 02 03 04 05 06 FF FE 07 08 09 08",
            "0x708090a + -2 = 0x7080908",
        ]
    );
}

#[test]
fn nothing_follows_the_packet_and_half_an_answer_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let program = Program::start(EXAMPLE, ["--numbers", "-2", "--connect", &address]);
    let (mut client, _) = listener.accept().unwrap();
    let mut packet = [0; 12];
    client.read_exact(&mut packet).unwrap();
    assert_eq!(packet, [1, 2, 3, 4, 5, 6, 0xFF, 0xFE, 7, 8, 9, 0x0A]);
    client.write_all(&packet[..11]).unwrap();
    drop(client);
    let (status, text) = program.end();
    assert!(!status.success() && text.contains("3 left at byte 8 in `param2`"), "{text}");
}
