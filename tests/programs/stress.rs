//! The stress server and its client: every size, every option, both ways of accepting, every scenario, and
//! faults on the way.

use crate::program::*;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const CLIENT: &str = "stress-client";

/// A server, and where it listens.
pub(crate) fn server(options: &[&str]) -> (Program, String) {
    let mut server = Program::start("stress-server", options);
    let address = server.word_after("listening on ").trim_end_matches(',').to_owned();
    (server, address)
}

/// Runs the client to its good end.
pub(crate) fn client(address: &str, options: &str) -> String {
    let mut args = vec![address];
    args.extend(options.split_whitespace());
    run(CLIENT, &args)
}

/// The number that stands before this piece.
pub(crate) fn number_before(text: &str, piece: &str) -> u64 {
    let (before, _) = text.split_once(piece).unwrap_or_else(|| panic!("no {piece:?} in\n{text}"));
    before.split_whitespace().last().unwrap().parse().unwrap()
}

/// What the server says of itself once nobody is connected but the one who asks.
fn alone(address: &str) -> String {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let statistics = client(address, "--stats");
        if statistics.starts_with("1 connections, ") {
            return statistics;
        }
        assert!(Instant::now() < until, "{statistics}");
    }
}

#[test]
fn both_help_and_refuse_what_they_do_not_know() {
    assert_helps("stress-server", &["--accept", "--workers", "--handshakes", "--stall"]);
    let options =
        ["-t", "-b", "-s", "-l", "-4", "-6", "--scenario", "--idle", "--silent", "--rude"];
    assert_helps(CLIENT, &options);
    for bad in [["--scenario", "6"], ["--scenario", "0"], ["-4", "-6"]] {
        assert!(!Program::start(CLIENT, bad).end().0.success(), "{bad:?}");
    }
}

#[test]
fn the_server_prints_what_the_page_shows() {
    for (args, lines) in shown("stress-server") {
        let mut server = Program::start("stress-server", args);
        server.wait_for("listening on ");
        interrupt(&server);
        let text = server.succeed();
        let printed: Vec<_> = text.lines().map(without_numbers).collect();
        let expected = lines.iter().filter(|line| *line != "^C");
        let expected: Vec<_> = expected.map(|line| without_numbers(line)).collect();
        assert_eq!(printed.len(), expected.len(), "\n{text}");
        for (printed, expected) in printed.iter().zip(&expected) {
            // A time may be in another unit.
            let words = |line: &str| line.replace("µs", "ms").replace("#.#", "#");
            assert_eq!(words(printed), words(expected), "\n{text}");
        }
    }
}

#[test]
fn the_client_prints_what_the_page_shows() {
    for (args, lines) in shown(CLIENT) {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let text = run(CLIENT, &args);
        let plain = |line: &str| without_numbers(line);
        // How many steps the histogram has differs.
        let is_step = |line: &str| line.starts_with("  < ");
        let printed: Vec<_> = text.lines().filter(|line| !is_step(line)).map(plain).collect();
        let expected: Vec<_> =
            lines.iter().filter(|line| !is_step(line)).map(|line| plain(line)).collect();
        assert_eq!(printed, expected, "\n{text}");
        assert_eq!(text.contains('▇'), lines.iter().any(|line| line.contains('▇')), "\n{text}");
    }
}

#[test]
fn messages_of_every_size_up_to_the_limit_come_back_and_a_larger_one_is_a_failure() {
    // A message of 4 MiB holds 8 bytes of length.
    let text = run(CLIENT, &["-t", "2", "--tasks", "1", "-l", "6", "-b", "4194296"]);
    assert!(text.contains("12 messages") && text.contains("0 mismatches, 0 failures"), "{text}");
    let too_large = ["-t", "1", "--tasks", "1", "-l", "4", "-b", "4194297"];
    let (status, text) = Program::start(CLIENT, too_large).end();
    assert!(!status.success() && text.contains("0 mismatches, 1 failures"), "{text}");
    assert!(text.contains("RESOURCE_EXHAUSTED") && text.contains("message 2"), "{text}");
}

#[test]
fn every_option_of_the_client_does_what_it_says() {
    let text = run(CLIENT, &["-6", "-t", "3", "--tasks", "2", "-l", "5", "-b", "10", "-v"]);
    assert!(text.contains("at [::1]:") && text.contains("3 connections"), "{text}");
    assert!(text.contains("30 messages"), "{text}");
    assert!(text.contains("connection 2, task 1, message 4: "), "{text}");
    let bytes = |line: &str| number_before(line, " bytes");
    let messages: Vec<_> = text.lines().filter(|line| line.starts_with("connection ")).collect();
    assert_eq!(messages.len(), 30, "{text}");
    assert!(messages.iter().all(|line| bytes(line) <= 10), "{text}");

    let began = Instant::now();
    let text = run(CLIENT, &["-4", "-t", "1", "-s", "0.5", "-b", "100"]);
    assert!(text.contains("at 127.0.0.1:") && began.elapsed() >= Duration::from_millis(500));
    assert!(number_before(&text, " messages") > 1, "without -l it goes on\n{text}");

    let (_server, address) = server(&["127.0.0.1:0"]);
    let port = address.rsplit(':').next().unwrap();
    let name = format!("localhost:{port}");
    let text = client(&name, "-4 -t 1 -l 1 --idle 3");
    assert!(text.contains("holding 3 idle") && text.contains("server: 4 connections"), "{text}");
    // Without a family every address of the name is tried.
    assert!(client(&name, "-t 1 -l 1").contains("0 failures"));
    let statistics = alone(&name);
    assert!(statistics.contains(", 4 echoes"), "{statistics}");
    assert!(!Program::start(CLIENT, [&*format!("[::1]:{port}"), "-4"]).end().0.success());
}

#[test]
fn both_ways_of_accepting_pass_the_same_scenarios() {
    for accept in ["async", "blocking"] {
        let (mut server, address) = server(&["--accept", accept, "--workers", "2"]);
        for scenario in [1, 3, 4, 5] {
            let text = client(&address, &format!("-t 4 -l 1 --wait 50 --scenario {scenario}"));
            assert!(text.contains("64 messages"), "{accept} {scenario}: {text}");
            assert!(text.contains("0 mismatches, 0 failures"), "{accept} {scenario}: {text}");
        }
        // Who never receives is stopped by the box of 1 MiB and the credit of 256 KiB, in both directions.
        let text = client(&address, "-t 4 --scenario 2");
        let stuck = text.lines().filter(|line| line.contains("nothing is received"));
        let sent: Vec<_> = stuck.map(|line| number_before(line, " bytes")).collect();
        assert!(sent.len() == 4 && sent.iter().all(|sent| *sent < 2 << 20), "{accept}: {text}");
        assert!(client(&address, "-t 4 -l 5").contains("0 failures"), "{accept}");
        interrupt(&server);
        server.wait_for("stopped in ");
        assert!(server.succeed().contains(" KiB of memory"));
    }
}

#[test]
fn a_hundred_clients_get_everything_in_order_and_then_the_end() {
    let (_server, address) = server(&[]);
    let text = client(&address, "-t 100 --scenario 5 -l 1 -b 5000");
    assert!(text.contains("1600 messages") && text.contains("0 mismatches, 0 failures"), "{text}");
    let statistics = alone(&address);
    assert!(statistics.contains(", 1600 echoes"), "{statistics}");
}

#[test]
fn ctrl_c_lets_a_server_finish_and_report() {
    for accept in ["async", "blocking"] {
        let (mut server, address) = server(&["--accept", accept]);
        let mut idle = Program::start(CLIENT, [&address, "-t", "0", "--idle", "7", "-s", "60"]);
        idle.wait_for("holding 7 idle");
        interrupt(&server);
        let report = server.wait_for("stopped in ");
        assert!(report.contains("7 connections closed"), "{report}");
        server.succeed();
        assert!(TcpStream::connect(&address).is_err(), "nobody listens");
    }
}

/// Stands between a client and the server, and changes one byte of one direction.
fn flip(server: String, at: usize, of_the_answers: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (near, _) = listener.accept().unwrap();
        let far = TcpStream::connect(server).unwrap();
        let back = (far.try_clone().unwrap(), near.try_clone().unwrap());
        let answers = of_the_answers.then_some(at);
        thread::spawn(move || copy(back.0, back.1, answers));
        copy(near, far, (!of_the_answers).then_some(at));
    });
    address
}

fn copy(mut from: TcpStream, mut to: TcpStream, flip: Option<usize>) {
    let (mut passed, mut buffer) = (0, [0; 4096]);
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if let Some(byte) = flip.and_then(|at| buffer[..n].get_mut(at.checked_sub(passed)?)) {
            *byte ^= 0x20;
        }
        passed += n;
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[test]
fn a_byte_that_changes_on_its_way_is_found_in_either_direction() {
    let (_server, address) = server(&[]);
    for of_the_answers in [false, true] {
        // Message 2 has 60,000 bytes and stands behind less than 1,000 others.
        let proxy = flip(address.clone(), 30_000, of_the_answers);
        let args = [&*proxy, "-t", "1", "--tasks", "1", "-b", "60000", "-l", "20"];
        let (status, text) = Program::start(CLIENT, args).end();
        assert!(!status.success() && text.contains("1 mismatches, 0 failures"), "{text}");
        let line = text.lines().find(|line| line.contains("message 2: byte ")).expect(&text);
        let at = number_before(line, " of 60000 differs");
        assert!((29_000..30_000).contains(&at), "{line}");
        assert!(text.contains("19 messages"), "the others are good: {text}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_fault_at_any_step_leaves_nothing_open() {
    for accept in ["async", "blocking"] {
        let (server, address) = server(&["--accept", accept]);
        client(&address, "-t 2 -l 2");
        let open = format!("/proc/{}/fd", server.id());
        let descriptors = || std::fs::read_dir(&open).unwrap().count();
        // HELLO, and a call of Stress/echo with three bytes, by hand.
        let mut session =
            vec![0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, b'H', b'T', b'O', b'N', 1, 1, 0, 0];
        session.extend([0, 0, 0, 19, 2, 1, 0, 0, 0, 0, 0, 1, 0xed, 0x0b, 0x78, 0xa6]);
        session.extend([0; 15]);
        session.extend([3, b'a', b'b', b'c']);
        let address: SocketAddr = address.parse().unwrap();
        let connect = || TcpStream::connect(address).unwrap();
        let mut whole = connect();
        whole.write_all(&session).unwrap();
        let mut answer = vec![0; 1024];
        let mut heard = 0;
        while !answer[..heard].ends_with(b"abc") {
            heard += match whole.read(&mut answer[heard..]).unwrap() {
                0 => panic!("the session is a good one: {:?}", &answer[..heard]),
                n => n,
            };
        }
        drop(whole);
        let until = Instant::now() + Duration::from_secs(20);
        let before = loop {
            // Those of the client before are closed soon.
            let now = descriptors();
            thread::sleep(Duration::from_millis(100));
            if now == descriptors() {
                break now;
            }
        };
        for end in 0..=session.len() {
            connect().write_all(&session[..end]).unwrap();
            // And one that is not read to its end, and so reset.
            let mut reset = connect();
            reset.write_all(&session[..end]).unwrap();
            let _ = reset.shutdown(Shutdown::Write);
        }
        while descriptors() > before {
            assert!(Instant::now() < until, "{} are open, {before} before", descriptors());
            thread::sleep(Duration::from_millis(10));
        }
        assert!(client(&address.to_string(), "-t 1 -l 3").contains("0 failures"));
    }
}
