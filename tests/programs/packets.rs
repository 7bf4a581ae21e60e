//! Two equal programs that exchange packets, and what stands between them.

use crate::program::{Program, assert_helps, assert_prints_as_shown, run};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const EXAMPLE: &str = "packets";

fn start(args: &[&str]) -> Program {
    Program::start(EXAMPLE, args)
}

/// Both logs have a line for each packet, one below the other, and say that all were good.
#[track_caller]
fn assert_exchanged(sender: &str, receiver: &str, copies: &[u32]) {
    let piece = |text: &str, prefix: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.strip_prefix(prefix)).map(str::to_owned).collect()
    };
    let texts: Vec<_> = (1..)
        .zip(copies)
        .map(|(number, copies)| format!("packet {number}, {copies} copies"))
        .collect();
    let answers: Vec<_> = (1..=copies.len()).map(|n| format!("packet {n} is good")).collect();
    assert_eq!(piece(sender, "sent          "), texts, "{sender}");
    assert_eq!(piece(sender, "acknowledged  "), answers, "{sender}");
    assert_eq!(piece(receiver, "received      "), texts, "{receiver}");
    let all = copies.len();
    assert!(sender.contains(&format!("{all} of {all} acknowledged as good")), "{sender}");
    assert!(receiver.contains(&format!("{all} of {all} received well")), "{receiver}");
}

#[test]
fn both_ends_in_one_process_print_what_is_shown() {
    let options = ["--listen", "--connect", "--role", "--packets", "--counts", "--window"];
    assert_helps(EXAMPLE, &options);
    assert_prints_as_shown(EXAMPLE);
    let text = run(EXAMPLE, &[]);
    assert_exchanged(&text, &text, &[0, 1, 31_999]);
}

/// Whoever listens or connects, sends or acknowledges, and starts first.
#[test]
fn either_end_may_listen_send_and_start() {
    let folder = std::env::temp_dir().join(format!("hton-packets-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (run, listener_sends) in [true, false].into_iter().enumerate() {
        for listener_first in [true, false] {
            let path = folder.join(format!("{run}-{listener_first}"));
            let address = format!("unix:{}", path.display());
            let roles = ["send", "acknowledge"];
            let (listens, connects) = if listener_sends { (0, 1) } else { (1, 0) };
            let (listens, connects) = (roles[listens], roles[connects]);
            let listen = || start(&["--listen", &address, "--role", listens]);
            let connect = || start(&["--connect", &address, "--role", connects]);
            let (listener, connector) = if listener_first {
                let mut listener = listen();
                listener.wait_for("listening on ");
                (listener, connect())
            } else {
                let mut connector = connect();
                connector.wait_for("connecting to ");
                (listen(), connector)
            };
            let (listener, connector) = (listener.succeed(), connector.succeed());
            let (sender, receiver) =
                if listener_sends { (listener, connector) } else { (connector, listener) };
            assert_exchanged(&sender, &receiver, &[0, 1, 31_999]);
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn two_of_a_kind_are_told_so_and_do_not_wait_for_each_other() {
    for role in ["send", "acknowledge"] {
        let mut listener = start(&["--listen", "--role", role]);
        let address = listener.word_after("listening on ");
        let connector = start(&["--connect", &address, "--role", role]);
        for end in [listener, connector] {
            let (status, text) = end.end();
            assert!(!status.success() && text.contains("both ends want to"), "{text}");
        }
    }
}

/// Bytes of ten copies' packets: the role of the sender, then each packet with its length in front.
const ROLE: usize = 4 + 4;
const HEAD: usize = 4;
const VALUE: usize = HEAD;
const COUNT: usize = VALUE + 4;
const COPIES: usize = COUNT + 4 + 8;
const TEXT: usize = COPIES + 10 * 4 + 8;
const PACKET: usize = TEXT + "packet 1, 10 copies".len();

/// Five packets of ten copies, through a proxy that flips the lowest bit of one byte of the third.
fn exchange_with_fault(at: usize) -> [(bool, String); 2] {
    let mut receiver = start(&["--listen"]);
    let target = receiver.word_after("listening on ");
    let flipped = ROLE + 2 * PACKET + at;
    let proxy = proxy(&target, move |at, bytes| {
        let index = flipped.checked_sub(at).filter(|index| *index < bytes.len());
        if let Some(index) = index {
            bytes[index] ^= 1;
        }
    });
    let sender = start(&["--connect", &proxy, "--packets", "5", "--counts", "10"]);
    [sender, receiver].map(|program| {
        let (status, text) = program.end();
        (status.success(), text)
    })
}

#[test]
fn one_flipped_bit_is_reported_with_the_number_of_its_packet() {
    for (at, fault) in [
        (VALUE + 3, "its value is "),
        (COUNT + 3, "it has 10 copies, not 11"),
        (COPIES - 1, "at byte 60 in `text`"),
        (COPIES + 4 * 4 + 1, "copy 5 of 10 is "),
        (TEXT + 1, "its text is \"p`cket 3, 10 copies\""),
    ] {
        let [(sender_well, sender), (receiver_well, receiver)] = exchange_with_fault(at);
        assert!(!sender_well && !receiver_well, "{sender}\n{receiver}");
        let report = receiver.lines().find(|line| line.starts_with("received bad")).unwrap();
        let answer = sender.lines().find(|line| line.starts_with("FAILED")).unwrap();
        let told = report.strip_prefix("received bad  ").unwrap();
        assert_eq!(answer.strip_prefix("FAILED        "), Some(told));
        assert!(told.starts_with("packet 3: ") && told.contains(fault), "{told}");
        assert!(sender.contains("4 of 5 acknowledged as good"), "{sender}");
        assert!(receiver.contains("4 of 5 received well"), "{receiver}");
    }
}

#[test]
fn a_flipped_length_ends_the_exchange_and_neither_end_hangs() {
    let [(sender_well, sender), (receiver_well, receiver)] = exchange_with_fault(HEAD - 1);
    assert!(!sender_well && !receiver_well, "{sender}\n{receiver}");
    assert!(receiver.contains("received bad  packet 3: "), "{receiver}");
    assert!(receiver.contains("received      packet 2, 10 copies"), "{receiver}");
    assert!(!receiver.contains("received      packet 3"), "{receiver}");
}

/// Over a way that takes 2 ms a strict exchange of 64 packets takes 64 round trips, and one
/// with a window of 32 takes a few: the ratio is about 14, and 3 here, for the machine may be busy.
#[test]
fn a_window_saves_round_trips_and_the_ratio_is_printed() {
    let mut receiver = start(&["--listen", "--quiet"]);
    let target = receiver.word_after("listening on ");
    let proxy = proxy(&target, |_, _| thread::sleep(Duration::from_millis(2)));
    let args = ["--packets", "64", "--counts", "1", "--window", "1,32", "--quiet"];
    let sender = start(&[&["--connect", &proxy], &args[..]].concat()).succeed();
    assert!(sender.contains("window 1: 64 of 64 acknowledged as good in "), "{sender}");
    assert!(sender.contains("window 32: 64 of 64 acknowledged as good in "), "{sender}");
    let (_, ratio) = sender.split_once("ratio ").unwrap();
    assert!(ratio.trim().parse::<f64>().unwrap() > 3.0, "{sender}");
    assert!(receiver.succeed().contains("128 of 128 received well"));
}

/// Passes one connection on to `target`. What the client sends goes through `touch`, with its offset.
fn proxy(target: &str, touch: impl Fn(usize, &mut [u8]) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let target = target.to_owned();
    thread::spawn(move || {
        let (near, _) = listener.accept().unwrap();
        let far = TcpStream::connect(target).unwrap();
        let (back_from, back_to) = (far.try_clone().unwrap(), near.try_clone().unwrap());
        thread::spawn(move || pass_on(back_from, back_to, |_, _| ()));
        pass_on(near, far, touch)
    });
    address
}

fn pass_on(
    mut from: TcpStream,
    mut to: TcpStream,
    touch: impl Fn(usize, &mut [u8]),
) -> io::Result<()> {
    to.set_nodelay(true)?;
    let (mut at, mut buffer) = (0, vec![0; 64 * 1024]);
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return to.shutdown(Shutdown::Write);
        }
        touch(at, &mut buffer[..count]);
        to.write_all(&buffer[..count])?;
        at += count;
    }
}
