//! `versions`: which programs of which age can call each other, and what the others hear.

use crate::program::{assert_helps, assert_prints_as_shown, run};

#[test]
fn the_matrix_is_what_the_page_shows() {
    assert_helps("versions", &["--brief"]);
    assert_prints_as_shown("versions");
}

/// The columns behind what has changed: old → old, new → old, old → new, new → new.
fn row(text: &str, what: &str) -> Vec<String> {
    let line = text.lines().find(|line| line.starts_with(what)).unwrap();
    let cells: Vec<char> = line.chars().skip(25).collect();
    cells.chunks(17).map(|cell| String::from_iter(cell).trim().to_owned()).collect()
}

#[test]
fn old_clients_call_a_server_whose_methods_moved_and_became_more() {
    let text = run("versions", &["--brief"]);
    let (works, unknown) = ("works", "refused: unknown");
    assert_eq!(row(&text, "methods reordered"), [works; 4]);
    assert_eq!(row(&text, "the other of them"), [works; 4]);
    assert_eq!(row(&text, "method added"), ["-", unknown, "-", works]);
    assert_eq!(row(&text, "method renamed"), [works, unknown, unknown, works]);
}

#[test]
fn every_pair_that_means_other_types_is_refused_and_hears_which_field() {
    let text = run("versions", &[]);
    let types = "refused: types";
    for what in ["argument's type", "field added", "variant added", "result's type"] {
        assert_eq!(row(&text, what), ["works", types, types, "works"], "{what}");
    }
    for (old, new) in [
        ("cents: u32 here, u64 there", "cents: u64 here, u32 there"),
        ("order.gift: missing here", "order.gift: missing there"),
        ("size::Huge: missing here", "size::Huge: missing there"),
        ("result: u32 here, ?u32 there", "result: ?u32 here, u32 there"),
    ] {
        assert!(text.contains(old) && text.contains(new), "{old}, {new}:\n{text}");
    }
    assert_eq!(text.matches("the handler did not run").count(), 11, "{text}");
}

#[test]
fn versions_of_the_wire_are_agreed_on_where_they_meet() {
    let text = run("versions", &["--brief"]);
    assert!(text.contains("versions 1 to 1 of the wire: accepted"), "{text}");
    assert!(text.contains("versions 1 to 9 of the wire: accepted"), "{text}");
    let refused = "VERSION: the peer speaks versions 2 to 9, this side 1 to 1";
    assert!(text.contains(&format!("versions 2 to 9 of the wire: {refused}")), "{text}");
}
