//! The figures of `examples/README.md`: small in a plain `cargo test`, in full where the environment says so.
//! They run one after the other, because each measures.

use crate::program::*;
use crate::stress::{client, number_before, server};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A size from the environment, or a small one.
fn size(name: &str, small: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(small, |given| given.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// One figure at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The line that has this piece.
#[track_caller]
fn line<'t>(text: &'t str, piece: &str) -> &'t str {
    text.lines().find(|line| line.contains(piece)).unwrap_or_else(|| panic!("{piece}:\n{text}"))
}

/// A quantile of the latencies.
#[track_caller]
fn latency(text: &str, quantile: &str) -> Duration {
    let (_, behind) = line(text, "latency: ").split_once(quantile).unwrap();
    let millis = behind.split_whitespace().next().unwrap().trim_end_matches(',');
    Duration::from_secs_f64(millis.parse::<f64>().unwrap() / 1e3)
}

/// What the server's process holds, by a key of its status.
#[cfg(target_os = "linux")]
fn memory(server: &Program, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let kib = line(&status, key).split_whitespace().nth(1).unwrap().parse::<u64>();
    kib.unwrap() * 1024
}

#[test]
fn many_connections_with_random_sizes_find_no_byte_changed() {
    let _alone = alone();
    let connections = size("HTON_FIGURE_CONNECTIONS", 8);
    let seconds = size("HTON_FIGURE_SECONDS", 1);
    let (_server, address) = server(&[]);
    let text = client(&address, &format!("-t {connections} -s {seconds}"));
    assert!(text.contains("0 mismatches, 0 failures"), "{text}");
    assert!(number_before(&text, " messages") > connections, "{text}");
    println!("{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn idle_connections_cost_little_memory_and_no_thread() {
    let _alone = alone();
    let idle = size("HTON_FIGURE_IDLE", 400);
    let (server, address) = server(&[]);
    let hold = |count: u64| {
        let count = count.to_string();
        let args = ["-t", "0", "-s", "600", "--idle", &count];
        let mut program = Program::start("stress-client", [&[&*address][..], &args].concat());
        program.wait_for(&format!("holding {count} idle connections"));
        program
    };
    let _ten = hold(10);
    client(&address, "-t 1 -l 10");
    let threads = || number_before(&client(&address, "--stats"), " threads");
    let (few, before) = (threads(), memory(&server, "VmRSS:"));
    let _crowds = [hold(idle / 2), hold(idle / 2)];
    // The server counts a connection when it has read its greeting, which is after the client has read the other.
    let until = Instant::now() + Duration::from_secs(60);
    while number_before(&client(&address, "--stats"), " connections") <= idle + 10 {
        assert!(Instant::now() < until, "not all of {idle} are there");
    }
    let each = memory(&server, "VmRSS:").saturating_sub(before) / idle;
    // Beside them others are served, on the same threads.
    let text = client(&address, "-t 10 -l 50 -b 1000");
    assert!(text.contains("0 mismatches, 0 failures"), "{text}");
    assert_eq!(threads(), few, "with 10 connections and with {idle} more");
    assert!(each < 16 * 1024, "{each} bytes for each idle connection");
    println!("{idle} idle connections take {each} bytes each, and the server has {few} threads");
}

#[test]
fn silent_sockets_do_not_delay_others_and_are_dropped() {
    let _alone = alone();
    let silent = size("HTON_FIGURE_SILENT", 100);
    let hello = size("HTON_FIGURE_HELLO_MS", 2_000);
    let handshakes = (silent + 100).to_string();
    let (_server, address) = server(&["--handshakes", &handshakes, "--hello", &hello.to_string()]);
    let talk = || latency(&client(&address, "-t 4 --tasks 1 -b 1000 -s 0.4"), "p50 ");
    let before = talk();
    let count = silent.to_string();
    let args = [&address, "-t", "0", "-s", "0", "--silent", &count];
    let mut program = Program::start("stress-client", args);
    program.wait_for("silent sockets");
    // New connections are accepted beside them, too.
    let beside = talk();
    let dropped = program.succeed();
    assert!(
        dropped.contains(&format!("{silent} of {silent} silent sockets were dropped")),
        "{dropped}"
    );
    let after = line(&dropped, "dropped by the server, after ");
    let (_, after) = after.split_once(", after ").unwrap();
    let first: f64 = after.split_whitespace().next().unwrap().parse().unwrap();
    assert!(
        first >= hello as f64 / 1e3 - 0.5,
        "{after}: nobody is dropped before the time is over"
    );
    // Generous: what is looked for is a server that waits for each of them.
    assert!(
        beside < before * 5 + Duration::from_millis(5),
        "{beside:?} beside them, {before:?} alone"
    );
    println!("beside {silent} silent sockets p50 is {beside:?}, without them {before:?}");
    println!("the silent ones are dropped after {after}");
}

#[cfg(target_os = "linux")]
#[test]
fn who_sends_and_never_reads_is_bounded_and_others_are_served() {
    let _alone = alone();
    let bytes = size("HTON_FIGURE_UNREAD_MIB", 128) << 20;
    let stall = size("HTON_FIGURE_STALL_MS", 1_000).to_string();
    let (server, address) = server(&["--stall", &stall]);
    client(&address, "-t 4 -l 20");
    let before = memory(&server, "VmHWM:");
    let total = bytes.to_string();
    // One that keeps to the protocol, and one that does not.
    let polite = client(&address, &format!("-t 4 --scenario 2 --total {total}"));
    assert_eq!(polite.matches("nothing is received: stuck").count(), 4, "{polite}");
    let args = [&address, "--rude", "--total", &total];
    let rude = Program::start("stress-client", args);
    let others = client(&address, "-t 8 -b 10000 -s 1");
    assert!(others.contains("0 mismatches, 0 failures"), "{others}");
    let rude = rude.succeed();
    let taken = number_before(line(&rude, "never read: cut after "), " bytes");
    assert!(taken < bytes, "{rude}");
    let grown = memory(&server, "VmHWM:").saturating_sub(before);
    assert!(grown < 96 << 20, "{grown} bytes of memory");
    println!(
        "of calls of {bytes} bytes whose answers nobody reads, the server takes {taken} bytes"
    );
    println!("its memory grew by at most {} KiB; {}", grown / 1024, line(&others, "latency"));
    println!("{}\n{}", line(&polite, "nothing is received"), rude.trim_end());
}

#[test]
fn one_who_floods_does_not_starve_the_others() {
    let _alone = alone();
    let millis = size("HTON_FIGURE_FLOOD_MS", 300);
    let (_server, address) = server(&[]);
    let seconds = Duration::from_millis(millis).as_secs_f64();
    let light = || {
        let text = client(&address, &format!("-t 99 --tasks 1 -b 64 --pause 20 -s {seconds}"));
        assert!(text.contains("0 mismatches, 0 failures"), "{text}");
        latency(&text, "p99 ")
    };
    let flood = "-t 1 --tasks 256 -b 1000 -s 600";
    let args: Vec<_> = [&*address].into_iter().chain(flood.split(' ')).collect();
    // They take turns, so that what else the machine does meets both.
    let (mut without, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        without.push(light());
        let mut flood = Program::start("stress-client", &args);
        flood.wait_for("connections in ");
        beside.push(light());
    }
    without.sort();
    beside.sort();
    // Tens of milliseconds are the system's: three processes share the processors, here with other tests.
    let slack = Duration::from_millis(size("HTON_FIGURE_FLOOD_SLACK_MS", 100));
    assert!(
        beside[1] < without[1] * 10 + slack,
        "p99: {beside:?} beside a flood, {without:?} without"
    );
    println!(
        "99 light clients: p99 is {:?} beside one that floods, {:?} without",
        beside[1], without[1]
    );
}

#[test]
fn very_many_may_connect_at_the_same_moment() {
    let _alone = alone();
    let crowd = size("HTON_FIGURE_CROWD", 500);
    let (_server, address) = server(&[]);
    let text = client(&address, &format!("-t {crowd} --tasks 1 -l 1"));
    assert!(text.contains(&format!("{crowd} messages")), "{text}");
    assert!(text.contains("0 mismatches, 0 failures"), "{text}");
    println!("{}", line(&text, " connections in "));
}
