//! One document in a file and through a socket: the same code, the same bytes, the same shared authors.

use crate::program::{assert_helps, assert_prints_as_shown, run};

const EXAMPLE: &str = "file-and-socket";

/// A string, as the specification has it: its count, then its bytes.
fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_be_bytes()[..], text.as_bytes()].concat()
}

/// The document of three chapters, whose first and third are by one author.
fn by_hand() -> Vec<u8> {
    let body = [
        string("Host to network"),
        3_u64.to_be_bytes().to_vec(),
        string("Chapter 1"),
        0_u32.to_be_bytes().to_vec(), // The first object, here with its value.
        string("Ada"),
        string("Ada has written about networks for many years."),
        string("Chapter 2"),
        1_u32.to_be_bytes().to_vec(),
        string("Grace"),
        string("Grace has written about networks for many years."),
        string("Chapter 3"),
        0_u32.to_be_bytes().to_vec(), // The first object again.
    ]
    .concat();
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat()
}

#[test]
fn file_and_socket_hold_the_same_bytes_and_one_author_stays_one() {
    assert_helps(EXAMPLE, &["--keep", "--chapters"]);
    assert_prints_as_shown(EXAMPLE);
    let text = run(EXAMPLE, &[]);
    let lines: Vec<_> = text.lines().collect();
    // 31 for the title and the count, 17 for each of four headings, 4 for each handle, 65 and 69 for the authors.
    let shared = "  chapters 1 and 3 share one author: true; 1 and 2: false";
    assert_eq!(
        lines,
        [
            "from the file: 253 bytes, the same document: true",
            shared,
            "from the socket: 253 bytes, the same document: true",
            shared,
            "file and socket have the same bytes: true",
            "they are a length and the 249 bytes of the value: true",
            "with an author in each chapter: 367 bytes",
        ]
    );
}

#[test]
fn the_file_is_what_the_specification_says() {
    let file = std::env::temp_dir().join(format!("hton-{}.kept", std::process::id()));
    let text = run(EXAMPLE, &["--chapters", "3", "--keep", file.to_str().unwrap()]);
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(bytes, by_hand());
    let count = format!("from the socket: {} bytes, the same document: true", bytes.len());
    assert!(text.contains(&count), "{text}");
    assert!(text.contains("file and socket have the same bytes: true"), "{text}");
}
