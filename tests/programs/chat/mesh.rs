//! `chat --mesh`: equals without a server.

use crate::program::{Program, shown as page, without_numbers};
use std::collections::HashMap;

fn node(name: &str, known: Option<&str>) -> (Program, String) {
    let mut args = vec!["--mesh", "--name", name];
    args.extend(known.into_iter().flat_map(|address| ["--known", address]));
    let mut node = Program::start("chat", args);
    let address = node.word_after("listening on ");
    (node, address)
}

/// How often each line was shown.
fn shown(text: &str) -> HashMap<&str, usize> {
    let mut lines = HashMap::new();
    for line in text.lines().filter(|line| !line.starts_with(['*', '!'])) {
        *lines.entry(line).or_default() += 1;
    }
    lines
}

#[test]
fn five_nodes_show_each_line_once_while_one_leaves_and_comes_back() {
    let names = ["ada", "ben", "cy", "dee", "eve"];
    let (first, known) = node(names[0], None);
    let mut nodes = vec![first];
    for name in &names[1..] {
        nodes.push(node(name, Some(&known)).0);
    }
    // Each finds all others, though it knew one.
    for (node, me) in nodes.iter_mut().zip(names) {
        let mut met = 0;
        while met < 4 {
            node.wait_for(" is here");
            met += 1;
        }
        let others = names.iter().filter(|name| **name != me);
        others.for_each(|name| assert!(node.text().contains(&format!("* {name} is here")), "{me}"));
    }
    let mut lines = Vec::new();
    let mut say = |nodes: &mut [Program], names: &[&str], round: &str| {
        let mut said = Vec::new();
        for (node, name) in nodes.iter_mut().zip(names) {
            node.say(format!("{round} of {name}"));
            said.push(format!("{name}: {round} of {name}"));
        }
        for node in nodes.iter_mut() {
            while !said.iter().all(|line| node.text().contains(line)) {
                node.wait_for("");
            }
        }
        lines.extend(said);
    };
    say(&mut nodes, &names, "morning");
    // One leaves; the others go on.
    let gone = nodes.pop().unwrap().succeed();
    assert_eq!(shown(&gone).len(), 5, "{gone}");
    for node in &mut nodes {
        node.wait_for("* eve has left");
    }
    say(&mut nodes, &names[..4], "noon");
    // It comes back, through another one than before would do as well, and hears what it missed.
    nodes.push(node(names[4], Some(&known)).0);
    for node in &mut nodes[..4] {
        node.wait_for("* eve is here");
    }
    say(&mut nodes, &names, "evening");
    for (node, name) in nodes.into_iter().zip(names) {
        let text = node.succeed();
        let shown = shown(&text);
        for line in &lines {
            assert_eq!(shown.get(line.as_str()), Some(&1), "{line} at {name}:\n{text}");
        }
        assert_eq!(shown.len(), lines.len(), "{text}");
    }
}

/// The story of the page, told again. Whom one meets first, and what one hears first, differs.
#[test]
fn a_node_that_comes_later_hears_what_it_missed_as_shown() {
    let (mut ada, known) = node("ada", None);
    let (mut ben, _) = node("ben", Some(&known));
    ada.wait_for("* ben is here");
    ada.say("before you came");
    ben.wait_for("ada: before you came");
    let (mut cy, _) = node("cy", Some(&known));
    for piece in ["* ada is here", "* ben is here", "ada: before you came"] {
        while !cy.text().contains(piece) {
            cy.wait_for("");
        }
    }
    cy.say("here I am");
    ada.wait_for("cy: here I am");
    ben.wait_for("cy: here I am");
    ben.succeed();
    cy.wait_for("* ben has left");
    cy.say("/stats");
    cy.wait_for("* links 1, lines 2");
    ada.succeed();
    cy.wait_for("* ada has left");
    let text = cy.succeed();
    let mut printed: Vec<_> = text.lines().map(without_numbers).collect();
    let (args, lines) = page("chat").into_iter().find(|(args, _)| args[0] == "--mesh").unwrap();
    assert_eq!(args[..3], ["--mesh", "--name", "cy"]);
    let mut expected: Vec<_> = lines.iter().map(|line| without_numbers(line)).collect();
    printed.sort();
    expected.sort();
    assert_eq!(printed, expected, "{text}");
}

/// A node that is killed says no goodbye: the others go on, and find its successor at the same address.
#[test]
fn a_node_that_is_killed_is_found_again() {
    let (mut ada, known) = node("ada", None);
    let mut ben = Program::start("chat", ["--mesh", "--name", "ben", "--known", &known]);
    let address = ben.word_after("listening on ");
    ada.wait_for("* ben is here");
    drop(ben);
    ada.wait_for("* ben is gone");
    ada.say("alone");
    ada.wait_for("ada: alone");
    // It knows nobody; but it is looked for.
    let mut ben = Program::start("chat", ["--mesh", "--name", "ben", "--listen", &address]);
    ben.wait_for("* ada is here");
    ben.wait_for("ada: alone");
    ben.say("again");
    ada.wait_for("ben: again");
    assert_eq!(shown(&ben.succeed()).values().sum::<usize>(), 2);
    ada.wait_for("* ben has left");
}

#[test]
fn a_known_node_that_is_not_there_is_looked_for_aloud() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (mut ada, _) = node("ada", Some(&port.to_string()));
    ada.wait_for(&format!("* looking for {port}"));
    ada.succeed();
}

#[test]
fn what_does_not_fit_a_mesh_is_refused() {
    for args in [["--mesh", "127.0.0.1:1"], ["--known", "127.0.0.1:1"], ["--listen", "127.0.0.1:0"]]
    {
        let (status, text) = Program::start("chat", args).end();
        assert!(!status.success() && text.contains("--help"), "{args:?}: {text}");
    }
}
