//! `transfer`: a large file there and back, in little memory, cut off and gone on with, and the same in the end.

use crate::program::{Program, assert_helps, assert_prints_as_shown, run, without_numbers};
use std::fs;
use std::path::PathBuf;

/// What moves there and back: so many MiB, 2048 in the tests before a release.
fn mib() -> u64 {
    let mib = std::env::var("HTON_TRANSFER_MIB").ok();
    mib.map_or(8, |mib| mib.parse().expect("HTON_TRANSFER_MIB is a number"))
}

/// The number in front of this word.
fn number_before(text: &str, word: &str) -> u64 {
    let (before, _) = text.split_once(word).unwrap_or_else(|| panic!("no {word:?} in\n{text}"));
    before.split_whitespace().last().unwrap().parse().unwrap()
}

#[test]
fn a_large_file_goes_there_and_back_in_little_memory() {
    let mut program = Program::start("transfer", ["--mib", &mib().to_string()]);
    // Each line may take its time: two gibibytes are hashed for some of them.
    for line in ["put: cut off", "put: ", "a reader that rests", "get: cut off", "get: "] {
        program.wait_for(line);
    }
    let text = program.succeed();
    assert_eq!(text.matches("cut off on purpose").count(), 2, "{text}");
    let bytes = format!("{} bytes, from ", mib() << 20);
    assert_eq!(text.matches(&bytes).count(), 2, "{text}");
    assert!(!text.contains(" bytes, from 0 on"), "both went on where they ended:\n{text}");
    assert_eq!(text.matches("… at both ends").count(), 2, "{text}");
    // A window of 256 KiB is on the way, and some chunks of 60 KiB wait to be sent.
    assert!(number_before(&text, " KiB ahead") <= 1024, "{text}");
    if cfg!(target_os = "linux") {
        // Client, server and both files are in one process.
        assert!(number_before(&text, " KiB at the most") < 32 * 1024, "{text}");
    }
}

#[test]
fn what_it_prints_is_what_the_page_shows() {
    assert_helps("transfer", &["--mib", "serve", "put", "get"]);
    if cfg!(target_os = "linux") {
        assert_prints_as_shown("transfer");
    }
}

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("hton-test-transfer-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn files_go_between_processes_and_only_into_the_folder_that_is_served() {
    let (served, mine) = (Folder::new("served"), Folder::new("mine"));
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_be_bytes).collect();
    fs::write(mine.file("numbers"), &content).unwrap();
    // Half of it has come already.
    fs::write(served.file("numbers.part"), &content[..600_000]).unwrap();
    let mut server = Program::start("transfer", ["serve", &served.file("")]);
    let address = server.word_after("listening on ");

    let text = run("transfer", &["put", &address, &mine.file("numbers")]);
    assert!(text.contains("1200000 bytes, from 600000 on"), "{text}");
    assert!(fs::read(served.file("numbers")).unwrap() == content);
    assert!(!served.0.join("numbers.part").exists(), "it has its own name now");

    let into = Folder::new("into");
    let text = run("transfer", &["get", &address, "numbers", "--into", &into.file("")]);
    assert!(text.contains("1200000 bytes, from 0 on"), "{text}");
    assert!(fs::read(into.file("numbers")).unwrap() == content);

    // What came of an earlier attempt is of another file: it is found out.
    fs::write(served.file("numbers.part"), [7; 1000]).unwrap();
    let (status, text) = Program::start("transfer", ["put", &address, &mine.file("numbers")]).end();
    assert!(!status.success() && text.contains("the files differ"), "{text}");

    for (name, said) in [("nothing", "there is no such file"), ("../mine", "a plain name")] {
        let (status, text) = Program::start("transfer", ["get", &address, name]).end();
        assert!(!status.success() && text.contains(said), "{name}:\n{text}");
    }
}

/// The page that says what fits a call shows what the program prints, and its figures are in the order that it claims.
#[test]
fn the_guide_shows_figures_that_a_command_repeats() {
    let text = run("transfer", &["measure", "--numbers", "500", "--mib", "8"]);
    let micros = |what: &str| {
        let (_, behind) = text.split_once(what).unwrap_or_else(|| panic!("{what}:\n{text}"));
        behind.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    let function = micros("by a function: ");
    let [in_turn, at_once] = ["one after the other: ", "100 at once: "].map(micros);
    let [streamed, whole] = ["in one stream: ", "in one call: "].map(micros);
    assert!(function < whole && whole < in_turn, "{text}");
    assert!(streamed < in_turn && at_once < in_turn, "{text}");

    // Numbers aside, and so the page's 10,000 and 64 MiB are the program's defaults.
    let page = include_str!("../../GUIDE.md");
    let (_, shown) = page.split_once("-- measure\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let plain = |text: &str| text.lines().map(without_numbers).collect::<Vec<_>>();
    assert_eq!(plain(shown), plain(&text));
}
