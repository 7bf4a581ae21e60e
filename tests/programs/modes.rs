//! `modes`: one service served in four ways, for few and for many, and for those who mean no good.

use crate::program::{Program, assert_helps, run, shown, without_numbers};
use hton::{CallError, Code};
use std::io::{Read, Write};

#[hton::service]
trait Words {
    async fn add(&self, a: u64, b: u64) -> u64;
    async fn shout(&self, text: String) -> String;
}

/// The same service as somebody else has it in mind.
#[hton::service(name = "Words")]
trait Other {
    async fn add(&self, a: u64, b: u32) -> u64;
    async fn whisper(&self, text: String) -> String;
}

/// The line with numbers as `#` and one blank where there are several: the columns are as wide as they are.
fn plain(line: &str) -> String {
    without_numbers(line).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Connections, mode, and the numbers behind them: calls a second, p50, p99, threads, KiB.
fn rows(text: &str) -> Vec<(u64, String, Vec<u64>)> {
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let connections = words.next().unwrap().parse().unwrap();
        let mode = words.next().unwrap().to_owned();
        (connections, mode, words.map(|word| word.parse().unwrap_or(0)).collect())
    };
    text.lines().skip(1).map(row).collect()
}

#[test]
fn the_table_has_a_row_for_each_way_and_number_of_connections() {
    assert_helps("modes", &["--connections", "--modes", "--millis", "serve"]);
    for (args, lines) in shown("modes") {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let text = run("modes", &args);
        let printed: Vec<_> = text.lines().map(plain).collect();
        let expected: Vec<_> = lines.iter().map(|line| plain(line)).collect();
        assert_eq!(printed, expected, "\n{text}");
        for (connections, mode, numbers) in rows(&text) {
            assert!(numbers[0] > 0 && numbers[1] <= numbers[2], "{mode}:\n{text}");
            let threads = match mode.as_str() {
                _ if !cfg!(target_os = "linux") => continue,
                "threads" => connections + 1..=connections + 1,
                "pool" => 2..=1_000,
                _ => 1..=1,
            };
            assert!(threads.contains(&numbers[3]), "{mode}:\n{text}");
        }
    }
}

/// 1 and 100 connections here, as many as `HTON_MODES_CONNECTIONS` says before a release: `1,100,5000`.
#[test]
fn every_way_serves_few_and_many_and_only_one_takes_a_thread_for_each() {
    let counts = std::env::var("HTON_MODES_CONNECTIONS").unwrap_or_else(|_| "1,100".into());
    let text = run("modes", &["--connections", &counts, "--millis", "100"]);
    let rows = rows(&text);
    let ways = counts.split(',').flat_map(|count| {
        ["threads", "single", "pool", "poll"].map(|mode| (count.parse().unwrap(), mode))
    });
    let expected: Vec<(u64, &str)> = ways.collect();
    let shown: Vec<_> = rows.iter().map(|(count, mode, _)| (*count, mode.as_str())).collect();
    assert_eq!(shown, expected, "{text}");
    if !cfg!(target_os = "linux") {
        return;
    }
    for ways in rows.chunks(4) {
        let [threads, single, pool, poll] = [0, 1, 2, 3].map(|way| &ways[way].2);
        let connections = ways[0].0;
        assert_eq!((threads[3], single[3], poll[3]), (connections + 1, 1, 1), "{text}");
        assert!(pool[3] < 1_000, "{text}");
        // A stack for each, which the others do not have.
        let dear = connections < 1_000 || threads[4] > 2 * single[4].max(pool[4]).max(poll[4]);
        assert!(dear, "{text}");
    }
}

/// Everybody's first call is answered before the table begins, and each of their answers is looked at.
#[test]
fn one_thread_serves_a_thousand_clients() {
    let args = ["--connections", "1000", "--modes", "single", "--millis", "100"];
    let text = run("modes", &args);
    let rows = rows(&text);
    assert_eq!((rows.len(), rows[0].0), (1, 1000), "{text}");
    if cfg!(target_os = "linux") {
        assert_eq!(rows[0].2[3], 1, "{text}");
    }
}

#[test]
fn a_thread_for_each_serves_a_hundred_clients() {
    let args = ["--connections", "100", "--modes", "threads", "--millis", "100"];
    let text = run("modes", &args);
    if cfg!(target_os = "linux") {
        assert_eq!(rows(&text)[0].2[3], 101, "{text}");
    }
}

/// What drives the machine by hand: without a runtime, and not only with friends.
fn holds_out(mode: &str) {
    let mut server = Program::start("modes", ["serve", mode]);
    let address = server.word_after("listening on ");
    let words = WordsClient::new(hton::blocking::connect(address.as_str()).unwrap());
    assert_eq!(words.add(1, 2).wait(), Ok(3));

    // Longer than a frame, in both directions; and longer than what a socket takes at once.
    let long = "ha ".repeat(1_000_000);
    assert_eq!(words.shout(long.clone()).wait().unwrap(), long.to_uppercase());

    let other = OtherClient::new(words.peer());
    let refused = other.add(1, 2).wait().unwrap_err();
    assert_eq!(refused.code(), Code::SCHEMA_MISMATCH);
    assert!(refused.to_string().contains("b: u32 here, u64 there"), "{refused}");
    let code = |error: CallError| error.code();
    assert_eq!(other.whisper("x".into()).wait().map_err(code), Err(Code::UNIMPLEMENTED));

    // Somebody who speaks something else is told so, and costs nobody else anything.
    let mut stranger = std::net::TcpStream::connect(&address).unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    // It may have been reset: a plain close.
    let _ = stranger.read_to_end(&mut Vec::new());
    // Somebody who leaves in the middle of a frame is forgotten.
    std::net::TcpStream::connect(&address).unwrap().write_all(&[0, 0]).unwrap();
    assert_eq!(words.add(3, 4).wait(), Ok(7));
    server.succeed();
}

#[test]
fn threads_that_block_drive_the_machine_by_hand() {
    holds_out("threads");
}

#[test]
fn a_poll_loop_drives_the_machine_by_hand() {
    holds_out("poll");
}
