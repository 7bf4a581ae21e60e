//! The examples run, and print what their readers are told they print.

use std::path::PathBuf;
use std::process::Command;

/// What an example prints. `cargo test` has built it beside this test.
fn run(example: &str, args: &[&str]) -> String {
    let test = std::env::current_exe().unwrap();
    let examples: PathBuf = test.ancestors().nth(2).unwrap().join("examples");
    let program = examples.join(example);
    assert!(program.exists(), "{} is built by a plain `cargo test`", program.display());
    let output = Command::new(program).args(args).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The example prints these lines and no others, each time.
fn assert_prints(example: &str, lines: &[&str]) {
    let text = run(example, &[]);
    for (n, (printed, expected)) in text.lines().zip(lines).enumerate() {
        assert_eq!(printed, *expected, "line {} of {example}", n + 1);
    }
    assert_eq!(text.lines().count(), lines.len(), "{text}");
}

/// The text has these pieces, one after the other.
#[track_caller]
fn assert_in_order(text: &str, pieces: &[&str]) {
    let mut rest = text;
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else {
            panic!("no {piece:?} in order in\n{text}")
        };
        rest = after;
    }
}

#[test]
fn quickstart_greets_in_25_lines() {
    assert_eq!(run("quickstart", &[]), "Hello, network!\n");
    let source = include_str!("../../examples/quickstart.rs");
    let lines = source.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("//"));
    assert!(lines.count() <= 25);
}

#[test]
fn calc_shows_every_error_and_the_bytes_of_a_call() {
    let text = run("calc", &[]);
    let lines = [
        "1 + 2 = 3",
        "7 / 2 = 3",
        "    DivisionByZero",
        "    code DECLARED, retry not known to be safe",
        "INTERNAL: the handler panicked; the handler may have run",
        "DEADLINE_EXCEEDED: the deadline passed",
        "    code RESOURCE_EXHAUSTED",
        "SCHEMA_MISMATCH: the types of the method differ: a: i32 here, i64 there; b: i32 here, i64 there; the handler did not run",
        "    code SCHEMA_MISMATCH, retry safe",
        "    code UNIMPLEMENTED, retry not known to be safe",
        "the connection still works: 3 + 4 = 7",
        "    code UNAVAILABLE, retry not known to be safe",
        "    code UNAVAILABLE, retry safe",
        "-> 00 00 00 1c              length of what follows the header",
        // `printf %s 'hton-sig/1;Calc/add;args={a:i64,b:i64};ok=i64' | sha256sum`
        "-> 9e 8e ef f0 8b 3d 6e 71  signature",
        "-> 00 00 00 00 00 00 00 02  b",
        "<- 00 00 00 00 00 00 00 03  the result",
    ];
    assert_in_order(&text, &lines);
    assert!(!text.contains("stays on the server"), "{text}");
}

#[test]
fn blocking_is_a_whole_program_without_a_runtime_in_its_text() {
    let text = run("blocking", &[]);
    let lines = [
        "97 is prime: true",
        "below 1000 there are 168 primes",
        "below 20: [2, 3, 5, 7, 11, 13, 17, 19]",
        "the largest of them: 19",
        "INVALID_ARGUMENT: no numbers came",
        "CANCELLED: the call was cancelled through its handle",
        "DEADLINE_EXCEEDED: the deadline passed",
        "0 connections cut",
    ];
    assert_in_order(&text, &lines);
    assert!(!include_str!("../../examples/blocking.rs").contains("tokio"));
}

#[test]
fn testing_runs_the_tests_of_a_service() {
    let text = run("testing", &[]);
    let lines = [
        "an empty order is refused",
        "an order is taken from the warehouse",
        "an opening that never comes is given up",
        "a broken line to the warehouse closes the shop, wherever of ",
    ];
    assert_in_order(&text, &lines);
}

#[test]
fn search_ranks_real_text_for_many_clients() {
    let folder = std::env::temp_dir().join(format!("hton-search-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("deep")).unwrap();
    std::fs::write(folder.join("a.md"), "A frog sat.\n\nA frog and a frog met a toad.\n").unwrap();
    std::fs::write(folder.join("deep/b.txt"), "\n\nNo amphibian here, only a newt.\n").unwrap();
    std::fs::write(folder.join("c.png"), [0xff, 0xd8]).unwrap();
    let text = run("search", &[folder.to_str().unwrap(), "newt", "frog", "zebra", "?!"]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(text.contains("2 files, 3 passages"), "{text}");
    assert!(text.contains("deep/b.txt:3  No amphibian here"), "{text}");
    assert!(text.contains("NothingFound { words: [\"zebra\"] }"), "{text}");
    assert!(text.contains("EmptyQuery"), "{text}");
    assert!(text.contains("8 clients at once, 1600 calls"), "{text}");
    assert!(text.contains("on the wire: "), "{text}");
}

#[test]
fn search_reads_this_repository_unless_told_otherwise() {
    let text = run("search", &[]);
    assert!(text.contains("call id parity"), "{text}");
    assert!(text.contains("spec/"), "{text}");
}

#[test]
fn streams_end_well_early_and_with_a_status() {
    let lines = [
        "there: the sum of 1 to 100 is 5050",
        "there: the first square above 1000 is 1024, and no more squares are sent",
        "back: [Some(0), Some(1), Some(2)] was enough, and the handler has stopped counting",
        r#"both: sent 3, the total is Some("3")"#,
        r#"both: sent 4, the total is Some("7")"#,
        r#"both: sent 5, the total is Some("12")"#,
        r#"both: sent all, Some("there were 3"), then None"#,
        "a status at the end: 4 for each",
        "a status at the end: 6 for each",
        "a status at the end: 12 for each",
        "a status at the end: OUT_OF_RANGE: Numbers/shares: nobody is left to eat it",
    ];
    assert_prints("streams", &lines);
}

#[test]
fn deadlines_are_kept_and_inherited() {
    let lines = [
        "the default, along three stations: [30s, 29.899s, 29.798s] left",
        "1 s for the call: [1s, 899ms, 798ms] left",
        "250 ms for it: DEADLINE_EXCEEDED after 248ms",
        "150 ms for all of a client: DEADLINE_EXCEEDED after 150ms",
        "but 1 h for one of them: DEADLINE_EXCEEDED after 3600s",
        "nothing said: DEADLINE_EXCEEDED after 30s",
        "1 ms for a silent server: DEADLINE_EXCEEDED after 2ms",
    ];
    assert_prints("deadline", &lines);
}

#[test]
fn a_call_that_is_given_up_drops_its_handler() {
    let lines = [
        "never polled, never sent:",
        "dropped:",
        "    Soup is on the stove",
        "    Soup is off the stove",
        "cancelled by its handle, from another thread:",
        "    Stew is on the stove",
        "    its caller gets CANCELLED",
        "    Stew is off the stove",
        "given up by a select:",
        "    Roast is on the stove",
        "    Roast is off the stove",
        "dropped, with a task of its handler:",
        "    Broth is on the stove",
        "    Broth is off the stove",
    ];
    assert_prints("cancel", &lines);
}

#[test]
fn a_handler_calls_its_caller_back_and_the_server_whoever_subscribed() {
    let lines = [
        "two parts:",
        "    customer: a white wall, please",
        "    customer: 1 of 2",
        "    customer: a red door, please",
        "    customer: 2 of 2",
        "    built: white wall, red door",
        "five parts, of which three are enough:",
        "    customer: a white wall, please",
        "    customer: 1 of 5",
        "    customer: a white wall, please",
        "    customer: 2 of 5",
        "    customer: a red door, please",
        "    customer: 3 of 5",
        "    stopped after white wall, white wall, red door",
        "the server calls of its own accord:",
        "    customer: I hear that bricks are cheap",
        "    1 heard it",
        "    0 heard it when the customer had left",
    ];
    assert_prints("callback", &lines);
}

#[test]
fn layers_stand_on_both_sides() {
    let lines = [
        "through the layers of the server alone:",
        "    Answering Press/print: UNAUTHENTICATED",
        "UNAUTHENTICATED: Press/print: nobody pays",
        "    Answering Press/print: OK",
        r#""Page 1", paid by Ada"#,
        "and of the client, one of which says who pays:",
        "    Answering Press/print: OK",
        "    Asking Press/print: OK",
        r#""Page 2", paid by Ada"#,
        "one call at a time, and none that waits:",
        "RESOURCE_EXHAUSTED: Press/print: the limit of 1 at once is reached (ConcurrencyLimit), and no more may wait",
        "within 50 ms:",
        "DEADLINE_EXCEEDED",
    ];
    assert_prints("layers", &lines);
}

#[test]
fn what_did_not_run_is_tried_again() {
    let lines = [
        "nobody listens, which may pass: true",
        "connected as soon as somebody did",
        "without the layer: UNAVAILABLE: Clerk/ask: there is a queue",
        "with it: the first clerk answered after 2 refusals",
        "what may have run is left alone: UNAVAILABLE: Clerk/count: the counter got stuck",
        "unless it may run twice: 2",
        "the first server has gone, with connections: 1",
        "the same client, on a new connection: the second clerk answered after 2 refusals",
    ];
    assert_prints("retry", &lines);
}

#[test]
fn a_server_that_ends_finishes_what_it_accepted() {
    let lines = [
        "rye is in the oven",
        "the signal is given",
        "wheat is refused: UNAVAILABLE, retry safe: true",
        "the call that was accepted: rye, still warm",
        "connections closed: 1, calls finished: 1, cut: 0",
        "why the connection ended: the peer is going away: GRACEFUL: the server is shutting down",
        "and nobody listens until the next one does",
    ];
    assert_prints("shutdown", &lines);
}

#[cfg(unix)]
#[test]
fn a_unix_socket_tells_who_is_there() {
    let lines = [
        "the mode of the socket: 600",
        "over the socket: open to its owner, from this process: true",
        "the client knows whose server it is: true",
        "over TCP: PERMISSION_DENIED",
        "connections closed: 1, file left: false",
    ];
    assert_prints("unix", &lines);
}
