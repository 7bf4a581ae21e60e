//! `calc`: every error that a call can have, and the bytes of one that has none.

use crate::program::{assert_helps, run, shown, without_numbers};

#[test]
fn every_error_and_every_byte_of_a_call_is_what_the_page_shows() {
    assert_helps("calc", &[]);
    for (_, lines) in shown("calc") {
        // Both ends keep the deadline, and sometimes it is the other one that tells of it.
        let text = run("calc", &[]).replace("passed; the handler was dropped", "passed");
        let printed: Vec<_> = text.lines().map(without_numbers).collect();
        let expected: Vec<_> = lines.iter().map(|line| without_numbers(line)).collect();
        assert_eq!(printed, expected, "\n{text}");
    }
}
