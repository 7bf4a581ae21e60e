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
        "    code INVALID_ARGUMENT, retry safe",
        "    code UNIMPLEMENTED, retry not known to be safe",
        "the connection still works: 3 + 4 = 7",
        "    code UNAVAILABLE, retry not known to be safe",
        "    code UNAVAILABLE, retry safe",
        "-> 00 00 00 1c              length of what follows the header",
        "-> 00 00 00 00 00 00 00 02  b",
        "<- 00 00 00 00 00 00 00 03  the result",
    ];
    let mut rest = text.as_str();
    for line in lines {
        let Some((_, after)) = rest.split_once(line) else {
            panic!("no {line:?} in order in\n{text}")
        };
        rest = after;
    }
    assert!(!text.contains("stays on the server"), "{text}");
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
fn the_readme_shows_the_quickstart_as_it_is_and_links_to_what_exists() {
    let readme = include_str!("../../README.md");
    let source = include_str!("../../examples/quickstart.rs");
    let (_, program) = source.split_once('\n').unwrap(); // Without the line that says what it is.
    assert!(readme.contains(&format!("```rust\n{program}```")), "{program}");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let links: Vec<_> = links.map(|(link, _)| link).filter(|link| !link.contains("://")).collect();
    assert!(links.len() > 20, "{links:?}");
    for link in links {
        assert!(root.join(link).exists(), "{link}");
    }
}
