//! `sync-async`: one client program blocking and async, and what a call costs whoever starts it.

use crate::program::{assert_helps, assert_prints_as_shown, run};

#[test]
fn both_programs_print_what_the_page_shows_and_their_lines_are_counted() {
    assert_helps("sync-async", &["--calls", "--nap"]);
    assert_prints_as_shown("sync-async");
    // The page shows the numbers of lines as they are.
    let count = |source: &str| {
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        source.lines().filter(is_code).count()
    };
    let page = include_str!("../../examples/README.md");
    for (kind, source) in [
        ("blocking", include_str!("../../examples/sync-async/blocking.rs")),
        ("async", include_str!("../../examples/sync-async/awaiting.rs")),
    ] {
        let line = format!("\n{kind}, {} lines:\n", count(source));
        assert!(page.contains(&line), "{line}");
    }
}

/// The whole number behind this piece.
fn number_behind(text: &str, piece: &str) -> u64 {
    let (_, behind) = text.split_once(piece).unwrap_or_else(|| panic!("no {piece:?} in\n{text}"));
    behind.split_whitespace().next().unwrap().parse().unwrap()
}

/// A loaded machine may spoil one run, and hardly three.
fn holds_in_one_of_three_runs(holds: impl Fn(&str) -> bool) {
    let args = ["--calls", "1000", "--nap", "500"];
    let mut text = String::new();
    for _ in 0..3 {
        text = run("sync-async", &args);
        if holds(&text) {
            return;
        }
    }
    panic!("{text}");
}

/// A tenth of a call's time in a debug build, 10 ms in a release build.
#[test]
fn a_thousand_calls_are_started_at_once_and_are_all_back_when_one_is() {
    let started_ms = if cfg!(debug_assertions) { 50 } else { 10 };
    holds_in_one_of_three_runs(|text| {
        let back_ms = number_behind(text, "all of them back after ");
        assert!(back_ms >= 500, "no call is shorter than its sleep:\n{text}");
        number_behind(text, "1000 calls: started within ") < started_ms && back_ms < 1_500
    });
}

#[test]
fn a_loop_ticks_on_beside_a_slow_call() {
    holds_in_one_of_three_runs(|text| {
        let (_, behind) = text.split_once("beside a thread that waits ").unwrap();
        number_behind(behind, "ms: ") >= 50
    });
}

#[test]
fn a_hook_is_called_again_and_again_while_a_call_is_waited_for() {
    holds_in_one_of_three_runs(|text| {
        // The first is that of the program that blocks: in 200 ms every 5.
        (10..=41).contains(&number_behind(text, "meanwhile: "))
    });
}
