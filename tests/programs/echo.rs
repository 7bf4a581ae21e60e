//! The echo of whole messages and of plain bytes: equal counts at both ends, and what happens when an end fails.

use crate::program::{Program, assert_helps, assert_prints_as_shown, run};
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

const EXAMPLE: &str = "echo";

/// `"hi"` as a message: its length, the count of the string, its bytes.
const HI: &[u8] = b"\0\0\0\x0a\0\0\0\0\0\0\0\x02hi";

fn serve(args: &[&str]) -> (Program, String) {
    let mut server = Program::start(EXAMPLE, [&["serve"], args].concat());
    let address = server.word_after("listening on ");
    (server, address)
}

/// Runs a client to its good end.
fn send(address: &str, args: &[&str]) -> String {
    let (host, port) = address.rsplit_once(':').unwrap();
    run(EXAMPLE, &[&["send", host, port], args].concat())
}

#[test]
fn both_modes_print_what_is_shown() {
    assert_prints_as_shown(EXAMPLE);
    assert_helps(EXAMPLE, &["serve", "send"]);
    let text = run(EXAMPLE, &["send", "--help"]);
    for piece in ["<HOST> [PORT]", "[default: 27015]", "--raw", "--text", "--sizes", "--clients"] {
        assert!(text.contains(piece), "{piece} in\n{text}");
    }
}

#[test]
fn the_name_of_the_server_is_enough_beside_its_port() {
    let (mut server, address) = serve(&[]);
    let (_, port) = address.rsplit_once(':').unwrap();
    let text = run(EXAMPLE, &["send", "localhost", port, "--sizes", "128"]);
    let counts = "142 bytes in 2 messages";
    assert!(text.contains(&format!("sent {counts}, received {counts}: equal")), "{text}");
    server.wait_for(&format!(": received {counts}, sent {counts}"));
}

/// With and without messages, each size by itself; the server counts what its client counts.
#[test]
fn every_size_comes_back_exactly() {
    for mode in [&[][..], &["--raw"]] {
        let (mut server, address) = serve(mode);
        for size in ["0", "1", "127", "128", "511", "512", "513", "1048576"] {
            let text = send(&address, &[mode, &["--text", "", "--sizes", size]].concat());
            let count = if mode.is_empty() { " bytes in 2 messages" } else { " bytes" };
            let counts = format!("{size}{count}");
            assert!(text.contains(&format!("sent {counts}, received {counts}: equal")), "{text}");
            let line = server.wait_for(": ");
            assert!(line.ends_with(&format!(": received {counts}, sent {counts}")), "{line}");
        }
    }
}

/// The largest text is of 20,000 bytes unless `HTON_ECHO_BYTES` says otherwise.
#[test]
fn a_hundred_clients_get_everything_back_in_order() {
    let largest = std::env::var("HTON_ECHO_BYTES").map_or(20_000, |bytes| bytes.parse().unwrap());
    let (mut server, address) = serve(&[]);
    let sizes = format!("0,1,511,512,513,{largest}");
    let text = send(&address, &["--clients", "100", "--sizes", &sizes]);
    let counts = format!("{} bytes in 7 messages", 14 + 1 + 511 + 512 + 513 + largest);
    let line = format!("sent {counts}, received {counts}: equal");
    assert_eq!(text.lines().filter(|each| **each == line).count(), 100, "{text}");
    for _ in 0..100 {
        server.wait_for(&format!(": received {counts}, sent {counts}"));
    }
}

#[test]
fn text_of_any_script_comes_back_in_either_mode() {
    for mode in [&[][..], &["--raw"]] {
        let (_server, address) = serve(mode);
        for (text, bytes) in [("Grüße", 7), ("网络字节序", 15), ("שלום", 8), ("👩‍👩‍👧", 18)]
        {
            let printed = send(&address, &[mode, &["--text", text, "--sizes", "0"]].concat());
            assert!(printed.contains(&format!("received {bytes} bytes")), "{printed}");
            assert!(printed.ends_with(": equal"), "{printed}");
        }
    }
}

#[test]
fn who_has_finished_still_receives_until_the_server_closes() {
    let (server, address) = serve(&["--once"]);
    let mut client = TcpStream::connect(&address).unwrap();
    client.write_all(&HI.repeat(3)).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    assert_eq!(back, HI.repeat(3));
    drop(client);
    // It served its one client and is gone.
    let text = server.succeed();
    assert!(text.ends_with("received 6 bytes in 3 messages, sent 6 bytes in 3 messages"), "{text}");
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn ctrl_c_lets_those_who_are_being_served_end() {
    let (mut server, address) = serve(&[]);
    let mut client = TcpStream::connect(&address).unwrap();
    client.write_all(HI).unwrap();
    let mut back = [0; HI.len()];
    client.read_exact(&mut back).unwrap();
    let interrupted = Command::new("kill").args(["-INT", &server.id().to_string()]).status();
    assert!(interrupted.unwrap().success());
    client.write_all(HI).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    client.read_exact(&mut back).unwrap();
    assert_eq!((&back[..], client.read(&mut [0]).unwrap()), (HI, 0));
    server.wait_for("received 4 bytes in 2 messages, sent 4 bytes in 2 messages");
    assert!(server.succeed().ends_with("stopped"));
}

/// Open descriptors of the program.
fn handles(program: &Program) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", program.id())).unwrap().count()
}

/// What a client may do wrong at each step of its life, and what the server says of it.
#[test]
fn a_fault_at_any_step_is_told_and_leaves_no_handle_open() {
    let (mut server, address) = serve(&[]);
    send(&address, &["--sizes", "1"]);
    server.wait_for(": received 15 bytes");
    let before = handles(&server);
    let not_text = b"\0\0\0\x09\0\0\0\0\0\0\0\x01\xff";
    let left_over = b"\0\0\0\x0b\0\0\0\0\0\0\0\x02hi!";
    let too_long = b"\x7f\0\0\0";
    let faults: [(&[u8], bool, &str); 9] = [
        (b"", false, "received 0 bytes, sent 0 bytes"),
        (b"", true, "reset"),
        (&HI[..3], false, "ends inside a message"),
        (&HI[..4], false, "ends inside a message"),
        (&HI[..13], false, "ends inside a message"),
        (&HI[..13], true, "reset"),
        (not_text, false, "UTF-8"),
        (left_over, false, "1 byte"),
        (too_long, false, "2130706432 bytes is announced"),
    ];
    for (sent, reset, said) in faults {
        let mut client = TcpStream::connect(&address).unwrap();
        let name = format!("{}: ", client.local_addr().unwrap());
        client.write_all(sent).unwrap();
        if reset {
            SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        }
        drop(client);
        // Who is cut off at once may have no name any more.
        let line = server.wait_for(if reset { ": " } else { &name });
        assert!(line.contains(said), "{said} in {line}");
    }
    // It never reads what comes back, so that the server has to wait for it, and then it is gone.
    let client = TcpStream::connect(&address).unwrap();
    let name = client.local_addr().unwrap();
    client.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let message = [&b"\0\x01\0\x08\0\0\0\0\0\x01\0\0"[..], &[b'x'; 65_536]].concat();
    while (&client).write_all(&message).is_ok() {}
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    let line = server.wait_for(&format!("{name}: "));
    assert!(line.contains("reset") || line.contains("roken pipe"), "{line}");

    assert_eq!(handles(&server), before);
    send(&address, &["--sizes", "1"]);
}

/// A server that says this to a client of one text and closes.
fn client_of(answer: &[u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let args = ["send", "127.0.0.1", &port, "--text", "hi", "--sizes", "0"];
    let client = Program::start(EXAMPLE, args);
    let (mut server, _) = listener.accept().unwrap();
    let mut sent = Vec::new();
    server.read_to_end(&mut sent).unwrap();
    assert_eq!(sent, [HI, b"\0\0\0\x08\0\0\0\0\0\0\0\0"].concat());
    server.write_all(answer).unwrap();
    drop(server);
    let (status, text) = client.end();
    assert!(!status.success(), "{text}");
    text
}

#[test]
fn the_client_says_what_is_wrong_with_its_server() {
    let empty = b"\0\0\0\x08\0\0\0\0\0\0\0\0";
    let changed = b"\0\0\0\x0a\0\0\0\0\0\0\0\x02ho";
    for (answer, said) in [
        (vec![], "the server left before message 1 came back"),
        (HI.to_vec(), "the server left before message 2 came back"),
        (HI[..12].to_vec(), "ends inside a message"),
        (changed.to_vec(), "message 1 came back changed"),
        ([HI, empty, empty].concat(), "more messages came back than were sent"),
    ] {
        let text = client_of(&answer);
        assert!(text.contains(said), "{said} in {text}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (status, text) = Program::start(EXAMPLE, ["send", "127.0.0.1", &nobody.to_string()]).end();
    assert!(!status.success() && text.contains("cannot connect to 127.0.0.1"), "{text}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (status, text) = Program::start(EXAMPLE, ["serve", &address]).end();
    assert!(!status.success() && text.contains(&format!("cannot listen on {address}")), "{text}");
}
